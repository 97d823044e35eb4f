"""Wasserstein-1 distance of numbers in standard deviations of the reference: how far mass has to be moved."""

import numpy as np

from exporter.metrics.drift.distance import Distance
from exporter.metrics.drift.pair import Pair
from exporter.profile.bins import Floats


def compute(pair: Pair) -> Floats:
    """(F,) W₁ of the two samples with every bin's mass at its own mean, over the reference's standard deviation.

    The mean of a bin is each side's own (Σx / count), so a shift inside a bin is seen. *below* and *above* are bins
    like all others: their mass lies at its mean, however far out, so that outliers weigh as much as they do in the
    raw distance. The standard deviation is that of the reference's bin means: with 64 quantile bins a little below
    the raw one. NaN for categories, and where the reference is constant.
    """
    if pair.window_at is None or pair.reference_at is None:
        return np.full(len(pair.n), np.nan)
    moved = _moved(pair, pair.window_at, pair.reference_at)
    sd = reference_deviation(pair)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = np.where(pair.ordered & (sd > 0), moved / sd, np.nan)
    return result


def reference_deviation(pair: Pair) -> Floats:
    """(F,) standard deviation of the reference's bin means, weighted by their counts."""
    if pair.reference_at is None:
        return np.full(len(pair.m), np.nan)
    at = np.where(pair.q > 0, pair.reference_at, 0.0)
    mean = (pair.q * at).sum(axis=1, keepdims=True)
    sd: Floats = np.sqrt((pair.q * (at - mean) ** 2).sum(axis=1))
    return sd


def _moved(pair: Pair, window_at: Floats, reference_at: Floats) -> Floats:
    """(F,) ∫ |P(x) − Q(x)| dx of two step functions with at most one step of each inside a bin."""
    a = np.where(pair.window > 0, window_at, np.nan)
    b = np.where(pair.reference > 0, reference_at, np.nan)
    low, high = np.fmin(a, b), np.fmax(a, b)
    # An empty bin has no place of its own: it is put where the bin before it ends, and adds nothing there.
    passed = np.maximum.accumulate(np.where(np.isnan(high), -np.inf, high), axis=1)
    start = np.where(np.isnan(low), passed, low)
    cdf_p, cdf_q = np.cumsum(pair.p, axis=1), np.cumsum(pair.q, axis=1)
    before_p, before_q = cdf_p - pair.p, cdf_q - pair.q
    # Between the two steps of one bin the lower one has been taken alone.
    within = np.abs(np.where(a < b, cdf_p - before_q, before_p - cdf_q))
    inside = np.where(np.isnan(a) | np.isnan(b), 0.0, within * (high - low))
    with np.errstate(invalid="ignore"):
        gap = np.maximum(start[:, 1:] - passed[:, :-1], 0.0)
    between = np.where(np.isfinite(gap), np.abs(cdf_p - cdf_q)[:, :-1] * np.where(np.isfinite(gap), gap, 0.0), 0.0)
    moved: Floats = inside.sum(axis=1) + between.sum(axis=1)
    return moved


WASSERSTEIN = Distance(
    name="wasserstein",
    title="Wasserstein-1 distance in reference standard deviations",
    formula="∫ |P(x) − Q(x)| dx / σ(reference), every bin's mass at its mean",
    source="Vallender, Calculation of the Wasserstein distance between probability distributions on the line, 1974",
    compute=compute,
    ordered=True,
)
