"""What a repaired feature, or a mended slice, would give back."""

from dataclasses import replace

import numpy as np
import pytest

from bench.ledger_scenarios import Planted, counted, effects, evaluation, reference_of, window
from exporter.metrics.advice import ADVICE
from exporter.metrics.advice.gains import gains
from exporter.metrics.shift.ledger import QUALITY
from exporter.metrics.shift.results import results as ledgers
from exporter.profile.layout import Layout
from exporter.profile.vocabulary import Vocabulary
from tests.oracle.counting import count, numeric
from tests.oracle.references import evaluation_of, samples
from tests.oracle.references import reference_of as scenes_reference

LAYOUT = Layout(
    task="binary",
    classes=("0", "1"),
    features={"x": numeric(np.random.default_rng(0).normal(0, 1, 20_000), 32)},
    slices={"carrier": 3},
)
CARRIERS = Vocabulary({"carrier": 3}, {"carrier": ["AA", "UA"]})
pytestmark = pytest.mark.xdist_group("repairs")
BROKEN = Planted(broken={"x0": (0.15, "missing")})


def day(rng, n=3000, *, carrier=0.0):
    """A model that is wrong more often for carrier UA."""
    actual, slots = rng.integers(0, 2, n), rng.integers(0, 2, n)
    wrong = rng.random(n) < 0.1 + carrier * (slots == 1)
    predicted = np.where(wrong, 1 - actual, actual)
    return count(LAYOUT, {"carrier": slots}, predicted=predicted, actual=actual, x=rng.normal(size=n))


@pytest.fixture(scope="module")
def calm():
    rng = np.random.default_rng(1)
    return replace(scenes_reference([day(rng) for _ in range(30)]), names={"carrier": ("AA", "UA")})


@pytest.fixture(scope="module")
def fitted():
    return reference_of("binary", 20, 1000)


def repaired(rows, fitted):
    found = gains(evaluation(fitted, counted(fitted, rows)))
    return {(each.subject, each.metric): each.gain for each in found if each.action == "fix_data_pipeline"}


def told(counts, calm, action):
    found = evaluation_of(counts, calm, vocabulary=CARRIERS)
    return {(each.subject, each.metric): each.gain for each in gains(found) if each.action == action}


def test_a_repaired_feature_gives_back_what_its_bad_values_cost(fitted) -> None:
    true = {metric: abs(value) for metric, value in effects("binary", BROKEN, n=150_000)["quality"].items()}
    found = [repaired(window(np.random.default_rng((2, k)), "binary", 2500, BROKEN), fitted) for k in range(8)]
    for metric, value in true.items():
        promised = [each["x0", metric] for each in found]
        assert np.mean([each.value for each in promised]) == pytest.approx(value, rel=0.15)
        assert np.mean([each.lower <= value <= each.upper for each in promised]) >= 0.85
    assert {subject for each in found for subject, _ in each} == {"x0"}


def test_where_two_features_are_bad_each_is_told_its_part(fitted) -> None:
    both = Planted(broken={"x0": (0.15, "missing"), "x2": (0.2, "invalid")})
    found = repaired(window(np.random.default_rng(3), "binary", 4000, both), fitted)
    (whole,) = [
        each
        for each in ledgers(evaluation(fitted, counted(fitted, window(np.random.default_rng(3), "binary", 4000, both))))
        if each.metric == "log_loss"
    ]
    parts = [found[name, "log_loss"] for name in ("x0", "x2")]
    assert sum(each.value for each in parts) == pytest.approx(whole.terms[QUALITY], rel=0.05)
    squares = sum((each.upper - each.lower) ** 2 for each in parts)
    assert np.sqrt(squares) == pytest.approx(whole.upper[QUALITY] - whole.lower[QUALITY], rel=0.05)


def test_features_without_bad_values_have_nothing_to_repair(fitted) -> None:
    assert repaired(window(np.random.default_rng(4), "binary", 2500, Planted(concept="level")), fitted) == {}


def test_a_mended_slice_gives_back_what_it_costs_more_than_it_used_to(calm) -> None:
    promised, kept = [], []
    for seed in range(30):
        found = told(day(np.random.default_rng((5, seed)), carrier=0.3), calm, "review_slice")
        gain = found["carrier=UA", "accuracy"]
        promised.append(gain.value)
        kept.append(gain.lower <= 0.5 * 0.3 <= gain.upper)
    assert np.mean(promised) == pytest.approx(0.15, rel=0.05)
    assert np.mean(kept) >= 0.9
    always = replace(
        calm, **vars(scenes_reference([day(np.random.default_rng((6, k)), carrier=0.3) for k in range(30)]))
    )
    assert told(day(np.random.default_rng(7), carrier=0.3), always, "review_slice") == {}


def test_the_recommended_action_stands_beside_its_gain(calm, fitted) -> None:
    """The same action and subject: alerts look it up so."""
    broken = evaluation(fitted, counted(fitted, window(np.random.default_rng(8), "binary", 2500, BROKEN)))
    slow = evaluation_of(day(np.random.default_rng(8), carrier=0.3), calm, vocabulary=CARRIERS)
    for each in (broken, slow):
        found = samples(ADVICE, each)
        ((action, _, subject),) = found["ml_recommended_action"]
        assert found["ml_action_gain"][action, subject, "accuracy"] > 0
