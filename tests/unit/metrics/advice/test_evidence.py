"""Evidence from windows as they are counted."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.advice import ADVICE
from exporter.metrics.advice.evidence import gather
from exporter.metrics.evaluation import Evaluation, Objective, Thresholds
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vocabulary import Vocabulary
from tests.oracle.counting import count, numeric
from tests.oracle.references import DAY, evaluation_of, reference_of, samples

LAYOUT = Layout(
    task="binary",
    classes=("0", "1"),
    features={"x": numeric(np.random.default_rng(0).normal(0, 1, 20_000), 32)},
    score_bins=numeric(np.random.default_rng(0).beta(2, 5, 20_000), 128),
    slices={"carrier": 3},
    latency_bounds=(0.1, 1.0),
)
CARRIERS = Vocabulary({"carrier": 3}, {"carrier": ["AA", "UA"]})


def day(rng: np.random.Generator, n: int = 2000, *, wrong: float = 0.1, bad_carrier: float = 0.0, **x: float) -> Counts:
    """A day of a model that is wrong so often; carrier UA more often by `bad_carrier`; x moved or missing."""
    actual, slots = rng.integers(0, 2, n), rng.integers(0, 2, n)
    miss = rng.random(n) < wrong + bad_carrier * (slots == 1)
    values = np.where(rng.random(n) < x.get("missing", 0.0), np.nan, rng.normal(x.get("moved", 0.0), 1, n))
    return count(LAYOUT, {"carrier": slots}, x=values, predicted=np.where(miss, 1 - actual, actual), actual=actual)


@pytest.fixture(scope="module")
def calm() -> Reference:
    rng = np.random.default_rng(1)
    blocks = [day(rng) for _ in range(40)]
    for block in blocks:
        block["label_delay"][0] = block.labels
    return replace(reference_of(blocks), names={"carrier": ("AA", "UA")})


def window(counts: Counts, calm: Reference, **changes: object) -> Evaluation:
    return replace(evaluation_of(counts, calm, vocabulary=CARRIERS, seconds=DAY), **changes)


def advice(evaluation: Evaluation) -> tuple[str, ...]:
    (labels,) = samples(ADVICE, evaluation)["ml_recommended_action"]
    return labels


def test_a_calm_day_asks_for_nothing(calm: Reference) -> None:
    assert advice(window(day(np.random.default_rng(2)), calm)) == ("none", "well", "")


def test_missing_values_name_their_feature(calm: Reference) -> None:
    found = window(day(np.random.default_rng(3), missing=0.2, wrong=0.3), calm)
    assert advice(found) == ("fix_data_pipeline", "missing", "x")


def test_drift_without_harm_is_told_as_such(calm: Reference) -> None:
    assert advice(window(day(np.random.default_rng(4), moved=0.5), calm)) == ("none", "drift_without_harm", "x")


def test_one_bad_slice_is_named(calm: Reference) -> None:
    found = window(day(np.random.default_rng(5), bad_carrier=0.3), calm)
    assert advice(found) == ("review_slice", "slice", "carrier=UA")


def test_an_older_version_that_does_better_is_named(calm: Reference) -> None:
    rng = np.random.default_rng(6)
    older = replace(window(day(rng), calm), version="v1")
    found = window(day(rng, wrong=0.4), calm, older=(older,))
    assert advice(found) == ("roll_back_version", "version", "v1")
    assert gather(window(day(rng, wrong=0.4), calm, older=(replace(found, memo={}, older=()),))).better == ""


@pytest.mark.parametrize(
    ("bad", "objective", "expected"),
    [
        ("errors", Objective("availability", 0.99), ("fix_serving", "errors", "availability")),
        ("latency", Objective("latency", 0.99, 0.1), ("scale_out", "latency", "latency")),
    ],
)
def test_an_overspent_objective_is_named(
    calm: Reference, bad: str, objective: Objective, expected: tuple[str, ...]
) -> None:
    counts = day(np.random.default_rng(7))
    counts["latency"][0] = counts.rows
    assert advice(window(counts.copy(), calm, objectives=(objective,)))[0] == "none"
    counts[bad][-1] += 100
    counts["rows"][0] += 100
    assert advice(window(counts, calm, objectives=(objective,))) == expected


def test_labels_that_should_be_there_and_are_not(calm: Reference) -> None:
    counts = day(np.random.default_rng(8))
    answered = counts.copy()
    for part in ("labels", "outcomes", "label_delay"):
        counts[part][...] *= 0.25
    assert gather(window(counts, calm)).late
    assert not gather(window(answered, calm)).late


def test_without_a_reference_and_without_labels_nothing_is_recommended() -> None:
    counts = count(LAYOUT, x=np.random.default_rng(9).normal(0, 1, 500))
    assert samples(ADVICE, evaluation_of(counts, thresholds=Thresholds())) == {}
