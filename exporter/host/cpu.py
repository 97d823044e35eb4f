"""Time of the processors by what they did, from /proc/stat."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from exporter.clock import Clock
from exporter.host.collector import HostMetric, Reading, Sample
from exporter.host.files import read
from exporter.host.plan import HostPlan

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""Columns of the file that add up to the time there was; those of guests are part of `user` and `nice`."""
TICKS = 100.0
"""Ticks a second in everything that the kernel tells programs (USER_HZ), whatever it counts by itself."""
_ROW = re.compile(r"cpu(\d*) ([\d ]+)")
_RESET_SECONDS = 3.0
"""Idle and waiting time may fall by a little where a core comes and goes; by more, it began anew."""

CPU_SECONDS = HostMetric(
    "ml_host_cpu_seconds_total",
    "counter",
    'Time that processors spent in each mode; `cpu=""` is all together, one core each where `host.cpu.per_core` is on.',
    ("cpu", "mode"),
)
CPUS = HostMetric("ml_host_cpus", "gauge", "Processors that are on.")
METRICS = (CPU_SECONDS, CPUS)


class CpuCollector:
    """Adds nothing up itself: the kernel's own total and its cores, held so that no counter falls."""

    metrics = METRICS

    def __init__(self, stat: Path, *, per_core: bool) -> None:
        self._stat = stat
        self._per_core = per_core
        self._last: dict[str, list[float]] = {}

    @classmethod
    def made(cls, plan: HostPlan, _clock: Clock) -> "CpuCollector":
        """The collector that the plan asks for."""
        return cls(plan.roots.proc / "stat", per_core=plan.per_core)

    def read(self) -> Iterable[Reading]:
        """Seconds by mode.

        Raises:
            OSError: there is no such file.
        """
        shown: list[Sample] = []
        cores = 0
        for line in read(self._stat).splitlines():
            row = _ROW.match(line)
            if row is None:
                continue
            core = row[1]
            cores += core != ""
            if (core == "") != self._per_core:
                ticks = row[2].split(None, len(MODES))[: len(MODES)]
                shown += self._samples(core, [float(each) / TICKS for each in ticks])
        return (CPU_SECONDS, shown), (CPUS, [((), float(cores))])

    def _samples(self, cpu: str, seconds: list[float]) -> Iterator[Sample]:
        last = self._last.get(cpu, seconds)
        held = [old if 0 < old - new < _RESET_SECONDS else new for new, old in zip(seconds, last, strict=False)]
        self._last[cpu] = held
        # An old kernel tells fewer modes.
        return (((cpu, mode), value) for mode, value in zip(MODES, held, strict=False))
