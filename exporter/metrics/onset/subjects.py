"""What can have an onset: which places of a profile are counted, and added up to which cells."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from exporter.metrics.drift.variables import Kind, counted_as, variables_of
from exporter.metrics.history import Places
from exporter.metrics.quality.table import RATE_CHECKS
from exporter.profile.bins import FIRST_CELL, INVALID, MISSING, Floats
from exporter.profile.coarse import coarse
from exporter.profile.counts import Counted
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference

_SCORE_CELLS = 8
"""Parts of the range of scores that are told apart where the truth is, too."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A distribution over B cells.

    Attributes:
        key: tells it from others of the same reference.
        places: (n,) in `Counts.all`, those of a cell side by side.
        first: (B,) where in `places` a cell begins.
        ordered: cells are of a number.
        counted: what one count is.
    """

    key: Hashable
    places: Places
    first: Places
    ordered: bool
    counted: Counted = "rows"

    @classmethod
    def of(cls, key: Hashable, cells: Sequence[Places], *, ordered: bool, counted: Counted = "rows") -> "Subject":
        """A cell for each of `cells`, which are places to add up; cells without any are left out."""
        kept = [np.asarray(cell, dtype=np.intp) for cell in cells if len(cell)]
        first = np.cumsum([0, *(len(cell) for cell in kept[:-1])])
        return cls(key, np.concatenate(kept), first.astype(np.intp), ordered, counted)

    def cells(self, columns: Floats) -> Floats:
        """(K, B) counts out of those at `places` (K, n)."""
        if len(columns) == 0:
            return np.zeros((0, len(self.first)))
        total: Floats = np.add.reduceat(columns, self.first, axis=1)
        return total


def feature(layout: Layout, name: str) -> Subject:
    """The valid values of a feature, as drift sees them, in coarse bins."""
    bins, start = layout.features[name], layout.spans["features"].start + layout.feature_span[name].start
    table = coarse(bins).table
    # The last code of a category is UNSEEN: quality's, not drift's.
    codes = np.arange(FIRST_CELL, bins.width - (bins.type == "category"))
    cells = [start + codes[table[codes] == cell] for cell in range(FIRST_CELL, int(table.max()) + 1)]
    return Subject.of(("feature", name), cells, ordered=bins.type == "numeric")


def output(reference: Reference, kind: Kind) -> Subject | None:
    """The prediction or the label, as drift sees them."""
    variables = variables_of(reference, kind)
    if variables is None:
        return None
    cells = [variables.places[:, 0, cell] for cell in range(variables.cells[0])]
    return Subject.of((kind,), cells, ordered=bool(variables.ordered[0]), counted=counted_as(kind))


def bad_values(layout: Layout, name: str, check: str) -> Subject:
    """Bad values of a feature beside the others; of checks that are no rate its values themselves."""
    if check not in RATE_CHECKS:
        return feature(layout, name)
    bins, start = layout.features[name], layout.spans["features"].start + layout.feature_span[name].start
    codes = np.arange(bins.width)
    last = bins.width - 1
    bad = {"missing": [MISSING], "invalid": [INVALID], "out_of_range": [FIRST_CELL, last], "unseen": [last]}[check]
    among = codes if check in {"missing", "invalid"} else codes[FIRST_CELL:]
    cells = [start + np.array(bad), start + np.setdiff1d(among, bad)]
    return Subject.of(("quality", name, check), cells, ordered=False)


def performance(layout: Layout, metric: str) -> Subject | None:
    """Right and wrong answers of the kind that a metric is made of; None if the profile keeps none.

    Errors of numbers; the cells of the confusion matrix that a metric weighs; for metrics of scores, scores by truth.
    """
    if layout.task == "regression":
        if not layout.has("error_cells"):
            return None
        span = layout.spans["error_cells"]
        cells = [np.array([place]) for place in range(span.start, span.stop)]
        return Subject.of(("errors",), cells, ordered=True, counted="labels")
    if layout.task == "binary" and metric in _OF_SCORES and layout.has("score_actual"):
        return _scores(layout)
    known = len(layout.classes) + 1
    table = layout.spans["outcomes"].start + np.arange(known * known).reshape(known, known)
    right = table.diagonal()
    positive = {"precision": table[1, :], "recall": table[:, 1], "specificity": table[:, 0]}
    if layout.task == "binary" and metric in positive:
        among = positive[metric]
        return Subject.of(
            (metric,), [np.intersect1d(among, right), np.setdiff1d(among, right)], ordered=False, counted="labels"
        )
    if layout.task == "binary" and metric in _OF_TABLE:
        cells = [np.array([place]) for place in table.reshape(-1)]
        return Subject.of(("outcomes",), cells, ordered=False, counted="labels")
    return Subject.of(("right",), [right, np.setdiff1d(table, right)], ordered=False, counted="labels")


_OF_SCORES = {"roc_auc", "average_precision", "log_loss", "brier_score", "calibration_error"}
_OF_TABLE = {"f1", "matthews_corrcoef"}


def _scores(layout: Layout) -> Subject:
    span, (cells, classes) = layout.spans["score_actual"], layout.shapes["score_actual"]
    table = span.start + np.arange(cells * classes).reshape(cells, classes)
    edges = np.empty(0) if layout.ranked_bins is None else layout.ranked_bins.edges
    parts = np.minimum((np.append(edges, 1.0) * _SCORE_CELLS).clip(0, _SCORE_CELLS - 1).astype(int), _SCORE_CELLS - 1)
    merged = [table[parts == part, truth] for part in range(_SCORE_CELLS) for truth in range(classes)]
    return Subject.of(("scores",), merged, ordered=False, counted="labels")
