"""How many of the window's predictions have their label by now, and how many should.

The reference says how labels come: F(age) = share of its labels that came within `age` of their prediction (from its
label_delay histogram, log-linear between bounds: delays stretch over decades), and how many of its predictions got one
at all. A window of length L that ended `lag` ago, with predictions spread evenly over it, should have

    expected = coverage of the reference · mean of F(age) over age ∈ [lag, lag + L]

The mean is exact for this F: a bucket [a, b] gives ∫ (F_a + (F_b - F_a) ln(t / a) / ln(b / a)) dt in closed form.
"""

from collections.abc import Callable, Iterator

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.spec import NoData, Sample, WindowMetric
from exporter.profile.bins import Floats
from exporter.profile.reference import Reference

_LEAST_AGE = 1.0
"""Seconds; where the logarithm of ages begins. Labels within a second come with their prediction."""
_INSTANT = 1e-3
"""Seconds that a stretch of ages has at least."""


def _coverage(evaluation: Evaluation) -> Iterator[Sample]:
    answered = evaluation.counts.answered
    if answered <= 0 or not labelled(evaluation):
        raise NoData
    yield (), evaluation.counts.labels / answered


def labelled(evaluation: Evaluation) -> bool:
    """True if labels exist for this model at all: some are here, or the reference has some."""
    reference = evaluation.reference
    return evaluation.counts.labels > 0 or (reference is not None and reference.total.labels > 0)


def _expected(evaluation: Evaluation) -> Iterator[Sample]:
    reference = evaluation.reference
    if reference is None:
        raise NoData
    lag = max(evaluation.decided_at - evaluation.window.end, 0.0)
    yield (), expected_coverage(reference, lag, lag + evaluation.window.seconds)


def expected_coverage(reference: Reference, youngest: float, oldest: float) -> float:
    """Share of predictions aged between `youngest` and `oldest` seconds that should have a label.

    Raises:
        NoData: the reference has no labels, or does not know when they came.
    """
    told = promise(reference)
    if told is None:
        raise NoData
    return float(told(np.array(youngest), np.array(oldest)))


def promise(reference: Reference | None) -> Callable[[Floats, Floats], Floats] | None:
    """`expected_coverage` of stretches of ages, any one shape; None where the reference does not tell."""
    if reference is None:
        return None
    total = reference.total
    answered = total.answered
    delays = total["label_delay"]
    if answered <= 0 or total.labels <= 0 or delays.sum() <= 0:
        return None
    ages, shares = delay_curve(reference.layout.label_delay_bounds, delays)
    coverage = min(total.labels / answered, 1.0)
    return lambda youngest, oldest: coverage * mean_share(ages, shares, youngest, oldest)


def delay_curve(bounds: tuple[float, ...], delays: Floats) -> tuple[Floats, Floats]:
    """(K,) ages and the share of labels that came within each: knots of F. Beyond the last bound F is 1 at twice it."""
    ages = np.concatenate(([_LEAST_AGE], np.array(bounds), [2 * bounds[-1]]))
    shares = np.concatenate(([0.0], np.cumsum(delays) / delays.sum()))
    return ages, shares


def mean_share(ages: Floats, shares: Floats, youngest: Floats, oldest: Floats) -> Floats:
    """Means of F over ages from `youngest` to `oldest`, any one shape; F is 0 before its knots, 1 after."""
    low = np.maximum(youngest, 0.0)
    high = np.maximum(oldest, low + _INSTANT)
    mean: Floats = np.clip((_area(ages, shares, high) - _area(ages, shares, low)) / (high - low), 0.0, 1.0)
    return mean


def _area(ages: Floats, shares: Floats, until: Floats) -> Floats:
    """∫ F from 0, of a piece [a, b]: F_a (t - a) + (F_b - F_a) (t ln(t / a) - t + a) / ln(b / a)."""
    a, b, fa, fb = ages[:-1], ages[1:], shares[:-1], shares[1:]
    slope = (fb - fa) / np.log(b / a)
    before = np.concatenate(([0.0], np.cumsum(fa * (b - a) + slope * (b * np.log(b / a) - b + a))))
    at = np.clip(np.searchsorted(ages, until, side="right") - 1, 0, len(a) - 1)
    t = np.clip(until, ages[0], ages[-1])
    inside = before[at] + fa[at] * (t - a[at]) + slope[at] * (t * np.log(t / a[at]) - t + a[at])
    area: Floats = inside + np.maximum(until - ages[-1], 0.0)
    return area


COVERAGE = (
    WindowMetric(
        "ml_label_coverage_ratio",
        "Share of the window's answered predictions whose label has come by now.",
        _coverage,
    ),
    WindowMetric(
        "ml_label_coverage_expected_ratio",
        "Share of the window's answered predictions whose label should have come by now, going by the reference.",
        _expected,
    ),
)
