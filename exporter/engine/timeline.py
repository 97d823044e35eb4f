"""What time it is for a model: the wall's, or the log's own watermark."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exporter.profile.cells import Bools

Ints = NDArray[np.int64]
_MICRO = 1_000_000
_ENOUGH = 0.01
"""Share of a batch's rows that must lie in or after a pane for the watermark to move there; a stray clock has less."""
_GAP_ROWS = 10
"""Rows of a batch that must agree on a time beyond `max_jump` to be believed: the log had a gap."""


@dataclass(slots=True)
class Timeline:
    """Event time of one model.

    Attributes:
        max_jump: seconds between a row and the next one in time, within a batch, up to which both are believed.
        watermarks: partition → end of the newest pane with enough rows, Unix seconds.
        seen: partition → when it last gave rows, wall clock; one that was silent for `idle_seconds` holds nobody up.
    """

    clock: Literal["wall", "watermark"]
    pane: int
    settle: int
    max_jump: int
    max_future: int
    watermarks: dict[str, int] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    idle_seconds: float = 60.0

    def future(self, time: Ints, partition: str, wall: float) -> Bools:
        """(n,) True for rows too far ahead to be believed; the others may move the watermark."""
        if self.clock == "wall":
            return time > int((wall + self.max_future) * _MICRO)
        if len(time) == 0:
            return np.zeros(0, dtype=np.bool_)
        mark = self.watermarks.get(partition)
        if mark is None:
            return self._future_of_first(time, wall)
        beyond = time > self._reached(time, mark * _MICRO)
        ahead = int(beyond.sum())
        if ahead >= _GAP_ROWS and ahead > len(time) / 2:
            # Most of the batch is there: the log had a gap, and time goes on behind it.
            return time > self._reached(time, int(np.median(time[beyond])))
        return beyond

    def _future_of_first(self, time: Ints, wall: float) -> Bools:
        """`future` where no row came before: a few rows that are ahead of the wall's clock too are not believed."""
        believable = time[time <= int((wall + self.max_jump) * _MICRO)]
        if len(time) - len(believable) >= _GAP_ROWS:
            believable = time
        if len(believable) == 0:
            return np.ones(len(time), dtype=np.bool_)
        return time > self._reached(believable, int(np.quantile(believable, 1 - _ENOUGH, method="lower")))

    def _reached(self, time: Ints, start: int) -> int:
        """How far the rows lead from `start` on, none more than `max_jump` after the one before it (microseconds).

        A batch may well be longer than `max_jump`: it is what was logged while the exporter was down.
        """
        later = np.sort(time[time > start])
        leaps = np.flatnonzero(np.diff(later, prepend=start) > self.max_jump * _MICRO)
        believed = later[: leaps[0]] if len(leaps) else later
        return int(believed[-1]) if len(believed) else start

    def advance(self, time: Ints, partition: str, wall: float) -> None:
        """Moves the partition's watermark on by rows that were believed."""
        if len(time) == 0:
            return
        self.seen[partition] = wall
        panes, counts = _counted(time // (self.pane * _MICRO))
        behind = np.cumsum(counts[::-1])[::-1]
        enough = panes[behind >= max(1.0, min(_ENOUGH * len(time), _GAP_ROWS))]
        mark = (int(enough[-1]) + 1) * self.pane
        self.watermarks[partition] = max(mark, self.watermarks.get(partition, mark))

    def latest_label(self, wall: float) -> float:
        """When a label was learned at the latest, Unix seconds; infinite where the log is ahead of the wall."""
        mark = self.watermark(wall) if self.clock == "watermark" else None
        return np.inf if mark is not None and mark > wall else wall + self.max_future

    def watermark(self, wall: float) -> int | None:
        """The slowest active partition's; None before the first row."""
        active = [
            mark for part, mark in self.watermarks.items() if wall - self.seen.get(part, 0.0) <= self.idle_seconds
        ]
        if active:
            return min(active)
        return max(self.watermarks.values(), default=None)

    def now(self, wall: float) -> float | None:
        """The model's present, Unix seconds; None where it is the log's and there was no row yet."""
        return wall if self.clock == "wall" else self.watermark(wall)

    def window_end(self, wall: float) -> int | None:
        """Where windows end, aligned to the pane."""
        if self.clock == "watermark":
            return self.watermark(wall)
        return int((wall - self.settle) // self.pane) * self.pane


def _counted(panes: Ints) -> tuple[Ints, Ints]:
    """The panes there are, rising, and how many rows each has."""
    low = int(panes.min())
    if int(panes.max()) - low > 4 * len(panes):
        return np.unique(panes, return_counts=True)
    counts = np.bincount(panes - low)
    used = np.flatnonzero(counts)
    return used + low, counts[used]
