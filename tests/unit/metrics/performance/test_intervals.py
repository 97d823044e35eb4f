"""A 95 % interval holds the true value in about 95 % of samples, and its variance is the one that samples show."""

from collections.abc import Callable

import numpy as np
import pytest

from exporter.metrics.performance.parts import Parts, of_counts
from exporter.metrics.performance.registry import BY_TASK
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from tests.oracle.counting import count, numeric

TRIALS = 300
Draw = Callable[[np.random.Generator, int], dict[str, np.ndarray]]


def calibrated(rng, n):
    score = rng.beta(2, 5, n)
    return {"score": score, "predicted": (score > 0.4).astype(int), "actual": (rng.random(n) < score).astype(int)}


def perfect_nearly(rng, n):
    actual = (rng.random(n) < 0.5).astype(int)
    score = 1 / (1 + np.exp(-(rng.normal(size=n) + 5 * (actual - 0.5))))
    return {"score": score, "predicted": (score > 0.5).astype(int), "actual": actual}


def rare(rng, n):
    actual = (rng.random(n) < 0.05).astype(int)
    score = 1 / (1 + np.exp(-(rng.normal(size=n) + 2 * actual - 3)))
    return {"score": score, "predicted": (score > 0.15).astype(int), "actual": actual}


def four_classes(rng, n):
    actual = rng.choice(4, size=n, p=[0.1, 0.2, 0.3, 0.4])
    logits = rng.normal(size=(n, 4)) + 1.5 * np.eye(4)[actual]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return {"scores": scores, "predicted": scores.argmax(axis=1), "actual": actual}


def normal_errors(rng, n):
    actual = rng.normal(20, 30, n)
    return {"prediction": actual * 0.8 + rng.normal(2, 10, n), "actual": actual}


def heavy_errors(rng, n):
    actual = rng.normal(20, 30, n)
    return {"prediction": actual * 0.8 + 8 * rng.standard_t(4, n), "actual": actual}


def layout_of(task: str, rows: dict[str, np.ndarray]) -> Layout:
    if task == "binary":
        return Layout(task="binary", classes=("0", "1"), score_bins=numeric(rows["score"], 128))
    if task == "multiclass":
        return Layout(task="multiclass", classes=("a", "b", "c", "d"), class_scores=True)
    return Layout(
        task="regression",
        prediction_bins=numeric(rows["prediction"], 128),
        error_bins=numeric(rows["prediction"] - rows["actual"], 128),
        actual_bins=numeric(rows["actual"], 128),
    )


def stacked(layout: Layout, each: list[Counts]) -> Parts:
    return Parts(layout, lambda part: np.array([counts[part] for counts in each]))


# The calibration error is biased by noise: its interval is wide on purpose. R² takes its parts to be independent,
# areas of several classes are taken to move together: both wide. Errors with heavy tails are known too little of.
WIDE = {"calibration_error", "r2", "roc_auc_ovr"}


@pytest.mark.parametrize(
    ("task", "draw", "n", "least"),
    [
        ("binary", calibrated, 100, 0.90),
        ("binary", calibrated, 1000, 0.90),
        ("binary", rare, 400, 0.86),
        ("binary", perfect_nearly, 200, 0.86),
        ("multiclass", four_classes, 200, 0.90),
        ("regression", normal_errors, 100, 0.90),
        ("regression", heavy_errors, 300, 0.87),
    ],
)
def test_intervals_hold_the_truth(task, draw, n, least):
    rng = np.random.default_rng(20130401)
    many = draw(rng, 100_000)
    layout = layout_of(task, many)
    truth = of_counts(count(layout, **many))
    samples = stacked(layout, [count(layout, **draw(rng, n)) for _ in range(TRIALS)])
    covered, ratio = {}, {}
    wide = WIDE if draw is not perfect_nearly else WIDE | {"average_precision", "matthews_corrcoef"}
    for metric in BY_TASK[task]:
        if metric.name == "mean_absolute_percentage_error":
            continue  # has no interval
        value, found = metric.compute(truth).value[0], metric.compute(samples)
        defined = ~np.isnan(found.value)
        covered[metric.name] = float(np.mean((found.lower <= value) & (value <= found.upper), where=defined))
        ratio[metric.name] = float(np.sqrt(np.mean(found.variance[defined])) / found.value[defined].std())
    assert {name: share for name, share in covered.items() if share < least} == {}
    assert {name: share for name, share in covered.items() if share > 0.993 and name not in wide} == {}
    assert {name: size for name, size in ratio.items() if not 0.8 < size < 2.5 and name != "average_precision"} == {}


def test_nothing_is_nothing():
    """No labels: every metric is absent, none is 0, and nothing warns."""
    rng = np.random.default_rng(1)
    for task, draw in (("binary", calibrated), ("multiclass", four_classes), ("regression", normal_errors)):
        layout = layout_of(task, draw(rng, 1000))
        for metric in BY_TASK[task]:
            assert np.isnan(metric.compute(of_counts(Counts.zero(layout))).value).all(), metric.name


@pytest.mark.parametrize("actual", [0, 1])
def test_one_class_alone_defines_no_order(actual):
    rows = calibrated(np.random.default_rng(2), 200)
    layout = layout_of("binary", rows)
    rows["actual"] = np.full(200, actual)
    found = {m.name: float(m.compute(of_counts(count(layout, **rows))).value[0]) for m in BY_TASK["binary"]}
    undefined = {name for name, value in found.items() if np.isnan(value)}
    alone = {"specificity"} if actual else {"recall", "average_precision"}
    assert {"roc_auc", "matthews_corrcoef", *alone} == undefined


def test_one_label_gives_no_warning():
    rng = np.random.default_rng(3)
    for task, draw in (("binary", calibrated), ("multiclass", four_classes), ("regression", normal_errors)):
        layout = layout_of(task, draw(rng, 1000))
        for metric in BY_TASK[task]:
            found = metric.compute(of_counts(count(layout, **draw(rng, 1))))
            assert found.value.shape == found.lower.shape == found.variance.shape == (1,)


def test_classes_without_a_name_are_never_right():
    """Predicted *other*, actual *other*: two names that nobody knows, an error."""
    layout = Layout(task="multiclass", classes=("a", "b"))
    rows = {"predicted": np.array([0, 0, 1, 2, 2]), "actual": np.array([0, 1, 1, 2, 0])}
    found = {}
    for metric in BY_TASK["multiclass"]:
        if "score" not in metric.formula and metric.name != "roc_auc_ovr":
            found[metric.name] = float(metric.compute(of_counts(count(layout, **rows))).value[0])
    assert found["accuracy"] == pytest.approx(2 / 5)
    assert found["precision_macro"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["recall_macro"] == pytest.approx((1 / 2 + 1 / 2) / 2)
