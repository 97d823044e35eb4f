"""The thread that waits for the driver: errors of GPUs by event, and samples of PCIe."""

import pynvml
import pytest

from exporter.clock import ManualClock
from exporter.host.gpu.watch import HARMFUL, Watch
from tests.gpu.recording import Replay
from tests.unit.host.test_gpu import A100, BUSY, IDLE


def watch_of(nvml: Replay) -> Watch:
    handles = {BUSY: "handle0", IDLE: "handle1"}
    return Watch(nvml, handles, ManualClock(), {})


def test_errors_are_counted_by_event() -> None:
    """Those that mean harm are there at 0 before; others appear with their first."""
    nvml = Replay.of(A100)
    watch = watch_of(nvml)
    events = watch.register()
    assert watch.xids(BUSY) == watch.xids(IDLE) == dict.fromkeys(HARMFUL, 0)
    for xid in (79, 79, 48, 109):
        nvml.happen("handle0", xid)
    nvml.happen("handle1", 1, kind=pynvml.nvmlEventTypeClock)
    nvml.happen("a GPU that came later", 79)
    assert [watch.wait(events, 0) for _ in range(7)] == [True] * 7
    assert {xid: count for xid, count in watch.xids(BUSY).items() if count} == {79: 2, 48: 1, 109: 1}
    assert watch.xids(IDLE) == dict.fromkeys(HARMFUL, 0)


@pytest.mark.parametrize("trouble", ["kind not supported", "no rights", "no events at all"])
def test_where_errors_cannot_be_waited_for_there_is_no_count(trouble: str) -> None:
    nvml = Replay.of(A100)
    if trouble == "kind not supported":
        nvml.calls['nvmlDeviceGetSupportedEventTypes({"handle": "handle0"})'] = {"answer": 0x7}
    elif trouble == "no rights":
        nvml.errors["nvmlDeviceRegisterEvents", "handle0"] = pynvml.NVML_ERROR_NO_PERMISSION
    else:
        nvml.errors["nvmlEventSetCreate"] = pynvml.NVML_ERROR_NOT_SUPPORTED
    watch = watch_of(nvml)
    watch.register()
    assert watch.xids(BUSY) == {}


def test_a_lost_gpu_ends_no_watch_but_gives_it_a_pause() -> None:
    nvml = Replay.of(A100)
    watch = watch_of(nvml)
    events = watch.register()
    nvml.errors["nvmlEventSetWait_v2"] = pynvml.NVML_ERROR_GPU_IS_LOST
    assert not watch.wait(events, 0)


def test_pcie_is_sampled_behind_the_scrape() -> None:
    nvml = Replay.of(A100)
    watch = watch_of(nvml)
    watch.sample()
    assert (watch.pcie(BUSY), watch.pcie("another")) == ((1_234_000_000, 567_000_000), (None, None))
