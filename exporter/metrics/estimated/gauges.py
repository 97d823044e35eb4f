"""The gauges of this family on /metrics."""

from collections.abc import Iterator

import numpy as np

from exporter.metrics.estimated.results import estimates, second_opinions
from exporter.metrics.estimated.support import MOST_OUTSIDE, outside
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.spec import NoData, Sample, WindowMetric


def _value(evaluation: Evaluation) -> Iterator[Sample]:
    for result in estimates(evaluation):
        yield (result.metric.name,), result.value


def _bound(evaluation: Evaluation) -> Iterator[Sample]:
    if outside(evaluation) > MOST_OUTSIDE:
        raise NoData  # nothing is held in 95 % where the reference knows nothing of the rows
    for result in estimates(evaluation):
        for bound, value in (("lower", result.lower), ("upper", result.upper)):
            if np.isfinite(value):
                yield (result.metric.name, bound), value


def _threshold(evaluation: Evaluation) -> Iterator[Sample]:
    for result in estimates(evaluation):
        for bound, value in zip(("lower", "upper"), result.threshold, strict=True):
            if np.isfinite(value):
                yield (result.metric.name, bound), value


def _degraded(evaluation: Evaluation) -> Iterator[Sample]:
    for result in estimates(evaluation):
        if result.degraded is not None:
            yield (result.metric.name,), float(result.degraded)


def _second_opinion(evaluation: Evaluation) -> Iterator[Sample]:
    for name, value in second_opinions(evaluation).items():
        yield (name,), value


def _outside(evaluation: Evaluation) -> Iterator[Sample]:
    if estimates(evaluation):
        yield (), outside(evaluation)


GAUGES = (
    WindowMetric(
        "ml_performance_estimated",
        "What ml_performance is expected to be for all of the window's predictions, labelled or not, if only inputs "
        "changed since the reference.",
        _value,
        labels=("metric",),
    ),
    WindowMetric(
        "ml_performance_estimated_bound",
        "Interval about ml_performance_estimated that holds what is measured once labels are there in 95 %, if only "
        "inputs changed; absent where the estimate does not hold.",
        _bound,
        labels=("metric", "bound"),
        rank=20,
    ),
    WindowMetric(
        "ml_performance_estimated_threshold",
        "Where ml_performance_estimated turns bad: as ml_performance_threshold, for as many labels as predictions.",
        _threshold,
        labels=("metric", "bound"),
        rank=20,
    ),
    WindowMetric(
        "ml_performance_estimated_degraded",
        "1 where ml_performance_estimated lies beyond its threshold with its whole interval, else 0; absent where the "
        "estimate does not hold.",
        _degraded,
        labels=("metric",),
        rank=5,
    ),
    WindowMetric(
        "ml_performance_estimated_second_opinion",
        "Of a classifier with scores: what features and the score say by the reference's loss model, beside what "
        "calibrated scores say. Far from ml_performance_estimated, scores do not mean what they did.",
        _second_opinion,
        labels=("metric",),
        rank=30,
    ),
    WindowMetric(
        "ml_performance_estimated_outside_ratio",
        "Share of the window's rows of a kind that the reference hardly knows, of the feature with the most: estimates "
        "do not hold there.",
        _outside,
    ),
)
