"""Log loss and Brier score: how far scores are from what came true, as exact sums."""

from collections.abc import Callable

import numpy as np

from exporter.metrics.performance.estimate import Estimate, positive
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide
from exporter.metrics.performance.scores import scores
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats

_SQUARED, _LOG, _ROWS = 0, 1, 2
"""Places in the part `score_terms`."""
_LEAST = 1e-6
"""Scores are moved this far off 0 and 1 before their logarithm is taken for an interval."""


def brier_score(parts: Parts) -> Estimate:
    """Σ (score - outcome)² / n; of several classes Σ_k (score_k - outcome_k)² / n."""
    terms = parts["score_terms"]
    value = divide(terms[:, _SQUARED], terms[:, _ROWS])
    return positive(value, _variance(parts, value, terms[:, _ROWS], np.square))


def log_loss(parts: Parts) -> Estimate:
    """-Σ log(score of what came true) / n."""
    terms = parts["score_terms"]
    value = divide(terms[:, _LOG], terms[:, _ROWS])
    return positive(value, _variance(parts, value, terms[:, _ROWS], lambda miss: -np.log(np.maximum(1 - miss, _LEAST))))


def _variance(parts: Parts, value: Floats, n: Floats, loss: Callable[[Floats], Floats]) -> Floats:
    """Variance of the mean loss, from its spread over the cells of the score that the true class was given.

    The spread's size is rescaled by (mean loss / mean loss over cells)²: cells know a score to their width only, and
    with several classes only the true one's score, which drives the rest of the loss.
    """
    rows, miss = parts.once("misses", _misses)
    each = loss(miss)
    mean = divide((rows * each).sum(axis=1), rows.sum(axis=1))
    squares = divide((rows * each * each).sum(axis=1), rows.sum(axis=1))
    relative = divide(np.maximum(squares - mean * mean, 0.0), mean * mean)
    return relative * value * value * divide(np.ones(len(n)), np.where(n > 1, n - 1, 0.0))


def _misses(parts: Parts) -> tuple[Floats, Floats]:
    """(m, c) rows and (m, c) or (c,) 1 - score of the class that came true, by cell."""
    if parts.layout.task == "binary":
        found = scores(parts)
        rows = np.concatenate((found.negatives, found.positives), axis=1)
        return rows, np.concatenate((found.typical, 1 - found.typical), axis=1)
    if not parts.layout.class_scores:
        raise NoData
    rows = parts["class_score_actual"][..., 1].sum(axis=1)
    cells = rows.shape[1]
    return rows, 1 - (np.arange(cells) + 0.5) / cells


BRIER_SCORE = PerformanceMetric(
    name="brier_score",
    tasks=("binary", "multiclass"),
    better="lower",
    title="Brier score",
    formula="mean (score - outcome)²; over several classes: mean Σ_k (score_k - outcome_k)²",
    source="exact sums; G. W. Brier, Mon. Weather Rev. 78 (1950); interval: spread of the loss over score cells",
    compute=brier_score,
    high=2.0,
)
LOG_LOSS = PerformanceMetric(
    name="log_loss",
    tasks=("binary", "multiclass"),
    better="lower",
    title="Log loss",
    formula="mean of -log(score of what came true)",
    source="exact sums; interval: spread of the loss over score cells",
    compute=log_loss,
    high=None,
)
