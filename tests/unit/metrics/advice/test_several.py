"""What several classes gain is at least what is told, though the counts know one class's score at a time."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss

from exporter.metrics.advice.gains import gains
from exporter.metrics.advice.remedies import Gain
from exporter.metrics.advice.several import _log_of_sum, class_tables
from exporter.metrics.performance.results import results
from exporter.metrics.spec import NoData
from exporter.profile.layout import CLASS_SCORE_CELLS, Layout
from tests.oracle.counting import count
from tests.oracle.references import evaluation_of, reference_of

CLASSES, ROWS, FRESH, WINDOWS = 3, 2500, 25_000, 8
LAYOUT = Layout(task="multiclass", classes=("a", "b", "c"), class_scores=True)


def draw(seed, n, *, hot=1.0, shares=None):
    """Scores of softmax, and the truth: as they say; `hot` times as far apart; or with other `shares` of the classes."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.3, (8 * n, CLASSES)) + np.array([0.6, 0.0, -0.4])
    below = softmax(logits * hot, axis=1).cumsum(axis=1)[:, :-1]
    actual = (rng.random((8 * n, 1)) > below).sum(axis=1)
    chosen = np.arange(n)
    if shares is not None:
        wanted = rng.choice(CLASSES, n, p=shares)
        for k in range(CLASSES):
            chosen[wanted == k] = np.flatnonzero(actual == k)[: (wanted == k).sum()]
    scores = softmax(logits[chosen], axis=1)
    return {"scores": scores, "predicted": scores.argmax(axis=1), "actual": actual[chosen]}


WORLDS = {"overconfident": {"hot": 0.4}, "other shares": {"shares": (0.15, 0.25, 0.6)}}


@pytest.fixture(scope="module")
def calm():
    return reference_of([count(LAYOUT, **draw((1, day), 800)) for day in range(25)])


def asked(rows, known):
    found = evaluation_of(count(LAYOUT, **rows), known)
    return replace(found, thresholds=replace(found.thresholds, performance={"log_loss": (None, 0.01)}))


def brier(rows, scores):
    return ((scores - np.eye(CLASSES)[rows["actual"]]) ** 2).sum(axis=1).mean()


def realized(rows, fresh, before):
    """By scikit-learn and Bayes, from the window's rows."""
    isotonic = np.empty_like(fresh["scores"])
    for k in range(CLASSES):
        fitted = IsotonicRegression(out_of_bounds="clip").fit(rows["scores"][:, k], rows["actual"] == k)
        isotonic[:, k] = np.clip(fitted.predict(fresh["scores"][:, k]), 0.005, 0.995)
    isotonic /= isotonic.sum(axis=1, keepdims=True)
    corrected = fresh["scores"] * (np.bincount(rows["actual"]) / len(rows["actual"])) / before
    corrected /= corrected.sum(axis=1, keepdims=True)
    said = fresh["scores"]
    return {
        ("recalibrate", "log_loss"): log_loss(fresh["actual"], said) - log_loss(fresh["actual"], isotonic),
        ("recalibrate", "brier_score"): brier(fresh, said) - brier(fresh, isotonic),
        ("correct_prior", "log_loss"): log_loss(fresh["actual"], said) - log_loss(fresh["actual"], corrected),
    }


@pytest.mark.parametrize("name", WORLDS)
def test_at_least_what_is_promised_comes_true(calm, name) -> None:
    """On the mean; most of it is promised; and the lower end is kept as often as it says."""
    fresh, before = draw(99, FRESH, **WORLDS[name]), calm.total["outcomes"][:, :-1].sum(axis=0)
    promised, true, kept = {}, {}, []
    for seed in range(WINDOWS):
        rows = draw((2, seed), ROWS, **WORLDS[name])
        came = realized(rows, fresh, (before / before.sum())[:CLASSES])
        told = {(each.action, each.metric): each.gain for each in gains(asked(rows, calm))}
        assert set(told) == set(came)
        for key, gain in told.items():
            promised.setdefault(key, []).append(gain.value)
            true.setdefault(key, []).append(came[key])
            kept.append(gain.lower <= came[key])
    assert np.mean(kept) >= 0.92
    main = "recalibrate" if name == "overconfident" else "correct_prior"
    for key, values in promised.items():
        assert np.mean(values) <= np.mean(true[key]) + 0.004 + 2 * np.std(values) / np.sqrt(len(values)), key
    assert np.mean(promised[main, "log_loss"]) > 0.75 * np.mean(true[main, "log_loss"]) > 0.02


def test_the_sum_of_corrected_scores_is_bounded_from_above_and_exact_where_one_class_changed() -> None:
    rows = draw(3, 20_000)
    place = np.minimum((rows["scores"] * CLASS_SCORE_CELLS).astype(int), CLASS_SCORE_CELLS - 1)
    cells = np.stack([np.bincount(place[:, k], minlength=CLASS_SCORE_CELLS) for k in range(CLASSES)]).astype(float)
    said = (np.arange(CLASS_SCORE_CELLS) + 0.5) / CLASS_SCORE_CELLS
    rng = np.random.default_rng(4)
    for _ in range(20):
        ratio = np.exp(rng.normal(0, 0.6, CLASSES))
        true = np.log(rows["scores"] @ ratio).mean()
        bound, _ = _log_of_sum(cells, said, ratio)
        assert true - 1e-3 <= bound.min() <= np.log((rows["scores"] @ ratio).mean()) + 1e-3
        ratio[1:] = ratio[1]
        assert _log_of_sum(cells, said, ratio)[0][0] == pytest.approx(np.log(rows["scores"] @ ratio).mean(), abs=1e-3)


def test_what_one_row_s_scores_would_be_needed_for_is_not_told(calm) -> None:
    found = {(each.action, each.metric) for each in gains(asked(draw(5, ROWS, hot=0.4), calm))}
    assert found == {("recalibrate", "log_loss"), ("recalibrate", "brier_score"), ("correct_prior", "log_loss")}
    assert "accuracy" in {each.metric.name for each in results(asked(draw(5, ROWS), calm))}


def test_honest_scores_have_nothing_to_gain(calm) -> None:
    found = [each.gain for seed in range(10) for each in gains(asked(draw((6, seed), ROWS), calm))]
    assert len(found) == 30
    assert all(isinstance(each, Gain) for each in found)
    assert np.mean([each.certain for each in found]) <= 0.05


def test_scores_that_stand_for_cells_add_up_to_one() -> None:
    rows = draw(7, ROWS)
    tables = class_tables(evaluation_of(count(LAYOUT, **rows)))
    assert (tables.rows.sum(axis=2) @ tables.said).sum() == pytest.approx(ROWS, rel=1e-3)


@pytest.mark.parametrize("few", [30, 60])
def test_too_few_labels_tell_nothing(few) -> None:
    rows = draw(8, few, shares=(0.48, 0.48, 0.04))
    with pytest.raises(NoData):
        class_tables(evaluation_of(count(LAYOUT, **rows)))
