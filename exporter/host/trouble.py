"""What is wrong with a machine, told from two readings of its collectors, as a share of what is too much.

Reasons and thresholds mean the same as those of the recorded rules: prometheus/source/rules/infrastructure.yml and
`threshold:` of prometheus/values.yml. Change both. That a disk will be full is no trouble here: nothing is lost yet.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from exporter.host import cgroup, cpu, disk, filesystem, memory, pressure
from exporter.host.collector import HostMetric
from exporter.host.gpu import families as gpu

Reason = Literal[
    "gpu_errors",
    "out_of_memory",
    "disk_full",
    "disk_errors",
    "memory_short",
    "swapping",
    "cpu_starved",
    "cpu_throttled",
    "gpu_throttled",
    "disk_slow",
]
Key = tuple[Reason, str]
"""Reason, and which part of the machine: a device, a mountpoint, a GPU; "" where there is one alone."""
Reading = tuple[str, Iterable[tuple[tuple[str, ...], object]]]
"""Metric, and its samples; what is no number (a histogram) is passed over."""
Moment = Mapping[str, Mapping[tuple[str, ...], float]]
"""Metric → values of its labels → value, of one reading."""

CPU_WAITING = 0.4
CPU_THROTTLED = 0.25
MEMORY = 0.95
MEMORY_STALLED = 0.1
SWAP_PAGES = 200.0
FILESYSTEM = 0.95
DISK_BUSY = 0.9
IO_WAITING = 0.3
GPU_THROTTLE_REASONS = re.compile(r"hw_slowdown|.w_thermal_slowdown|hw_power_brake_slowdown")
"""At its power limit a GPU simply works."""
_IN_MEMORY = re.compile(r"tmpfs|ramfs")
_SLOWED = 0.5
"""A GPU is throttled where it is for half of the time."""

EVENTS: frozenset[Reason] = frozenset({"gpu_errors", "out_of_memory", "disk_errors"})
"""What is over at once: one is enough."""
CLEARS: Mapping[Reason, float] = {"disk_full": 0.98, "memory_short": 0.97}
"""Reason → share of the threshold under which it is over."""
CLEARS_ELSE = 0.75


@dataclass(frozen=True, slots=True)
class Interval:
    """Two readings, so many seconds apart."""

    before: Moment
    now: Moment
    seconds: float

    def value(self, metric: HostMetric) -> float | None:
        """The newest value of a metric without labels."""
        return self.now.get(metric.name, {}).get(())

    def rises(self, metric: HostMetric) -> Iterator[tuple[tuple[str, ...], float]]:
        """By how much each series of a counter rose; those that are new or began anew are left out."""
        old = self.before.get(metric.name, {})
        for labels, value in self.now.get(metric.name, {}).items():
            if labels in old and value >= old[labels]:
                yield labels, value - old[labels]

    def rise(self, metric: HostMetric) -> float | None:
        """The same of a counter without labels."""
        return next((rise for _, rise in self.rises(metric)), None)

    def rate(self, metric: HostMetric) -> float | None:
        """Rise a second."""
        rise = self.rise(metric)
        return None if rise is None else rise / self.seconds


def moment(readings: Iterable[Reading]) -> Moment:
    """One reading, by metric."""
    return {
        name: {labels: float(value) for labels, value in samples if isinstance(value, float | int)}
        for name, samples in readings
    }


def severities(interval: Interval) -> dict[Key, float]:
    """What could be told → how much of it there was, 1 being too much; of an event, whether there was one."""
    found: dict[Key, float] = {}
    for reason, judge in _JUDGES:
        for subject, severity in judge(interval):
            key = (reason, subject)
            found[key] = max(severity, found.get(key, 0.0))
    return found


def _cpu_starved(interval: Interval) -> Iterator[tuple[str, float]]:
    rate = interval.rate(pressure.PRESSURE["cpu_waiting"])
    if rate is not None:
        yield "", rate / CPU_WAITING


def _cpu_throttled(interval: Interval) -> Iterator[tuple[str, float]]:
    periods, throttled = interval.rise(cgroup.CPU_PERIODS), interval.rise(cgroup.CPU_THROTTLED_PERIODS)
    if periods is not None and throttled is not None:
        yield "", (throttled / periods if periods else 0.0) / CPU_THROTTLED


def memory_shares(interval: Interval) -> Iterator[float]:
    """Shares of memory that programs could not get any more: of the machine, of the container's limit."""
    total, available = (interval.value(memory.SIZES[name]) for name in ("MemTotal", "MemAvailable"))
    if total and available is not None:
        yield 1 - available / total
    limit, used = interval.value(cgroup.MEMORY_LIMIT), interval.value(cgroup.MEMORY_WORKING_SET)
    if limit and used is not None:
        yield used / limit


def _memory_short(interval: Interval) -> Iterator[tuple[str, float]]:
    stalled = interval.rate(pressure.PRESSURE["memory_stalled"])
    if stalled is not None:
        yield "", stalled / MEMORY_STALLED
    for share in memory_shares(interval):
        yield "", share / MEMORY


def _swapping(interval: Interval) -> Iterator[tuple[str, float]]:
    rate = interval.rate(memory.EVENTS["pswpin"])
    if rate is not None:
        yield "", rate / SWAP_PAGES


def _out_of_memory(interval: Interval) -> Iterator[tuple[str, float]]:
    for metric in (memory.EVENTS["oom_kill"], cgroup.OOM_KILLS):
        rise = interval.rise(metric)
        if rise is not None:
            yield "", float(rise > 0)


def _disk_full(interval: Interval) -> Iterator[tuple[str, float]]:
    for size, left in ((filesystem.SIZE, filesystem.AVAIL), (filesystem.FILES, filesystem.FILES_FREE)):
        free = interval.now.get(left.name, {})
        for labels, whole in interval.now.get(size.name, {}).items():
            _, mountpoint, kind = labels
            if whole > 0 and labels in free and not _IN_MEMORY.fullmatch(kind):
                yield mountpoint, (1 - free[labels] / whole) / FILESYSTEM


def _disk_slow(interval: Interval) -> Iterator[tuple[str, float]]:
    waiting = interval.rate(pressure.PRESSURE["io_waiting"])
    if waiting is not None:
        for (device,), busy in interval.rises(disk.IO_TIME):
            yield device, min(busy / interval.seconds / DISK_BUSY, waiting / IO_WAITING)


def _disk_errors(interval: Interval) -> Iterator[tuple[str, float]]:
    for (device,), rise in interval.rises(disk.ERRORS):
        yield device, float(rise > 0)


def _gpu_errors(interval: Interval) -> Iterator[tuple[str, float]]:
    for labels, rise in interval.rises(gpu.XID):
        yield _gpu(labels), float(rise > 0)
    for labels, rise in interval.rises(gpu.ECC):
        if labels[-1] == "uncorrected":
            yield _gpu(labels), float(rise > 0)
    for labels, up in interval.now.get(gpu.UP.name, {}).items():
        yield _gpu(labels), float(up == 0)


def _gpu_throttled(interval: Interval) -> Iterator[tuple[str, float]]:
    for labels, slowed in interval.now.get(gpu.THROTTLED.name, {}).items():
        if GPU_THROTTLE_REASONS.fullmatch(labels[-1]):
            yield _gpu(labels), slowed / _SLOWED


def _gpu(labels: tuple[str, ...]) -> str:
    return f"GPU {labels[0]}"


_JUDGES: tuple[tuple[Reason, Callable[[Interval], Iterator[tuple[str, float]]]], ...] = (
    ("gpu_errors", _gpu_errors),
    ("out_of_memory", _out_of_memory),
    ("disk_full", _disk_full),
    ("disk_errors", _disk_errors),
    ("memory_short", _memory_short),
    ("swapping", _swapping),
    ("cpu_starved", _cpu_starved),
    ("cpu_throttled", _cpu_throttled),
    ("gpu_throttled", _gpu_throttled),
    ("disk_slow", _disk_slow),
)
"""The worst first: those that lose or change answers before those that make them slow."""
ORDER: tuple[Reason, ...] = tuple(reason for reason, _ in _JUDGES)


def usages(interval: Interval) -> dict[str, float]:
    """What there is of processors (of a container its limit), memory and GPUs → the share in use."""
    found: dict[str, float] = {}
    limit, used = interval.value(cgroup.CPU_LIMIT), interval.rate(cgroup.CPU_USAGE)
    spent = list(interval.rises(cpu.CPU_SECONDS))
    whole = sum(seconds for _, seconds in spent)
    if limit and used is not None:
        found["cpu"] = used / limit
    elif whole > 0:
        unused = sum(seconds for (_, mode), seconds in spent if mode in ("idle", "iowait", "steal"))
        found["cpu"] = 1 - unused / whole
    if shares := list(memory_shares(interval)):
        found["memory"] = max(shares)
    for labels, share in interval.now.get(gpu.UTILIZATION.name, {}).items():
        found[_gpu(labels)] = share
    return found
