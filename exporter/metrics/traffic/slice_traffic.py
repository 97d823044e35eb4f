"""Whether a slice sends more or less than at the same time last week, beside the others and beyond noise.

For each value of a slice dimension, a now and b a week before (the median of the weeks that are known), N and M the
same of all values:

    δ = log (a + ½)/(N − a + ½) − log (b + ½)/(M − b + ½)       how much more it grew than the others did
    v = log (a + ½)/(b + ½)                                     its own volume

A change of all traffic alike moves v and leaves δ; where another value grows, δ falls and v stays. Told is only what
moves both in one direction by half or more. The variance of δ is that of counting (1/a + 1/(N − a) + …) plus τ²: shares
differ from week to week by more than counting explains. τ² is learned from pairs of windows a week apart: robustly over
all values (the median of δ²/(variance + τ²) is that of χ² with one degree of freedom), and more for a value that varies
more. p is of Student's t, the greater one of δ and v; Benjamini and Hochberg over all values of all dimensions of the
window.

Where fewer than three weeks are known, the window must differ from the usual level of the days before, too: else the
week after a burst would look like a collapse.

Source: over-dispersed log odds after Williams, Extra-binomial variation in logistic linear models, 1982.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.false_discovery import rejected
from exporter.metrics.spec import NoData, Sample, WindowMetric
from exporter.metrics.traffic.same_time import Days, by_panes, by_reference
from exporter.profile.bins import Floats

_LEAST = np.log(1.5)
"""Of the ratio, up or down: smaller changes are nobody's business, however sure they are."""
_PRIOR = 4
"""Pairs that the variation of all values is worth beside those of one value."""
_FEWEST = 8
"""Differences that the variation is learned from at least."""
_CHI_SQUARE_MEDIAN = 0.4549
_ENOUGH_WEEKS = 3
"""From here on the median is not moved by one odd week."""


@dataclass(frozen=True, slots=True)
class SliceTraffic:
    """One dimension's values, all arrays (S,) in slot order.

    Attributes:
        expected: rows at the same time a week before; NaN where unknown.
        pvalue: NaN where nothing can be said.
        counts: rows now or a week before, whichever is more, as far as they are worth independent rows.
    """

    expected: Floats
    pvalue: Floats
    counts: Floats


def slice_traffic(evaluation: Evaluation) -> dict[str, SliceTraffic]:
    """Dimension → its values, where the same time of a week before is known."""
    return evaluation.once("slice_traffic", _judged)


def _judged(evaluation: Evaluation) -> dict[str, SliceTraffic]:
    found = {}
    worth = evaluation.counts.worth()
    for dimension in evaluation.layout.slices:
        days = by_panes(evaluation, dimension) or by_reference(evaluation, dimension)
        if days is None:
            continue
        now = np.sum([each.counts.sliced(dimension, "rows")[:, 0] for each in (evaluation, *evaluation.older)], axis=0)
        expected = np.median(days.rows[days.weeks], axis=0)
        counts = worth * np.fmax(now, expected)
        pvalue = _pvalues(worth * now, Days(worth * days.rows, days.weeks, days.pairs), worth * expected)
        pvalue[counts < evaluation.thresholds.min_slice] = np.nan
        pvalue[-1] = np.nan  # *other* is nobody
        found[dimension] = SliceTraffic(expected, pvalue, counts)
    return found


def _pvalues(now: Floats, days: Days, expected: Floats) -> Floats:
    """(S,) of the change against a week before; 1 where it is too small or only one of share and volume moved."""
    total, usual = now.sum(), np.nansum(expected)
    levels = _logit(days.rows, np.nansum(days.rows, axis=1, keepdims=True))
    share = _logit(now, total) - _logit(expected, usual)
    volume = np.log((now + 0.5) / (expected + 0.5))
    counting = _variance(now, total) + _variance(expected, usual)
    noise, freedom = _variation(days, levels)
    if freedom == 0:
        return np.full(len(now), np.nan)
    tail_share = 2 * stdtr(freedom, -np.abs(share) / np.sqrt(counting + noise))
    tail_volume = 2 * stdtr(freedom, -np.abs(volume) / np.sqrt(1 / (now + 0.5) + 1 / (expected + 0.5) + noise))
    told = (np.abs(share) >= _LEAST) & (np.abs(volume) >= _LEAST) & (share * volume > 0)
    if len(days.weeks) < _ENOUGH_WEEKS:
        unknown = np.isnan(levels).all(axis=0)
        other = _logit(now, total) - np.nanmedian(np.where(unknown, 0.0, levels), axis=0)
        told &= (np.abs(other) >= _LEAST) & (other * share > 0)
    pvalue = np.where(told, np.maximum(tail_share, tail_volume), 1.0)
    return np.where(np.isnan(share), np.nan, pvalue)


def _variation(days: Days, levels: Floats) -> tuple[Floats, int]:
    """(S,) τ², by which shares a week apart differ more than counting explains; and degrees of freedom, 0 = unknown."""
    one, other = days.pairs.T
    totals = np.nansum(days.rows, axis=1, keepdims=True)
    variance = _variance(days.rows, totals)
    squares, counting = (levels[one] - levels[other]) ** 2, variance[one] + variance[other]
    informative = np.isfinite(squares) & (counting < 1)
    if informative.sum() < _FEWEST:
        return np.zeros(days.rows.shape[1]), 0
    pooled = _pooled(squares[informative], counting[informative])
    pairs = informative.sum(axis=0)
    own = np.where(informative, squares - counting, 0.0).sum(axis=0)
    return np.maximum(pooled, (own + _PRIOR * pooled) / (pairs + _PRIOR)), len(days.pairs) + _PRIOR


def _pooled(squares: Floats, counting: Floats) -> float:
    """τ² with which half of the squares are as expected of one degree of freedom: δ²/(v + τ²) > m if δ²/m − v > τ²."""
    return max(float(np.median(squares / _CHI_SQUARE_MEDIAN - counting)), 0.0)


def _logit(rows: Floats, total: Floats | float) -> Floats:
    odds: Floats = np.log((rows + 0.5) / (total - rows + 0.5))
    return odds


def _variance(rows: Floats, total: Floats | float) -> Floats:
    variance: Floats = 1 / (rows + 0.5) + 1 / (total - rows + 0.5)
    return variance


def _shown(evaluation: Evaluation) -> dict[str, tuple[SliceTraffic, NDArray[np.bool_]]]:
    """Dimension → its values and which of them may be shown; of the newest version alone, which speaks for all."""
    if not evaluation.newest:
        raise NoData
    least = evaluation.thresholds.min_slice
    return {
        dimension: (each, (each.counts >= least) & ~np.isnan(each.expected))
        for dimension, each in slice_traffic(evaluation).items()
    }


def _named(evaluation: Evaluation, dimension: str, shown: NDArray[np.bool_]) -> Iterator[tuple[int, str]]:
    names = evaluation.vocabulary.labels(dimension)
    for place in np.flatnonzero(shown[:-1]).tolist():
        if names[place]:
            yield place, names[place]


def _expected(evaluation: Evaluation) -> Iterator[Sample]:
    for dimension, (each, shown) in _shown(evaluation).items():
        for place, name in _named(evaluation, dimension, shown):
            yield (dimension, name), float(each.expected[place])


def _detected(evaluation: Evaluation) -> Iterator[Sample]:
    found = _shown(evaluation)
    if not found:
        raise NoData
    together = rejected(
        np.concatenate([each.pvalue for each, _ in found.values()]), evaluation.thresholds.false_discovery_rate
    )
    ends = np.cumsum([len(each.pvalue) for each, _ in found.values()])[:-1]
    for (dimension, (each, shown)), told in zip(found.items(), np.split(together, ends), strict=True):
        for place, name in _named(evaluation, dimension, shown & ~np.isnan(each.pvalue)):
            yield (dimension, name), float(told[place])


SLICE_TRAFFIC = (
    WindowMetric(
        "ml_slice_predictions_expected",
        "Predictions of a slice value at the same time a week before, of all versions.",
        _expected,
        labels=("dimension", "value"),
        rank=60,
    ),
    WindowMetric(
        "ml_slice_traffic_detected",
        "1 where a slice value sends more or less than at the same time a week before, beyond noise, else 0.",
        _detected,
        labels=("dimension", "value"),
        rank=60,
    ),
)
