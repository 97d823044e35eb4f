"""The processes of one group, from when they are first seen until they end, and what they used together."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from exporter.host.plan import ProcessGroup, Roots
from exporter.host.process_files import (
    Stat,
    Traffic,
    count_descriptors,
    read_descriptor_limit,
    read_stat,
    read_swap,
    read_traffic,
    sizes_tell_descriptors,
)
from exporter.host.process_leak import Growth, MemoryTrend
from exporter.host.process_limits import machine_memory, memory_limit

_UPDATES_PER_LIMIT = 20
"""Limits of running processes are hardly ever changed, and cost as much to read as all else."""


@dataclass(slots=True)
class Used:
    """CPU time in ticks, and bytes from and to storage: whole numbers, whose sum no order of adding changes."""

    user: int = 0
    system: int = 0
    read: int = 0
    written: int = 0

    def add(self, stat: Stat, traffic: Traffic | None, sign: int) -> None:
        """What one process used so far is in it (`sign` 1) or taken out (-1)."""
        self.user += sign * stat.user
        self.system += sign * stat.system
        if traffic is not None:
            self.read += sign * traffic.read
            self.written += sign * traffic.written

    def hold(self, before: "Used") -> None:
        """Nothing in it is less than it was before."""
        self.read, self.written = max(self.read, before.read), max(self.written, before.written)


@dataclass(slots=True)
class _Member:
    """One process as it was last seen; `traffic` and `descriptors` are None where the kernel does not show them."""

    folder: str
    stat: Stat
    swap: int = 0
    traffic: Traffic | None = None
    descriptors: int | None = None
    limit: int | None = None


class GroupMembers:
    """What the processes of a group use. Totals never fall: what one had used when it was last seen is kept.

    A process that was there before the exporter counts from when it was first seen, so that a restart of the exporter
    is no burst; one that is younger counts from its start.
    """

    def __init__(self, group: ProcessGroup, roots: Roots, leak_window: float) -> None:
        self.group = group
        self.restarts = 0
        self.used = Used()
        self.growth: Growth | None = None
        self.limit: int | None = None
        """Bytes of memory that its oldest process may take."""
        self._roots = roots
        self._members: dict[tuple[int, int], _Member] = {}
        self._ended = Used()
        self._vacant = 0
        self._trend = MemoryTrend(leak_window)
        self._oldest: tuple[int, int] | None = None
        self._shows_traffic = False
        self._updates = 0
        self._by_size = sizes_tell_descriptors(roots.proc)

    def __len__(self) -> int:
        return len(self._members)

    def update(self, owned: set[tuple[int, int]], born_after: int) -> None:
        """Its processes are those of `owned` (process id, start); of others what they used is kept.

        Args:
            owned: all processes of the group that run.
            born_after: start, in ticks, from which on a process is younger than the exporter's watch.
        """
        self._end(self._members.keys() - owned)
        for key in sorted(owned - self._members.keys(), key=lambda each: each[1]):
            self._begin(key, born_after)
        if self._updates % _UPDATES_PER_LIMIT == 0:
            for member in self._members.values():
                member.limit = read_descriptor_limit(member.folder)
        self._updates += 1
        oldest = min(self._members, key=lambda key: key[1], default=None)
        if oldest != self._oldest and oldest is not None:
            self._trend.reset()
            self._oldest, self.growth = oldest, None
        self.limit = memory_limit(self._members[oldest].folder, self._roots) if oldest else None

    def measure(self, *, swap: bool) -> bool:
        """All are read again; whether none has ended since.

        Args:
            swap: whether swapped memory is worth asking for.
        """
        gone = [key for key, member in self._members.items() if not self._read(key, member, swap=swap)]
        self._end(gone)
        before, self.used = self.used, replace(self._ended)
        for member in self._members.values():
            self.used.add(member.stat, member.traffic, 1)
        # Until a parent has waited for its child, what that read and wrote is in neither.
        self.used.hold(before)
        return not gone

    def follow(self, now: float) -> None:
        """The memory that was measured is part of its trend."""
        if self._members:
            memory = self.resident + self.swap
            self.growth = self._trend.observe(now, memory, self._headroom(memory))

    @property
    def resident(self) -> int:
        """Bytes in RAM."""
        return sum(member.stat.resident_bytes for member in self._members.values())

    @property
    def swap(self) -> int:
        """Bytes swapped out."""
        return sum(member.swap for member in self._members.values())

    @property
    def threads(self) -> int:
        """Threads of all."""
        return sum(member.stat.threads for member in self._members.values())

    @property
    def shows_traffic(self) -> bool:
        """Whether what all of them read and wrote is known."""
        return self._shows_traffic and all(member.traffic is not None for member in self._members.values())

    @property
    def start(self) -> int | None:
        """Start of the oldest, in ticks since boot."""
        return min((key[1] for key in self._members), default=None)

    def descriptors(self) -> tuple[int, int | None] | None:
        """Open file descriptors and their limit, of the process that is nearest to its limit; None where not shown."""
        known = [(each.descriptors, each.limit) for each in self._members.values() if each.descriptors is not None]
        if len(known) < len(self._members):
            return None
        return max(known, key=lambda each: (each[0] / each[1] if each[1] else 0.0, each[0]), default=None)

    def _begin(self, key: tuple[int, int], born_after: int) -> None:
        folder = f"{self._roots.proc}/{key[0]}"
        stat = read_stat(folder)
        if stat is None or stat.start != key[1]:
            return
        member = self._members[key] = _Member(folder, stat, limit=read_descriptor_limit(folder))
        member.traffic = _shown_traffic(folder)
        if stat.start < born_after:
            self._ended.add(stat, member.traffic, -1)
        if self._vacant:
            self._vacant -= 1
            self.restarts += 1

    def _end(self, keys: Collection[tuple[int, int]]) -> None:
        ended = [self._members.pop(key) for key in keys]
        left = {pid for pid, _ in self._members}
        for member in ended:
            # A parent has what its children read and wrote.
            self._ended.add(member.stat, None if member.stat.parent in left else member.traffic, 1)
        self._vacant += len(ended)

    def _read(self, key: tuple[int, int], member: _Member, *, swap: bool) -> bool:
        stat = read_stat(member.folder)
        if stat is None or stat.start != key[1]:
            return False
        member.stat = stat
        try:
            member.swap = read_swap(member.folder) if swap else 0
            if member.traffic is not None:
                member.traffic = read_traffic(member.folder)
                self._shows_traffic = True
        except PermissionError:  # it became another user's
            member.traffic = None
        except (OSError, ValueError):
            return False
        try:
            member.descriptors = count_descriptors(member.folder, by_size=self._by_size)
        except OSError:
            member.descriptors = None
        return True

    def _headroom(self, memory: int) -> float | None:
        if self.limit is None:
            return None
        rest = self.limit - memory
        available = machine_memory(self._roots, b"MemAvailable:")
        return float(max(0, rest if available is None else min(rest, available)))


def _shown_traffic(folder: str) -> Traffic | None:
    try:
        return read_traffic(folder)
    except (OSError, ValueError):
        return None
