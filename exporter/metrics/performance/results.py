"""Every metric of a window beside its reference and its band: what all gauges of this family show a part of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exporter.metrics.evaluation import Evaluation, Thresholds
from exporter.metrics.filled import NEARLY, filled
from exporter.metrics.performance.band import UNKNOWN, Variation, learned_band, variations
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, of_counts
from exporter.metrics.performance.registry import BY_TASK
from exporter.metrics.spec import NoData


@dataclass(frozen=True, slots=True)
class Result:
    """One metric of one window; NaN where there is nothing to say.

    Attributes:
        value, lower, upper: the metric and its 95 % interval; `value` is NaN under `min_labels` labels.
        reference: the metric on the whole reference.
        threshold: (lower, upper) beyond which it is bad.
        degraded: None where there is no verdict.
    """

    metric: PerformanceMetric
    value: float
    lower: float
    upper: float
    reference: float
    threshold: tuple[float, float]
    degraded: bool | None


def results(evaluation: Evaluation) -> tuple[Result, ...]:
    """Results of all metrics of the task that the profile can tell, computed once an evaluation."""
    return evaluation.once("performance", _results)


def _results(evaluation: Evaluation) -> tuple[Result, ...]:
    parts, reference = of_counts(evaluation.counts), evaluation.reference
    known: Mapping[str, Variation] = {}
    if reference is not None:
        known = variations(reference, filled(evaluation, "labels").length(NEARLY), evaluation.thresholds)
    metrics = BY_TASK[evaluation.layout.task]
    found = (_result(parts, metric, known.get(metric.name, UNKNOWN), evaluation.thresholds) for metric in metrics)
    return tuple(result for result in found if result is not None)


def _result(parts: Parts, metric: PerformanceMetric, known: Variation, thresholds: Thresholds) -> Result | None:
    try:
        estimate = metric.compute(parts)
    except NoData:
        return None
    labels = float(parts.labels[0])
    enough = labels >= thresholds.min_labels and labels > 0 and np.isfinite(estimate.value[0])
    learned = learned_band(metric, known, labels, float(estimate.bias[0])) if enough else (np.nan, np.nan)
    threshold = configured_band(thresholds.performance.get(metric.name), learned)
    told = (estimate.value, estimate.lower, estimate.upper)
    value, lower, upper = (float(each[0]) if enough else np.nan for each in told)
    return Result(metric, value, lower, upper, known.value, threshold, beyond(value, lower, upper, threshold))


def configured_band(
    given: tuple[float | None, float | None] | None, learned: tuple[float, float]
) -> tuple[float, float]:
    """What the configuration says; what was learned only where it says nothing of the metric at all."""
    if given is None:
        return learned
    return tuple(np.nan if bound is None else bound for bound in given)  # type: ignore[return-value] # two in, two out


def beyond(value: float, lower: float, upper: float, threshold: tuple[float, float]) -> bool | None:
    """True where the value lies beyond a threshold, and the near end of its interval, where it has one, does too."""
    if np.isnan(value) or np.isnan(threshold).all():
        return None
    near_upper, near_lower = (value if np.isnan(end) else end for end in (upper, lower))
    too_low = value < threshold[0] and near_upper < threshold[0]
    too_high = value > threshold[1] and near_lower > threshold[1]
    return bool(too_low or too_high)
