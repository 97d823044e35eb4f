"""Since when are the worst slices worse than they were? Their gap by pane, beside the one that the reference has.

The gap is a slice's mean loss less that of all other labelled predictions of the same pane: what became of the whole
model, its nights and its weather are in both and cancel. A pane's gap has the variance v/n of either mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.history import Past, Places, Times
from exporter.metrics.onset.course import Course
from exporter.metrics.performance.estimate import Z
from exporter.metrics.slices.gauges import worst_slices
from exporter.metrics.slices.segments import Name, bin_names
from exporter.metrics.slices.worst import WorstSlice
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.layout import Layout


@dataclass(frozen=True, slots=True)
class Part:
    """Where the loss of some labelled predictions is counted.

    Attributes:
        n, total, squares: places whose sums are predictions, Σ loss, Σ loss².
    """

    n: Places
    total: Places
    squares: Places

    @property
    def places(self) -> Places:
        return np.concatenate((self.n, self.total, self.squares))


@dataclass(frozen=True, slots=True)
class Gap:
    """The gap of a slice to all others.

    Attributes:
        slice, whole: its predictions, and all.
        before: the gap in the reference; 0 where it does not know the slice.
    """

    slice: Part
    whole: Part
    before: float

    @property
    def places(self) -> Places:
        return np.concatenate((self.slice.places, self.whole.places))

    def panes(self, past: Past, places: Places, worth: float) -> "Gaps":
        """The gap in each pane of the `past` of `places`, which rise, where either side has rows."""
        one, all_ = (
            np.stack(
                [
                    past.counts[:, np.searchsorted(places, each)].sum(axis=1)
                    for each in (part.n, part.total, part.squares)
                ]
            )
            * worth
            for part in (self.slice, self.whole)
        )
        rest = all_ - one
        kept = (one[0] > 0) & (rest[0] > 0)
        return Gaps(past.starts[kept], past.widths[kept], one[:, kept], rest[:, kept], self.before)


@dataclass(frozen=True, slots=True)
class Gaps:
    """K panes in time order, in which both sides have rows.

    Attributes:
        starts, widths: (K,) Unix seconds and seconds.
        one, rest: (3, K) predictions, Σ loss and Σ loss² of the slice and of all others.
        before: the gap that is expected.
    """

    starts: Times
    widths: Times
    one: Floats
    rest: Floats
    before: float

    def __len__(self) -> int:
        return len(self.starts)

    def course(self, part: slice, most: int) -> Course | None:  # noqa: ARG002 - there is one direction: worse
        """How far all panes have gone from the reference to the gap of `part`; None if it is no worse there."""
        (n, total, _), (m, others, _) = self.one, self.rest
        rows = n * m / (n + m)
        gap = total / n - others / m
        scale = float(np.average(gap[part], weights=rows[part])) - self.before
        variance = _variance(self.one, part) / n + _variance(self.rest, part) / m
        if scale <= 0 or not (variance > 0).all():
            return None
        return Course(self.starts, self.widths, rows, (gap - self.before) / scale, scale**2 / variance, 1)


def _variance(sums: Floats, part: slice) -> float:
    """Of one loss: that of `part` or of all panes, whichever is larger; one that was nearly never wrong varies less."""
    found = []
    for n, total, squares in (sums[:, part].sum(axis=1).tolist(), sums.sum(axis=1).tolist()):
        mean = total / n
        found.append(squares / n - mean * mean)
    return float(max(found))


def worsened(evaluation: Evaluation) -> Iterator[tuple[Name, Gap]]:
    """The shown worst slices that are worse than in the reference, beyond chance."""
    try:
        found = worst_slices(evaluation)
    except NoData:
        return
    whole = _of_all(evaluation.layout)
    for each in found:
        if _is_worse(each):
            part = _of_slice(evaluation, each.name)
            if part is not None:
                yield each.name, Gap(part, whole, float(np.nan_to_num(each.reference_gap)))


def _is_worse(each: WorstSlice) -> bool:
    error = (each.upper - each.lower) / (2 * Z)
    return each.gap > float(np.nan_to_num(each.reference_gap)) + Z * error


def _of_all(layout: Layout) -> Part:
    if layout.task == "regression":
        return _of_terms(layout.spans["error_terms"].start)
    return _of_outcomes(layout, layout.spans["outcomes"].start)


def _of_slice(evaluation: Evaluation, name: Name) -> Part | None:
    """Where the loss of a slice is counted; None where its name is no longer known."""
    layout, (dimension, value) = evaluation.layout, name
    if dimension not in layout.slices:
        return _of_bin(evaluation, name)
    names = evaluation.vocabulary.labels(dimension)
    if value not in names:
        return None
    start = layout.width + (layout.slice_span[dimension].start + names.index(value)) * layout.slice_width
    if layout.task == "regression":
        return _of_terms(start + layout.slice_spans["error_terms"].start)
    return _of_outcomes(layout, start + layout.slice_spans["outcomes"].start)


def _of_bin(evaluation: Evaluation, name: Name) -> Part | None:
    layout, (feature, _) = evaluation.layout, name
    if feature not in layout.features or not layout.has("feature_truth"):
        return None
    row = layout.coarse_span[feature].start + bin_names(layout, feature).index(name)
    first = layout.spans["feature_truth"].start + row * len(layout.truth_terms)
    column = {term: np.array([first + place]) for place, term in enumerate(layout.truth_terms)}
    if layout.task == "regression":
        return Part(column["n"], column["absolute_error"], column["squared_error"])
    return Part(column["n"], column["wrong"], column["wrong"])


def _of_terms(first: int) -> Part:
    """Losses of a regression: absolute errors, from where the part `error_terms` begins."""
    n, total, squares = (np.array([first + place]) for place in range(3))
    return Part(n, total, squares)


def _of_outcomes(layout: Layout, first: int) -> Part:
    """Losses of classes: wrong predictions, from where the part `outcomes` begins."""
    known = len(layout.classes) + 1
    table = first + np.arange(known * known).reshape(known, known)
    # The last class stands for all that have no name: whether such a prediction came true is not known.
    wrong = np.setdiff1d(table, table.diagonal()[:-1])
    return Part(table.reshape(-1), wrong, wrong)
