"""The layout of a profile: which counts there are and where each stands in one flat vector.

A profile is one float64 vector for all rows and a narrower one for each slice value. Merging is adding. What stands
where is said by the layout alone; two profiles can be added if their layouts have the same `id`.

Parts (K = cells or classes, see bins.py), `·` marks those that slices have too:

    rows·                (1,)        predictions, errors included
    weight_squares·      (1,)        Σ weight² of the rows; equals `rows` where rows have no weight
    errors·              (E,)        by error class: slots of the vocabulary `error`, the last one is *other*
    latency·             (L+1,)      histogram of answered predictions (no error), by upper bound; last is +Inf
    latency_sum·         (1,)        seconds
    features             (ΣW,)       codes of every feature side by side (see `feature_span`)
    feature_sums         (ΣW,)       Σx by code (numeric features; in multiples of the bins' unit)
    score·               (Ks,)       binary: cells of the score; codes without missing and invalid, see score_bad
    score_bad·           (2,)        scores missing, invalid
    score_sum·           (1,)        Σ score
    score_positive       (Ks,)       binary: cells of the score, of rows predicted positive alone
    predicted·           (C+1,)      classification: predicted class, last is *other*
    class_score          (C, 64, 2)  multiclass: score cell × is that class predicted, of rows with all scores
    prediction·          (Kp,)       regression: cells of the predicted value
    prediction_sum·      (1,)        regression: Σ prediction

    labels·              (1,)        labels joined
    label_weight_squares· (1,)       Σ weight² of their rows
    outcomes·            (C+1, C+1)  classification: predicted × actual, last is *other*
    score_actual·        (Kr, 2)     binary: cell of `ranked_bins` × actual (0 negative, 1 positive)
    class_score_actual   (C, 64, 2)  multiclass: score cell (equal width on [0, 1]) × is it that class
    score_terms·         (3,)        classes: Σ squared error of scores (Brier), Σ log loss, n with score
    score_ranks          (Kf, 2)     binary: cell between `rank_edges` × actual: finer, for all rows only
    score_moments·       (2, 2)      binary: by actual, Σ score, Σ score²
    error_terms·         (8,)        regression, e = prediction − y:
                                     n, Σ|e|, Σe², Σe, Σ|e/y| (each at most 65,536), n with y ≠ 0, Σy, Σy²
    relative_terms·      (2,)        regression: n with y ≠ 0, Σ(e/y)²
    error_cells·         (Ke,)       regression: cells of e
    error_sizes          (T+1,)      regression with `tolerances`: |e| by upper bound; last is beyond all
    actual·              (Ka,)       regression: cells of the actual value
    label_delay          (D+1,)      histogram of label time − prediction time, by upper bound; last is +Inf
    label_delay_sum      (1,)        seconds

    pair_terms           (P, 1+L)    n rows and, for every loss, the sum of a pair's term (see loss/pair_terms.py)
    bad_cells            (F,)        rows whose first bad cell is feature f's: missing (but where it
                                     often is), invalid, a category never seen
    bad_output           (Ko,)       rows with any bad cell, by what was put out: cells of `score`, `prediction` or,
                                     without either, `predicted`
    bad_pair_terms       (P, 1+L)    `pair_terms` of rows with any bad cell
    bad_truth            (F, T)      labelled rows whose first bad cell is feature f's: `truth_terms`
    feature_truth        (ΣWc, T)    `truth_terms` of labelled rows by coarse code of every feature (see coarse.py and
                                     `coarse_span`)

The T `truth_terms` of a labelled row are the least that rates within bins, slices by feature and the price of bad data
are computed from: a count, what is right or wrong about it, and the sums of the loss.

    binary               n, wrong, positive, Σ log loss, Σ score; without scores the first three
    multiclass           n, wrong, Σ log loss; without scores the first two
    regression           n, Σe, Σe², Σ|e|

Counted are rows of which all terms are known, so that one n is theirs all: not those without score where the model has
scores, without prediction, or of a class without a name. Neither are predictions remembered by an older version or
under other bins, of which the features are not known any more: *n* of a feature, added over its codes, falls short of
`labels` by both. Rows with out-of-range numbers are no bad cells: they are what drifting features look like, and
`feature_truth` has them on their own. Blocks of a reference keep counts of this (n, wrong, positive), and no sums.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from exporter.errors import UnknownVersion
from exporter.profile.bins import FeatureBins, Floats, NumericBins
from exporter.profile.bins_json import bins_from_json, bins_to_json, numeric_from_json
from exporter.profile.bounds import LABEL_DELAY_BOUNDS, LATENCY_BOUNDS
from exporter.profile.coarse import Coarse, coarse
from exporter.profile.loss.pair_terms import Pairs
from exporter.profile.ranking import rank_edges, ranked_bins

Task = Literal["binary", "multiclass", "regression"]

LAYOUT_VERSION = 4
"""Version 1 counted `score_actual` in the cells of `score_bins`; 2 had no `score_ranks` and no `relative_terms`; 3 none
of what causes and estimates are read from: `weight_squares`, `label_weight_squares`, `score_positive`, `class_score`,
`bad_cells`, `bad_output`, `bad_pair_terms`, `bad_truth`, `feature_truth`, `pair_terms`."""
OLDEST_VERSION = 2
"""Layouts from here on are read: they count what they did until the reference is fitted again."""
_FINE = 3
"""The version that brought `score_ranks` and `relative_terms`."""
_CAUSES = 4
"""The version that brought what causes and estimates are read from."""
ERROR_SLOTS = 16
"""Error classes told apart, *other* among them."""
CLASS_SCORE_CELLS = 64
COUNTED_TERMS = ("n", "wrong", "positive")
"""Those of `truth_terms` that are counts of rows, not sums."""


@dataclass(frozen=True, slots=True)
class Part:
    """One named array of a profile."""

    name: str
    shape: tuple[int, ...]
    sliced: bool

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Layout:
    """All that fixes a profile's shape. Equal ids mean that counts can be added.

    Attributes:
        classes: classification: the classes by name; binary: (negative, positive).
        features: bins by feature name, in exposition order.
        score_bins: binary: bins of the score of the positive class.
        prediction_bins, error_bins, actual_bins: regression.
        tolerances: regression: errors of quality objectives, rising; none = they are not told apart.
        slices: dimension → how many values are told apart (the last slot is *other*).
        pairs: pair terms of the loss model, None without any.
        often_missing: features that so often have no value in the reference that a row without one is not bad for it.
        version: which parts there are; of the program that fitted the reference.
    """

    task: Task
    classes: tuple[str, ...] = ()
    features: Mapping[str, FeatureBins] = field(default_factory=dict)
    score_bins: NumericBins | None = None
    prediction_bins: NumericBins | None = None
    error_bins: NumericBins | None = None
    actual_bins: NumericBins | None = None
    class_scores: bool = False
    latency_bounds: tuple[float, ...] = LATENCY_BOUNDS
    label_delay_bounds: tuple[float, ...] = LABEL_DELAY_BOUNDS
    slices: Mapping[str, int] = field(default_factory=dict)
    pairs: Pairs | None = None
    often_missing: frozenset[str] = frozenset()
    tolerances: tuple[float, ...] = ()
    version: int = LAYOUT_VERSION

    @cached_property
    def id(self) -> str:
        """16 hex digits that change with anything that changes what a count means."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]

    @cached_property
    def bins_id(self) -> str:
        """16 hex digits that change with the bins alone, not with slices, latency bounds or parts that came later."""
        data = self.to_json()
        later = ("pairs", "often_missing", "tolerances")
        for key in ("version", "latency_bounds", "label_delay_bounds", "slices", "slice_order", *later):
            data.pop(key, None)
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]

    @cached_property
    def ranked_bins(self) -> NumericBins | None:
        """Binary: bins of the scores whose truth is known. A function of `score_bins`, see ranking.py."""
        return None if self.score_bins is None else ranked_bins(self.score_bins)

    @cached_property
    def rank_edges(self) -> Floats | None:
        """Binary: upper edges of the cells of `score_ranks`, but for the last. A function of `score_bins`."""
        return None if self.score_bins is None else rank_edges(self.score_bins)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        parts = [
            Part("rows", (1,), sliced=True),
            Part("errors", (ERROR_SLOTS,), sliced=True),
            Part("latency", (len(self.latency_bounds) + 1,), sliced=True),
            Part("latency_sum", (1,), sliced=True),
            Part("features", (self.feature_width,), sliced=False),
            Part("feature_sums", (self.feature_width,), sliced=False),
            Part("labels", (1,), sliced=True),
            Part("label_delay", (len(self.label_delay_bounds) + 1,), sliced=False),
            Part("label_delay_sum", (1,), sliced=False),
        ]
        if self.pairs is not None:
            shape = (len(self.pairs), 1 + self.pairs.losses)
            parts += [Part("pair_terms", shape, sliced=False), Part("bad_pair_terms", shape, sliced=False)]
        if self.version >= _CAUSES:
            parts += [Part("weight_squares", (1,), sliced=True), Part("label_weight_squares", (1,), sliced=True)]
            if self.features:
                terms = len(self.truth_terms)
                parts += [
                    Part("bad_cells", (len(self.features),), sliced=False),
                    Part("bad_output", (self.output_cells,), sliced=False),
                    Part("bad_truth", (len(self.features), terms), sliced=False),
                    Part("feature_truth", (sum(each.width for each in self.coarse.values()), terms), sliced=False),
                ]
        if self.task == "regression":
            if self.prediction_bins is not None:
                parts.append(Part("prediction", (self.prediction_bins.cells,), sliced=True))
            if self.error_bins is not None:
                parts.append(Part("error_cells", (self.error_bins.cells,), sliced=True))
            if self.actual_bins is not None:
                parts.append(Part("actual", (self.actual_bins.cells,), sliced=True))
            if self.tolerances:
                parts.append(Part("error_sizes", (len(self.tolerances) + 1,), sliced=False))
            parts += [Part("prediction_sum", (1,), sliced=True), Part("error_terms", (8,), sliced=True)]
            if self.version >= _FINE:
                parts.append(Part("relative_terms", (2,), sliced=True))
            return tuple(parts)
        known = len(self.classes) + 1
        parts += [
            Part("predicted", (known,), sliced=True),
            Part("outcomes", (known, known), sliced=True),
            Part("score_terms", (3,), sliced=True),
        ]
        if self.task == "binary" and self.score_bins is not None:
            cells = self.score_bins.cells
            parts += [
                Part("score", (cells,), sliced=True),
                Part("score_bad", (2,), sliced=True),
                Part("score_sum", (1,), sliced=True),
                Part("score_actual", (0 if self.ranked_bins is None else self.ranked_bins.cells, 2), sliced=True),
                Part("score_moments", (2, 2), sliced=True),
            ]
            if self.version >= _FINE and self.rank_edges is not None:
                parts.append(Part("score_ranks", (len(self.rank_edges) + 1, 2), sliced=False))
            if self.version >= _CAUSES:
                parts.append(Part("score_positive", (cells,), sliced=False))
        if self.class_scores:
            parts.append(Part("class_score_actual", (len(self.classes), CLASS_SCORE_CELLS, 2), sliced=False))
            if self.version >= _CAUSES:
                parts.append(Part("class_score", (len(self.classes), CLASS_SCORE_CELLS, 2), sliced=False))
        return tuple(parts)

    @cached_property
    def feature_width(self) -> int:
        return sum(bins.width for bins in self.features.values())

    @cached_property
    def feature_span(self) -> dict[str, slice]:
        """Where a feature's codes stand inside the parts `features` and `feature_sums`."""
        spans, start = {}, 0
        for name, bins in self.features.items():
            spans[name] = slice(start, start + bins.width)
            start += bins.width
        return spans

    @cached_property
    def output_cells(self) -> int:
        """Into how many cells falls what the model puts out: predicted values, scores, or predicted classes."""
        if self.task == "regression":
            return 0 if self.prediction_bins is None else self.prediction_bins.cells
        return len(self.classes) + 1 if self.score_bins is None else self.score_bins.cells

    @cached_property
    def truth_terms(self) -> tuple[str, ...]:
        """What the columns of `feature_truth` and `bad_truth` are; counts first."""
        if self.task == "regression":
            return "n", "error", "squared_error", "absolute_error"
        if self.task == "binary":
            return ("n", "wrong", "positive", *(() if self.score_bins is None else ("log_loss", "score")))
        return ("n", "wrong", *(("log_loss",) if self.class_scores else ()))

    @cached_property
    def coarse(self) -> dict[str, Coarse]:
        """How each feature's codes are merged where truth is counted by them."""
        return {name: coarse(bins) for name, bins in self.features.items()}

    @cached_property
    def coarse_span(self) -> dict[str, slice]:
        """Where a feature's coarse codes stand inside the part `feature_truth`."""
        spans, start = {}, 0
        for name, each in self.coarse.items():
            spans[name] = slice(start, start + each.width)
            start += each.width
        return spans

    @cached_property
    def coarse_id(self) -> str:
        """16 hex digits that change with anything that changes what coarse codes of all features mean."""
        features = [(name, bins_to_json(bins)) for name, bins in self.features.items()]
        return hashlib.sha256(json.dumps(features).encode()).hexdigest()[:16]

    @cached_property
    def spans(self) -> dict[str, slice]:
        """Where a part stands in the vector of all rows."""
        return _spans(self.parts)

    @cached_property
    def slice_spans(self) -> dict[str, slice]:
        """Where a part stands in the vector of a slice value."""
        return _spans(tuple(part for part in self.parts if part.sliced))

    @cached_property
    def width(self) -> int:
        return sum(part.size for part in self.parts)

    @cached_property
    def slice_width(self) -> int:
        return sum(part.size for part in self.parts if part.sliced)

    @cached_property
    def slice_rows(self) -> int:
        """Slots of all dimensions together."""
        return sum(self.slices.values())

    @cached_property
    def slice_span(self) -> dict[str, slice]:
        """Which rows of the slice matrix are a dimension's."""
        spans, start = {}, 0
        for dimension, slots in self.slices.items():
            spans[dimension] = slice(start, start + slots)
            start += slots
        return spans

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {part.name: part.shape for part in self.parts}

    def has(self, part: str) -> bool:
        """True if profiles of this layout keep `part`."""
        return part in self.spans

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` builds an equal layout."""
        return {
            "version": self.version,
            "task": self.task,
            "classes": list(self.classes),
            "features": {name: bins_to_json(bins) for name, bins in self.features.items()},
            "feature_order": list(self.features),
            "score_bins": bins_to_json(self.score_bins),
            "prediction_bins": bins_to_json(self.prediction_bins),
            "error_bins": bins_to_json(self.error_bins),
            "actual_bins": bins_to_json(self.actual_bins),
            "class_scores": self.class_scores,
            "latency_bounds": list(self.latency_bounds),
            "label_delay_bounds": list(self.label_delay_bounds),
            "slices": dict(self.slices),
            "slice_order": list(self.slices),
            # What older layouts did not have is not part of their id either.
            **({} if self.pairs is None else {"pairs": self.pairs.to_json()}),
            **({"often_missing": sorted(self.often_missing)} if self.often_missing else {}),
            **({"tolerances": list(self.tolerances)} if self.tolerances else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Layout":
        """The layout that `to_json` described.

        Raises:
            UnknownVersion: of a layout version that is not read.
            ValueError: not a layout.
        """
        version = data.get("version")
        if not isinstance(version, int) or not OLDEST_VERSION <= version <= LAYOUT_VERSION:
            raise UnknownVersion("layout of", version, reads=LAYOUT_VERSION)
        features: dict[str, FeatureBins] = {}
        for name in data["feature_order"]:
            bins = bins_from_json(data["features"][name])
            if bins is None:
                msg = f"feature {name!r} has no bins"
                raise ValueError(msg)
            features[name] = bins
        return cls(
            task=data["task"],
            classes=tuple(data["classes"]),
            features=features,
            score_bins=numeric_from_json(data["score_bins"]),
            prediction_bins=numeric_from_json(data["prediction_bins"]),
            error_bins=numeric_from_json(data["error_bins"]),
            actual_bins=numeric_from_json(data["actual_bins"]),
            class_scores=data["class_scores"],
            latency_bounds=tuple(data["latency_bounds"]),
            label_delay_bounds=tuple(data["label_delay_bounds"]),
            slices={dimension: data["slices"][dimension] for dimension in data["slice_order"]},
            pairs=Pairs.from_json(data["pairs"]) if "pairs" in data else None,
            often_missing=frozenset(data.get("often_missing", ())),
            tolerances=tuple(data.get("tolerances", ())),
            version=version,
        )


def same_bins(one: object, other: object) -> bool:
    """True if two sets of bins (or bounds, or classes) put every value into the same cell."""
    if isinstance(one, NumericBins) and isinstance(other, NumericBins):
        return np.array_equal(one.edges, other.edges) and one.unit == other.unit
    return one == other


def _spans(parts: tuple[Part, ...]) -> dict[str, slice]:
    spans, start = {}, 0
    for part in parts:
        spans[part.name] = slice(start, start + part.size)
        start += part.size
    return spans
