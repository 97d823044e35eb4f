"""What the metrics of several classes are expected to be, from scores alone: CBPE, class by class against the rest.

Each class has a calibrated map of its own from the cells of its score to the share of rows that are of that class:

    E[n_kk] = Σ rows called k · p_k,   E[actual_k] = Σ rows · p_k

taken times rows / Σ E[actual_k] so that every row has one class. Counts do not hold the scores of a row side by side,
so off the diagonal errors are spread as the margins allow (iterative proportional fitting); of all metrics
only the intervals of macro averages and of Matthews' correlation look there. Intervals are those of measured values,
widened by the reference's own chance (1 + rows / reference rows): a little wide, as they do not use that scores are
known.
"""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.estimated.calibration import Calibration, calibrate, parts_of
from exporter.metrics.estimated.estimator import Expectation
from exporter.metrics.performance.parts import Parts, divide, of_counts
from exporter.metrics.performance.registry import BY_TASK
from exporter.profile.bins import Floats
from exporter.profile.counts import Counts
from exporter.profile.layout import CLASS_SCORE_CELLS, Layout
from exporter.profile.reference import Reference

_TYPICAL = (np.arange(CLASS_SCORE_CELLS) + 0.5) / CLASS_SCORE_CELLS
_ROUNDS = 50
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Model:
    """What a reference teaches of the scores of C classes."""

    calibrations: tuple[Calibration, ...]
    rows: float
    layout: Layout

    def expected(self, counts: Counts) -> Parts:
        """The counts to expect where the truth of all scored rows is known."""
        cells = counts["class_score"] * counts.worth()
        rows = cells.sum(axis=2)
        positive = np.stack([calibration.positive for calibration in self.calibrations])
        n = float(rows[0].sum())
        actual = (rows * positive).sum(axis=1)
        scale = n / max(float(actual.sum()), _TINY)
        hits = (cells[..., 1] * positive).sum(axis=1) * scale
        truth = np.minimum(rows * positive * scale, rows)
        parts = {
            "labels": np.array([[n]]),
            "outcomes": _table(hits, cells[..., 1].sum(axis=1), actual * scale, n)[None],
            "class_score_actual": np.stack((rows - truth, truth), axis=-1)[None],
            "score_terms": _terms(rows, truth, n)[None],
        }
        return Parts(self.layout, parts.__getitem__)


def learn(reference: Reference) -> Model | None:
    """What the reference teaches; None where it knows no class's outcomes or profiles keep no scores of all rows."""
    layout = reference.layout
    if not (layout.has("class_score") and layout.has("class_score_actual")):
        return None
    cells = of_counts(reference.total)["class_score_actual"][0]
    if (cells.sum(axis=1) <= 0).any():
        return None
    folds = parts_of(reference, "class_score_actual")
    calibrations = tuple(calibrate(cells[k], _TYPICAL, folds[:, k]) for k in range(len(layout.classes)))
    return Model(calibrations, float(cells[0].sum()), layout)


def estimate(model: Model, counts: Counts) -> dict[str, Expectation]:
    """What is expected of the scored rows of `counts`, by metric."""
    parts = model.expected(counts)
    n = float(parts.labels[0])
    found = {metric.name: metric.compute(parts) for metric in BY_TASK["multiclass"]} if n > 0 else {}
    return {
        name: Expectation(float(each.value[0]), float(each.variance[0]), float(each.variance[0]) * n / model.rows)
        for name, each in found.items()
    }


def _terms(rows: Floats, truth: Floats, n: float) -> Floats:
    """Σ squared error of scores, Σ log loss, rows."""
    squared = (truth * (1 - _TYPICAL) ** 2 + (rows - truth) * _TYPICAL**2).sum()
    return np.array([squared, -(truth * np.log(_TYPICAL)).sum(), n])


def _table(hits: Floats, predicted: Floats, actual: Floats, n: float) -> Floats:
    """(C+1, C+1) predicted × actual with these margins and diagonal; rows predicted otherwise are the last line."""
    classes = len(hits)
    hits = np.minimum(hits, np.minimum(predicted, actual))
    lines = np.append(predicted - hits, max(n - predicted.sum(), 0.0))
    columns = actual - hits
    table = np.ones((classes + 1, classes))
    table[np.arange(classes), np.arange(classes)] = 0.0
    for _ in range(_ROUNDS):
        table *= np.nan_to_num(divide(lines, table.sum(axis=1)))[:, None]
        table *= np.nan_to_num(divide(columns, table.sum(axis=0)))
    table[np.arange(classes), np.arange(classes)] = hits
    return np.pad(table, ((0, 0), (0, 1)))


def rows(counts: Counts) -> float:
    """Rows with a score for every class; of weighted ones how many independent ones they are worth."""
    return float(counts["class_score"][0].sum()) * counts.worth() if counts.layout.has("class_score") else 0.0
