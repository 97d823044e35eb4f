"""Counts come out as they went in, under names that are known from the start."""

import numpy as np
import pytest

from exporter.metrics.evaluation import Facts, Objective, Thresholds
from exporter.metrics.spec import HistogramValue, NoData
from exporter.metrics.traffic import TRAFFIC
from exporter.metrics.traffic.histograms import MOST_BOUNDS
from exporter.profile.bins import CategoryBins, NumericBins
from exporter.profile.counts import Counts
from exporter.profile.layout import ERROR_SLOTS, Layout
from exporter.profile.vocabulary import Vocabulary
from tests.oracle.counting import count, numeric
from tests.oracle.references import DAY, evaluation_of, reference_of, samples

SCORES = NumericBins(edges=np.linspace(0.0, 1.0, 129))
LAYOUT = Layout(
    task="binary",
    classes=("0", "1"),
    features={"x": NumericBins(edges=np.array([0.0, 1.0, 2.0])), "c": CategoryBins(values=("a", "b"))},
    score_bins=SCORES,
    slices={"carrier": 3},
)
VOCABULARY = Vocabulary({"carrier": 3, "error": ERROR_SLOTS}, {"carrier": ["AA"], "error": ["timeout"]})
BY_NAME = {metric.name: metric for metric in TRAFFIC}
WINDOWS = [metric for metric in TRAFFIC if metric.name.startswith("ml_window")]


def filled() -> Counts:
    counts = count(
        LAYOUT,
        {"carrier": np.array([0] * 40 + [2] * 10)},
        score=np.linspace(0.01, 0.99, 50),
        predicted=(np.linspace(0.01, 0.99, 50) > 0.5).astype(int),
        actual=np.arange(50) % 2,
        x=np.array([np.nan] * 3 + [np.inf] * 2 + [-1.0, 5.0] + [1.5] * 43),
        c=np.array([0] + [5] * 4 + [2] * 45),
    )
    counts["errors"][0] = 3
    counts["latency"][4] = 30  # (10 ms, 25 ms]
    counts["latency"][8] = 17  # (250 ms, 500 ms]
    counts["latency_sum"][0] = 7.5
    return counts


def facts(counts: Counts | None = None, **options: object) -> Facts:
    return Facts("m", "v", counts if counts is not None else filled(), VOCABULARY, **options)


def fact(name: str, of: Facts) -> dict[tuple[str, ...], object]:
    try:
        return dict(BY_NAME[name].compute(of))
    except NoData:
        return {}


def test_names_are_given_once():
    assert len(TRAFFIC) == len(BY_NAME)


def test_window_counts():
    found = samples(WINDOWS, evaluation_of(filled(), vocabulary=VOCABULARY))
    assert found["ml_window_predictions"] == {(): 50.0}
    assert found["ml_window_labels"] == {(): 50.0}
    assert found["ml_window_errors"] == {("timeout",): 3.0, ("other",): 0.0}
    assert found["ml_window_slice_predictions"] == {("carrier", "AA"): 40.0}
    assert {(): float(DAY)} == found["ml_window_end_timestamp_seconds"]
    assert found["ml_window_outcomes"] == {("0", "0"): 13.0, ("0", "1"): 12.0, ("1", "0"): 12.0, ("1", "1"): 13.0}
    assert "ml_window_reference_predictions" not in found


def test_usual_traffic_is_the_median_of_the_references_windows():
    blocks = []
    for rows in (80, 100, 130):
        block = Counts.zero(LAYOUT)
        block["rows"][0] = rows
        blocks.append(block)
    found = samples(WINDOWS, evaluation_of(filled(), reference_of(blocks)))
    assert found["ml_window_reference_predictions"] == {(): 100.0}
    assert "ml_window_reference_predictions" not in samples(
        WINDOWS, evaluation_of(filled(), reference_of(blocks, None))
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ml_predictions_total", {(): 50.0}),
        ("ml_prediction_errors_total", {("timeout",): 3.0, ("other",): 0.0}),
        ("ml_slice_predictions_total", {("carrier", "AA"): 40.0}),
        ("ml_labels_total", {(): 50.0}),
        ("ml_outcomes_total", {("0", "0"): 13.0, ("0", "1"): 12.0, ("1", "0"): 12.0, ("1", "1"): 13.0}),
        ("ml_predicted_class_total", {("0",): 25.0, ("1",): 25.0}),
        ("ml_feature_missing_total", {("x",): 3.0, ("c",): 1.0}),
        ("ml_feature_invalid_total", {("x",): 2.0, ("c",): 0.0}),
        ("ml_feature_out_of_range_total", {("x",): 2.0}),
        ("ml_feature_unseen_total", {("c",): 4.0}),
        ("ml_absolute_error_total", {}),
        ("ml_prediction_value", {}),
        ("ml_label_delay_seconds", {}),
        ("ml_watermark_timestamp_seconds", {}),
    ],
)
def test_counters(name, expected):
    assert expected == fact(name, facts())


def test_counters_begin_at_zero():
    """A rise from nothing is a rise that `rate` cannot see."""
    nothing = facts(Counts.zero(LAYOUT))
    assert fact("ml_predicted_class_total", nothing) == {("0",): 0.0, ("1",): 0.0}
    assert fact("ml_prediction_errors_total", nothing) == {("timeout",): 0.0, ("other",): 0.0}
    assert {0.0} == set(fact("ml_outcomes_total", nothing).values())
    assert fact("ml_slice_predictions_total", nothing) == {}
    assert fact("ml_slice_predictions_total", facts(Counts.zero(LAYOUT), thresholds=Thresholds(min_slice=0))) == {
        ("carrier", "AA"): 0.0,
        ("carrier", "other"): 0.0,
    }


def test_a_class_called_other_keeps_its_name():
    layout = Layout(task="multiclass", classes=("a", "other"))
    rows = {"predicted": np.array([0, 1, 2]), "actual": np.array([0, 1, 2])}
    counts = count(layout, **rows)
    assert fact("ml_predicted_class_total", facts(counts)) == {("a",): 1.0, ("other",): 1.0, ("__other__",): 1.0}


def test_latency_histogram_is_as_counted():
    value = fact("ml_prediction_latency_seconds", facts())[()]
    assert isinstance(value, HistogramValue)
    assert LAYOUT.latency_bounds == value.bounds
    assert (float(value.counts.sum()), value.sum) == (47.0, 7.5)
    assert fact("ml_prediction_latency_seconds", facts(Counts.zero(LAYOUT))) == {}


@pytest.mark.parametrize("bins", [SCORES, numeric(np.array([0.1, 0.5, 0.9])), NumericBins(edges=np.array([0.0, 1.0]))])
def test_score_histogram_has_few_buckets_that_hold_what_the_cells_hold(bins):
    layout = Layout(task="binary", classes=("0", "1"), score_bins=bins)
    score = np.random.default_rng(0).random(500)
    counts = count(layout, score=score, predicted=np.ones(500, dtype=int), actual=np.ones(500, dtype=int))
    value = fact("ml_prediction_score", facts(counts))[()]
    assert len(value.bounds) <= MOST_BOUNDS
    assert len(value.bounds) + 1 == len(value.counts)
    assert set(value.bounds) <= set(bins.edges.tolist())
    exact = [
        int(((score > low) & (score <= high)).sum())
        for low, high in zip((-1, *value.bounds), (*value.bounds, 9), strict=True)
    ]
    assert exact == value.counts.tolist()
    assert score.sum() == pytest.approx(value.sum)


def test_objectives():
    """Availability: 3 of 50 failed. Latency: of 47 answers 17 took over 250 ms, and a failure is never fast."""
    given = (Objective("availability", 0.999), Objective("latency", 0.99, 0.25), Objective("odd", 0.99, 0.123))
    of = facts(objectives=given)
    assert fact("ml_slo_events_total", of) == {("availability",): 50.0, ("latency",): 50.0}
    assert fact("ml_slo_bad_events_total", of) == {("availability",): 3.0, ("latency",): 20.0}


def test_no_latency_in_the_log_is_no_latency_objective():
    counts = filled()
    counts["latency"][:] = 0
    given = (Objective("availability", 0.999), Objective("latency", 0.99, 0.25))
    assert fact("ml_slo_events_total", facts(counts, objectives=given)) == {("availability",): 50.0}


def test_kinds_of_objectives():
    given = (
        Objective("a", 0.999),
        Objective("b", 0.99, latency_seconds=0.25),
        Objective("c", 0.99, freshness_seconds=60),
        Objective("d", 0.9, quality=True),
        Objective("e", 0.9, quality=True, tolerance=15.0),
    )
    assert [each.kind for each in given] == ["availability", "latency", "freshness", "quality", "quality"]


def test_wrong_classes_spend_the_budget_of_quality():
    """Of 50 labelled, 25 came true; freshness is no matter of counts."""
    of = facts(objectives=(Objective("right", 0.9, quality=True), Objective("fresh", 0.9, freshness_seconds=60)))
    assert fact("ml_slo_events_total", of) == {("right",): 50.0}
    assert fact("ml_slo_bad_events_total", of) == {("right",): 24.0}


def test_errors_beyond_the_tolerance_spend_the_budget_of_quality():
    """A tolerance that nothing was counted by says nothing."""
    counts = Counts.zero(Layout(task="regression", tolerances=(2.0, 15.0)))
    counts["error_sizes"][:] = 2, 2, 2
    given = tuple(Objective(f"{each:g}", 0.9, quality=True, tolerance=each) for each in (2.0, 3.0, 15.0))
    assert fact("ml_slo_events_total", facts(counts, objectives=given)) == {("2",): 6.0, ("15",): 6.0}
    assert fact("ml_slo_bad_events_total", facts(counts, objectives=given)) == {("2",): 4.0, ("15",): 2.0}
    assert fact("ml_slo_events_total", facts(filled(), objectives=given)) == {}


def test_times():
    of = facts(watermark=1.5, last_prediction=2.0, first_prediction=3.0)
    assert fact("ml_watermark_timestamp_seconds", of) == {(): 1.5}
    assert fact("ml_last_prediction_timestamp_seconds", of) == {(): 2.0}
    assert fact("ml_version_first_prediction_timestamp_seconds", of) == {(): 3.0}
    assert fact("ml_last_label_timestamp_seconds", of) == {}


def test_regression_sums():
    layout = Layout(task="regression", prediction_bins=SCORES, error_bins=SCORES, actual_bins=SCORES)
    counts = count(layout, prediction=np.array([1.0, 2.0]), actual=np.array([0.0, 4.0]))
    assert fact("ml_absolute_error_total", facts(counts)) == {(): 3.0}
    assert fact("ml_squared_error_total", facts(counts)) == {(): 5.0}
    assert fact("ml_outcomes_total", facts(counts)) == {}
    assert float(fact("ml_prediction_value", facts(counts))[()].counts.sum()) == 2.0
