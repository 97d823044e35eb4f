"""A history cut into stretches between changes, and for each change the panes that it may as well have been at.

Binary segmentation: a stretch is cut where the likelihood ratio, divided by the dispersion of its shorter side, is
largest, as long as that is more than chance makes of so many places. Each cut is then put where the ratio itself is
largest, between its neighbours and near enough (`_CONTEXT`) that the weather of a month ago has no say.

Interval: all places whose ratio is less than LEVEL · (1 + d / (2 · ratio)) nats below the largest, times the dispersion
of the stretch that lies between. The largest ratio on either side of the true place exceeds the ratio there by an
exponential variable of mean 1, at most, where levels are known (Siegmund, Confidence sets in change-point problems,
1988): both stay under LEVEL in 95 %. The second factor is for the d numbers that are estimated: the fewer nats there
are, the more of them chance made. docs/onset.md says what comes out.

Source: Scott & Knott 1974 (binary segmentation); Worsley 1986 (confidence regions from the likelihood ratio).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from exporter.metrics.onset.course import Course, Places
from exporter.profile.bins import Floats

COVERAGE = 0.95
LEVEL = -float(np.log(1 - np.sqrt(COVERAGE)))
"""3.68 nats."""
_FALSE_RATE = 0.01
"""Chance of a cut in a history without a change."""
_CONTEXT = 8
"""A cut is placed with so many times the panes of its shorter side on either side."""
_LEAST_CONTEXT = 3
_TRIALS = 4.0
"""Cuts next to each other tell nearly the same: n panes are as many independent ones as this times ln n (simulated)."""
_MOST = 48
"""Cuts at most: a history that changes more often has no onset worth naming."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change before pane `at`, which may as well be before any of `low` … `high`; `nats`: ratio over dispersion."""

    at: int
    low: int
    high: int
    nats: float


def changes(course: Course) -> list[Change]:
    """All changes, in time order."""
    number = len(course)
    least = float(chdtri(1, _FALSE_RATE / max(_TRIALS * np.log(max(number, 1)), 1.0))) / 2
    found: list[int] = []
    waiting = [(0, number)]
    while waiting and len(found) < _MOST:
        low, high = waiting.pop(0)
        if high - low < 2:  # noqa: PLR2004 - nothing between
            continue
        deflated = course.gains(low, high) / _of_shorter(course, low, high, np.arange(low + 1, high))
        if deflated.max() <= least:
            continue
        at = _likeliest(course, low, high, low + 1 + int(deflated.argmax()))
        found.append(at)
        waiting += [(low, at), (at, high)]
    return _refined(course, sorted(found), least)


def located(course: Course, low: int, high: int, at: int) -> Change:
    """The change near pane `at`, within [low, high): where it is likeliest, and where it may as well be."""
    at = _likeliest(course, low, high, at)
    left, right = _context(low, high, at)
    gains, places = course.gains(left, right), np.arange(left + 1, right)
    best = float(gains[at - left - 1])
    between = course.dispersed(np.minimum(places, at), np.maximum(places, at))
    nats = best / float(_of_shorter(course, left, right, np.array([at]))[0])
    allowed = LEVEL * (1 + course.freedom / (2 * max(nats, 1.0)))
    inside = places[best - gains <= allowed * between]
    return Change(at, int(inside.min()), int(inside.max()), nats)


def _refined(course: Course, found: list[int], least: float) -> list[Change]:
    """Changes put anew between their neighbours; what is none any more without those left out."""
    ends = [0, *found, len(course)]
    result: list[Change] = []
    for number, at in enumerate(found):
        low, high = (result[-1].at if result else 0), ends[number + 2]
        if low < at < high:
            change = located(course, low, high, at)
            if change.nats > least:
                result.append(change)
    return result


def _likeliest(course: Course, low: int, high: int, at: int) -> int:
    """Where the likelihood is largest within the context of a cut at `at`."""
    for _ in range(2):
        left, right = _context(low, high, at)
        at = left + 1 + int(course.gains(left, right).argmax())
    return at


def _context(low: int, high: int, at: int) -> tuple[int, int]:
    reach = _CONTEXT * max(min(at - low, high - at), _LEAST_CONTEXT)
    return max(low, at - reach), min(high, at + reach)


def _of_shorter(course: Course, low: int, high: int, places: Places) -> Floats:
    """Dispersion of the side with fewer rows of cuts of [low, high) at `places`."""
    shorter = course.rows[places] - course.rows[low] <= course.rows[high] - course.rows[places]
    return course.dispersed(np.where(shorter, low, places), np.where(shorter, places, high))
