"""How small a fall of performance the window's labels could show, and whether that is too little to call it watched.

A window is degraded where its value lies beyond the threshold T with the near end of its 95 % interval (see
performance/band.py). If the truth is Δ worse than the reference's value c, the window's value is about normal around
that, with variance between + s²: what differs from window to window, and the sampling variance of its labels. The
smallest Δ that is found in four windows of five is

    Δ = |c - T| + 1.96 s + z₀.₈ √(between + s²),   z₀.₈ = 0.84

with T as it is at so many labels, and s as it is after the fall: of shares and areas it goes with √(v (1 - v)) of
their value v, of errors without an upper end with v itself, of others it stays. A metric that is bad on either side has
the larger of both.

However many labels come, Δ stays above that of s = 0: windows differ. It is the labels' fault where Δ is over twice
that, and it matters where it is over `thresholds.blind_change` of the reference's value. Both together, or too few
labels for any verdict, is *blind*. What is called degraded was seen.

Source: J. Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988 (power of a test of a mean; 0.8).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from exporter.metrics.evaluation import Evaluation, Thresholds
from exporter.metrics.filled import NEARLY, filled
from exporter.metrics.performance.band import UNKNOWN, Variation, learned_band, variations
from exporter.metrics.performance.estimate import FOUR_OF_FIVE, Z
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.registry import BY_TASK
from exporter.metrics.performance.results import Result, configured_band, results
from exporter.metrics.spec import NoData, Sample, WindowMetric

_ROUNDS = 8
"""Δ and the sampling variance at that Δ depend on each other."""
_ITS_FAULT = 2.0
"""Times what could be found with any number of labels."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a window's labels can show of one metric.

    Attributes:
        change: smallest fall that is found in four windows of five; NaN without a threshold or enough labels.
        blind: None where it cannot be said.
    """

    metric: PerformanceMetric
    change: float
    blind: bool | None


def sights(evaluation: Evaluation) -> tuple[Sight, ...]:
    """Of all metrics of the task, computed once an evaluation.

    Raises:
        NoData: no reference, or no prediction was answered.
    """
    return evaluation.once("performance power", _sights)


def _sights(evaluation: Evaluation) -> tuple[Sight, ...]:
    reference, counts, thresholds = evaluation.reference, evaluation.counts, evaluation.thresholds
    if reference is None or counts.answered <= 0:
        raise NoData
    known = variations(reference, filled(evaluation, "labels").length(NEARLY), thresholds)
    labels = counts.labels * counts.worth("labels")
    # Where neither a label came nor the reference knows when they come, perhaps nobody sends any.
    awaited = counts.labels > 0 or float(reference.total["label_delay"].sum()) > 0
    told = {result.metric.name: result for result in results(evaluation)}
    return tuple(
        _sight(metric, told.get(metric.name), known.get(metric.name, UNKNOWN), labels, thresholds)
        for metric in BY_TASK[evaluation.layout.task]
        if awaited
    )


def _sight(
    metric: PerformanceMetric, result: Result | None, known: Variation, labels: float, thresholds: Thresholds
) -> Sight:
    if labels < max(thresholds.min_labels, 1):
        least = _band(metric, known, max(thresholds.min_labels, 1), thresholds)
        return Sight(metric, math.nan, True if metric.better != "zero" and any(map(math.isfinite, least)) else None)
    if result is None or math.isnan(result.value):
        return Sight(metric, math.nan, None)
    change = _change(metric, known, result.threshold, labels)
    if math.isnan(change) or metric.better == "zero":
        return Sight(metric, change, None)
    if change <= thresholds.blind_change * abs(known.value) or result.degraded:
        return Sight(metric, change, blind=False)
    best = _change(metric, known, _band(metric, known, math.inf, thresholds), math.inf)
    return Sight(metric, change, blind=math.isnan(best) or change > _ITS_FAULT * best)


def _band(metric: PerformanceMetric, known: Variation, labels: float, thresholds: Thresholds) -> tuple[float, float]:
    return configured_band(thresholds.performance.get(metric.name), learned_band(metric, known, labels, known.bias))


def _change(metric: PerformanceMetric, known: Variation, threshold: tuple[float, float], labels: float) -> float:
    """Δ for windows with so many labels; NaN where there is no threshold."""
    counted = math.isfinite(known.of_label)
    sampling = known.of_label / labels if counted else 0.0
    more = 1.0 if counted else max(1.0, known.between.labels / labels)
    found = [
        _on_side(metric, known, (end, side), more * between, sampling)
        for side, end, between in zip((-1, 1), threshold, (known.between.below, known.between.above), strict=True)
        if math.isfinite(end)
    ]
    return max(found, default=math.nan)


def _on_side(
    metric: PerformanceMetric, known: Variation, threshold: tuple[float, int], between: float, sampling: float
) -> float:
    """Δ towards one threshold: (where it lies, -1 for a fall of the value or 1 for a rise)."""
    end, side = threshold
    gap, change = abs(known.value - end), 0.0
    for _ in range(_ROUNDS if sampling else 1):
        error = sampling * _growth(metric, known.value, known.value + side * change)
        change = gap + Z * math.sqrt(error) + FOUR_OF_FIVE * math.sqrt(between + error)
    return change


def _growth(metric: PerformanceMetric, usual: float, fallen: float) -> float:
    """How the sampling variance of a label grows when the value falls: as that of a share, or of a size."""
    if metric.low != 0.0 or usual <= 0 or (metric.better == "lower" and metric.high is not None):
        return 1.0
    if metric.high is None:
        return (fallen / usual) ** 2
    fallen = min(max(fallen, 0.0), metric.high)
    return max(fallen * (metric.high - fallen) / max(usual * (metric.high - usual), 1e-12), 1e-3)


def _changes(evaluation: Evaluation) -> Iterator[Sample]:
    for sight in sights(evaluation):
        if math.isfinite(sight.change):
            yield (sight.metric.name,), sight.change


def _blind(evaluation: Evaluation) -> Iterator[Sample]:
    for sight in sights(evaluation):
        if sight.blind is not None:
            yield (sight.metric.name,), float(sight.blind)


POWER = (
    WindowMetric(
        "ml_performance_min_detectable_change",
        "Smallest fall of ml_performance below the reference's value that the window's labels would show in four "
        "windows of five.",
        _changes,
        labels=("metric",),
        rank=10,
    ),
    WindowMetric(
        "ml_performance_blind",
        "1 where the window has too few labels to show a fall that matters, or any at all, else 0.",
        _blind,
        labels=("metric",),
        rank=5,
    ),
)
