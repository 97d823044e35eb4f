"""Worst slices of a window on /metrics, from counts."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.slices import SLICES
from exporter.profile.bins import CategoryBins
from exporter.profile.layout import Layout
from exporter.profile.vocabulary import Vocabulary
from tests.oracle.counting import count, numeric
from tests.oracle.references import evaluation_of, reference_of, samples

LAYOUT = Layout(task="binary", classes=("0", "1"), slices={"carrier": 4})
NAMES = ["AA", "UA"]


def window(wrong: dict[str, float], n: int = 4000) -> Evaluation:
    """Labelled predictions of carriers of which this share is wrong."""
    rng = np.random.default_rng(0)
    slots = rng.choice([0, 1, 3], n)
    rate = np.select([slots == 0, slots == 1], [wrong["AA"], wrong["UA"]], wrong["other"])
    rows = {"predicted": np.ones(n, dtype=int), "actual": (rng.random(n) >= rate).astype(int)}
    calm = count(LAYOUT, {"carrier": slots}, predicted=rows["predicted"], actual=(rng.random(n) > 0.1).astype(int))
    reference = replace(reference_of([calm], None), names={"carrier": tuple(NAMES)})
    vocabulary = Vocabulary({"carrier": 4}, {"carrier": NAMES})
    return evaluation_of(count(LAYOUT, {"carrier": slots}, **rows), reference, vocabulary=vocabulary)


def test_the_worst_slice_with_all_that_is_known_of_it() -> None:
    found = samples(SLICES, window({"AA": 0.1, "UA": 0.3, "other": 0.1}))
    key = ("carrier", "UA", "accuracy")
    assert found["ml_worst_slice_gap"] == {key: pytest.approx(0.2, abs=0.04)}
    bounds = found["ml_worst_slice_gap_bound"]
    assert bounds[*key, "lower"] < found["ml_worst_slice_gap"][key] < bounds[*key, "upper"]
    assert found["ml_worst_slice_reference_gap"] == {key: pytest.approx(0.0, abs=0.03)}
    assert found["ml_worst_slice_labels_ratio"] == {("carrier", "UA"): pytest.approx(1 / 3, abs=0.03)}


def test_where_all_do_alike_none_is_shown() -> None:
    assert samples(SLICES, window({"AA": 0.1, "UA": 0.1, "other": 0.1})) == {}


def test_too_few_labels_say_nothing() -> None:
    assert samples(SLICES, window({"AA": 0.0, "UA": 1.0, "other": 0.0}, n=49)) == {}


def test_what_was_shown_is_remembered_for_the_next_cycle() -> None:
    evaluation = window({"AA": 0.1, "UA": 0.3, "other": 0.1})
    samples(SLICES, evaluation)
    assert frozenset({("carrier", "UA")}) in evaluation.memory.values()


def test_regression_tells_how_much_further_off_a_slice_is() -> None:
    rng = np.random.default_rng(1)
    slots, actual = rng.choice([0, 1], 3000), rng.normal(10, 3, 3000)
    rows = {"prediction": actual + rng.normal(0, np.where(slots == 1, 4, 1)), "actual": actual}
    error = np.abs(rows["prediction"] - actual)
    layout = Layout(
        task="regression",
        slices={"carrier": 3},
        prediction_bins=numeric(rows["prediction"]),
        error_bins=numeric(rows["prediction"] - actual),
        actual_bins=numeric(actual),
    )
    vocabulary = Vocabulary({"carrier": 3}, {"carrier": NAMES})
    found = samples(SLICES, evaluation_of(count(layout, {"carrier": slots}, **rows), vocabulary=vocabulary))
    assert found["ml_worst_slice_gap"] == {
        ("carrier", "UA", "mean_absolute_error"): pytest.approx(error[slots == 1].mean() - error[slots == 0].mean())
    }
    assert "ml_worst_slice_reference_gap" not in found


def test_bins_of_features_are_slices_too() -> None:
    """Wrong where x is high, and where it is missing: two intervals of x and `missing` are named."""
    rng = np.random.default_rng(2)
    x = np.where(rng.random(8000) < 0.05, np.nan, rng.normal(0, 1, 8000))
    layout = Layout(task="binary", classes=("0", "1"), features={"x": numeric(rng.normal(0, 1, 20_000), 4)})
    wrong = rng.random(8000) < np.where(np.isnan(x), 0.4, np.where(x > 0.7, 0.5, 0.1))
    counts = count(layout, x=x, predicted=np.ones(8000, dtype=int), actual=1 - wrong.astype(int))
    codes = layout.coarse["x"].table[layout.features["x"].codes(x)]
    truth = counts["feature_truth"][layout.coarse_span["x"]]
    for column, values in enumerate((np.ones(8000), wrong, ~wrong)):
        truth[:, column] = np.bincount(codes, values, minlength=len(truth))
    found = samples(SLICES, evaluation_of(counts))["ml_worst_slice_gap"]
    low, high = layout.coarse["x"].labels[-3:-1]
    assert list(found) == [("x", f"({low}, {high}]", "accuracy"), ("x", "missing", "accuracy")]
    assert found["x", "missing", "accuracy"] == pytest.approx(wrong[codes == 0].mean() - wrong[codes != 0].mean())


def test_a_feature_that_is_a_dimension_too_is_one_slice() -> None:
    """Its values would have the same names twice, and so the same series."""
    rng = np.random.default_rng(3)
    slots = rng.choice([0, 1], 4000)
    layout = Layout(
        task="binary", classes=("0", "1"), slices={"carrier": 4}, features={"carrier": CategoryBins(("AA", "UA"))}
    )
    wrong = rng.random(4000) < np.where(slots == 1, 0.4, 0.1)
    rows = {"predicted": np.ones(4000, dtype=int), "actual": (~wrong).astype(int), "carrier": slots + 2}
    counts = count(layout, {"carrier": slots}, **rows)
    truth = counts["feature_truth"][layout.coarse_span["carrier"]]
    for column, values in enumerate((np.ones(4000), wrong, ~wrong)):
        truth[:, column] = np.bincount(slots + 2, values, minlength=len(truth))
    evaluation = evaluation_of(counts, vocabulary=Vocabulary({"carrier": 4}, {"carrier": NAMES}))
    assert set(samples(SLICES, evaluation)["ml_worst_slice_gap"]) == {("carrier", "UA", "accuracy")}
