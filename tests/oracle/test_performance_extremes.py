"""ROC AUC and average precision of hard scores, and exact metrics with weights, out of the program's own counts.

Scores are ranked in some 900 cells; what lies in one cell is not ranked. By how much that is off goes with how few
positives there are: tolerances are for 50,000, 1,000 and 100 of them.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as twin

from tests.oracle.pipeline import Fitted

Scores = Callable[[np.ndarray], np.ndarray]


def logistic(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


LEAVES = np.sort(np.random.default_rng(1).random(200))

SHAPES: dict[str, Scores] = {
    "smooth": lambda s: s,
    "two digits": lambda s: s.round(2),
    "three digits": lambda s: s.round(3),
    "ten leaves": lambda s: np.round(s * 9) / 9,
    "200 leaves": lambda s: LEAVES[np.clip(np.searchsorted(LEAVES, s), 0, 199)],
    "saturated": lambda s: np.clip((s - 0.5) * 1.6 + 0.5, 0, 1),
    "single precision": lambda s: s.astype(np.float32).astype(float),
}
CHANGES = {"none": (0.0, 1.0), "far up": (4.0, 1.0), "far down": (-3.0, 1.0), "flat": (0.0, 0.3), "steep": (0.0, 3.0)}
"""What happened to the scores since the reference was fitted: shift and scale of their logits."""
SIZE = 100_000


def drawn(seed: int, n: int, share: float, shift: float = 0.0, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    actual = (random.random(n) < share).astype(int)
    logits = random.normal(size=n) + 2.0 * (actual - 0.5) + 0.8 * np.log(share / (1 - share))
    return logistic(scale * logits + shift), actual


def table(score: np.ndarray, actual: np.ndarray) -> pa.Table:
    return pa.table({"score": score, "predicted": (score > 0.5).astype(int), "actual": actual})


ROLES = {"prediction": "predicted", "score": "score", "label": "actual"}


TOLERANCES = {0.5: (0.001, 0.001), 0.01: (0.001, 0.003), 0.001: (0.002, 0.006)}
"""Share of positives among SIZE rows → tolerance of ROC AUC and of average precision."""


@pytest.mark.parametrize("share", TOLERANCES)
@pytest.mark.parametrize("shape", SHAPES)
def test_ranking(shape, share):
    """Also where scores are ties, saturated or rare, and where all of them moved since the reference was fitted."""
    score, actual = drawn(1, 20_000, share)
    fitted = Fitted.of(table(SHAPES[shape](score), actual), "binary", (), **ROLES)
    near = TOLERANCES[share]
    for change, (shift, scale) in CHANGES.items():
        score, actual = drawn(2, SIZE, share, shift, scale)
        score = SHAPES[shape](score)
        found = fitted.samples(table(score, actual))["ml_performance"]
        assert found["roc_auc",] == pytest.approx(twin.roc_auc_score(actual, score), abs=near[0]), change
        precision = twin.average_precision_score(actual, score)
        assert found["average_precision",] == pytest.approx(precision, abs=near[1]), change


WEIGHTED: dict[str, Callable[..., float]] = {
    "accuracy": twin.accuracy_score,
    "precision": twin.precision_score,
    "recall": twin.recall_score,
    "f1": twin.f1_score,
    "matthews_corrcoef": twin.matthews_corrcoef,
}


def test_weighted_classes():
    """A weight counts a row so many times; scores' sums are rounded to a multiple of 2⁻³⁰ each."""
    random = np.random.default_rng(5)
    score, actual = drawn(3, 5000, 0.2)
    weight = random.choice([1.0, 2.5, 1 / 3, 40.0], 5000)
    rows = table(score, actual).append_column("weight", pa.array(weight))
    found = Fitted.of(rows, "binary", (), weight="weight", **ROLES).samples(rows)["ml_performance"]
    predicted = (score > 0.5).astype(int)
    for name, function in WEIGHTED.items():
        assert found[name,] == pytest.approx(function(actual, predicted, sample_weight=weight), rel=1e-9), name
    assert found["specificity",] == pytest.approx(
        twin.recall_score(actual, predicted, pos_label=0, sample_weight=weight), rel=1e-9
    )
    assert found["brier_score",] == pytest.approx(twin.brier_score_loss(actual, score, sample_weight=weight), abs=1e-9)
    assert found["log_loss",] == pytest.approx(twin.log_loss(actual, score, sample_weight=weight), abs=1e-9)
    assert found["roc_auc",] == pytest.approx(twin.roc_auc_score(actual, score, sample_weight=weight), abs=0.001)
    assert found["average_precision",] == pytest.approx(
        twin.average_precision_score(actual, score, sample_weight=weight), abs=0.003
    )


ERRORS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "small": lambda random, n: random.normal(0, 1e-6, n),
    "large": lambda random, n: random.normal(3e8, 1e9, n),
    "heavy": lambda random, n: random.standard_cauchy(n),
    "whole": lambda random, n: random.poisson(2, n) - 2.0,
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ERRORS)
def test_regression(kind, weighted):
    """Sums of errors are of multiples of 2⁻³⁰ of their scale, those of |e/y| of 2⁻³⁰, and at most 65,536 a row."""
    random = np.random.default_rng(6)
    actual = random.normal(20, 30, 5000).round()
    prediction = actual + ERRORS[kind](random, 5000)
    weight = random.choice([1.0, 0.25, 3.0], 5000) if weighted else np.ones(5000)
    rows = pa.table({"prediction": prediction, "actual": actual, "weight": weight})
    roles = {"prediction": "prediction", "label": "actual"} | ({"weight": "weight"} if weighted else {})
    found = Fitted.of(rows, "regression", (), **roles).samples(rows)["ml_performance"]
    some = actual != 0
    expected = {
        "mean_absolute_error": twin.mean_absolute_error(actual, prediction, sample_weight=weight),
        "root_mean_squared_error": twin.root_mean_squared_error(actual, prediction, sample_weight=weight),
        "r2": twin.r2_score(actual, prediction, sample_weight=weight),
        "mean_error": np.average(prediction - actual, weights=weight),
    }
    for name, value in expected.items():
        assert found[name,] == pytest.approx(value, rel=1e-7, abs=1e-12), name
    ratio = np.minimum(np.abs(prediction - actual)[some] / np.abs(actual[some]), 65_536)
    mape = np.average(ratio, weights=weight[some])
    assert found["mean_absolute_percentage_error",] == pytest.approx(mape, rel=1e-7, abs=1e-9)
    if ratio.max() < 65_536:
        twins = twin.mean_absolute_percentage_error(actual[some], prediction[some], sample_weight=weight[some])
        assert mape == pytest.approx(twins, rel=1e-12)
