"""Calibration error: how far scores are from the share of positives among rows with such a score."""

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.performance.estimate import Estimate, Z
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide
from exporter.metrics.performance.scores import scores
from exporter.profile.bins import Floats

BINS = 12


def calibration_error(parts: Parts) -> Estimate:
    """Σ_b (n_b / n) |mean score_b - share of positives_b| over about 12 bins of equal mass.

    Neighbouring score cells are merged until each bin holds about a twelfth of the rows (a cell is never split). Mean
    scores are those of the cells' typical scores. Where n is small the error is mostly noise, on average
    Σ_b (n_b / n) √(2 v_b / π) with v_b = share (1 - share) / n_b: the `bias`, by which thresholds are lifted and the
    interval is lowered. Variance: Σ_b (n_b / n)² v_b.
    """
    found = scores(parts)
    value, variance, bias = gap(found.negatives + found.positives, found.positives, found.typical)
    half = Z * np.sqrt(variance)
    lower, upper = np.clip(value - np.minimum(bias, value) - half, 0, 1), np.clip(value + half, 0, 1)
    return Estimate(value, variance, lower, upper, bias)


def gap(rows: Floats, positives: Floats, said: Floats) -> tuple[Floats, Floats, Floats]:
    """Error, its variance and its bias of cells (m, K) for whose rows `said` names a probability."""
    n = rows.sum(axis=1)
    weight, off, chance = gap_by_bin(rows, positives, said)
    value = np.where(n > 0, np.nan_to_num(weight * np.abs(off)).sum(axis=1), np.nan)
    spread = np.nan_to_num(weight * np.sqrt(chance))
    bias = np.where(n > 0, (spread * np.sqrt(2 / np.pi)).sum(axis=1), np.nan)
    variance = np.where(n > 0, (spread * spread).sum(axis=1), np.nan)
    return value, variance, bias


def gap_by_bin(rows: Floats, positives: Floats, said: Floats) -> tuple[Floats, Floats, Floats]:
    """(m, BINS) share of the rows, mean score - share of positives, and its variance; NaN where a bin has no rows."""
    n = rows.sum(axis=1)
    middle = divide(np.cumsum(rows, axis=1) - rows / 2, n[:, None])
    number = np.nan_to_num(np.minimum(np.floor(middle * BINS), BINS - 1)).astype(np.intp)
    place = (number + BINS * np.arange(len(number))[:, None]).ravel()
    count, hits = _merge(rows, place), _merge(positives, place)
    mean = divide(_merge(rows * said, place), count)
    smooth = divide(hits + 1, count + 2)
    return divide(count, n[:, None]), mean - divide(hits, count), divide(smooth * (1 - smooth), count)


def _merge(cells: Floats, place: NDArray[np.intp]) -> Floats:
    """(m, BINS) sums of cells (m, K), each of which goes to its `place` (m · K,)."""
    merged: Floats = np.bincount(place, cells.ravel(), BINS * len(cells)).astype(np.float64)
    return merged.reshape(len(cells), BINS)


CALIBRATION_ERROR = PerformanceMetric(
    name="calibration_error",
    tasks=("binary",),
    better="lower",
    title="Expected calibration error",
    formula="Σ_b (n_b / n) |mean score_b - share of positives_b| over 12 bins of equal mass",
    source="M. P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015; bins of equal mass from score cells",
    compute=calibration_error,
)
