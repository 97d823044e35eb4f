"""The shape of a change: does it come back at the same hour, is it over, did it come slowly or at once?

*recurring*: at the same hours yesterday and the day before (or a week and two weeks ago, as far as is known) the same
difference was there, and not in between. *temporary*: it is over, though the window still holds it. *gradual*: the
level is better told by a ramp, a straight line in time between two places, than by a step. Else *sudden*.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from exporter.metrics.onset.course import Course, Places
from exporter.metrics.onset.segments import LEVEL
from exporter.profile.bins import Floats

Shape = Literal["sudden", "gradual", "recurring", "temporary"]
SHAPES: tuple[Shape, ...] = ("sudden", "gradual", "recurring", "temporary")

HALF = 0.5
"""Of the difference that the window shows: what is nearer to it than to the reference is taken to be it."""
DAY, WEEK = 86400, 604800
_LEAST_NATS = 6.0
"""By which a ramp must tell more than a step; also what came back must differ so surely from what lay between."""
_KEPT = 0.5
"""Of these limits, where the same was said a pane ago: a verdict near its limit does not come and go."""
_LEAST_PANES = 4
_LONGEST_SHARE = 0.75
"""Of a day or week, beyond which a difference is there nearly always."""
_COVERED = 0.5
_FINENESS = 8
"""Cells of the ramp's grid grow with their distance from the step: a distance over this."""


def recurs(course: Course, panes: slice, *, said: bool = False) -> bool:
    """Whether `panes` are like those of the same hours before, and unlike those between.

    `said`: they were a pane ago.
    """
    return any(_recurs(course, panes, period, _KEPT if said else 1.0) for period in (DAY, WEEK))


def _recurs(course: Course, panes: slice, period: int, strictness: float) -> bool:
    start, end = int(course.starts[panes.start]), int(course.starts[panes.stop - 1] + course.widths[panes.stop - 1])
    if end - start > _LONGEST_SHARE * period or course.starts[0] > start - period:
        return False
    level, later = course.mean(panes), start
    for times in (1, 2):
        back = (start - times * period, end - times * period)
        if course.starts[0] > back[0]:
            break
        if not _came_back(course, level, course.inside(*back), course.inside(back[1], later), strictness):
            return False
        later = back[0]
    return True


def _came_back(course: Course, level: float, then: slice, between: slice, strictness: float) -> bool:
    """Whether more than half of `level` was there `then`, and clearly less `between`."""
    if then.start >= then.stop or between.start >= between.stop:
        return False
    before, apart = course.mean(then), course.mean(between)
    if before < strictness * HALF * level or apart > (1 - strictness * HALF) * before:
        return False
    nats = (before - apart) ** 2 / (2 * (course.variance(then) + course.variance(between)))
    return nats > strictness * _LEAST_NATS


@dataclass(frozen=True, slots=True)
class Ramp:
    """A rise from pane `first` to pane `last`; `low` … `high`: where it may as well have begun."""

    first: int
    last: int
    low: int
    high: int


def ramp(course: Course, stretch: slice, at: int, *, said: bool = False) -> Ramp | None:
    """The ramp around a step at pane `at` within a stretch, if it tells more than the step by `_LEAST_NATS`.

    `said`: it was called a ramp a pane ago.

    Least squares of a level that rises in a straight line between two places of a grid, one before and one after the
    step, whose cells are as fine as they are near.
    """
    edges = _grid(stretch.start, stretch.stop, at)
    cells = edges[:-1] - edges[0]
    weight = np.add.reduceat(course.weight[stretch], cells)
    level = np.add.reduceat((course.weight * course.level)[stretch], cells) / weight
    step = int(np.searchsorted(edges, at))
    begins, ends = np.meshgrid(np.arange(step + 1), np.arange(step, len(edges)), indexing="ij")
    gains = _fits(weight, level, course.seconds[edges], begins, ends)
    best = np.unravel_index(int(gains.argmax()), gains.shape)
    first, last = int(edges[begins[best]]), int(edges[ends[best]])
    # The ramp differs from the step by half its length on either side.
    factor = float(course.dispersed(at, min(at + max((last - first) // 2, 1), stretch.stop)))
    least = _LEAST_NATS * (_KEPT if said else 1.0)
    if last - first < _LEAST_PANES or (gains[best] - gains[step, 0]) / factor < least:
        return None
    alike = np.flatnonzero(gains.max(axis=1) >= gains[best] - LEVEL * factor)
    # The grid is coarse: it may as well have begun up to the next places that were not asked or are less likely.
    low, high = max(alike.min() - 1, 0), min(alike.max() + 1, step)
    return Ramp(first, last, int(edges[low]), int(edges[high]))


def _grid(low: int, high: int, at: int) -> Places:
    """Edges of cells from `low` to `high`, `at` one of them, that widen with their distance from it."""
    reach = [0]
    while reach[-1] < max(at - low, high - at):
        reach.append(reach[-1] + max(1, reach[-1] // _FINENESS))
    away = np.array(reach)
    return np.unique(np.clip(np.concatenate((at - away, at + away)), low, high))


def _fits(weight: Floats, level: Floats, edges: Floats, begins: Places, ends: Places) -> Floats:
    """Nats that each ramp explains of the weighted variance: a² Σw(f - f̄)² / 2, from running sums over cells."""

    def upto(values: Floats) -> Floats:
        return np.concatenate(([0.0], np.cumsum(values)))

    edges = (edges - edges[0]) / (edges[-1] - edges[0])
    time = (edges[:-1] + edges[1:]) / 2
    level = level - float(weight @ level / weight.sum())
    w, wt, wtt = upto(weight), upto(weight * time), upto(weight * time**2)
    wy, wty = upto(weight * level), upto(weight * time * level)
    begin, length = edges[begins], np.maximum(edges[ends] - edges[begins], 1e-12)

    def of(sums: Floats) -> Floats:
        inside: Floats = sums[ends] - sums[begins]
        return inside

    after_w, after_y = w[-1] - w[ends], wy[-1] - wy[ends]
    f = (of(wt) - begin * of(w)) / length + after_w
    ff = (of(wtt) - 2 * begin * of(wt) + begin**2 * of(w)) / length**2 + after_w
    fy = (of(wty) - begin * of(wy)) / length + after_y
    spread = ff - f**2 / w[-1]
    gains: Floats = np.divide(fy**2, 2 * spread, out=np.zeros_like(fy), where=spread > 1e-12 * w[-1])
    return gains
