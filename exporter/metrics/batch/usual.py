"""What is usual for a run at this time of the week or day, from the runs before it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exporter.profile.bins import Floats

Point = tuple[float, float]
"""When a run began, Unix seconds, and a number of it."""

_DAY, _WEEK = 86400.0, 7 * 86400.0
_LEAST_ALIKE, _MOST_ALIKE = 4, 8
_LEAST_SIMPLE, _MOST_SIMPLE = 7, 30
_LEAST_CHANGES = 10
_FACTOR, _SIMPLE_FACTOR = 1.5, 2.0
DEVIATIONS = 3.5
OF_NORMAL = 1.4826
"""Standard deviation of a normal distribution in units of its median absolute deviation."""
_LOW, _HIGH = 0.1, 0.9


@dataclass(frozen=True, slots=True)
class Usual:
    """The median of the runs that are like this one, and what is beyond doubt unlike them."""

    median: float
    lower: float
    upper: float


def usual(history: Sequence[Point], at: float) -> Usual | None:
    """What a run that begins at `at` may be expected to show; None where too few runs tell.

    Numbers are compared as logarithms of 1 + x: twice as much is as far off as half as much.

    Where there are four runs of the same time of the week (of the same weekday, for daily runs), the last eight of
    them tell: their median, and a band of a factor of 1.5 or 3.5 standard deviations, whichever is wider; the
    deviation is taken from changes over a week (1.4826 median |change| / √2), or from these runs where there are few
    changes. Else a week of runs of the same time of the day tells: its median, half of what is low in it and twice
    of what is high (the deciles), so that a quiet weekend is seen once before it is judged.

    Args:
        history: runs that went well and began before `at`, in any order.
        at: Unix seconds.
    """
    past = np.array(sorted(each for each in history if each[0] < at))
    if len(past) < _LEAST_ALIKE:
        return None
    times, values = past[:, 0], np.log1p(past[:, 1])
    reach = min(_DAY / 2, float(np.median(np.diff(times[-_MOST_SIMPLE:]))) / 2)
    weekly = np.flatnonzero(_off(times, at, _WEEK) <= reach)[-_MOST_ALIKE:]
    if len(weekly) >= _LEAST_ALIKE:
        alike = values[weekly]
        middle = float(np.median(alike))
        wide = max(np.log(_FACTOR), DEVIATIONS * _deviation(times, values, alike, reach))
        return _usual(past[weekly, 1], middle - wide, middle + wide)
    daily = np.flatnonzero(_off(times, at, _DAY) <= reach)
    simple = values[daily[-_MOST_SIMPLE:]]
    if len(simple) < _LEAST_SIMPLE or at - times[daily[0]] < _WEEK - reach:
        return None
    low = float(np.quantile(simple, _LOW, method="lower"))
    high = float(np.quantile(simple, _HIGH, method="higher"))
    wide = np.log(_SIMPLE_FACTOR)
    return _usual(past[daily[-_MOST_SIMPLE:], 1], low - wide, high + wide)


def _usual(values: Floats, low: float, high: float) -> Usual:
    return Usual(float(np.median(values)), max(0.0, float(np.expm1(low))), max(0.0, float(np.expm1(high))))


def _off(times: Floats, at: float, cycle: float) -> Floats:
    """(n,) how far each time is from the same place of the cycle as `at`, seconds."""
    behind = (at - times) % cycle
    return np.minimum(behind, cycle - behind)


def _deviation(times: Floats, values: Floats, alike: Floats, reach: float) -> float:
    """What values vary by from one week to the next, in natural logarithms."""
    changes = []
    for when, value in zip(times[-_MOST_SIMPLE:], values[-_MOST_SIMPLE:], strict=True):
        before = np.abs(times - (when - _WEEK))
        nearest = int(np.argmin(before))
        if before[nearest] <= reach:
            changes.append(abs(value - values[nearest]))
    if len(changes) >= _LEAST_CHANGES:
        return float(OF_NORMAL * np.median(changes) / np.sqrt(2))
    return float(OF_NORMAL * np.median(np.abs(alike - np.median(alike))))
