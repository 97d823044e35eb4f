"""For how long is a window filled? The hours of a young version's week, or of one with an outage, are not a week's.

What is normal for windows is learned from windows of the reference of the same length. One that holds a night, or a
day of seven, is none of these: the hour of the day differs from the reference's, and so does all that goes with it.

What the reference leads one to expect at an hour of the week (of the day, where it is shorter than four weeks), times
the rate of the window, tells which hours are missing. The rate is that of the rows which did come, Σ o² / Σ o e over
the window's hours, o seen and e of the reference: a version that had one row in a hundred until yesterday has a day. An
hour is missing if less than a quarter of what is expected came, and a run of such hours counts where chance would not
have it (`_BY_CHANCE` expected rows). The filled share is that of hours or of expected rows that are not missing, by
what is less: neither a quiet night nor a busy noon makes a window longer than it is. A window is whole from `WHOLE` on,
or where one in ten of the reference's own windows is no fuller: batches that come early, days that were left out.

A window that is not whole is held against windows of the reference that are as long as it is filled: half as long, a
quarter, an eighth, ... These hold other hours each time, and so vary by at least as much.

Where the reference has no time, or nobody counted by pane, or the window is shorter than four hours, it is taken to be
whole.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.history import Times
from exporter.profile.bins import Floats
from exporter.profile.counts import Counted
from exporter.profile.reference import Reference

HOUR, DAY, WEEK = 3600, 86400, 604800
WHOLE = 0.98
"""Filled share from which nothing is missing: 2 % of a day are half an hour."""
NEARLY = 0.8
"""The same for what does not hang on each single hour: how good a model is."""
_LEAST_HOURS = 4
_SERVED = 0.25
"""Of the expected rows, those below which an hour is missing: no quiet Sunday, but one row in ten."""
_BY_CHANCE = 10.0
_USUAL = 0.1
_WEEKS = 4


@dataclass(frozen=True, slots=True)
class Filled:
    """How much of a window is filled.

    Attributes:
        seconds: of the window.
        share: of it that is filled.
        usual: share that nine in ten of the reference's windows have at least; 1 where none are known.
        block: seconds of the reference's blocks, the shortest windows that it has; 0: none.
    """

    seconds: int
    share: float = 1.0
    usual: float = 1.0
    block: int = 0

    def whole(self, least: float = WHOLE) -> bool:
        """Whether the window is one like those of the reference."""
        return self.share >= min(least, self.usual)

    def length(self, least: float = WHOLE) -> int:
        """Seconds of the reference's windows that it is like: its own if it is whole, else half as long, ..."""
        seconds = self.seconds
        if not self.whole(least):
            while seconds > self.share * self.seconds:
                seconds //= 2
        return max(seconds, min(self.block, self.seconds))

    @property
    def told(self) -> str:
        """For people."""
        return f"{self.share * self.seconds / HOUR:.0f} of {self.seconds / HOUR:.0f} hours"


def filled(evaluation: Evaluation, counted: Counted = "rows") -> Filled:
    """How much of the window holds predictions or labels; computed once an evaluation."""
    return evaluation.once(f"filled {counted}", lambda each: _filled(each, counted))


def _filled(evaluation: Evaluation, counted: Counted) -> Filled:
    reference, window = evaluation.reference, evaluation.window
    if reference is None or evaluation.tally is None or window.seconds < _LEAST_HOURS * HOUR:
        return Filled(window.seconds)
    known = _profile(reference, counted)
    if known is None or known.block > window.seconds:
        return Filled(window.seconds)
    panes = evaluation.tally()
    seen = _Rows(panes.starts, panes.widths, panes.labels if counted == "labels" else panes.answered)
    share = seen.share(window.start, window.end, known.expected)
    usual = reference.once(("filled", counted, window.seconds), lambda _: known.usual(window.seconds))
    return Filled(window.seconds, share, usual, known.block)


Expected = Callable[[Times], Floats]
"""Starts of hours (H,) → rows (H,)."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """(K,) rows of panes or blocks, which start and are wide so many seconds."""

    starts: Times
    widths: Times
    rows: Floats

    def by_hour(self, start: int, end: int, expected: Expected | None = None) -> tuple[Times, Floats]:
        """(H,) starts of the hours from `start` to `end`, and rows in each; of wider panes as is expected."""
        first = start // HOUR
        hours = np.arange(first, -(-end // HOUR)) * HOUR
        seen = np.zeros(len(hours))
        wide = self.widths > HOUR
        np.add.at(seen, np.clip(self.starts[~wide] // HOUR - first, 0, len(hours) - 1), self.rows[~wide])
        for at, width, count in zip(
            *(each[wide].tolist() for each in (self.starts, self.widths, self.rows)), strict=True
        ):
            covered = slice(max(at // HOUR - first, 0), max((at + width) // HOUR - first, 0))
            weights = np.ones(len(hours[covered])) if expected is None else expected(hours[covered])
            if weights.sum() > 0:
                seen[covered] += count * weights / weights.sum()
        return hours, seen

    def share(self, start: int, end: int, expected: Expected) -> float:
        """Of the seconds from `start` to `end`, what is filled."""
        hours, seen = self.by_hour(start, end, expected)
        inside = (np.minimum(hours + HOUR, end) - np.maximum(hours, start)) / HOUR
        due = expected(hours) * inside
        if seen @ due <= 0:
            return 1.0
        due *= float(seen @ seen) / float(seen @ due)
        missing = seen < _SERVED * due
        # Runs of missing hours are numbered from 1 on; 0 is none.
        runs = np.cumsum(np.diff(missing.astype(np.intp), prepend=0) > 0) * missing
        long = np.bincount(runs, weights=due) >= _BY_CHANCE
        long[0] = False
        gone = long[runs]
        return float(1 - max(inside[gone].sum() / inside.sum(), due[gone].sum() / due.sum()))


@dataclass(frozen=True, slots=True)
class _Profile:
    """What a reference leads one to expect.

    Attributes:
        blocks: of the reference, `block` seconds long.
        mean: (P,) rows of an hour, by the hour of the week or the day.
    """

    blocks: _Rows
    block: int
    mean: Floats

    def expected(self, hours: Times) -> Floats:
        """(H,) rows of hours that start at `hours`."""
        return self.mean[hours // HOUR % len(self.mean)]

    def usual(self, seconds: int) -> float:
        """The share that nine in ten of the reference's windows of `seconds` are filled by; 1 where it has none."""
        starts = self.blocks.starts
        number = (starts - starts[0]) // seconds
        _, first, count = np.unique(number, return_index=True, return_counts=True)
        shares = []
        for one, blocks in zip(first.tolist(), count.tolist(), strict=True):
            start = int(starts[0] + number[one] * seconds)
            # As Reference.windows has it: what has a gap or is cut off is none.
            if blocks >= np.median(count) / 2 and start + seconds <= starts[-1] + self.block:
                here = slice(one, one + blocks)
                rows = _Rows(starts[here], self.blocks.widths[here], self.blocks.rows[here])
                shares.append(rows.share(start, start + seconds, self.expected))
        return float(np.quantile(shares, _USUAL)) if shares else 1.0


def _profile(reference: Reference, counted: Counted) -> _Profile | None:
    return reference.once(("filled", counted), lambda learned_from: _learn(learned_from, counted))


def _learn(reference: Reference, counted: Counted) -> _Profile | None:
    block, starts = reference.block_seconds, reference.block_starts
    if block is None or len(starts) == 0 or not reference.layout.has(counted):
        return None
    blocks = _Rows(starts, np.full(len(starts), block), reference.part(reference.blocks, counted)[:, 0])
    hours, seen = blocks.by_hour(int(starts[0]), int(starts[-1]) + block)
    if seen.sum() <= 0:
        return None
    phases = (WEEK if len(hours) * HOUR >= _WEEKS * WEEK else DAY) // HOUR
    phase = hours // HOUR % phases
    occurred = np.bincount(phase, minlength=phases)
    return _Profile(blocks, block, np.bincount(phase, weights=seen, minlength=phases) / np.maximum(occurred, 1))
