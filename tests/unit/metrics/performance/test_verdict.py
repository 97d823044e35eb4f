"""A window is called degraded when it is worse than the reference's own windows vary, and significantly so."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.evaluation import Thresholds
from exporter.metrics.performance import PERFORMANCE, parts
from exporter.metrics.performance.band import variations
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vocabulary import Vocabulary
from tests.oracle.counting import count, numeric
from tests.oracle.references import DAY, evaluation_of, reference_of, samples

BINS = numeric(np.random.default_rng(0).beta(2, 5, 20_000), 128)
LAYOUT = Layout(task="binary", classes=("0", "1"), score_bins=BINS, slices={"carrier": 4})


def day(rng: np.random.Generator, n: int, *, weather: float = 0.0, broken: bool = False) -> Counts:
    """A day of a calibrated model; its weather moves all outcomes together."""
    score = rng.beta(2, 5, n)
    truth = np.clip(score * np.exp(weather), 0, 1) if not broken else rng.permutation(score)
    return count(LAYOUT, score=score, predicted=(score > 0.4).astype(int), actual=(rng.random(n) < truth).astype(int))


@pytest.fixture(scope="module")
def calm() -> Reference:
    rng = np.random.default_rng(1)
    return reference_of([day(rng, 800, weather=0.25 * rng.normal()) for _ in range(60)])


def degraded(counts: Counts, reference: Reference | None, **options: object) -> dict[str, float]:
    found = samples(PERFORMANCE, evaluation_of(counts, reference, **options))
    return {metric: value for (metric,), value in found.get("ml_performance_degraded", {}).items()}


@pytest.mark.parametrize("n", [80, 800, 5000])
def test_calm_days_are_not_degraded(calm, n):
    """In 80 days with weather of their own, 11 metrics each: none or one false verdict."""
    rng = np.random.default_rng(2)
    verdicts = [degraded(day(rng, n, weather=0.25 * rng.normal()), calm) for _ in range(80)]
    assert sum(any(verdict.values()) for verdict in verdicts) <= 1
    assert {11} == {len(verdict) for verdict in verdicts}


@pytest.mark.parametrize("n", [800, 5000])
def test_a_model_that_lost_its_touch_is(calm, n):
    """Log loss would miss it: the weather moves it by as much. The order of scores does not change with it."""
    rng = np.random.default_rng(3)
    verdicts = [degraded(day(rng, n, broken=True), calm) for _ in range(10)]
    assert {1.0} == {verdict["roc_auc"] for verdict in verdicts}
    assert {1.0} == {verdict["recall"] for verdict in verdicts}


def test_sampling_error_alone_would_call_weather_a_fault(calm):
    """Why the band needs the reference's time blocks: without them calm days are called bad."""
    rng = np.random.default_rng(4)
    timeless = reference_of([calm.total.copy()], None)
    days = [day(rng, 5000, weather=0.25 * rng.normal()) for _ in range(30)]
    with_blocks = sum(any(degraded(each, calm).values()) for each in days)
    without = sum(any(degraded(each, timeless).values()) for each in days)
    assert with_blocks <= 1 < without


def test_band_widens_as_labels_get_fewer(calm):
    rng = np.random.default_rng(5)
    bands = []
    for n in (60, 600, 6000):
        found = samples(PERFORMANCE, evaluation_of(day(rng, n), calm))
        bands.append(found["ml_performance_threshold"][("roc_auc", "lower")])
    assert bands == sorted(bands)
    assert bands[0] < bands[2] < found["ml_performance_reference"][("roc_auc",)]


def test_windows_computed_side_by_side_say_the_same_however_many(calm, monkeypatch):
    together = variations(replace(calm), DAY, Thresholds())
    monkeypatch.setattr(parts, "AT_ONCE", 7)
    assert together == variations(replace(calm), DAY, Thresholds())
    assert {60} == {known.between.windows for known in together.values()}


def test_longer_windows_than_the_reference_can_cut_borrow_from_shorter_ones(calm):
    """Sixty days hold two windows of 28 days: too few. Those of 14, 7, then 3.5 days are asked: sixteen are too few
    as well, so windows of a day and three quarters say how much windows vary."""
    rng = np.random.default_rng(6)
    evaluation = evaluation_of(day(rng, 5000), calm, seconds=28 * DAY)
    assert ("accuracy", "lower") in samples(PERFORMANCE, evaluation)["ml_performance_threshold"]


def test_too_few_labels_say_nothing(calm):
    found = samples(PERFORMANCE, evaluation_of(day(np.random.default_rng(7), 49), calm))
    assert {"ml_performance_reference", "ml_performance_blind"} == set(found)
    assert set(found["ml_performance_blind"].values()) == {1.0}


def test_without_reference_there_is_no_verdict():
    found = samples(PERFORMANCE, evaluation_of(day(np.random.default_rng(8), 500), None))
    assert {"ml_performance", "ml_performance_bound"} == set(found)


@pytest.mark.parametrize(("limit", "verdict"), [(0.5, 0.0), (0.99, 1.0)])
def test_configured_thresholds_win(calm, limit, verdict):
    thresholds = Thresholds(performance={"accuracy": (limit, None)})
    found = samples(PERFORMANCE, evaluation_of(day(np.random.default_rng(9), 500), calm, thresholds=thresholds))
    assert limit == found["ml_performance_threshold"][("accuracy", "lower")]
    assert ("accuracy", "upper") not in found["ml_performance_threshold"]
    assert verdict == found["ml_performance_degraded"][("accuracy",)]


def test_a_value_beyond_a_threshold_by_chance_is_not_degraded():
    """Accuracy 0.7 of 60 labels: its interval reaches over 0.75, so it may well be better than that."""
    layout = Layout(task="binary", classes=("0", "1"))
    counts = count(layout, predicted=np.ones(60, dtype=int), actual=(np.arange(60) < 42).astype(int))
    for limit, verdict in ((0.75, 0.0), (0.9, 1.0)):
        assert (
            verdict
            == degraded(counts, None, thresholds=Thresholds(performance={"accuracy": (limit, None)}))["accuracy"]
        )


def regression(rng: np.random.Generator, n: int, layout: Layout | None, bias: float = 0.0) -> Counts:
    actual = rng.normal(10, 20, n)
    rows = {"prediction": actual + bias + rng.normal(0, 10, n), "actual": actual}
    layout = layout or Layout(
        task="regression",
        prediction_bins=numeric(rows["prediction"], 64),
        error_bins=numeric(rows["prediction"] - actual, 128),
        actual_bins=numeric(actual, 64),
    )
    return count(layout, **rows)


@pytest.mark.parametrize("bias", [-15.0, 15.0])
def test_bias_is_bad_on_both_sides(bias):
    rng = np.random.default_rng(10)
    layout = regression(rng, 5000, None).layout
    reference = reference_of([regression(rng, 500, layout) for _ in range(40)])
    assert degraded(regression(rng, 500, layout), reference)["mean_error"] == 0.0
    verdict = degraded(regression(rng, 500, layout, bias), reference)
    assert {1.0} == {verdict[name] for name in ("mean_error", "mean_absolute_error", "root_mean_squared_error", "r2")}


def test_slices_with_enough_labels_are_shown(calm):
    """Each value of a dimension does as its rows do alone; what has fewer than `min_slice` labels stays hidden."""
    rng = np.random.default_rng(11)
    n = 300
    score, slots = rng.beta(2, 5, n), np.repeat([0, 1, 3], [150, 29, 121])
    rows = {"score": score, "predicted": (score > 0.4).astype(int), "actual": (rng.random(n) < score).astype(int)}
    vocabulary = Vocabulary({"carrier": 4}, {"carrier": ["AA", "UA"]})
    evaluation = evaluation_of(count(LAYOUT, {"carrier": slots}, **rows), calm, vocabulary=vocabulary)
    found = samples(PERFORMANCE, evaluation)["ml_slice_performance"]
    assert {"AA", "other"} == {value for _, value, _ in found}
    first = slots == 0
    assert np.mean(rows["predicted"][first] == rows["actual"][first]) == pytest.approx(
        found[("carrier", "AA", "accuracy")]
    )
    assert {"accuracy", "precision", "recall", "f1", "roc_auc"} == {metric for _, _, metric in found}


def test_what_is_learned_is_learned_once(calm):
    rng = np.random.default_rng(12)
    degraded(day(rng, 500), calm)
    calls: list[Callable[..., object]] = []
    original = Reference.windows
    try:
        Reference.windows = lambda self, seconds: calls.append(original) or original(self, seconds)  # type: ignore[method-assign]
        degraded(day(rng, 500), calm)
    finally:
        Reference.windows = original  # type: ignore[method-assign]
    assert calls == []
