"""Average precision: the area under the curve of precision over recall."""

from dataclasses import replace

import numpy as np

from exporter.metrics.performance.estimate import Estimate, logistic
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide
from exporter.metrics.performance.scores import scores
from exporter.profile.bins import Floats


def average_precision(parts: Parts) -> Estimate:
    """Mean over positives of the precision at their score; undefined without positives.

    Within a cell with t positives and f negatives below TP and FP others, rows are taken to be in random order: the
    j-th positive meets j f / (t + 1) of the negatives, so its precision is (TP + j) / (TP + j + FP + j f / (t + 1));
    the sum over j is taken as the integral from ½ to t + ½. Cells that hold one score each are a tie instead, as in
    scikit-learn: (TP + t) / (TP + t + FP + f) for all. Variance by the delta method on the cells; near 1, where that
    is blind, at least that of a share of the positives, and the upper end is 1.
    """
    cells = scores(parts)
    hits, misses = cells.positives[:, ::-1], cells.negatives[:, ::-1]  # highest score first
    total = hits.sum(axis=1)
    above, false = np.cumsum(hits, axis=1) - hits, np.cumsum(misses, axis=1) - misses
    spread = _in_random_order(hits, misses, above, false)
    tie = np.nan_to_num(divide(above + hits, above + hits + false + misses)) * hits
    summed = np.where(cells.tied[:, ::-1], tie, spread)
    value = divide(summed.sum(axis=1), total)
    variance = _variance(hits, misses, divide(summed, hits), value, total)
    about = divide(value * total + 0.5, total + 1)
    near = (1 - value) * total < 1
    at_end = np.where(near, divide(about * (1 - about), total), 0.0)
    found = logistic(value, np.maximum(variance, at_end), about)
    return replace(found, upper=np.where(near, 1.0, found.upper))


def _in_random_order(hits: Floats, misses: Floats, above: Floats, false: Floats) -> Floats:
    slope = 1 + misses / (hits + 1)
    start = above + false
    log = np.log((start + slope * (hits + 0.5)) / (start + slope / 2))
    summed: Floats = np.where(hits > 0, hits / slope + (above - start / slope) / slope * log, 0.0)
    return summed


def _variance(hits: Floats, misses: Floats, precision: Floats, value: Floats, total: Floats) -> Floats:
    """Σ count · (∂value/∂count)²: a row adds to the curve where it stands, and to all precisions of lower scores."""
    above, false = np.cumsum(hits, axis=1) - hits / 2, np.cumsum(misses, axis=1) - misses / 2
    weight = np.nan_to_num(divide(hits, (above + false) ** 2))
    lift = np.cumsum((weight * false)[:, ::-1], axis=1)[:, ::-1] - weight * false / 2
    drag = np.cumsum((weight * above)[:, ::-1], axis=1)[:, ::-1] - weight * above / 2
    of_hit = np.nan_to_num(precision) - value[:, None] + lift
    return divide((hits * of_hit**2 + misses * drag**2).sum(axis=1), total * total)


AVERAGE_PRECISION = PerformanceMetric(
    name="average_precision",
    tasks=("binary",),
    better="higher",
    title="Average precision",
    formula="Σ (R_i - R_(i-1)) P_i over falling scores",
    source="score cells × outcome; interval: delta method on the scale of logits",
    compute=average_precision,
)
