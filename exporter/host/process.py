"""Processes of the groups that the configuration names, by group: what they use, restarts, and whether memory leaks."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from exporter.clock import Clock
from exporter.host import process_metrics as metrics
from exporter.host.collector import HostMetric, Reading, Sample
from exporter.host.plan import HostPlan, ProcessGroup, Roots
from exporter.host.process_files import TICKS_PER_SECOND, boot_seconds, read_bytes
from exporter.host.process_groups import GroupFinder
from exporter.host.process_limits import has_swap
from exporter.host.process_members import GroupMembers

METRICS = metrics.METRICS
_SCAN_SECONDS = 12.0
"""Looking for new processes costs more than reading those that are known: with a scrape in 15 s, once a scrape."""
_SCAN_AT_ONCE_SECONDS = 1.0
"""After one has ended its successor is looked for at once, but not more often than this."""


class ProcessCollector:
    """Reads the processes of each group.

    Raises:
        OSError: /proc does not say when the machine was started.
    """

    metrics: tuple[HostMetric, ...] = METRICS

    def __init__(self, groups: Sequence[ProcessGroup], roots: Roots, clock: Clock, leak_window: float) -> None:
        self._roots = roots
        self._clock = clock
        self._finder = GroupFinder(groups, roots.proc)
        self._groups = [GroupMembers(group, roots, leak_window) for group in groups]
        self._boot = boot_seconds(roots.proc)
        self._watched_since = _uptime_ticks(roots.proc)
        self._scanned = float("-inf")
        self._swap = True

    @classmethod
    def made(cls, plan: HostPlan, clock: Clock) -> Self | None:
        """The collector of the plan; None where it names no processes."""
        return cls(plan.processes, plan.roots, clock, plan.leak_window) if plan.processes else None

    def read(self) -> Iterable[Reading]:
        """What all groups use now.

        Raises:
            OSError: /proc cannot be listed.
        """
        now = self._clock.monotonic()
        if now - self._scanned >= _SCAN_SECONDS:
            self._scan(now)
        if not self._measure() and now - self._scanned >= _SCAN_AT_ONCE_SECONDS:
            self._scan(now)
            self._measure()
        for group in self._groups:
            group.follow(now)
        samples: dict[HostMetric, list[Sample]] = {metric: [] for metric in METRICS}
        for group in self._groups:
            labels = (group.group.name, group.group.model)
            for metric, more, value in self._told(group):
                samples[metric].append(((*labels, *more), float(value)))
        return samples.items()

    def _scan(self, now: float) -> None:
        self._scanned = now
        self._swap = has_swap(self._roots)
        owned: list[set[tuple[int, int]]] = [set() for _ in self._groups]
        for process, index in self._finder.scan(now).items():
            owned[index].add(process)
        for group, processes in zip(self._groups, owned, strict=True):
            group.update(processes, self._watched_since)

    def _measure(self) -> bool:
        """All known processes are read; whether none has ended."""
        return all([group.measure(swap=self._swap) for group in self._groups])  # noqa: C419 - each has to be measured

    def _told(self, group: GroupMembers) -> Iterator[tuple[HostMetric, tuple[str, ...], float]]:
        yield metrics.PROCESSES, (), len(group)
        yield metrics.CPU, ("user",), group.used.user / TICKS_PER_SECOND
        yield metrics.CPU, ("system",), group.used.system / TICKS_PER_SECOND
        yield metrics.RESTARTS, (), group.restarts
        if group.shows_traffic:
            yield metrics.READ, (), group.used.read
            yield metrics.WRITTEN, (), group.used.written
        if not len(group) or group.start is None:
            return
        yield metrics.START, (), self._boot + group.start / TICKS_PER_SECOND
        yield metrics.RESIDENT, (), group.resident
        yield metrics.SWAP, (), group.swap
        yield metrics.THREADS, (), group.threads
        if group.limit is not None:
            yield metrics.MEMORY_LIMIT, (), group.limit
        descriptors = group.descriptors()
        if descriptors is not None:
            yield metrics.DESCRIPTORS, (), descriptors[0]
            if descriptors[1] is not None:
                yield metrics.MAX_DESCRIPTORS, (), descriptors[1]
        yield from _told_growth(group)


def _told_growth(group: GroupMembers) -> Iterator[tuple[HostMetric, tuple[str, ...], float]]:
    growth = group.growth
    if growth is None:
        return
    yield metrics.GROWTH, (), growth.slope
    yield metrics.GROWTH_BOUND, ("lower",), growth.lower
    yield metrics.GROWTH_BOUND, ("upper",), growth.upper
    if growth.leak is not None:
        yield metrics.LEAK, (), growth.leak
    if growth.exhausted_seconds is not None:
        yield metrics.EXHAUSTED, (), growth.exhausted_seconds


def _uptime_ticks(proc: Path) -> int:
    """How long the machine runs, in ticks."""
    return int(float(read_bytes(f"{proc}/uptime").split()[0]) * TICKS_PER_SECOND)
