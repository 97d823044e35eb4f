"""Histograms of latency, outputs and label delay: facts by processing time, in the bins that the profile keeps."""

from collections.abc import Iterator

import numpy as np

from exporter.metrics.evaluation import Facts
from exporter.metrics.spec import FactMetric, HistogramSample, HistogramValue, NoData
from exporter.profile.bins import Floats, NumericBins

MOST_BOUNDS = 20
"""Buckets of an output's histogram, +Inf not counted: a bucket is a series of every version."""


def merged(bins: NumericBins, cells: Floats) -> tuple[tuple[float, ...], Floats]:
    """At most `MOST_BOUNDS` of the bins' edges, evenly spread over the bins, and `cells` (K,) merged to buckets."""
    last = len(bins.edges) - 1
    picked = np.unique(np.linspace(min(1, last), last, min(MOST_BOUNDS, max(last, 1))).round().astype(np.intp))
    starts = np.concatenate(([0], picked + 1))
    return tuple(bins.edges[picked].tolist()), np.add.reduceat(cells, starts)


def _latency(facts: Facts) -> Iterator[HistogramSample]:
    counts = facts.total["latency"]
    if not counts.any():
        raise NoData  # the log has no latency, or there was no prediction yet
    yield (), HistogramValue(facts.total.layout.latency_bounds, counts, float(facts.total["latency_sum"][0]))


def _score(facts: Facts) -> Iterator[HistogramSample]:
    yield (), _output(facts, facts.total.layout.score_bins, "score")


def _value(facts: Facts) -> Iterator[HistogramSample]:
    yield (), _output(facts, facts.total.layout.prediction_bins, "prediction")


def _output(facts: Facts, bins: NumericBins | None, part: str) -> HistogramValue:
    cells = facts.total.get(part)
    if bins is None or cells is None:
        raise NoData
    bounds, counts = merged(bins, cells)
    return HistogramValue(bounds, counts, float(facts.total[f"{part}_sum"][0]))


def _label_delay(facts: Facts) -> Iterator[HistogramSample]:
    counts = facts.total["label_delay"]
    if not counts.any():
        raise NoData  # labels carry no time of their own, or none came yet
    yield (), HistogramValue(facts.total.layout.label_delay_bounds, counts, float(facts.total["label_delay_sum"][0]))


HISTOGRAMS = (
    FactMetric("ml_prediction_latency_seconds", "histogram", "Time a prediction took.", _latency, rank=10),
    FactMetric("ml_prediction_score", "histogram", "Score of the positive class.", _score, rank=40),
    FactMetric("ml_prediction_value", "histogram", "Predicted values, in the target's unit.", _value, rank=40),
    FactMetric(
        "ml_label_delay_seconds",
        "histogram",
        "Time from a prediction to its label, in event time.",
        _label_delay,
        rank=20,
    ),
)
