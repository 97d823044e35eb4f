"""The gauges of this family on /metrics."""

from collections.abc import Iterator

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.performance.parts import of_slices
from exporter.metrics.performance.registry import BY_TASK
from exporter.metrics.performance.results import results
from exporter.metrics.spec import NoData, Sample, WindowMetric


def _value(evaluation: Evaluation) -> Iterator[Sample]:
    for result in results(evaluation):
        if np.isfinite(result.value):
            yield (result.metric.name,), result.value


def _bound(evaluation: Evaluation) -> Iterator[Sample]:
    for result in results(evaluation):
        for bound, value in (("lower", result.lower), ("upper", result.upper)):
            if np.isfinite(value):
                yield (result.metric.name, bound), value


def _reference(evaluation: Evaluation) -> Iterator[Sample]:
    for result in results(evaluation):
        if np.isfinite(result.reference):
            yield (result.metric.name,), result.reference


def _threshold(evaluation: Evaluation) -> Iterator[Sample]:
    for result in results(evaluation):
        for bound, value in zip(("lower", "upper"), result.threshold, strict=True):
            if np.isfinite(value):
                yield (result.metric.name, bound), value


def _degraded(evaluation: Evaluation) -> Iterator[Sample]:
    for result in results(evaluation):
        if result.degraded is not None:
            yield (result.metric.name,), float(result.degraded)


def _slices(evaluation: Evaluation) -> Iterator[Sample]:
    counts, vocabulary = evaluation.counts, evaluation.vocabulary
    metrics = [metric for metric in BY_TASK[evaluation.layout.task] if metric.sliced]
    for dimension in evaluation.layout.slices:
        if dimension not in vocabulary.capacity:
            continue
        parts = of_slices(counts, dimension)
        enough = parts.labels >= max(evaluation.thresholds.min_slice, 1)
        names = vocabulary.labels(dimension)
        for metric in metrics:
            try:
                values = metric.compute(parts).value
            except NoData:
                continue
            for slot in np.flatnonzero(enough & np.isfinite(values)):
                if names[slot]:
                    yield (dimension, names[slot], metric.name), float(values[slot])


GAUGES = (
    WindowMetric("ml_performance", "How well the window's labelled predictions did.", _value, labels=("metric",)),
    WindowMetric(
        "ml_performance_bound",
        "Ends of the 95 % confidence interval of ml_performance.",
        _bound,
        labels=("metric", "bound"),
        rank=10,
    ),
    WindowMetric(
        "ml_performance_reference",
        "What ml_performance is on the whole reference.",
        _reference,
        labels=("metric",),
        rank=10,
    ),
    WindowMetric(
        "ml_performance_threshold",
        "Where ml_performance turns bad: as configured, or learned from the reference's own windows and rescaled to "
        "the window's labels.",
        _threshold,
        labels=("metric", "bound"),
        rank=5,
    ),
    WindowMetric(
        "ml_performance_degraded",
        "1 where ml_performance lies beyond its threshold with its whole confidence interval, else 0.",
        _degraded,
        labels=("metric",),
    ),
    WindowMetric(
        "ml_slice_performance",
        "How well labelled predictions of a slice did; values with too few labels are not shown.",
        _slices,
        labels=("dimension", "value", "metric"),
        rank=60,
    ),
)
