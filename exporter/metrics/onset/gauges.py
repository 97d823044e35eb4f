"""The gauges of this family on /metrics."""

from collections.abc import Callable, Iterator

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.onset.onset import Onset
from exporter.metrics.onset.results import Family, onsets
from exporter.metrics.spec import NoData, Sample, WindowMetric


def _each(evaluation: Evaluation, family: Family) -> Iterator[tuple[tuple[str, ...], Onset]]:
    for (kind, labels), found in onsets(evaluation).onsets.items():
        if kind == family and found is not None:
            yield labels, found


def _at(family: Family) -> Callable[[Evaluation], Iterator[Sample]]:
    def compute(evaluation: Evaluation) -> Iterator[Sample]:
        for labels, found in _each(evaluation, family):
            yield labels, found.at

    return compute


def _bounds(family: Family) -> Callable[[Evaluation], Iterator[Sample]]:
    def compute(evaluation: Evaluation) -> Iterator[Sample]:
        for labels, found in _each(evaluation, family):
            yield (*labels, "lower"), found.lower
            yield (*labels, "upper"), found.upper

    return compute


def _shape(family: Family) -> Callable[[Evaluation], Iterator[Sample]]:
    def compute(evaluation: Evaluation) -> Iterator[Sample]:
        for labels, found in _each(evaluation, family):
            if found.shape is not None:
                yield (*labels, found.shape), 1.0

    return compute


def first(evaluation: Evaluation) -> Onset:
    """The onset of the model's drift: the earliest of its most drifted features, those that only recur aside.

    Raises:
        NoData: no feature drifted, or one of them before all that is kept.
    """
    known = [onset for _, onset in _each(evaluation, "feature")]
    if not known:
        raise NoData
    lasting = [each for each in known if each.shape != "recurring"] or known
    if any(np.isnan(each.at) for each in lasting):
        raise NoData
    return min(lasting, key=lambda each: each.at)


def _first(evaluation: Evaluation) -> Iterator[Sample]:
    yield (), first(evaluation).at


def _first_shape(evaluation: Evaluation) -> Iterator[Sample]:
    shape = first(evaluation).shape
    if shape is not None:
        yield (shape,), 1.0


def _family(
    family: Family, prefix: str, subject: str, labels: tuple[str, ...], *, shapes: bool = True
) -> tuple[WindowMetric, ...]:
    gauges = (
        WindowMetric(
            f"{prefix}_onset_timestamp_seconds",
            f"When {subject} began, Unix seconds of event time; absent if unknown, or before all that is kept.",
            _at(family),
            labels=labels,
            rank=15,
        ),
        WindowMetric(
            f"{prefix}_onset_bound_timestamp_seconds",
            f"Ends of the 95 % interval of when {subject} began; an upper one alone: before all that is kept.",
            _bounds(family),
            labels=(*labels, "bound"),
            internal=prefix == "ml_worst_slice",  # a column on *Why*, no picture
            rank=35,
        ),
    )
    shape = WindowMetric(
        f"{prefix}_shape", f"1 for the shape that {subject} has over time.", _shape(family), (*labels, "shape"), rank=15
    )
    return (*gauges, shape) if shapes else gauges


GAUGES = (
    WindowMetric(
        "ml_drift_onset_timestamp_seconds",
        "When the first of the drifted features began to, those that only recur aside; Unix seconds of event time.",
        _first,
        rank=5,
    ),
    WindowMetric("ml_drift_shape", "1 for the shape of that drift over time.", _first_shape, ("shape",), rank=5),
    *_family("feature", "ml_feature_drift", "the drift of a feature", ("feature",)),
    *_family("prediction", "ml_prediction_drift", "the drift of predictions", ()),
    *_family("label", "ml_label_drift", "the drift of labels", ()),
    *_family(
        "quality", "ml_feature_quality", "what is wrong with a feature's values", ("feature", "check"), shapes=False
    ),
    *_family("performance", "ml_performance", "the loss of performance", ("metric",)),
    *_family("slice", "ml_worst_slice", "what makes a slice worse than it was", ("dimension", "value"), shapes=False),
)
