"""CPU of a reading of processes and of GPUs, by the collectors alone: `python -m bench.processes`.

Five groups of twenty processes, read between two searches and with one at each reading; and eight GPUs, as a recording
plays them back.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from exporter.clock import ManualClock
from exporter.host.gpu import GpuCollector
from exporter.host.plan import HostPlan, ProcessGroup, Roots
from exporter.host.process import ProcessCollector
from tests.gpu.recording import Replay

GROUPS, EACH, GPUS, READINGS = 5, 20, 8, 60
_RECORDING = Path(__file__).parents[1] / "tests" / "gpu" / "recordings" / "two-a100.json"


def milliseconds(read: Callable[[], object]) -> float:
    """CPU of this process for one `read`, the median of five rounds."""
    rounds = []
    for _ in range(5):
        before = time.process_time()
        for _ in range(READINGS // 5):
            read()
        rounds.append((time.process_time() - before) / (READINGS // 5) * 1e3)
    return sorted(rounds)[2]


def processes() -> tuple[float, float]:
    """Milliseconds of a reading without and with a search for new processes."""
    sleepers = [subprocess.Popen(["/bin/sleep", f"{4000 + i % GROUPS}"]) for i in range(GROUPS * EACH)]
    try:
        groups = [ProcessGroup(f"g{i}", command_line=f"^/bin/sleep {4000 + i}$") for i in range(GROUPS)]
        clock = ManualClock(1000.0)
        collector = ProcessCollector(groups, Roots(), clock, 6 * 3600.0)
        found = {metric.name: samples for metric, samples in collector.read()}
        assert [value for _, value in found["ml_processes"]] == [EACH] * GROUPS
        # Once all have been there for a minute, a search passes them by.
        for _ in range(6):
            clock.advance(15.0)
            collector.read()
        between = milliseconds(collector.read)

        def search() -> None:
            clock.advance(13.0)
            collector.read()

        return between, milliseconds(search)
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


def gpus() -> tuple[int, float]:
    """Series and milliseconds of a reading of eight GPUs, with what the play-back takes for its answers."""
    recorded = json.loads(_RECORDING.read_text())["calls"].items()
    text = json.dumps({key: value for key, value in recorded if "handle1" not in key + json.dumps(value)})
    calls: dict[str, object] = {}
    for i in range(GPUS):
        own = text.replace("handle0", f"handle{i}").replace("ByIndex(0)", f"ByIndex({i})")
        calls |= json.loads(own.replace("GPU-5d", f"GPU-{i}d"))
    nvml = Replay({"calls": calls | {"nvmlDeviceGetCount()": {"answer": GPUS}}})
    collector = GpuCollector(HostPlan(), ManualClock(1.0), structlog.get_logger(), lambda: nvml)
    series = sum(len(samples) for _, samples in collector.read())
    return series, milliseconds(collector.read)


if __name__ == "__main__":
    between, search = processes()
    print(f"{GROUPS} groups of {EACH} processes: {between:.1f} ms a reading, {search:.1f} ms with a search")
    series, reading = gpus()
    print(f"{GPUS} GPUs: {series} series, {reading:.1f} ms a reading, the play-back's part included")
    sys.exit(0 if search < 20 and reading < 20 else 1)
