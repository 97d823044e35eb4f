"""GPUs as recordings of NVML tell of them: what is shown, and what is not when a driver is missing, broken or hangs.

Recordings marked as made up were written from NVIDIA's documentation. One taken by `python -m tests.gpu.record` on a
machine with a GPU is held to the same tests once it lies in tests/gpu/recordings/.
"""

import gc
import json
import threading
from pathlib import Path
from typing import Any

import pynvml
import pytest
import structlog
from structlog.testing import capture_logs

from exporter.clock import ManualClock, SystemClock
from exporter.exposition.fresh import Fresh, Part
from exporter.health import Health
from exporter.host.gpu import METRICS, GpuCollector
from exporter.host.gpu.nvml import DriverGone
from exporter.host.plan import HostPlan, ProcessGroup, Roots
from exporter.host.registry import COLLECTORS
from tests.gpu.compare import differences
from tests.gpu.recording import Recorder, Replay
from tests.unit.host.processes import FakeMachine

RECORDINGS = sorted((Path(__file__).parents[2] / "gpu" / "recordings").glob("*.json"))
A100 = next(path for path in RECORDINGS if path.stem == "two-a100")
MIG = next(path for path in RECORDINGS if path.stem == "h100-mig")
CONSUMER = next(path for path in RECORDINGS if path.stem == "rtx-4090")
BUSY, IDLE = "GPU-5d1c8a70-9d3e-4a51-8f0e-2b6c7d8e9f01", "GPU-8e2f4b91-0c4d-4b62-9a1f-3c7d8e9f0a12"
SPLIT = "GPU-1f2e3d4c-5b6a-4978-8877-665544332211"
MIB = 2**20

Found = dict[str, dict[tuple[str, ...], float]]


class Machine:
    """A collector whose library is a recording, and the clock that it goes by."""

    def __init__(self, path: Path, plan: HostPlan | None = None) -> None:
        self.nvml = Replay.of(path)
        self.clock = ManualClock(100.0)
        self.collector = GpuCollector(plan or HostPlan(), self.clock, structlog.get_logger(), lambda: self.nvml)

    def read(self, seconds: float = 15.0) -> Found:
        self.clock.advance(seconds)
        return {metric.name: dict(samples) for metric, samples in self.collector.read()}

    def end(self) -> None:
        self.collector._close()


@pytest.fixture
def machines() -> Any:
    """Makes machines, and ends their threads."""
    made: list[Machine] = []

    def make(path: Path, plan: HostPlan | None = None) -> Machine:
        made.append(Machine(path, plan))
        return made[-1]

    yield make
    for machine in made:
        machine.end()


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_values_are_what_nvidia_smi_says(path: Path, machines: Any) -> None:
    """Each value that nvidia-smi prints is ours, and what it calls not available is absent."""
    found = machines(path).read()
    smi = json.loads(path.read_text())["smi"]
    assert smi
    assert differences(smi, found) == []
    assert {(key[1], key[4], key[5]) for key in found["ml_gpu_info"]} == {
        (row["uuid"], row["name"], row["driver_version"]) for row in smi
    }


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_samples_have_the_labels_of_their_family_once(path: Path, machines: Any) -> None:
    machine = machines(path)
    machine.clock.advance(1.0)
    readings = list(machine.collector.read())
    assert {metric for metric, _ in readings} <= set(METRICS)
    for metric, samples in readings:
        keys = [labels for labels, _ in samples]
        assert [len(labels) for labels in keys] == [len(metric.labels)] * len(keys)
        assert len(set(keys)) == len(keys)


def test_numbers_have_base_units(machines: Any) -> None:
    found = machines(A100).read()
    whole = ("0", BUSY, "", "")
    values = {
        "ml_gpu_utilization_ratio": found["ml_gpu_utilization_ratio"][whole],
        "ml_gpu_memory_used_bytes": found["ml_gpu_memory_used_bytes"][whole],
        "ml_gpu_power_watts": found["ml_gpu_power_watts"][whole],
        "ml_gpu_energy_joules_total": found["ml_gpu_energy_joules_total"][whole],
        "sm": found["ml_gpu_clock_hertz"][*whole, "sm"],
        "nvlink in": found["ml_gpu_nvlink_receive_bytes_total"][whole],
        "nvlink out": found["ml_gpu_nvlink_transmit_bytes_total"][whole],
        "memory temperature": found["ml_gpu_temperature_celsius"][*whole, "memory"],
        "corrected": found["ml_gpu_ecc_errors_total"][*whole, "corrected"],
        "remapped": found["ml_gpu_remapped_rows"][*whole, "correctable_error"],
        "pending": found["ml_gpu_row_remap_pending"]["1", IDLE, "", ""],
        "replays": found["ml_gpu_nvlink_errors_total"]["1", IDLE, "", "", "crc_flit"],
    }
    assert values == {
        "ml_gpu_utilization_ratio": 0.97,
        "ml_gpu_memory_used_bytes": 61440 * MIB,
        "ml_gpu_power_watts": 391.25,
        "ml_gpu_energy_joules_total": pytest.approx(812345678.901),
        "sm": 1_305_000_000,
        "nvlink in": 918273645 * 1024,
        "nvlink out": 817263544 * 1024,
        "memory temperature": 83,
        "corrected": 12,
        "remapped": 1,
        "pending": 1,
        "replays": 5,
    }


@pytest.mark.parametrize(
    ("path", "uuid", "reasons"),
    [(A100, BUSY, {"sw_power_cap"}), (A100, IDLE, {"gpu_idle"}), (MIG, SPLIT, set()),
     (CONSUMER, "GPU-00112233-4455-4677-8899-aabbccddeeff", {"sw_power_cap", "sw_thermal_slowdown"})],
)  # fmt: skip
def test_reasons_for_low_clocks_are_words(path: Path, uuid: str, reasons: set[str], machines: Any) -> None:
    """All that the GPU can have are shown, 1 for those that hold; older drivers call them otherwise."""
    found = {key[4]: value for key, value in machines(path).read()["ml_gpu_clocks_throttled"].items() if key[1] == uuid}
    assert {reason for reason, value in found.items() if value} == reasons
    assert len(found) == 9


def test_what_is_not_supported_is_absent(machines: Any) -> None:
    found = machines(CONSUMER).read()
    absent = {"ecc_errors_total", "retired_pages", "remapped_rows", "nvlink_receive_bytes_total", "nvlink_errors_total"}
    assert {name for name in absent if f"ml_gpu_{name}" in found} == set()
    assert {key[4] for key in found["ml_gpu_temperature_celsius"]} == {"gpu"}


def test_instances_tell_of_their_memory_and_the_gpu_of_the_rest(machines: Any) -> None:
    """Memory adds up: compute instances of one GPU instance share it, and the GPU as a whole is not there again."""
    found = machines(MIG).read()
    assert found["ml_gpu_memory_total_bytes"] == {
        ("0", SPLIT, "7", "1g.10gb"): 9856 * MIB,
        ("0", SPLIT, "1", "3g.40gb"): 40320 * MIB,
    }
    assert "ml_gpu_utilization_ratio" not in found
    assert found["ml_gpu_power_watts"] == {("0", SPLIT, "", ""): 333.33}
    assert found["ml_gpu_process_memory_bytes"]["0", SPLIT, "7", "1g.10gb", "", ""] == 4900 * MIB


def test_memory_is_that_of_the_groups_of_processes(tmp_path: Path, machines: Any) -> None:
    """By command line or by container; what belongs to none, or is not seen from here, is process ""."""
    host = FakeMachine(tmp_path)
    host.run(4101, "python", command="python serve --model delay")
    host.run(4102, "python", cgroup="0::/system.slice/docker-4f1c2d9ab03e.scope\n")
    groups = (ProcessGroup("scorer", "delay", command_line="serve"), ProcessGroup("box", "fraud", container="4f1c2d"))
    plan = HostPlan(processes=groups, roots=host.roots)
    found = machines(A100, plan).read()["ml_gpu_process_memory_bytes"]
    assert found == {
        ("0", BUSY, "", "", "scorer", "delay"): 40960 * MIB,
        ("0", BUSY, "", "", "box", "fraud"): 20000 * MIB,
    }
    host.end(4102)
    found = machines(A100, plan).read()["ml_gpu_process_memory_bytes"]
    assert found["0", BUSY, "", "", "", ""] == 20000 * MIB


def test_a_process_that_computes_and_draws_counts_once(machines: Any) -> None:
    found = machines(CONSUMER).read()["ml_gpu_process_memory_bytes"]
    assert list(found.values()) == [(10800 + 150) * MIB]


MISSING = {
    "no package": DriverGone("the package nvidia-ml-py is not installed"),
    "no library": pynvml.NVML_ERROR_LIBRARY_NOT_FOUND,
    "no driver": pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
    "another driver than the library's": pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
}


@pytest.mark.parametrize("case", MISSING)
def test_without_a_driver_nothing_is_read_and_it_is_said_once(case: str, machines: Any) -> None:
    """Never an error; asked for once a minute at most; and when the driver comes, its GPUs are there."""
    machine = machines(A100)
    trouble = MISSING[case]
    if isinstance(trouble, int):
        machine.nvml.errors["nvmlInit"] = trouble
    else:

        def refuse() -> Any:
            raise trouble

        machine.collector._loader = refuse
    with capture_logs() as logs:
        machine.collector._log = structlog.get_logger()
        assert [machine.read(10.0) for _ in range(30)] == [{}] * 30
    assert [(line["event"], line["log_level"]) for line in logs] == [("no GPU is read", "info")]
    assert machine.nvml.asked.count("nvmlInit") <= 6
    machine.nvml.errors.clear()
    machine.collector._loader = lambda: machine.nvml
    assert len(machine.read(61.0)["ml_gpu_up"]) == 2


def test_this_machine_is_read_whatever_it_has() -> None:
    """With the real package: nothing where there is no driver, and each GPU up where there is one."""
    collector = COLLECTORS["gpu"].make(HostPlan(), SystemClock())
    assert collector is not None
    found = {metric.name: dict(samples) for metric, samples in collector.read()}
    assert set(found.get("ml_gpu_up", {}).values()) <= {1.0}


@pytest.mark.parametrize(
    "code", [pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED, pynvml.NVML_ERROR_UNKNOWN]
)
def test_a_lost_gpu_takes_nothing_from_the_others(code: int, machines: Any) -> None:
    """It is down, the others are read, and after a reset it is found by opening the library anew."""
    machine = machines(A100)
    machine.read()
    machine.nvml.errors["", "handle0"] = code
    found = machine.read()
    assert found["ml_gpu_up"] == {("0", BUSY, "", ""): 0, ("1", IDLE, "", ""): 1}
    assert {key[1] for key in found["ml_gpu_power_watts"]} == {IDLE}
    machine.nvml.errors.clear()
    assert machine.read(61.0)["ml_gpu_up"]["0", BUSY, "", ""] == 1


def test_a_lost_gpu_is_looked_for_ever_more_seldom(machines: Any) -> None:
    """Opening the library costs the driver work: within an hour not once a minute."""
    machine = machines(A100)
    machine.read()
    machine.nvml.errors["", "handle0"] = pynvml.NVML_ERROR_GPU_IS_LOST
    for _ in range(240):
        found = machine.read()
    assert found["ml_gpu_up"]["0", BUSY, "", ""] == 0
    assert 5 <= machine.nvml.asked.count("nvmlInit") <= 8
    assert machine.nvml.opened == 1


def test_fewer_gpus_than_before_are_told(machines: Any) -> None:
    """One that is not in the driver's list any more is down, though nothing answers with an error."""
    machine = machines(A100)
    machine.read()
    machine.nvml.calls["nvmlDeviceGetCount()"] = {"answer": 1}
    machine.read(61.0)
    machine.read(61.0)
    found = machine.read(61.0)
    assert found["ml_gpu_up"] == {("0", BUSY, "", ""): 1, ("1", IDLE, "", ""): 0}
    assert {key[1] for key in found["ml_gpu_power_watts"]} == {BUSY}


def test_a_driver_that_goes_is_an_error_until_it_is_back(machines: Any) -> None:
    """Loaded anew it answers "uninitialized" to who opened it before: it is opened again at the next scrape."""
    machine = machines(A100)
    machine.read()
    machine.nvml.errors.update(dict.fromkeys(["nvmlDeviceGetMigMode", "nvmlInit"], pynvml.NVML_ERROR_UNINITIALIZED))
    for _ in range(3):
        with pytest.raises(OSError, match="the GPUs' driver is gone"):
            machine.read()
    machine.nvml.errors.clear()
    assert set(machine.read(61.0)["ml_gpu_up"].values()) == {1}
    machine.nvml.errors["nvmlDeviceGetMigMode"] = pynvml.NVML_ERROR_UNINITIALIZED
    with pytest.raises(OSError, match="the GPUs' driver is gone"):
        machine.read()
    machine.nvml.errors.clear()
    assert set(machine.read()["ml_gpu_up"].values()) == {1}


def test_a_driver_that_hangs_costs_one_scrape_its_limit_and_no_more() -> None:
    """Every question blocks for ever: scrapes go on without GPUs, it is said once, one thread waits, and nothing else
    is asked; when the driver comes back, so do the GPUs."""
    nvml, clock, health = Replay.of(A100), SystemClock(), Health()
    collector = GpuCollector(HostPlan(), clock, structlog.get_logger(), lambda: nvml)
    nvml.hanging = threading.Event()

    def read() -> list[Any]:
        return [metric.name for metric, _ in collector.read()] and []

    with capture_logs() as logs:
        fresh = Fresh(health, {"gpu": Part(read, 0.05)}, clock, structlog.get_logger())
        before = threading.active_count()
        for _ in range(3):
            fresh._read_at = None
            fresh.read()
        assert health.value("ml_exporter_collector_success", ("gpu",)) == 0
        assert (threading.active_count() - before, nvml.asked) == (0, ["nvmlInit"])
    assert [line["event"] for line in logs] == ["collector failed"]
    nvml.hanging.set()
    fresh._readers["gpu"]._answer.done.wait()  # type: ignore[union-attr]
    fresh._read_at = None
    fresh.read()
    assert health.value("ml_exporter_collector_success", ("gpu",)) == 1
    fresh.replace({})
    collector._close()


def test_counts_of_errors_outlive_the_driver_and_the_gpu(machines: Any) -> None:
    """The error that says why a GPU is gone is shown while it is gone, and after its driver was loaded anew."""
    machine = machines(A100)
    machine.read()
    machine.collector._counts[BUSY][79] += 1
    machine.nvml.errors["", "handle0"] = pynvml.NVML_ERROR_GPU_IS_LOST
    xid = ("0", BUSY, "", "", "79")
    assert machine.read()["ml_gpu_xid_errors_total"][xid] == 1
    machine.nvml.errors.clear()
    assert machine.read(61.0)["ml_gpu_xid_errors_total"][xid] == 1


def test_a_collector_that_is_forgotten_ends_its_watch() -> None:
    """After a reload another one is made: threads and open libraries do not add up."""
    nvml = Replay.of(A100)
    collector = GpuCollector(HostPlan(), ManualClock(1.0), structlog.get_logger(), lambda: nvml)
    collector.read()
    assert collector._session is not None
    thread = collector._session.watch._thread
    del collector
    gc.collect()
    thread.join()
    assert nvml.opened == 0


def test_a_recording_is_what_the_library_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Structures of the real package, written down and played back, say the same; errors are errors again."""
    memory = pynvml.c_nvmlMemory_v2_t(total=80, reserved=1, free=19, used=60)
    values = (pynvml.c_nvmlFieldValue_t * 1)()
    values[0].fieldId, values[0].valueType, values[0].value.ullVal = 139, pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG, 7
    handle = pynvml.c_nvmlDevice_t(pynvml.struct_c_nvmlDevice_t())

    def refused(_handle: object) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    answers = {
        "nvmlDeviceGetHandleByIndex": lambda _index: handle,
        "nvmlDeviceGetMemoryInfo": lambda _handle, _version: memory,
        "nvmlDeviceGetFieldValues": lambda _handle, _fields: values,
        "nvmlDeviceGetMigMode": refused,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)

    def asked(nvml: Any) -> list[Any]:
        device = nvml.nvmlDeviceGetHandleByIndex(0)
        info = nvml.nvmlDeviceGetMemoryInfo(device, nvml.nvmlMemory_v2)
        value = nvml.nvmlDeviceGetFieldValues(device, [(139, 0xFFFFFFFF)])[0]
        with pytest.raises(pynvml.NVMLError_NotSupported):
            nvml.nvmlDeviceGetMigMode(device)
        return [info.used, info.total, value.fieldId, value.nvmlReturn, value.value.ullVal]

    recorder = Recorder()
    first = asked(recorder)
    written = json.loads(json.dumps({"calls": recorder.calls}))
    assert asked(Replay(written)) == first == [60, 80, 139, 0, 7]


def test_a_root_elsewhere_is_where_processes_are_looked_for(tmp_path: Path) -> None:
    plan = HostPlan(processes=(ProcessGroup("a", executable="py"),), roots=Roots(tmp_path / "proc"))
    assert GpuCollector.made(plan, ManualClock())._owners._finder._proc == str(tmp_path / "proc")  # type: ignore[union-attr]
