"""What is known of the loss in each part of a window that can be looked at alone."""

import itertools
from dataclasses import dataclass

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.performance.parts import Parts, of_counts, of_slices
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats, NumericBins
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout, Task

METRIC: dict[Task, str] = {
    "binary": "accuracy",
    "multiclass": "accuracy",
    "regression": "mean_absolute_error",
}
"""Task → the metric whose loss is looked at: wrong predictions, or how far off they are."""

Name = tuple[str, str]
"""Dimension and value."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Sums over labelled predictions: how many, Σ loss, Σ loss²; each (k,)."""

    n: Floats
    total: Floats
    squares: Floats


@dataclass(frozen=True, slots=True)
class Segments:
    """The parts of one window.

    Attributes:
        names: k of them.
        loss: (k,) of each part.
        whole: (1,) of all labelled predictions of the window.
    """

    names: tuple[Name, ...]
    loss: Loss
    whole: Loss


def segments(evaluation: Evaluation) -> Segments:
    """Every value of every dimension, and every coarse bin of every feature.

    Raises:
        NoData: the profile keeps no outcomes.
    """
    counts, names = evaluation.counts, dict[str, list[str]]()
    for dimension in counts.layout.slices:
        if dimension in evaluation.vocabulary.capacity:
            names[dimension] = evaluation.vocabulary.labels(dimension)
    return _of(counts, names)


def reference_segments(evaluation: Evaluation) -> Segments | None:
    """The same of the reference; None where there is none, or none with labels."""
    reference = evaluation.reference
    if reference is None or reference.total.labels <= 0:
        return None
    names = {
        dimension: [*known, *[""] * (slots - 1 - len(known)), "other"]
        for dimension, slots in reference.total.layout.slices.items()
        if (known := list(reference.names.get(dimension, ())[: slots - 1]))
    }
    try:
        return reference.once("segments", lambda known: _of(known.total, names))
    except NoData:
        return None


def _of(counts: Counts, names: dict[str, list[str]]) -> Segments:
    found: list[tuple[list[Name], Loss]] = []
    for dimension, values in names.items():
        found.append(([(dimension, value) for value in values], _loss(of_slices(counts, dimension))))
    if counts.layout.has("feature_truth"):
        # A feature that is a dimension too is looked at once, by its own values.
        features = [name for name in counts.layout.features if name not in names]
        found += [(bin_names(counts.layout, name), _loss_by_bin(counts, name)) for name in features]
    whole = _loss(of_counts(counts))
    keys = [key for each, _ in found for key in each]
    stacked = [
        np.concatenate([np.empty(0), *(getattr(loss, field) for _, loss in found)])
        for field in ("n", "total", "squares")
    ]
    kept = np.array([bool(value) for _, value in keys], dtype=np.bool_)
    named = tuple(key for key in keys if key[1])
    return Segments(named, Loss(*(each[kept] for each in stacked)), whole)


def _loss(parts: Parts) -> Loss:
    """(m,) sums of stacked profiles."""
    if parts.layout.task == "regression":
        terms = parts["error_terms"]
        return Loss(terms[:, 0], terms[:, 1], terms[:, 2])
    outcomes = parts["outcomes"]
    n = outcomes.sum(axis=(1, 2))
    # The last class stands for all that have no name: whether such a prediction came true is not known.
    wrong = n - np.trace(outcomes[:, :-1, :-1], axis1=1, axis2=2)
    return Loss(n, wrong, wrong)


def _loss_by_bin(counts: Counts, feature: str) -> Loss:
    """(coarse width,) sums of the labelled rows by a feature's coarse code."""
    layout = counts.layout
    terms = dict(zip(layout.truth_terms, counts["feature_truth"][layout.coarse_span[feature]].T, strict=True))
    if layout.task == "regression":
        return Loss(terms["n"], terms["absolute_error"], terms["squared_error"])
    return Loss(terms["n"], terms["wrong"], terms["wrong"])


def bin_names(layout: Layout, feature: str) -> list[Name]:
    """The feature and its coarse codes: `missing`, `invalid`, then intervals or categories."""
    labels = layout.coarse[feature].labels
    if isinstance(layout.features[feature], NumericBins):
        edges = labels[:-1]
        inner = [f"({low}, {high}]" for low, high in itertools.pairwise(edges)]
        labels = (f"≤ {edges[0]}", *inner, f"> {edges[-1]}")
    return [(feature, value) for value in ("missing", "invalid", *labels)]
