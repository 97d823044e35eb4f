"""Which counts of a profile make up a distribution that can drift: features, the prediction, the label."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.drift.memo import remember
from exporter.metrics.drift.pair import Mask, Pair, bounds_of
from exporter.profile.bins import FIRST_CELL, FeatureBins, Floats, NumericBins
from exporter.profile.counts import Counted, Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors

Kind = Literal["features", "prediction", "labels"]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Variables:
    """F distributions of one layout, padded to B cells.

    Attributes:
        names: (F,) of the features; "prediction" or "label" alone.
        labels: (F,) tuples of the cells' names: upper edge as text or category.
        ordered: (F,) numbers.
        used: (F, B) False in padding.
        places: (S, F, B) where a cell's counts stand in `Counts.all`; S places are added up.
        sum_places: (F, B) where Σx of a cell stands; None where it is not kept.
        fixed_at: (F, B) where a cell's mass is taken to lie if Σx is not kept.
        deviation: (F,) standard deviation of the reference's raw values, NaN where it is not known.
        bounds: (2, F, B) lower and upper ends of bins, where Σx is kept; NaN for categories and in padding.
    """

    names: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    ordered: Mask
    used: Mask
    places: Places
    sum_places: Places | None = None
    fixed_at: Floats | None = None
    deviation: Floats | None = None
    bounds: Floats | None = None

    def counts(self, vector: Floats) -> Floats:
        """(F, B) counts out of a vector (layout.width,), 0 in padding."""
        picked: Floats = np.where(self.used, vector[self.places].sum(axis=0), 0.0)
        return picked

    def counts_of(self, number: int, vectors: Vectors) -> Floats:
        """(K, cells) counts of one variable out of vectors (K, layout.width)."""
        places = self.places[:, number, : self.cells[number]]
        picked: Floats = vectors.columns(places).sum(axis=1)
        return picked

    @cached_property
    def cells(self) -> tuple[int, ...]:
        """(F,) number of cells."""
        return tuple(int(count) for count in self.used.sum(axis=1))

    def at(self, vector: Floats, counts: Floats) -> Floats | None:
        """(F, B) mean of x in each cell; None where nothing is known of it."""
        if self.sum_places is None:
            return self.fixed_at
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Floats = np.where(counts > 0, vector[self.sum_places] / counts, np.nan)
        return mean

    def pair(self, window: Counts, reference: Counts) -> Pair:
        """Both sides on all cells there are."""
        p, q = self.counts(window.all), self.counts(reference.all)
        at = self.at(window.all, p), self.at(reference.all, q)
        return Pair(p, q, self.used, self.ordered, *at, self.deviation, self.bounds)


def counted_as(kind: Kind) -> Counted:
    """What the counts of a kind are counts of."""
    return "labels" if kind == "labels" else "rows"


def variables_of(reference: Reference, kind: Kind) -> Variables | None:
    """The variables of a kind in the reference's layout; None if its profiles keep no such counts."""
    return remember(reference, ("variables", kind), lambda: _BUILD[kind](reference.layout))


def _features(layout: Layout) -> Variables | None:
    if not layout.features:
        return None
    start, sums = layout.spans["features"].start, layout.spans["feature_sums"].start
    rows, labels = [], []
    for name, bins in layout.features.items():
        span = layout.feature_span[name]
        # The last cell of a category is UNSEEN: quality's, not drift's.
        cells = bins.cells if bins.type == "numeric" else bins.cells - 1
        rows.append(np.arange(span.start + FIRST_CELL, span.start + FIRST_CELL + cells))
        labels.append(bins.labels[:cells])
    within, used = _pad(rows)
    bounds = np.full((2, *used.shape), np.nan)
    for row, bins in enumerate(layout.features.values()):
        if bins.type == "numeric":
            bounds[:, row, : bins.cells] = bounds_of(bins.edges)
    return Variables(
        names=tuple(layout.features),
        labels=tuple(labels),
        ordered=np.array([bins.type == "numeric" for bins in layout.features.values()]),
        used=used,
        places=(within + start)[None],
        sum_places=within + sums,
        deviation=np.array([_deviation(bins) for bins in layout.features.values()]),
        bounds=bounds,
    )


def _prediction(layout: Layout) -> Variables | None:
    """Scores where they are kept, else predicted numbers, else predicted classes."""
    if layout.has("score") and layout.score_bins is not None:
        return _numbers("prediction", layout.score_bins, layout.spans["score"].start)
    if layout.has("prediction") and layout.prediction_bins is not None:
        return _numbers("prediction", layout.prediction_bins, layout.spans["prediction"].start)
    if layout.has("predicted"):
        start = layout.spans["predicted"].start
        return _classes("prediction", layout, np.arange(start, start + len(layout.classes) + 1)[None])
    return None


def _labels(layout: Layout) -> Variables | None:
    """Actual numbers, or actual classes: outcomes added up over what was predicted."""
    if layout.has("actual") and layout.actual_bins is not None:
        return _numbers("label", layout.actual_bins, layout.spans["actual"].start)
    if layout.has("outcomes"):
        known = len(layout.classes) + 1
        table = np.arange(known * known).reshape(known, known) + layout.spans["outcomes"].start
        return _classes("label", layout, table)
    return None


def _numbers(name: str, bins: NumericBins, start: int) -> Variables:
    edges = bins.edges
    middles = np.concatenate((edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]))
    return Variables(
        names=(name,),
        labels=(bins.labels,),
        ordered=np.array([True]),
        used=np.ones((1, bins.cells), dtype=bool),
        places=np.arange(start, start + bins.cells)[None, None],
        fixed_at=middles[None],
        deviation=np.array([_deviation(bins)]),
    )


def _deviation(bins: FeatureBins) -> float:
    return bins.deviation if bins.type == "numeric" and bins.deviation is not None else np.nan


def _classes(name: str, layout: Layout, places: Places) -> Variables:
    return Variables(
        names=(name,),
        labels=((*layout.classes, "other"),),
        ordered=np.array([False]),
        used=np.ones((1, places.shape[1]), dtype=bool),
        places=places[:, None],
    )


def _pad(rows: Sequence[Places]) -> tuple[Places, Mask]:
    """Rows side by side in a matrix, padded with place 0, and where they are not padding."""
    used = np.arange(max(map(len, rows))) < np.array([[len(row)] for row in rows])
    places = np.zeros(used.shape, dtype=np.intp)
    places[used] = np.concatenate(rows)
    return places, used


_BUILD = {"features": _features, "prediction": _prediction, "labels": _labels}
