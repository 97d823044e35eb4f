"""Gains that are promised are those that come true on rows never seen, within their intervals."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss

from exporter.metrics.advice import ADVICE
from exporter.metrics.advice.gains import gains
from exporter.metrics.advice.hands import FOLDS
from exporter.metrics.advice.remedies import DECISIONS, best_cut, of_bias
from exporter.metrics.advice.score_table import score_table
from exporter.metrics.spec import NoData
from exporter.profile.layout import Layout
from tests.oracle.counting import count, numeric
from tests.oracle.references import evaluation_of, reference_of, samples
from tests.unit.metrics.advice.worlds import CALM, LIMIT, World, reference, window

ROWS, WINDOWS, FRESH = 2000, 30, 60_000
WORLDS = {"overconfident": World(slope=0.45), "more positives": World(prior=0.55)}


@pytest.fixture(scope="module")
def calm():
    return reference()


def calibration(said, truth):
    """Over twelfths of the rows by score."""
    order = np.argsort(said, kind="stable")
    parts = np.array_split(order, 12)
    return sum(abs(said[part].mean() - truth[part].mean()) * len(part) for part in parts) / len(truth)


def recalibrated(rows, fresh):
    """By scikit-learn from the window's rows, off 0 and 1 by half a row of the first and of the last step."""
    fitted = IsotonicRegression(out_of_bounds="clip").fit(rows["score"], rows["actual"])
    own = fitted.predict(rows["score"])
    low, high = 0.5 / ((own == own.min()).sum() + 1), 0.5 / ((own == own.max()).sum() + 1)
    return np.clip(fitted.predict(fresh["score"]), low, 1 - high)


def corrected(rows, fresh, before):
    """By Elkan's formula, from the shares of the classes alone."""
    now, said = rows["actual"].mean(), fresh["score"]
    odds = said / (1 - said) * (now / before) * ((1 - before) / (1 - now))
    return odds / (1 + odds)


def realized(rows, fresh, before, cuts):
    """(action, metric) → what is gained on `fresh` rows by what is learned from `rows`."""
    truth, said = fresh["actual"], fresh["score"]
    isotonic, prior = recalibrated(rows, fresh), corrected(rows, fresh, before)
    found = {
        ("recalibrate", "calibration_error"): calibration(said, truth) - calibration(isotonic, truth),
        ("correct_prior", "accuracy"): ((prior > LIMIT) == truth).mean() - ((said > LIMIT) == truth).mean(),
    }
    for action, anew in (("recalibrate", isotonic), ("correct_prior", prior)):
        found[action, "log_loss"] = log_loss(truth, said) - log_loss(truth, anew)
        found[action, "brier_score"] = brier_score_loss(truth, said) - brier_score_loss(truth, anew)
    for metric, score in (("accuracy", accuracy_score), ("f1", f1_score)):
        found["adjust_threshold", metric] = score(truth, said > cuts[metric]) - score(truth, said > LIMIT)
    return found


def best_cuts(evaluation):
    """Thresholds that are best on the window, those too that are better by chance: those that are told had luck."""
    table = score_table(evaluation)
    return {name: table.bounds[best_cut(table.rows, each, 0)] for name, each in DECISIONS.items()}


@pytest.mark.parametrize("name", WORLDS)
def test_what_is_promised_comes_true(calm, name) -> None:
    """On the mean, and within its interval as often as that says, for every remedy of scores."""
    fresh = WORLDS[name].draw(np.random.default_rng(99), FRESH)
    outcomes = calm.total["outcomes"][:2, :2].sum(axis=0)
    before = outcomes[1] / outcomes.sum()
    promised, true, covered = {}, {}, []
    for seed in range(WINDOWS):
        rows = WORLDS[name].draw(np.random.default_rng((3, seed)), ROWS)
        evaluation = window(rows, calm)
        came = realized(rows, fresh, before, best_cuts(evaluation))
        for each in gains(evaluation):
            key = (each.action, each.metric)
            promised.setdefault(key, []).append(each.gain.value)
            true.setdefault(key, []).append(came[key])
            covered.append(each.gain.lower <= came[key] <= each.gain.upper)
    assert set(promised) == set(came)
    assert np.mean(covered) >= 0.92
    for key, values in promised.items():
        size = max(abs(np.mean(true[key])), 0.01)
        assert abs(np.mean(values) - np.mean(true[key])) < 0.15 * size + 3 * np.std(values) / np.sqrt(len(values)), key


def test_honest_scores_have_nothing_to_gain(calm) -> None:
    """Where nothing is wrong no gain is beyond chance more often than its interval says, and no threshold is told."""
    found = []
    for seed in range(20):
        # Degraded by configuration, so that gains are asked for.
        evaluation = window(CALM.draw(np.random.default_rng((4, seed)), ROWS), calm)
        strict = replace(evaluation.thresholds, performance={"log_loss": (None, 0.01)})
        evaluation = replace(evaluation, thresholds=strict, memo={})
        found += [each.gain.certain for each in gains(evaluation) if each.metric != "f1"]
        told = samples(ADVICE, evaluation).get("ml_recommended_threshold", {})
        assert ("accuracy",) not in told
    assert len(found) >= 20 * 6
    assert np.mean(found) <= 0.05


def test_nothing_is_asked_of_a_window_that_is_well(calm) -> None:
    evaluation = window(CALM.draw(np.random.default_rng(5), ROWS), calm)
    found = samples(ADVICE, evaluation)
    assert set(found) == {"ml_recommended_action"}
    assert "score table" not in evaluation.memo


def test_gauges_say_gains_bounds_and_the_threshold(calm) -> None:
    found = samples(ADVICE, window(WORLDS["more positives"].draw(np.random.default_rng(6), ROWS), calm))
    gain, bounds = found["ml_action_gain"], found["ml_action_gain_bound"]
    assert set(bounds) == {(*labels, bound) for labels in gain for bound in ("lower", "upper")}
    for labels, value in gain.items():
        assert bounds[*labels, "lower"] < value < bounds[*labels, "upper"]
    # With more positives than the model was made for, rows of a lower score are positive as well.
    assert 0.2 < found["ml_recommended_threshold"]["accuracy",] < 0.45
    assert gain["correct_prior", "", "log_loss"] > 0.03


def test_gains_are_found_once_a_pane(calm) -> None:
    """They cost more than the rest of what is computed of a window, and are no truer for a few rows more."""
    first, later = (window(WORLDS["more positives"].draw(np.random.default_rng(seed), ROWS), calm) for seed in (6, 7))
    told = gains(first)
    again = replace(later, memory=first.memory, memo={})
    assert gains(again) is told
    moved = replace(again.window, start=again.window.start + 300, end=again.window.end + 300)
    assert gains(replace(again, window=moved, memo={})) == gains(replace(later, memory={}, memo={})) != told
    well = window(CALM.draw(np.random.default_rng(5), ROWS), calm)
    assert gains(replace(well, memory=first.memory)) == ()


def test_decisions_that_no_threshold_makes_have_no_better_threshold(calm) -> None:
    """Where classes are not called by the score alone, what another threshold would do is not known."""
    rng = np.random.default_rng(8)
    rows = WORLDS["more positives"].draw(rng, ROWS)
    turned = rng.random(ROWS) < 0.1
    evaluation = window({**rows, "predicted": np.where(turned, 1 - rows["predicted"], rows["predicted"])}, calm)
    assert score_table(evaluation).called is None
    assert {each.action for each in gains(evaluation)} == {"recalibrate", "correct_prior"}
    assert "ml_recommended_threshold" not in samples(ADVICE, evaluation)


@pytest.mark.parametrize("limit", [0.0, 0.013, 0.5, 0.77, 1.0])
def test_todays_threshold_is_read_from_the_table(limit) -> None:
    """To within a cell, and by class as the outcomes say."""
    rows = CALM.draw(np.random.default_rng(9), ROWS)
    called = (rows["score"] > limit).astype(int)
    table = score_table(window({**rows, "predicted": called}))
    assert table.threshold == pytest.approx(limit, abs=0.01)
    for truth in (0, 1):
        expected = called[rows["actual"] == truth].sum()
        assert (table.called * table.rows)[:, truth].sum() == pytest.approx(expected)


def test_hands_are_the_rows_dealt_out() -> None:
    table = score_table(window(CALM.draw(np.random.default_rng(10), ROWS)))
    assert len(table.hands) == FOLDS
    assert np.array_equal(table.hands.sum(axis=0), table.rows)
    assert np.array_equal(table.rest(table.hands[0]), table.rows - table.hands[0])


@pytest.mark.parametrize("few", [{"n": 40}, {"positives": 5}])
def test_too_few_labels_of_either_class_tell_nothing(few) -> None:
    rows = CALM.draw(np.random.default_rng(11), few.get("n", ROWS))
    if "positives" in few:
        kept = (rows["actual"] == 0) | (rows["actual"].cumsum() <= few["positives"])
        rows = {name: values[kept] for name, values in rows.items()}
    with pytest.raises(NoData):
        score_table(window(rows))


def test_a_bias_taken_off_gains_what_leaving_out_each_row_in_turn_says() -> None:
    """Exactly; and its interval holds what is gained on rows never seen."""
    rng, covered = np.random.default_rng(12), []
    for _ in range(200):
        errors = rng.normal(0.4, 1.0, 300)
        left_out = errors - (errors.sum() - errors) / (len(errors) - 1)
        expected = np.sqrt((errors**2).mean()) - np.sqrt((left_out**2).mean())
        gain = of_bias(np.array([len(errors), errors.sum(), (errors**2).sum()]), None)
        assert gain.value == pytest.approx(expected)
        came = np.sqrt(1 + 0.4**2) - np.sqrt(1 + (0.4 - errors.mean()) ** 2)
        covered.append(gain.lower <= came <= gain.upper)
    assert np.mean(covered) >= 0.92


def test_a_biased_regression_gains_by_recalibration() -> None:
    rng = np.random.default_rng(13)
    layout = Layout(
        task="regression",
        prediction_bins=numeric(rng.normal(size=5000)),
        error_bins=numeric(rng.normal(size=5000)),
        actual_bins=numeric(rng.normal(size=5000)),
    )

    def day(bias):
        actual = rng.normal(size=800)
        return count(layout, actual=actual, prediction=actual + bias + rng.normal(size=800))

    evaluation = evaluation_of(day(0.7), reference_of([day(0.0) for _ in range(25)]))
    ((action, metric, gain),) = [(each.action, each.metric, each.gain) for each in gains(evaluation)]
    assert (action, metric) == ("recalibrate", "root_mean_squared_error")
    assert gain.lower < np.sqrt(1 + 0.49) - 1 < gain.upper
