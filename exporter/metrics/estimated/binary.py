"""What the metrics of two classes are expected to be, from scores alone: confidence-based performance estimation.

A calibrated score says how often a row like it is positive. So a window's scores and predicted classes say how many
true and false positives and negatives to expect, and every metric follows from these as it does from outcomes:

    E[TP] = Σ rows called positive · p,   E[FP] = Σ rows called positive · (1 - p),   likewise FN and TN
    E[positives of a cell] = rows · p

with p of calibration.py, over the finest cells in which the reference knows outcomes. Each value is moved by what the
same formula is off on the reference itself, so that a window like the reference has the reference's measured value.

Sampling error: given its scores, a window's outcomes are independent draws. A metric M that changes by g where one row
of a cell turns from negative to positive varies by Σ rows · p (1 - p) · g²; the reference's own chance adds
Σ over pools (Σ rows · g)² · q (1 - q) / (reference rows of the pool).

Source: the idea is NannyML's (W. Kuberski et al., docs "Confidence-based Performance Estimation", 2022).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from exporter.metrics.estimated.calibration import Calibration, calibrate, parts_of
from exporter.metrics.estimated.estimator import Expectation
from exporter.metrics.estimated.spread import Cells, cells_of
from exporter.metrics.performance.average_precision import curve
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide, of_counts
from exporter.metrics.performance.registry import BY_TASK
from exporter.metrics.performance.roc_auc import area
from exporter.metrics.performance.scores import Mask, Scores, scores
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference

_LEAST = 2.0**-52
"""Scores are moved this far off 0 and 1 before their logarithm is taken, as where log loss is measured."""
_NAMELESS = 0.01
"""Share of scored rows that may lack a predicted class of the two before nothing is said of outcomes."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of a window.

    Attributes:
        rows: (F,) scored rows by fine cell.
        called: (F,) those predicted positive; None where nothing says which.
        positive: (F,) probability that a row is positive.
        typical: (F,) score that stands for the cell.
        tied: (F,) the cell holds one score many times.
        layout: of the counts.
    """

    rows: Floats
    called: Floats | None
    positive: Floats
    typical: Floats
    tied: Mask
    layout: Layout

    @property
    def n(self) -> float:
        return float(self.rows.sum())


@dataclass(frozen=True, slots=True)
class Model:
    """What a reference teaches of the scores of two classes.

    Attributes:
        cells, calibration: how its outcomes lie.
        typical, tied: (F,) see Expected.
        layout: of the reference.
        chance: metric → variance of what was measured on the reference, where that moves estimates.
    """

    cells: Cells
    calibration: Calibration
    typical: Floats
    tied: Mask
    layout: Layout
    chance: Mapping[str, float]

    def expected(self, counts: Counts) -> Expected:
        """What is expected of the scored rows of `counts`."""
        scored, positive, predicted = counts["score"], counts.get("score_positive"), counts["predicted"]
        named = positive is not None and abs(predicted[:2].sum() - scored.sum()) <= _NAMELESS * scored.sum()
        worth = counts.worth()
        return Expected(
            rows=self.cells.spread(scored * worth),
            called=self.cells.called(scored * worth, positive * worth) if named and positive is not None else None,
            positive=self.calibration.positive,
            typical=self.typical,
            tied=self.tied,
            layout=self.layout,
        )


def learn(reference: Reference) -> Model | None:
    """What the reference teaches; None where it knows no outcome of a score, or outcomes of one kind only."""
    parts = of_counts(reference.total)
    try:
        table, found = parts["score_ranks"][0], scores(parts)
    except NoData:
        return None
    cells = cells_of(reference.layout, table.sum(axis=1))
    if cells is None or (table.sum(axis=0) <= 0).any() or found.typical.shape[1] != len(table):
        return None
    typical = found.typical[0]
    calibration = calibrate(table, typical, parts_of(reference, "score_ranks"))
    model = Model(cells, calibration, typical, found.tied[0], reference.layout, {})
    if calibration.isotonic:
        return model
    return replace(model, chance={name: each.chance for name, each in estimate(model, reference.total).items()})


Formula = Callable[[Expected], tuple[float, Floats, Floats]]
"""Value, and (F,) what it changes by where a row turns positive: of rows called negative, of rows called positive."""


def _of_outcomes(metric: PerformanceMetric) -> Formula:
    def formula(expected: Expected) -> tuple[float, Floats, Floats]:
        """The metric on the expected table; its change by central differences in the four counts."""
        if expected.called is None:
            raise NoData
        called, p = expected.called, expected.positive
        spared = expected.rows - called
        table = np.array([[spared @ (1 - p), spared @ p], [called @ (1 - p), called @ p]])
        step = max(1e-6 * expected.n, 1e-9)
        moves = np.zeros((5, 2, 2))
        for number, (said, sign) in enumerate(((0, 1), (0, -1), (1, 1), (1, -1)), start=1):
            moves[number, said] = -sign * step, sign * step
        padded = np.pad(np.maximum(table + moves, 0.0), ((0, 0), (0, 1), (0, 1)))
        values = metric.compute(Parts(expected.layout, {"outcomes": padded}.__getitem__)).value
        slope = (values[1::2] - values[2::2]) / (2 * step)
        return float(values[0]), np.full(len(p), slope[0]), np.full(len(p), slope[1])

    return formula


def _order(expected: Expected) -> Scores:
    hits = expected.rows * expected.positive
    return Scores((expected.rows - hits)[None], hits[None], expected.typical[None], expected.tied[None])


def _roc_auc(expected: Expected) -> tuple[float, Floats, Floats]:
    order = _order(expected)
    positives, negatives = order.positives[0], order.negatives[0]
    value, _, p, n = area(negatives, positives)
    below = divide(np.cumsum(negatives) - negatives / 2, n) - value
    above = 1 - divide(np.cumsum(positives) - positives / 2, p) - value
    slope = divide(below, p) - divide(above, n)
    return float(value), slope, slope


def _average_precision(expected: Expected) -> tuple[float, Floats, Floats]:
    value, of_positive, of_negative = curve(_order(expected))
    slope = np.nan_to_num(of_positive[0] - of_negative[0])
    return float(value[0]), slope, slope


def _mean(of_negative: Callable[[Floats], Floats]) -> Formula:
    """The mean of a loss that is `of_negative` (score) for negatives and `of_negative` (1 - score) for positives."""

    def formula(expected: Expected) -> tuple[float, Floats, Floats]:
        negative, positive = of_negative(expected.typical), of_negative(1 - expected.typical)
        loss = expected.positive * positive + (1 - expected.positive) * negative
        slope = (positive - negative) / max(expected.n, 1e-9)
        return float(divide(expected.rows @ loss, np.asarray(expected.n))), slope, slope

    return formula


_OF_SCORES: Mapping[str, Formula] = {
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "log_loss": _mean(lambda score: -np.log(np.clip(1 - score, _LEAST, 1.0))),
    "brier_score": _mean(np.square),
}
FORMULAS: Mapping[str, Formula] = {
    metric.name: _OF_SCORES.get(metric.name) or _of_outcomes(metric)
    for metric in BY_TASK["binary"]
    if metric.name != "calibration_error"
}
"""Every metric of two classes but the calibration error: scores that are calibrated by assumption cannot tell it."""


def estimate(model: Model, counts: Counts) -> dict[str, Expectation]:
    """What is expected of the scored rows of `counts`, by metric."""
    expected = model.expected(counts)
    called = np.zeros_like(expected.rows) if expected.called is None else expected.called
    spared, p = expected.rows - called, expected.positive
    found = {}
    for name, formula in FORMULAS.items():
        try:
            value, of_spared, of_called = formula(expected)
        except NoData:
            continue
        chance = float((p * (1 - p) * (spared * of_spared**2 + called * of_called**2)).sum())
        noise = model.calibration.noise(spared * of_spared + called * of_called)
        found[name] = Expectation(value, chance, noise + model.chance.get(name, 0.0))
    return found


def rows(counts: Counts) -> float:
    """Scored rows; of weighted ones how many independent ones they are worth."""
    return float(counts["score"].sum()) * counts.worth() if counts.layout.has("score") else 0.0
