"""Average precision: the area under the curve of precision over recall."""

from dataclasses import replace

import numpy as np

from exporter.metrics.performance.estimate import Estimate, logistic
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide
from exporter.metrics.performance.scores import Scores, scores
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
    total = cells.positives.sum(axis=1)
    value, of_positive, of_negative = curve(cells)
    variance = (cells.positives * of_positive**2 + cells.negatives * of_negative**2).sum(axis=1)
    about = divide(value * total + 0.5, total + 1)
    near = (1 - value) * total < 1
    at_end = np.where(near, divide(about * (1 - about), total), 0.0)
    found = logistic(value, np.maximum(variance, at_end), about)
    return replace(found, upper=np.where(near, 1.0, found.upper))


def curve(cells: Scores) -> tuple[Floats, Floats, Floats]:
    """(m,) values, and (m, K) what one more positive and one more negative row in a cell adds to them.

    A row adds to the curve where it stands, and to all precisions of lower scores.
    """
    hits, misses = cells.positives[:, ::-1], cells.negatives[:, ::-1]  # highest score first
    total = hits.sum(axis=1)
    above, false = np.cumsum(hits, axis=1) - hits, np.cumsum(misses, axis=1) - misses
    spread = _in_random_order(hits, misses, above, false)
    tie = np.nan_to_num(divide(above + hits, above + hits + false + misses)) * hits
    summed = np.where(cells.tied[:, ::-1], tie, spread)
    value = divide(summed.sum(axis=1), total)
    above, false = above + hits / 2, false + misses / 2
    weight = np.nan_to_num(divide(hits, (above + false) ** 2))
    lift = np.cumsum((weight * false)[:, ::-1], axis=1)[:, ::-1] - weight * false / 2
    drag = np.cumsum((weight * above)[:, ::-1], axis=1)[:, ::-1] - weight * above / 2
    of_hit = divide(np.nan_to_num(divide(summed, hits)) - value[:, None] + lift, total[:, None])
    return value, of_hit[:, ::-1], divide(-drag, total[:, None])[:, ::-1]


def _in_random_order(hits: Floats, misses: Floats, above: Floats, false: Floats) -> Floats:
    slope = 1 + misses / (hits + 1)
    start = above + false
    log = np.log((start + slope * (hits + 0.5)) / (start + slope / 2))
    summed: Floats = np.where(hits > 0, hits / slope + (above - start / slope) / slope * log, 0.0)
    return summed


AVERAGE_PRECISION = PerformanceMetric(
    name="average_precision",
    tasks=("binary",),
    better="higher",
    title="Average precision",
    formula="Σ (R_i - R_(i-1)) P_i over falling scores",
    source="score cells × outcome; interval: delta method on the scale of logits",
    compute=average_precision,
)
