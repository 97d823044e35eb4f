"""Precision, recall and F1 of every class, averaged with equal weight: small classes count as much as large ones."""

import numpy as np

from exporter.metrics.performance.estimate import Estimate, normal
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.outcomes import Outcomes, outcomes
from exporter.metrics.performance.parts import Parts, divide
from exporter.profile.bins import Floats


def precision_macro(parts: Parts) -> Estimate:
    """Mean over classes of n_kk / p_k; classes that were never predicted have none and are left out."""
    found = outcomes(parts)
    return _macro(found, found.predicted, 1.0, 0.0)


def recall_macro(parts: Parts) -> Estimate:
    """Mean over classes of n_kk / a_k; classes that never came true have none and are left out."""
    found = outcomes(parts)
    return _macro(found, found.actual, 0.0, 1.0)


def f1_macro(parts: Parts) -> Estimate:
    """Mean over classes of 2 n_kk / (p_k + a_k); classes that neither were predicted nor came true are left out."""
    found = outcomes(parts)
    return _macro(found, (found.predicted + found.actual) / 2, 0.5, 0.5)


def _macro(found: Outcomes, base: Floats, of_predicted: float, of_actual: float) -> Estimate:
    """Mean over k of n_kk / base_k, where base_k = of_predicted · p_k + of_actual · a_k.

    Variance by the delta method, Σ_ij n_ij g_ij² with g_ij = Σ_k (δ_ik δ_jk - r_k (of_predicted δ_ik + of_actual δ_jk))
    / (base_k K); half a right and half a wrong row are added to each class so that it is not 0 where none was wrong.
    """
    ratio = divide(found.hits, base)
    defined = base > 0
    classes = defined.sum(axis=1).astype(np.float64)
    value = divide(np.where(defined, ratio, 0.0).sum(axis=1), classes)
    smooth = divide(found.hits + 0.5, base + 1.0) * defined
    scale = divide(defined.astype(np.float64), base * classes[:, None])
    scale[~defined] = 0.0
    pad = ((0, 0), (0, 1))
    slope = np.pad(smooth * scale, pad)
    gradient = -of_predicted * slope[:, :, None] - of_actual * slope[:, None, :]
    places = np.arange(scale.shape[1])
    gradient[:, places, places] += scale
    wrong = ((1 - smooth) * smooth * scale * scale).sum(axis=1)
    variance = (found.table * gradient * gradient).sum(axis=(1, 2)) + wrong
    return normal(value, variance, 0.0, 1.0)


PRECISION_MACRO = PerformanceMetric(
    name="precision_macro",
    tasks=("multiclass",),
    better="higher",
    title="Precision (macro)",
    formula="mean over classes of n_kk / predicted_k",
    source="exact from outcomes; interval: delta method",
    compute=precision_macro,
)
RECALL_MACRO = PerformanceMetric(
    name="recall_macro",
    tasks=("multiclass",),
    better="higher",
    title="Recall (macro)",
    formula="mean over classes of n_kk / actual_k",
    source="exact from outcomes; interval: delta method",
    compute=recall_macro,
)
F1_MACRO = PerformanceMetric(
    name="f1_macro",
    tasks=("multiclass",),
    better="higher",
    title="F1 (macro)",
    formula="mean over classes of 2 n_kk / (predicted_k + actual_k)",
    source="exact from outcomes; interval: delta method",
    compute=f1_macro,
    sliced=True,
)
