"""What the exporter's control group may use and does: in a container, the limits that count.

Limits hold for all groups below: the tightest on the way up counts. Use, throttling and kills are told of the group
that has it, so that they belong to the limit. Where no limit holds there is nothing to tell.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.clock import Clock
from exporter.host.cgroup_tree import Branch, branch
from exporter.host.collector import HostMetric, Reading
from exporter.host.files import named, number, read_if_there
from exporter.host.plan import HostPlan
from exporter.host.pressure import families, waited

_MICRO = 1e-6
_NANO = 1e-9
_KIB = 1024.0


def _gauge(name: str, says: str) -> HostMetric:
    return HostMetric(f"ml_host_cgroup_{name}", "gauge", says)


def _counter(name: str, says: str) -> HostMetric:
    return HostMetric(f"ml_host_cgroup_{name}_total", "counter", says)


CPU_LIMIT = _gauge("cpu_limit_cores", "Cores that the container may use: the tightest quota by its period.")
CPU_USAGE = _counter("cpu_usage_seconds", "Time that processors spent in the group that has the limit.")
CPU_PERIODS = _counter("cpu_periods", "Periods of the quota in which the group wanted to run.")
CPU_THROTTLED_PERIODS = _counter(
    "cpu_throttled_periods", "Periods in which the group used its quota up and had to stop."
)
CPU_THROTTLED = _counter("cpu_throttled_seconds", "Time for which the group's tasks had to stop, added up.")
MEMORY_LIMIT = _gauge("memory_limit_bytes", "Bytes that the container may use: the tightest limit below the machine's.")
MEMORY_USAGE = _gauge("memory_usage_bytes", "Bytes that the group that has the limit uses, caches too.")
MEMORY_WORKING_SET = _gauge(
    "memory_working_set_bytes", "Bytes in use without caches that can go at once: at the limit, the kernel kills."
)
OOM_KILLS = _counter("oom_kills", "Processes of the group that the kernel killed because its memory was out.")
PRESSURE = families("ml_host_cgroup_pressure", "in the container")
METRICS = (
    CPU_LIMIT,
    CPU_USAGE,
    CPU_PERIODS,
    CPU_THROTTLED_PERIODS,
    CPU_THROTTLED,
    MEMORY_LIMIT,
    MEMORY_USAGE,
    MEMORY_WORKING_SET,
    OOM_KILLS,
    *PRESSURE.values(),
)


@dataclass(frozen=True, slots=True)
class _Limit:
    """The tightest limit, and how many groups above the exporter's own it is set."""

    value: float
    level: int


class CgroupCollector:
    """Reads the groups' files; which they are was found when it was made."""

    metrics = METRICS

    def __init__(self, cpu: Branch, cpuacct: Branch, memory: Branch, meminfo: Path) -> None:
        self._cpu = cpu
        self._cpuacct = cpuacct
        self._memory = memory
        self._meminfo = meminfo

    @classmethod
    def made(cls, plan: HostPlan, _clock: Clock) -> "CgroupCollector | None":
        """The collector; None where the kernel has no control groups, or the exporter sees none."""
        proc = plan.roots.proc
        cpu, cpuacct, memory = (branch(proc, controller) for controller in ("cpu", "cpuacct", "memory"))
        return cls(cpu, cpuacct, memory, proc / "meminfo") if cpu.folders or memory.folders else None

    def read(self) -> Iterable[Reading]:
        """Limits that hold, and what is used of them."""
        cpu = _tightest(self._cpu, _cores)
        memory = self._memory_limit()
        if cpu is not None:
            yield from self._cpu_readings(cpu)
            yield from _pressure(self._cpu, cpu.level, "cpu")
        if memory is not None:
            yield from self._memory_readings(memory)
            yield from _pressure(self._memory, memory.level, "memory")
        if cpu is not None or memory is not None:
            yield from _pressure(self._cpu, 0, "io")

    def _memory_limit(self) -> _Limit | None:
        limit = _tightest(self._memory, _bytes)
        if self._memory.version == 1 and self._memory.folders:
            # Limits of groups above the outermost, which this container does not see.
            level = len(self._memory.folders) - 1
            above = _told_by(self._memory.folders[level] / "memory.stat", "hierarchical_memory_limit")
            if above is not None and (limit is None or above < limit.value):
                limit = _Limit(above, level)
        machine = _told_by(self._meminfo, "MemTotal")
        return limit if limit is not None and (machine is None or limit.value < machine * _KIB) else None

    def _cpu_readings(self, limit: _Limit) -> Iterator[Reading]:
        yield CPU_LIMIT, [((), limit.value)]
        stat = self._cpu.folders[limit.level] / "cpu.stat"
        if self._cpu.version == 1:
            # Often one hierarchy with `cpu`, and sometimes one of its own.
            usage = None
            if len(self._cpuacct.folders) == len(self._cpu.folders):
                usage = number(self._cpuacct.folders[limit.level] / "cpuacct.usage")
            yield from _told(CPU_USAGE, usage, _NANO)
            yield from _told(CPU_THROTTLED, _told_by(stat, "throttled_time"), _NANO)
        else:
            yield from _told(CPU_USAGE, _told_by(stat, "usage_usec"), _MICRO)
            yield from _told(CPU_THROTTLED, _told_by(stat, "throttled_usec"), _MICRO)
        yield from _told(CPU_PERIODS, _told_by(stat, "nr_periods"))
        yield from _told(CPU_THROTTLED_PERIODS, _told_by(stat, "nr_throttled"))

    def _memory_readings(self, limit: _Limit) -> Iterator[Reading]:
        folder = self._memory.folders[limit.level]
        old = self._memory.version == 1
        usage = number(folder / ("memory.usage_in_bytes" if old else "memory.current"))
        inactive = _told_by(folder / "memory.stat", "total_inactive_file" if old else "inactive_file")
        kills = _told_by(folder / ("memory.oom_control" if old else "memory.events"), "oom_kill")
        yield MEMORY_LIMIT, [((), limit.value)]
        yield from _told(MEMORY_USAGE, usage)
        if usage is not None and inactive is not None:
            yield MEMORY_WORKING_SET, [((), max(0.0, usage - inactive))]
        yield from _told(OOM_KILLS, kills)


def _told(metric: HostMetric, value: float | None, unit: float = 1.0) -> Iterator[Reading]:
    if value is not None:
        yield metric, [((), value * unit)]


def _told_by(file: Path, name: str) -> float | None:
    return next((value for _, value in named(read_if_there(file) or "", (name,))), None)


def _pressure(of: Branch, level: int, resource: str) -> Iterator[Reading]:
    if level < len(of.folders):
        yield from waited(resource, read_if_there(of.folders[level] / f"{resource}.pressure") or "", PRESSURE)


def _tightest(of: Branch, limit: Callable[[Path, int], float | None]) -> _Limit | None:
    """The smallest of all limits on the way up; of equal ones the innermost."""
    limits = [(limit(folder, of.version), level) for level, folder in enumerate(of.folders)]
    found = [_Limit(value, level) for value, level in limits if value is not None]
    return min(found, key=lambda each: each.value, default=None)


def _cores(folder: Path, version: int) -> float | None:
    if version == 1:
        quota, period = number(folder / "cpu.cfs_quota_us"), number(folder / "cpu.cfs_period_us")
    else:
        words = (read_if_there(folder / "cpu.max") or "").split()
        quota, period = (float(word) if word.isdigit() else None for word in (*words, "", "")[:2])
    return quota / period if quota is not None and period and quota > 0 else None


def _bytes(folder: Path, version: int) -> float | None:
    return number(folder / ("memory.limit_in_bytes" if version == 1 else "memory.max"))
