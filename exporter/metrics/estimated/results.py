"""What every metric of a window is expected to be, beside its threshold: what all gauges of this family show a part of.

The threshold is that of measured performance (performance/band.py), for as many labels as there are rows: estimated
and measured values stand on one scale, and what a reference's windows do by themselves is no news in either. The
interval that is shown holds what will be measured. The verdict asks something else, whether performance is to be
expected beyond the threshold, so the near end is that of an interval without the chance of outcomes: what the reference
knows too little of, and the mix of rows, whose variance is that of a measured value less that of outcomes.
"""

from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from exporter.metrics.estimated import binary, classes, loss_model
from exporter.metrics.estimated.estimator import Estimator, Expectation, Learned
from exporter.metrics.estimated.support import MOST_OUTSIDE, outside
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.filled import NEARLY, filled
from exporter.metrics.performance.band import UNKNOWN, Variation, learned_band, variations
from exporter.metrics.performance.estimate import fisher, logistic, normal, positive
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import divide, of_counts
from exporter.metrics.performance.registry import BY_TASK
from exporter.metrics.performance.results import Result, beyond, configured_band
from exporter.metrics.spec import NoData
from exporter.profile.layout import Task
from exporter.profile.reference import Reference

_LOSSES = Estimator(loss_model.learn, loss_model.estimate, loss_model.rows)
ESTIMATORS: Mapping[Task, tuple[Estimator, ...]] = {
    "binary": (Estimator(binary.learn, binary.estimate, binary.rows), _LOSSES),
    "multiclass": (Estimator(classes.learn, classes.estimate, classes.rows), _LOSSES),
    "regression": (_LOSSES,),
}
"""By task: the first that a reference teaches something tells; the next one gives a second opinion."""
_NOTHING = Expectation(np.nan, np.nan, np.nan)


def estimates(evaluation: Evaluation) -> tuple[Result, ...]:
    """Estimated results of all metrics that can be, computed once an evaluation; none where nothing can be said."""
    return evaluation.once("estimated", _estimates)


def second_opinions(evaluation: Evaluation) -> dict[str, float]:
    """Metric → its value by another way to estimate than that of `estimates`; empty where there is no other way."""
    reference = evaluation.reference
    known = () if reference is None else _taught(reference)
    found: dict[str, float] = {}
    for estimator, learned in known[1:]:
        if estimator.rows(evaluation.counts) >= max(evaluation.thresholds.min_rows, 1):
            told = estimator.estimate(learned.model, evaluation.counts)
            found |= {name: told[name].value + off for name, off in learned.offsets.items() if name in told}
    return found


def lacking(evaluation: Evaluation) -> str:
    """Why nothing is estimated or judged; empty where it is, and where nobody could expect it to be."""
    reference, estimator = evaluation.reference, ESTIMATORS[evaluation.layout.task][0]
    if reference is None or estimator.rows(reference.total) <= 0 or reference.total.labels <= 0:
        return ""
    if not _taught(reference):
        return "the reference teaches too little; fit it again, with outcomes of every kind"
    rows, least = _taught(reference)[0][0].rows(evaluation.counts), max(evaluation.thresholds.min_rows, 1)
    if rows < least:
        return f"{rows:,.0f} of {least:,} predictions"
    if outside(evaluation) > MOST_OUTSIDE:
        return f"{outside(evaluation):.0%} of the rows are of a kind that the reference hardly knows"
    return ""


def _estimates(evaluation: Evaluation) -> tuple[Result, ...]:
    reference = evaluation.reference
    if reference is None or not _taught(reference):
        return ()
    estimator, learned = _taught(reference)[0]
    rows = estimator.rows(evaluation.counts)
    if rows < max(evaluation.thresholds.min_rows, 1):
        return ()
    known = variations(reference, filled(evaluation).length(NEARLY), evaluation.thresholds)
    found = estimator.estimate(learned.model, evaluation.counts)
    results = []
    for metric in BY_TASK[evaluation.layout.task]:
        if metric.name in learned.offsets and metric.name in found:
            told = found[metric.name]._replace(value=found[metric.name].value + learned.offsets[metric.name])
            if np.isfinite(told.value):
                results.append(_result(evaluation, metric, told, known.get(metric.name, UNKNOWN), rows))
    return tuple(results)


def _taught(reference: Reference) -> tuple[tuple[Estimator, Learned], ...]:
    """What the reference teaches, learned once: those estimators that it teaches something."""

    def learn(known: Reference) -> tuple[tuple[Estimator, Learned], ...]:
        found = ((estimator, _learn(estimator, known)) for estimator in ESTIMATORS[known.layout.task])
        return tuple((estimator, learned) for estimator, learned in found if learned is not None)

    return reference.once("estimated", learn)


def _learn(estimator: Estimator, reference: Reference) -> Learned | None:
    """What the reference teaches, and how far off its own measured values the estimates of its own rows are."""
    model = estimator.learn(reference)
    if model is None:
        return None
    estimated, measured = estimator.estimate(model, reference.total), of_counts(reference.total)
    offsets = {}
    for metric in BY_TASK[reference.layout.task]:
        with suppress(NoData):
            offset = float(metric.compute(measured).value[0]) - estimated.get(metric.name, _NOTHING).value
            if np.isfinite(offset):
                offsets[metric.name] = offset
    return Learned(model, offsets) if offsets else None


def _result(
    evaluation: Evaluation, metric: PerformanceMetric, told: Expectation, known: Variation, rows: float
) -> Result:
    threshold = configured_band(
        evaluation.thresholds.performance.get(metric.name), learned_band(metric, known, rows, 0.0)
    )
    value, lower, upper = _interval(metric, told.value, told.chance + told.noise, rows)
    verdict = None
    if outside(evaluation) <= MOST_OUTSIDE:
        # Labels to come are no part of what is expected; the rows that happened to come are.
        mix = max(np.nan_to_num(known.of_label) / rows - told.chance, 0.0)
        verdict = beyond(*_interval(metric, told.value, told.noise + mix, rows), threshold)
    return Result(metric, value, lower, upper, known.value, threshold, verdict)


def _interval(metric: PerformanceMetric, value: float, variance: float, rows: float) -> tuple[float, float, float]:
    """The value, kept within the metric's range, and the ends of its 95 % interval on a scale that suits that range."""
    low, high = -np.inf if metric.low is None else metric.low, np.inf if metric.high is None else metric.high
    at, spread = np.array([np.clip(value, low, high)]), np.array([variance])
    if (low, high) == (0.0, 1.0):
        found = logistic(at, spread, (at * rows + 0.5) / (rows + 1))
    elif (low, high) == (-1.0, 1.0):
        found = fisher(at, spread, at * rows / (rows + 1))
    elif low == 0.0:
        # A log-normal of this mean and variance: its ends stay near where the variance is large beside the mean.
        found = positive(at, at * at * np.log1p(divide(spread, at * at)))
    else:
        found = normal(at, spread, low, high)
    return float(found.value[0]), float(found.lower[0]), float(found.upper[0])
