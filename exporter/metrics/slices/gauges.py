"""The gauges of this family on /metrics."""

from collections.abc import Iterator

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.slices.segments import METRIC, reference_segments, segments
from exporter.metrics.slices.worst import WorstSlice, worst
from exporter.metrics.spec import NoData, Sample, WindowMetric

_SHOWN = "worst_slices"


def worst_slices(evaluation: Evaluation) -> list[WorstSlice]:
    """The window's worst parts; empty where none does worse than the others. Computed once an evaluation.

    Raises:
        NoData: too few labels.
    """
    return evaluation.once(_SHOWN, _worst)


def _worst(evaluation: Evaluation) -> list[WorstSlice]:
    thresholds = evaluation.thresholds
    if evaluation.counts.labels < max(thresholds.min_labels, 1):
        raise NoData
    found = worst(
        segments(evaluation),
        reference_segments(evaluation),
        thresholds.min_slice,
        thresholds.false_discovery_rate,
        evaluation.memory.get(_SHOWN, ()),
    )
    evaluation.memory[_SHOWN] = frozenset(each.name for each in found)
    return found


def _gap(evaluation: Evaluation) -> Iterator[Sample]:
    metric = METRIC[evaluation.layout.task]
    for each in worst_slices(evaluation):
        yield (*each.name, metric), each.gap


def _bound(evaluation: Evaluation) -> Iterator[Sample]:
    metric = METRIC[evaluation.layout.task]
    for each in worst_slices(evaluation):
        yield (*each.name, metric, "lower"), each.lower
        yield (*each.name, metric, "upper"), each.upper


def _reference(evaluation: Evaluation) -> Iterator[Sample]:
    metric = METRIC[evaluation.layout.task]
    for each in worst_slices(evaluation):
        if np.isfinite(each.reference_gap):
            yield (*each.name, metric), each.reference_gap


def _share(evaluation: Evaluation) -> Iterator[Sample]:
    for each in worst_slices(evaluation):
        yield each.name, each.share


GAUGES = (
    WindowMetric(
        "ml_worst_slice_gap",
        "By how much more often a slice is wrong (or how much further off) than all other predictions; the five that "
        "cost the most, where it is no chance.",
        _gap,
        labels=("dimension", "value", "metric"),
        rank=20,
    ),
    WindowMetric(
        "ml_worst_slice_gap_bound",
        "Ends of the 95 % confidence interval of ml_worst_slice_gap.",
        _bound,
        labels=("dimension", "value", "metric", "bound"),
        rank=30,
    ),
    WindowMetric(
        "ml_worst_slice_reference_gap",
        "What ml_worst_slice_gap is on the whole reference: a slice that always was harder is no news.",
        _reference,
        labels=("dimension", "value", "metric"),
        rank=30,
    ),
    WindowMetric(
        "ml_worst_slice_labels_ratio",
        "Share of the labelled predictions that are of the slice.",
        _share,
        labels=("dimension", "value"),
        rank=30,
    ),
)
