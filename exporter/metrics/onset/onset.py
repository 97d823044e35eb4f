"""Since when does a window look as it does, and how did that come about? A pure function of counts by pane."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from exporter.metrics.onset.course import Course, Times
from exporter.metrics.onset.segments import Change, changes, located
from exporter.metrics.onset.shape import HALF, Shape, ramp, recurs

_COARSE = 8
"""Groups of cells at first: few, so that a small window tells its direction."""
_NATS_A_GROUP = 10.0
_FINEST = 16
"""Groups by which the onset is placed, where the change is so clear that it tells their shares."""


class Levels(Protocol):
    """Panes in time order that can tell how far each has gone towards what some of them hold."""

    @property
    def starts(self) -> Times:
        """(K,) Unix seconds."""

    def __len__(self) -> int: ...

    def course(self, part: slice, most: int) -> Course | None:
        """In at most `most` groups of cells; None if `part` went nowhere."""


@dataclass(frozen=True, slots=True)
class Onset:
    """When a difference began; NaN where that is not known.

    Attributes:
        at: Unix seconds; NaN where it was there before the history began.
        lower, upper: the interval that holds it in 95 %; `lower` NaN where the history does not tell.
        shape: how it came; None where it was there before the history began.
    """

    at: float
    lower: float
    upper: float
    shape: Shape | None


@dataclass(frozen=True, slots=True)
class _Run:
    """Panes [first, last) that look like the window.

    Attributes:
        solid: where it was interrupted for the first time; `last` if it was not.
        began: the change at its beginning; None: the history begins with it.
        over: it ended before the history.
        calm: where the stretch before it begins that does not look like the window.
    """

    first: int
    last: int
    solid: int
    began: Change | None
    over: bool
    calm: int


def onset(panes: Levels, window_start: int, said: Shape | None = None) -> Onset | None:
    """When the difference began that panes from `window_start` on show; None where there is none, or no pane.

    `said`: its shape as it was told a pane ago, which stays in doubt.
    """
    first = int(np.searchsorted(panes.starts, window_start))
    if first >= len(panes):
        return None
    course = panes.course(slice(first, len(panes)), _COARSE)
    if course is None:
        return None
    found = changes(course)
    run = _run(course, found, first, interrupted=False)
    if (
        run is not None
        and run.began is not None
        and recurs(course, slice(run.first, run.last), said=said == "recurring")
    ):
        return replace(_sudden(course, run.began), shape="recurring")
    run = _run(course, found, first, interrupted=True)
    if run is None:
        return None
    if run.began is None:
        return Onset(np.nan, np.nan, float(course.starts[0]), None)
    # Now that it is known which panes are different, their direction is, too.
    groups = int(np.clip(run.began.nats / _NATS_A_GROUP, _COARSE, _FINEST))
    course = panes.course(slice(run.first, run.solid), groups) or course
    began = located(course, run.calm, run.solid, run.first)
    if run.over:
        return replace(_sudden(course, began), shape="temporary")
    return _ramped(course, run, began.at, said=said == "gradual") or _sudden(course, began)


def _run(course: Course, found: list[Change], first: int, *, interrupted: bool) -> _Run | None:
    """The last stretch that looks like the window or more so, and reaches into it; None if there is none.

    If it may be `interrupted`, it begins with the first stretch since which most of the level was there on the mean: a
    broken sensor shows nothing wrong while there is nothing to see.
    """
    edges = [0, *(change.at for change in found), len(course)]
    levels = np.array([course.mean(slice(low, high)) for low, high in pairwise(edges)])
    inside = np.array(edges[1:]) > first
    peak = float(levels[inside].max())
    if peak <= 0:
        return None
    like = levels >= HALF * peak
    end = int(np.flatnonzero(like & inside)[-1])
    start = end
    while start > 0 and like[start - 1]:
        start -= 1
    if interrupted:
        means = np.array([course.mean(slice(edge, edges[end + 1])) for edge in edges[: end + 1]])
        start = int(np.flatnonzero(like[: end + 1] & (means >= HALF * peak))[0])
    calm = start
    while calm > 0 and not like[calm - 1]:
        calm -= 1
    solid = start
    while solid <= end and like[solid]:
        solid += 1
    began = found[start - 1] if start > 0 else None
    return _Run(edges[start], edges[end + 1], edges[solid], began, over=end < len(found), calm=edges[calm])


def _sudden(course: Course, change: Change) -> Onset:
    return Onset(float(course.starts[change.at]), *_times(course, change.low, change.high), "sudden")


def _ramped(course: Course, run: _Run, at: int, *, said: bool) -> Onset | None:
    """The onset of a ramp from the calm before the run to its end; None where a step tells as much."""
    rise = ramp(course, slice(run.calm, run.solid), at, said=said)
    if rise is None:
        return None
    return Onset(float(course.starts[rise.first]), *_times(course, rise.low, rise.high), "gradual")


def _times(course: Course, low: int, high: int) -> tuple[float, float]:
    """Between which times a change lies that may be before any of panes `low` … `high`.

    A change within a pane is told of this one or the next, whichever it fills by half.
    """
    before = course.middles[low - 1] if low > 0 else course.starts[0]
    after = course.middles[high] if high < len(course) else course.end
    return float(before), float(after)
