"""Keeps an eye on the machine: what was wrong with it since when, and how much of it was used; in memory alone."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from exporter.host.plan import HostPlan
from exporter.host.trouble import (
    CLEARS,
    CLEARS_ELSE,
    EVENTS,
    ORDER,
    Interval,
    Key,
    Moment,
    Reading,
    moment,
    severities,
    usages,
)

SLOT = 300
"""Seconds over which use is averaged: the highest of them is its peak."""
_SLOTS = 28 * 86400 // SLOT
"""So many are kept."""
_TROUBLES = 500
"""So many that are over are kept."""
_KNOWN = 0.5
"""Least part of a stretch that must have been watched before anything is said of it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that was wrong from `since` on, Unix seconds of the wall; until `until`, None: it goes on."""

    key: Key
    since: float
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Share in use of what is scarcest: its mean over a stretch of time, and its highest five minutes."""

    mean: float
    peak: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """How much there was between two readings."""

    start: float
    end: float
    severity: float


@dataclass(slots=True)
class _Slot:
    """Use in five minutes: what of → (share × seconds, seconds)."""

    start: int
    sums: dict[str, tuple[float, float]] = field(default_factory=dict)


class Watch:
    """Judges readings as they come. Used by one thread at a time.

    Something is wrong where its mean over the last `seconds` is over the threshold, and is over where that mean has
    fallen well below: what lasts a moment is passed over, and what hovers at the threshold is told once. So much time
    must have been watched for half of `seconds`. An event, such as a process that was killed, is told at once, and
    lasts for `seconds`. `since` is where it rose over the threshold, not where it was told.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: tuple[float, Moment] | None = None
        self._seen: dict[Key, deque[_Seen]] = {}
        self._now: dict[Key, Trouble] = {}
        self._over: deque[Trouble] = deque(maxlen=_TROUBLES)
        self._slots: deque[_Slot] = deque(maxlen=_SLOTS)

    def look(self, at: float, readings: Iterable[Reading]) -> None:
        """Takes a reading of the wall's time `at`; one that is no later than the last is passed over."""
        found = moment(readings)
        if self._last is not None and at <= self._last[0]:
            return
        if self._last is not None:
            start, before = self._last
            interval = Interval(before, found, at - start)
            for key, severity in severities(interval).items():
                self._seen.setdefault(key, deque()).append(_Seen(start, at, severity))
            self._use(start, at, usages(interval))
        self._last = (at, found)
        for key in list(self._seen):
            self._judge(key, at)

    def troubles(self) -> list[Trouble]:
        """Everything that is kept, the worst first, of one kind the newest first."""
        known = [*self._over, *self._now.values()]
        return sorted(known, key=lambda each: (ORDER.index(each.key[0]), -each.since, each.key[1]))

    def usage(self, start: float, end: float) -> Usage | None:
        """How much was used; None where less than half of the time was watched."""
        slots = [slot for slot in self._slots if start <= slot.start < end]
        found = []
        for what in {what for slot in slots for what in slot.sums}:
            sums = [slot.sums[what] for slot in slots if what in slot.sums]
            known = sum(seconds for _, seconds in sums)
            if known >= _KNOWN * (end - start):
                peaks = [total / seconds for total, seconds in sums if seconds >= _KNOWN * SLOT]
                found.append(Usage(sum(total for total, _ in sums) / known, max(peaks, default=float("nan"))))
        return max(found, key=lambda each: each.mean, default=None)

    def _judge(self, key: Key, at: float) -> None:
        seen = self._seen[key]
        while seen and seen[0].end <= at - self._seconds:
            seen.popleft()
        trouble = self._now.get(key)
        if trouble is None and self._is_wrong(key, seen, at):
            self._now[key] = Trouble(key, self._rose(key, seen))
        elif trouble is not None and not self._goes_on(key, seen, at):
            ended = max((each.end for each in seen if each.severity >= _clears(key)), default=at - self._seconds)
            self._over.append(replace(trouble, until=max(ended, trouble.since)))
            del self._now[key]
        if not seen and key not in self._now:
            del self._seen[key]

    def _is_wrong(self, key: Key, seen: deque[_Seen], at: float) -> bool:
        if key[0] in EVENTS:
            return any(each.severity >= 1 for each in seen)
        known, mean = self._mean(seen, at)
        return known >= _KNOWN * self._seconds and mean >= 1

    def _goes_on(self, key: Key, seen: deque[_Seen], at: float) -> bool:
        if key[0] in EVENTS:
            return any(each.severity >= 1 for each in seen)
        return self._mean(seen, at)[1] >= _clears(key)

    def _mean(self, seen: deque[_Seen], at: float) -> tuple[float, float]:
        """Seconds of the last stretch that were watched, and the mean over them; 0 where none was."""
        weights = [each.end - max(each.start, at - self._seconds) for each in seen]
        known = sum(weights)
        total = sum(weight * each.severity for weight, each in zip(weights, seen, strict=True))
        return known, total / known if known > 0 else 0.0

    def _rose(self, key: Key, seen: deque[_Seen]) -> float:
        """Where the last stretch began that is over the threshold, short dips aside."""
        since, began = seen[-1].start, False
        for each in reversed(seen):
            if began and each.severity < _clears(key):
                break
            if each.severity >= 1:
                since, began = each.start, True
            elif began:
                since = each.start
        return since

    def _use(self, start: float, end: float, shares: dict[str, float]) -> None:
        """Adds the stretch to its slots; one that is longer than a slot is none that was watched."""
        if end - start > SLOT:
            return
        for slot, seconds in self._parts(start, end):
            for what, share in shares.items():
                total, known = slot.sums.get(what, (0.0, 0.0))
                slot.sums[what] = (total + share * seconds, known + seconds)

    def _parts(self, start: float, end: float) -> Iterator[tuple[_Slot, float]]:
        while start < end:
            first = int(start // SLOT) * SLOT
            if not self._slots or self._slots[-1].start < first:
                self._slots.append(_Slot(first))
            stop = min(end, first + SLOT)
            yield self._slots[-1], stop - start
            start = stop


def own_name(plan: HostPlan) -> str:
    """How this machine is called: as configured, else as its network calls it."""
    return plan.name or os.uname().nodename


def _clears(key: Key) -> float:
    return CLEARS.get(key[0], CLEARS_ELSE)
