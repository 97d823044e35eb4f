"""Counts of a window. They may be summed over replicas: recorded rules make ratios of the whole fleet from them."""

from collections.abc import Iterator

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.spec import NoData, Sample, WindowMetric
from exporter.metrics.traffic.names import by_outcome, named, shown_rows


def _predictions(evaluation: Evaluation) -> Iterator[Sample]:
    yield (), evaluation.counts.rows


def _errors(evaluation: Evaluation) -> Iterator[Sample]:
    for name, count in named(evaluation.vocabulary, "error", evaluation.counts["errors"]):
        yield (name,), count


def _labels(evaluation: Evaluation) -> Iterator[Sample]:
    yield (), evaluation.counts.labels


def _outcomes(evaluation: Evaluation) -> Iterator[Sample]:
    outcomes = evaluation.counts.get("outcomes")
    if outcomes is None:
        raise NoData
    yield from by_outcome(evaluation.layout, outcomes)


def _slice_predictions(evaluation: Evaluation) -> Iterator[Sample]:
    least = evaluation.thresholds.min_slice
    for dimension in evaluation.layout.slices:
        rows = shown_rows(evaluation.counts, dimension, least)
        for value, count in named(evaluation.vocabulary, dimension, rows, least):
            yield (dimension, value), count


def _end(evaluation: Evaluation) -> Iterator[Sample]:
    yield (), float(evaluation.window.end)


def _reference_predictions(evaluation: Evaluation) -> Iterator[Sample]:
    reference = evaluation.reference
    if reference is None:
        raise NoData
    windows = reference.windows(evaluation.window.seconds)
    if len(windows) == 0:
        raise NoData
    yield (), float(np.median(reference.part(windows, "rows")))


WINDOWS = (
    WindowMetric(
        "ml_window_predictions",
        "Predictions in the window, failed ones included.",
        _predictions,
    ),
    WindowMetric(
        "ml_window_errors",
        "Failed predictions in the window, by class of error.",
        _errors,
        labels=("error",),
        rank=20,
    ),
    WindowMetric(
        "ml_window_labels",
        "Predictions of the window whose true outcome is known by now.",
        _labels,
    ),
    WindowMetric(
        "ml_window_outcomes",
        "Labelled predictions of the window, by predicted and actual class.",
        _outcomes,
        labels=("predicted", "actual"),
        rank=30,
    ),
    WindowMetric(
        "ml_window_slice_predictions",
        "Predictions in the window by value of a slice dimension; values with too few rows are not shown.",
        _slice_predictions,
        labels=("dimension", "value"),
        rank=60,
    ),
    WindowMetric(
        "ml_window_end_timestamp_seconds",
        "Event time at which the window ends, in Unix seconds.",
        _end,
    ),
    WindowMetric(
        "ml_window_reference_predictions",
        "Predictions that the reference had in a window of this length, in the median.",
        _reference_predictions,
        rank=10,
    ),
)
