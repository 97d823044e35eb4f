"""ROC AUC: how often a positive has a higher score than a negative."""

import numpy as np

from exporter.metrics.performance.estimate import Estimate, logistic, normal
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide
from exporter.metrics.performance.scores import scores
from exporter.profile.bins import Floats


def roc_auc(parts: Parts) -> Estimate:
    """Σ_k neg_k (pos_>k + ½ pos_k) / (P N): pairs in one cell count half; undefined with one class only.

    Variance after DeLong on the cells: of a positive's share of negatives below it, over P, plus of a negative's share
    of positives above it, over N. Interval on the scale of logits, about a value with half a pair in the wrong order
    added, where Hanley and McNeil's variance stands in as a lower bound: DeLong's is 0 where the order is perfect.
    """
    found = scores(parts)
    value, variance, positives, negatives = area(found.negatives, found.positives)
    pairs = positives * negatives
    about = divide(value * pairs + 0.5, pairs + 1)
    at_ends = np.where((value == 0) | (value == 1), _hanley_mcneil(about, positives, negatives), 0.0)
    return logistic(value, np.maximum(variance, at_ends), about)


def area(negatives: Floats, positives: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Area, DeLong's variance, P and N of counts (..., K) in cells by rising score."""
    p, n = positives.sum(axis=-1), negatives.sum(axis=-1)
    below = divide(np.cumsum(negatives, axis=-1) - negatives / 2, n[..., None])
    above = divide(p[..., None] - np.cumsum(positives, axis=-1) + positives / 2, p[..., None])
    value = divide((negatives * above).sum(axis=-1), n)
    value = np.where(p > 0, value, np.nan)
    of_positives = divide((positives * (below - value[..., None]) ** 2).sum(axis=-1), np.where(p > 1, p - 1, 0))
    of_negatives = divide((negatives * (above - value[..., None]) ** 2).sum(axis=-1), np.where(n > 1, n - 1, 0))
    return value, divide(of_positives, p) + divide(of_negatives, n), p, n


def _hanley_mcneil(value: Floats, positives: Floats, negatives: Floats) -> Floats:
    one, two = value / (2 - value), 2 * value * value / (1 + value)
    spread = (positives - 1) * (one - value * value) + (negatives - 1) * (two - value * value)
    return divide(value * (1 - value) + np.maximum(spread, 0.0), positives * negatives)


def roc_auc_ovr(parts: Parts) -> Estimate:
    """Mean over classes of the area of that class against the rest; classes with one side empty are left out.

    The areas of one data set move together: their mean's standard error is taken to be the mean of theirs, which is
    the most it can be.
    """
    cells = parts["class_score_actual"]
    value, variance, _, _ = area(cells[..., 0], cells[..., 1])
    defined = ~np.isnan(value)
    classes = defined.sum(axis=1).astype(np.float64)
    mean = divide(np.where(defined, value, 0.0).sum(axis=1), classes)
    error = divide(np.sqrt(np.where(defined, variance, 0.0)).sum(axis=1), classes)
    return normal(mean, error * error, 0.0, 1.0)


ROC_AUC = PerformanceMetric(
    name="roc_auc",
    tasks=("binary",),
    better="higher",
    title="ROC AUC",
    formula="P(score of a positive > score of a negative) + ½ P(equal)",
    source="score cells × outcome; DeLong et al., Biometrics 44 (1988); Hanley & McNeil, Radiology 143 (1982)",
    compute=roc_auc,
    sliced=True,
)
ROC_AUC_OVR = PerformanceMetric(
    name="roc_auc_ovr",
    tasks=("multiclass",),
    better="higher",
    title="ROC AUC (one against the rest)",
    formula="mean over classes of the ROC AUC of that class against the rest",
    source="64 cells of each class's score; interval: DeLong et al., Biometrics 44 (1988)",
    compute=roc_auc_ovr,
)
