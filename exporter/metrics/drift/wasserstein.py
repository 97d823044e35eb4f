"""Wasserstein-1 distance of numbers in standard deviations of the reference: how far mass has to be moved."""

from dataclasses import dataclass

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
    """(F,) W₁ of the two samples with every bin's mass at its own mean, over the reference's standard deviation.

    The mean of a bin is each side's own (Σx / count), so a shift inside a bin is seen. *below* and *above* are bins
    like all others: their mass lies at its mean, however far out, so that outliers weigh as much as they do in the
    raw distance. NaN for categories, and where the reference is constant.
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
    """What is moved, P and Q being step functions with at most one step of each inside a bin."""
    if pair.window_at is None or pair.reference_at is None:
        nothing = np.full(pair.window.shape, np.nan)
        return _Moved(nothing, nothing)
    a = np.where(pair.window > 0, pair.window_at, np.nan)
    b = np.where(pair.reference > 0, pair.reference_at, np.nan)
    low, high = np.fmin(a, b), np.fmax(a, b)
    # An empty bin has no place of its own: it is put where the bin before it ends, and adds nothing there.
    passed = np.maximum.accumulate(np.where(np.isnan(high), -np.inf, high), axis=1)
    start = np.where(np.isnan(low), passed, low)
    cdf_p, cdf_q = np.cumsum(pair.p, axis=1), np.cumsum(pair.q, axis=1)
    before_p, before_q = cdf_p - pair.p, cdf_q - pair.q
    # Between the two steps of one bin the lower one has been taken alone.
    within = np.where(a < b, cdf_p - before_q, before_p - cdf_q)
    inside = np.where(np.isnan(a) | np.isnan(b), 0.0, within * (high - low))
    with np.errstate(invalid="ignore"):
        gap = np.maximum(start[:, 1:] - passed[:, :-1], 0.0)
    between = (cdf_p - cdf_q)[:, :-1] * np.where(np.isfinite(gap), gap, 0.0) / 2
    amount, balance = np.abs(inside), inside
    amount[:, :-1] += np.abs(between)
    amount[:, 1:] += np.abs(between)
    balance[:, :-1] += between
    balance[:, 1:] += between
    return _Moved(amount, balance)


WASSERSTEIN = Distance(
    name="wasserstein",
    title="Wasserstein-1 distance in reference standard deviations",
    formula="∫ |P(x) − Q(x)| dx / σ(reference), every bin's mass at its mean",
    source="Vallender, Calculation of the Wasserstein distance between probability distributions on the line, 1974",
    compute=compute,
    ordered=True,
    approximate=approximate,
)
