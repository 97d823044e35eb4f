"""The losses that have a ledger: where their sums stand in a profile, and how a change of them is one of the metric."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.metrics.performance.accuracy import ACCURACY
from exporter.metrics.performance.losses import LOG_LOSS
from exporter.metrics.performance.mean_absolute_error import MEAN_ABSOLUTE_ERROR
from exporter.metrics.performance.mean_error import MEAN_ERROR
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide
from exporter.metrics.performance.root_mean_squared_error import ROOT_MEAN_SQUARED_ERROR
from exporter.metrics.performance.scores import scores
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.layout import Task

_LEAST = 1e-6
"""Scores are moved this far off 0 and 1 before their logarithm is taken."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss that is a mean over rows, and the metric that people read.

    Attributes:
        name: of the loss among the layout's `truth_terms`.
        metric: whose change the ledger tells.
        sums: Σ loss over labelled rows of m profiles (m,), and how many rows these are (m,).
    """

    name: str
    metric: PerformanceMetric
    sums: Callable[[Parts], tuple[Floats, Floats]]

    @property
    def has_squares(self) -> bool:
        """Whether profiles keep sums of its squares."""
        return self.name in {"absolute_error", "error"}

    def slope(self, window: float, reference: float) -> float:
        """By what a change between two mean losses is multiplied to be the change of the metric, exactly."""
        if self.metric is ACCURACY:
            return -1.0
        if self.metric is ROOT_MEAN_SQUARED_ERROR:
            both = float(np.sqrt(window) + np.sqrt(reference))
            return 1 / both if both > 0 else 0.0
        return 1.0

    def variance(self, parts: Parts) -> Floats:
        """(m,) variance of one row's loss, NaN where the counts do not tell."""
        found = self.metric.compute(parts)
        _, rows = self.sums(parts)
        of_row: Floats = found.variance * rows
        return of_row * 4 * found.value * found.value if self.metric is ROOT_MEAN_SQUARED_ERROR else of_row


def _wrong(parts: Parts) -> tuple[Floats, Floats]:
    table = parts["outcomes"]
    rows = table.sum(axis=(1, 2))
    right = np.diagonal(table, axis1=1, axis2=2)[:, :-1].sum(axis=1)
    return rows - right, rows


def _log(parts: Parts) -> tuple[Floats, Floats]:
    terms = parts["score_terms"]
    return terms[:, 1], terms[:, 2]


def _error(place: int) -> Callable[[Parts], tuple[Floats, Floats]]:
    return lambda parts: (parts["error_terms"][:, place], parts["error_terms"][:, 0])


LOSSES: Mapping[Task, tuple[Loss, ...]] = {
    "binary": (Loss("wrong", ACCURACY, _wrong), Loss("log_loss", LOG_LOSS, _log)),
    "multiclass": (Loss("wrong", ACCURACY, _wrong), Loss("log_loss", LOG_LOSS, _log)),
    "regression": (
        Loss("absolute_error", MEAN_ABSOLUTE_ERROR, _error(1)),
        Loss("squared_error", ROOT_MEAN_SQUARED_ERROR, _error(2)),
        Loss("error", MEAN_ERROR, _error(3)),
    ),
}


@dataclass(frozen=True, slots=True)
class Cells:
    """Labelled rows of m profiles by what was said (S scores or classes) and what came true (Y classes).

    Attributes:
        rows: (m, S, Y).
        losses: (S, Y) the mean loss of a cell; NaN where only a class's mean is known.
    """

    rows: Floats
    losses: Floats


def cells(loss: Loss, parts: Parts) -> Cells:
    """The table that a prior is judged by, as the loss needs it; NoData where there is none."""
    if parts.layout.task == "regression":
        raise NoData
    if loss.name == "log_loss" and parts.layout.task == "binary":
        found = scores(parts)
        score = np.clip(found.typical.mean(axis=0), _LEAST, 1 - _LEAST)
        return Cells(
            np.stack((found.negatives, found.positives), axis=2), np.stack((-np.log1p(-score), -np.log(score)), axis=1)
        )
    table = parts["outcomes"]
    if loss.name == "wrong":
        losses = 1 - np.eye(table.shape[1])
        losses[-1, -1] = 1.0
        return Cells(table, losses)
    return Cells(table, np.full(table.shape[1:], np.nan))


def by_class(loss: Loss, parts: Parts) -> Floats:
    """(Y,) mean loss of each class that came true, of one profile; they add up to the exact sum. NaN: no rows."""
    total, rows = (float(each[0]) for each in loss.sums(parts))
    if loss.name == "log_loss" and parts.layout.task == "multiclass":
        # By the score that the true class was given.
        given = parts["class_score_actual"][0, :, :, 1]
        score = (np.arange(given.shape[1]) + 0.5) / given.shape[1]
        mean, size = divide(-given @ np.log(score), given.sum(axis=1)), given.sum(axis=1)
        mean, size = np.append(mean, np.nan), np.append(size, 0.0)
    else:
        known = cells(loss, parts)
        size = known.rows[0].sum(axis=0)
        mean = divide((known.rows[0] * known.losses).sum(axis=0), size)
    told = float((np.nan_to_num(mean) * size).sum())
    scale = total / told * (size.sum() / rows) if told > 0 and rows > 0 else 1.0
    scaled: Floats = mean * scale
    return scaled
