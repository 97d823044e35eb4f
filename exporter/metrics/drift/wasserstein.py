"""Wasserstein-1 distance of numbers in standard deviations of the reference: how far mass has to be moved."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exporter.metrics.drift.distance import Distance
from exporter.metrics.drift.pair import Pair
from exporter.profile.bins import Floats

TOLERANCE = 0.02
"""Relative to the distance, or ..."""
TOLERANCE_SD = 0.01
"""... in standard deviations: how near to the one of raw values the distance is, unless it is called approximate."""
_HIDDEN = 0.1
"""Share of the reference's variance inside bins, from which on bins do not tell the tails: their means are all."""


def compute(pair: Pair) -> Floats:
    """(F,) W₁ of the two samples with every bin's mass about its own mean, over the reference's standard deviation.

    The mean of a bin is each side's own (Σx / count), so a shift inside a bin is seen. About it mass is spread evenly,
    as widely as the bin leaves room on both sides: not at all where all of it lies at an edge, as single values do.
    Where a pair has no `bounds`, it lies at the mean, as scipy takes it. *below* and *above* are bins like all others,
    however far out, so that outliers weigh as much as they do in the raw distance. NaN for categories, and where the
    reference is constant.
    """
    sd = reference_deviation(pair)
    moved = _moved(pair).amount.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = np.where(pair.ordered & (sd > 0), moved / sd, np.nan)
    return result


def approximate(pair: Pair) -> Floats:
    """(F,) where the distance may be off the raw one by more than TOLERANCE and TOLERANCE_SD: its share in the tails.

    The tails are what lies beyond the outermost edges, with half of the way there. NaN where the distance is good:

    - little of the reference's variance (under 10 %) lies inside bins: no heavy tail, no outlier far off in its bin;
    - mass that crosses inside a bin, the other way than the rest of the bin, does not amount to a tolerance. What is
      moved there on balance is exact; that much is a lower bound of the raw distance.
    """
    moved = _moved(pair)
    total, sd = moved.amount.sum(axis=1), reference_deviation(pair)
    with np.errstate(invalid="ignore", divide="ignore"):
        hidden = 1 - (_deviation_of_means(pair) / pair.deviation) ** 2 if pair.deviation is not None else np.nan
        crossing = total - np.abs(moved.balance).sum(axis=1)
        good = (hidden < _HIDDEN) & (crossing <= np.maximum(TOLERANCE * total, TOLERANCE_SD * sd))
        last = pair.used.sum(axis=1) - 1
        tail = (moved.amount[:, 0] + moved.amount[np.arange(len(last)), last]) / total
        result: Floats = np.where(good | np.isnan(compute(pair)), np.nan, tail)
    return result


def reference_deviation(pair: Pair) -> Floats:
    """(F,) standard deviation of the reference: of its raw values where that is known, else of its bin means."""
    of_means = _deviation_of_means(pair)
    if pair.deviation is None:
        return of_means
    sd: Floats = np.where(np.isnan(pair.deviation), of_means, pair.deviation)
    return sd


def _deviation_of_means(pair: Pair) -> Floats:
    """(F,) standard deviation of the reference's bin means, weighted by their counts."""
    if pair.reference_at is None:
        return np.full(len(pair.m), np.nan)
    at = np.where(pair.q > 0, pair.reference_at, 0.0)
    mean = (pair.q * at).sum(axis=1, keepdims=True)
    sd: Floats = np.sqrt((pair.q * (at - mean) ** 2).sum(axis=1))
    return sd


@dataclass(frozen=True, slots=True)
class _Moved:
    """∫ |P(x) − Q(x)| dx and ∫ (P(x) − Q(x)) dx over each cell (F, B), ways between cells halved; NaN if undefined."""

    amount: Floats
    balance: Floats


def _moved(pair: Pair) -> _Moved:
    """What is moved, P and Q rising evenly over one stretch inside each cell, or at once where it has no width."""
    if pair.window_at is None or pair.reference_at is None:
        nothing = np.full(pair.window.shape, np.nan)
        return _Moved(nothing, nothing)
    window, reference = _stretch(pair, pair.window, pair.window_at), _stretch(pair, pair.reference, pair.reference_at)
    low, high = np.fmin(window[0], reference[0]), np.fmax(window[1], reference[1])
    # An empty bin has no place of its own: it is put where the bin before it ends, and adds nothing there.
    passed = np.maximum.accumulate(np.where(np.isnan(high), -np.inf, high), axis=1)
    start = np.where(np.isnan(low), passed, low)
    with np.errstate(invalid="ignore"):
        gap = np.maximum(start[:, 1:] - passed[:, :-1], 0.0)
    after = np.cumsum(pair.p - pair.q, axis=1)
    between = after[:, :-1] * np.where(np.isfinite(gap), gap, 0.0) / 2
    amount, balance = _inside(pair, after - pair.p + pair.q, window, reference)
    amount[:, :-1] += np.abs(between)
    amount[:, 1:] += np.abs(between)
    balance[:, :-1] += between
    balance[:, 1:] += between
    return _Moved(amount, balance)


def _stretch(pair: Pair, counts: Floats, at: Floats) -> tuple[Floats, Floats]:
    """(F, B) ends of where the mass of each cell lies; NaN where there is none."""
    mean = np.where(counts > 0, at, np.nan)
    if pair.bounds is None:
        return mean, mean
    low, high = pair.bounds
    # Rounded sums may put a mean a little outside of its bin.
    half = np.maximum(np.fmin(mean - low, high - mean), 0.0)
    half = np.where(np.isfinite(half), half, 0.0)
    return mean - half, mean + half


def _inside(
    pair: Pair, before: Floats, window: tuple[Floats, Floats], reference: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Amount and balance within cells, from the difference `before` each; straight lines between at most four ends."""
    ends = np.stack((*window, *reference))
    # A side that has nothing in a cell has no ends there.
    ends = np.sort(np.where(np.isnan(ends), np.fmax.reduce(ends, axis=0), ends), axis=0)
    amount, balance = np.zeros(before.shape), np.zeros(before.shape)
    for left, right in pairwise(ends):
        width = np.where(right > left, right - left, 0.0)
        one = before + _risen(left, pair.p, window, now=True) - _risen(left, pair.q, reference, now=True)
        other = before + _risen(right, pair.p, window, now=False) - _risen(right, pair.q, reference, now=False)
        size = np.abs(one) + np.abs(other)
        crossed = (one * one + other * other) / np.where(size > 0, 2 * size, 1.0)
        amount += width * np.where(one * other < 0, crossed, size / 2)
        balance += width * (one + other) / 2
    return amount, balance


def _risen(x: Floats, share: Floats, stretch: tuple[Floats, Floats], *, now: bool) -> Floats:
    """What of a cell's `share` lies left of x; of a step at x, all if `now`, else none."""
    low, high = stretch
    width = np.where(high > low, high - low, 1.0)
    step = (x >= low) if now else (x > low)
    risen = share * np.where(high > low, np.clip((x - low) / width, 0.0, 1.0), step)
    return np.where(share > 0, risen, 0.0)


WASSERSTEIN = Distance(
    name="wasserstein",
    title="Wasserstein-1 distance in reference standard deviations",
    formula="∫ |P(x) − Q(x)| dx / σ(reference), every bin's mass spread about its mean",
    source="Vallender, Calculation of the Wasserstein distance between probability distributions on the line, 1974",
    compute=compute,
    ordered=True,
    approximate=approximate,
)
