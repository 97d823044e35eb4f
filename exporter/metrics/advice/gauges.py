"""The gauges of this family on /metrics."""

from collections.abc import Callable, Iterator

import numpy as np

from exporter.metrics.advice.evidence import gather
from exporter.metrics.advice.gains import gains
from exporter.metrics.advice.rules import Advice, advise
from exporter.metrics.advice.since import since, training_start
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.spec import Sample, WindowMetric


def _recommended(evaluation: Evaluation) -> Iterator[Sample]:
    advice = advise(gather(evaluation))
    if advice is not None:
        yield (advice.action, advice.reason, advice.subject), 1.0


def _when(question: Callable[[Evaluation, Advice], float]) -> Callable[[Evaluation], Iterator[Sample]]:
    def compute(evaluation: Evaluation) -> Iterator[Sample]:
        advice = advise(gather(evaluation))
        if advice is not None and not np.isnan(when := question(evaluation, advice)):
            yield (), when

    return compute


def _gain(evaluation: Evaluation) -> Iterator[Sample]:
    for each in gains(evaluation):
        yield (each.action, each.subject, each.metric), each.gain.value


def _gain_bounds(evaluation: Evaluation) -> Iterator[Sample]:
    for each in gains(evaluation):
        yield (each.action, each.subject, each.metric, "lower"), each.gain.lower
        yield (each.action, each.subject, each.metric, "upper"), each.gain.upper


def _thresholds(evaluation: Evaluation) -> Iterator[Sample]:
    for each in gains(evaluation):
        if each.gain.certain and not np.isnan(each.threshold):
            yield (each.metric,), each.threshold


ADVICE = (
    WindowMetric(
        "ml_recommended_action",
        "1 with what to do, why, and what it is about: a feature, a slice, a version, an objective or a machine.",
        _recommended,
        labels=("action", "reason", "subject"),
    ),
    WindowMetric(
        "ml_recommended_action_since_timestamp_seconds",
        "When what something is to be done about began, Unix seconds of event time; absent if unknown.",
        _when(since),
        rank=5,
    ),
    WindowMetric(
        "ml_recommended_training_start_timestamp_seconds",
        "From when on rows show what is to be learned, where to retrain or to rebuild is recommended; Unix seconds.",
        _when(training_start),
        rank=5,
    ),
    WindowMetric(
        "ml_action_gain",
        "By how much a metric would be better on new rows like the window's; above 0 is better, whatever the metric.",
        _gain,
        labels=("action", "subject", "metric"),
        rank=15,
    ),
    WindowMetric(
        "ml_action_gain_bound",
        "Ends of the 95 % interval of that gain; one that holds 0: nothing to be gained that could be seen.",
        _gain_bounds,
        labels=("action", "subject", "metric", "bound"),
        rank=35,
    ),
    WindowMetric(
        "ml_recommended_threshold",
        "Score above which to call rows positive; there where a metric would be better by it beyond chance.",
        _thresholds,
        labels=("metric",),
        rank=15,
    ),
)
