"""Every performance metric equals its twin in scikit-learn (or a plain formula) on raw rows.

Where sums are exact so is the metric, to 1e-9; where values were counted into cells the tolerance is stated.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn import metrics as twin

from exporter.metrics.performance import PERFORMANCE_METRICS
from exporter.metrics.performance.parts import of_counts
from exporter.profile.layout import Layout
from tests.oracle.counting import count, numeric

EXACT = 1e-9
CELLS = 1e-3
COARSE_CELLS = 5e-3
"""64 equal-width cells of a class's score."""
FAR_TOLERANCE = {"roc_auc": 5e-3, "average_precision": 1e-2, "calibration_error": 5e-3}


@dataclass(frozen=True)
class Rows:
    """Raw rows and what they were counted into."""

    layout: Layout
    columns: dict[str, np.ndarray]

    def __getattr__(self, name: str) -> np.ndarray:
        if name not in self.columns:
            raise AttributeError(name)
        return self.columns[name]


def binary(seed: int, n: int, *, skill: float, share: float, shift: float = 0.0) -> Rows:
    """Scores of the reference's kind; or all of them `shift` too high on the scale of logits."""
    rng = np.random.default_rng(seed)
    actual = (rng.random(n) < share).astype(int)
    score = 1 / (1 + np.exp(-(rng.normal(size=n) + skill * (actual - 0.5) + np.log(share / (1 - share)) + shift)))
    reference = 1 / (1 + np.exp(-(rng.normal(size=20_000) + np.log(share / (1 - share)))))
    layout = Layout(task="binary", classes=("0", "1"), score_bins=numeric(reference, 128))
    return Rows(layout, {"score": score, "predicted": (score > share).astype(int), "actual": actual})


def few_scores(seed: int, n: int) -> Rows:
    """A tree with nine leaves: many ties."""
    rng = np.random.default_rng(seed)
    score = rng.choice([0.02, 0.05, 0.1, 0.15, 0.3, 0.45, 0.6, 0.8, 0.95], size=n)
    actual = (rng.random(n) < score).astype(int)
    layout = Layout(task="binary", classes=("0", "1"), score_bins=numeric(score, 128))
    return Rows(layout, {"score": score, "predicted": (score > 0.5).astype(int), "actual": actual})


def multiclass(seed: int, n: int, classes: int) -> Rows:
    rng = np.random.default_rng(seed)
    actual = rng.choice(classes, size=n, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2))
    logits = rng.normal(size=(n, classes)) + 1.5 * (actual[:, None] == np.arange(classes))
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    layout = Layout(task="multiclass", classes=tuple(f"c{k}" for k in range(classes)), class_scores=True)
    return Rows(layout, {"scores": scores, "predicted": scores.argmax(axis=1), "actual": actual})


def regression(seed: int, n: int, *, heavy: bool) -> Rows:
    rng = np.random.default_rng(seed)

    def draw(size: int) -> tuple[np.ndarray, np.ndarray]:
        actual = rng.normal(20, 30, size).round()
        noise = rng.standard_t(4, size) * 8 if heavy else rng.normal(2, 10, size)
        return actual * 0.8 + noise, actual

    prediction, actual = draw(20_000)
    layout = Layout(
        task="regression",
        prediction_bins=numeric(prediction, 128),
        error_bins=numeric(prediction - actual, 128),
        actual_bins=numeric(actual, 64),
    )
    prediction, actual = draw(n)
    return Rows(layout, {"prediction": prediction, "actual": actual})


DATA = {
    "binary": [
        binary(1, 5000, skill=1.5, share=0.3),
        binary(2, 900, skill=0.5, share=0.05),
        binary(3, 20_000, skill=3.0, share=0.6),
        few_scores(4, 4000),
    ],
    "multiclass": [multiclass(5, 4000, 3), multiclass(6, 9000, 7)],
    "regression": [regression(7, 5000, heavy=False), regression(8, 5000, heavy=True)],
}


def equal_mass_calibration(rows: Rows) -> float:
    """Expected calibration error over 12 bins of equal mass of raw scores; the same score is never split."""
    order = np.argsort(rows.score, kind="stable")
    score, actual = rows.score[order], rows.actual[order]
    first = np.searchsorted(score, score, side="left")
    last = np.searchsorted(score, score, side="right")
    group = np.minimum((first + last) / 2 / len(score) * 12, 11).astype(int)
    size = np.bincount(group, minlength=12)
    gap = np.abs(np.bincount(group, score - actual, minlength=12))
    return float(gap[size > 0].sum() / len(score))


def mape(rows: Rows) -> float:
    some = rows.actual != 0
    return float(twin.mean_absolute_percentage_error(rows.actual[some], rows.prediction[some]))


def classes(function: Callable[..., float], **options: object) -> Callable[[Rows], float]:
    return lambda rows: float(function(rows.actual, rows.predicted, **options))


def scored(function: Callable[..., float]) -> Callable[[Rows], float]:
    return lambda rows: float(function(rows.actual, rows.score))


def valued(function: Callable[..., float]) -> Callable[[Rows], float]:
    return lambda rows: float(function(rows.actual, rows.prediction))


def brier(rows: Rows) -> float:
    if "score" in rows.columns:
        return float(twin.brier_score_loss(rows.actual, rows.score))
    return float(((rows.scores - np.eye(rows.scores.shape[1])[rows.actual]) ** 2).sum(axis=1).mean())


def log_loss(rows: Rows) -> float:
    return float(twin.log_loss(rows.actual, rows.score if "score" in rows.columns else rows.scores))


TWINS: dict[str, tuple[Callable[[Rows], float], float]] = {
    "accuracy": (classes(twin.accuracy_score), EXACT),
    "precision": (classes(twin.precision_score), EXACT),
    "recall": (classes(twin.recall_score), EXACT),
    "specificity": (classes(twin.recall_score, pos_label=0), EXACT),
    "f1": (classes(twin.f1_score), EXACT),
    "precision_macro": (classes(twin.precision_score, average="macro"), EXACT),
    "recall_macro": (classes(twin.recall_score, average="macro"), EXACT),
    "f1_macro": (classes(twin.f1_score, average="macro"), EXACT),
    "matthews_corrcoef": (classes(twin.matthews_corrcoef), EXACT),
    "roc_auc": (scored(twin.roc_auc_score), CELLS),
    "roc_auc_ovr": (lambda rows: float(twin.roc_auc_score(rows.actual, rows.scores, multi_class="ovr")), COARSE_CELLS),
    "average_precision": (scored(twin.average_precision_score), CELLS),
    "log_loss": (log_loss, EXACT),
    "brier_score": (brier, EXACT),
    "calibration_error": (equal_mass_calibration, COARSE_CELLS),
    "mean_absolute_error": (valued(twin.mean_absolute_error), EXACT),
    "root_mean_squared_error": (valued(twin.root_mean_squared_error), EXACT),
    "mean_absolute_percentage_error": (mape, EXACT),
    "r2": (valued(twin.r2_score), EXACT),
    "mean_error": (lambda rows: float((rows.prediction - rows.actual).mean()), EXACT),
    "median_absolute_error": (valued(twin.median_absolute_error), 0.1),
    "absolute_error_p90": (lambda rows: float(np.quantile(np.abs(rows.prediction - rows.actual), 0.9)), 0.3),
}

CASES = [
    pytest.param(metric, rows, id=f"{metric.name}-{task}-{number}")
    for metric in PERFORMANCE_METRICS
    for task in metric.tasks
    for number, rows in enumerate(DATA[task])
]


def test_every_metric_has_a_twin():
    assert {metric.name for metric in PERFORMANCE_METRICS} == set(TWINS)


@pytest.mark.parametrize(("metric", "rows"), CASES)
def test_equals_its_twin(metric, rows):
    function, tolerance = TWINS[metric.name]
    found = metric.compute(of_counts(count(rows.layout, **rows.columns)))
    assert function(rows) == pytest.approx(found.value[0], abs=tolerance, rel=EXACT)


@pytest.mark.parametrize(("metric", "rows"), CASES)
def test_the_interval_holds_the_value(metric, rows):
    found = metric.compute(of_counts(count(rows.layout, **rows.columns)))
    assert found.lower[0] < found.value[0] < found.upper[0]


FAR_SCORES = [
    pytest.param(binary(9, 20_000, skill=2.0, share=0.02, shift=4.0), id="far above"),
    pytest.param(binary(10, 20_000, skill=2.0, share=0.9, shift=-5.0), id="far below"),
    pytest.param(binary(11, 20_000, skill=5.0, share=0.004), id="positives in the last quantile"),
]
"""Scores that the reference's quantiles do not tell apart: its last cells hold nearly all of them, or all positives."""


@pytest.mark.parametrize("rows", FAR_SCORES)
@pytest.mark.parametrize("metric", [metric for metric in PERFORMANCE_METRICS if metric.name in FAR_TOLERANCE])
def test_equals_its_twin_where_scores_are_not_the_reference_s(metric, rows):
    found = metric.compute(of_counts(count(rows.layout, **rows.columns)))
    assert TWINS[metric.name][0](rows) == pytest.approx(found.value[0], abs=FAR_TOLERANCE[metric.name])
