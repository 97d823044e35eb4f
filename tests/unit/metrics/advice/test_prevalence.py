"""A metric that falls only because positives get rarer asks for no new model."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, precision_score, recall_score

from exporter.metrics.advice import ADVICE
from exporter.metrics.advice.evidence import gather
from exporter.metrics.advice.prevalence import of_prevalence, standardised
from exporter.metrics.performance.registry import BY_TASK
from exporter.metrics.performance.results import results
from exporter.metrics.spec import NoData
from tests.oracle.references import samples
from tests.unit.metrics.advice.worlds import CALM, Calmer, World, reference, window

ROWS = 40_000
TWINS = {
    "accuracy": accuracy_score,
    "precision": precision_score,
    "recall": recall_score,
    "f1": f1_score,
    "average_precision": average_precision_score,
}


@pytest.fixture(scope="module")
def calm():
    return reference()


def asked(rows, known):
    """A window whose precision is called degraded where it surely is under 0.98 of what it is on the reference."""
    found = window(rows, known)
    (usual,) = [each.reference for each in results(found) if each.metric.name == "precision"]
    strict = {"precision": (0.98 * usual, None), "recall": (None, None), "log_loss": (None, None)}
    rest = {metric.name: (None, None) for metric in BY_TASK["binary"]}
    return replace(found, thresholds=replace(found.thresholds, performance=rest | strict), memo={}, memory={})


def told(evaluation):
    ((action, reason, _),) = samples(ADVICE, evaluation)["ml_recommended_action"]
    return action, reason


def test_metrics_are_those_of_rows_weighted_by_class(calm) -> None:
    rows = World(prior=0.12).draw(np.random.default_rng(1), ROWS)
    outcomes = calm.total["outcomes"][:2, :2].sum(axis=0)
    share = outcomes[1] / outcomes.sum()
    now, positive = rows["actual"].mean(), rows["actual"] == 1
    weight = np.where(positive, share / now, (1 - share) / (1 - now))
    parts = standardised(window(rows, calm))
    for name, twin in TWINS.items():
        metric = next(each for each in BY_TASK["binary"] if each.name == name)
        said = rows["score"] if name == "average_precision" else rows["predicted"]
        assert metric.compute(parts).value[0] == pytest.approx(
            twin(rows["actual"], said, sample_weight=weight), abs=2e-3
        )
    assert parts.labels[0] == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


def test_rarer_positives_explain_a_fall_of_precision(calm) -> None:
    """And where P(score | y) is what it was, scores say too much: to correct them gains."""
    found = asked(World(prior=0.12).draw(np.random.default_rng(2), ROWS), calm)
    assert {each.metric.name for each in gather(found).degraded} == {"precision"}
    assert told(found) == ("adjust_threshold", "prior")


def test_easier_rows_ask_for_nothing(calm) -> None:
    """Where scores fell as the truth did they are as honest as before: precision falls, nothing is to be gained."""
    found = asked(Calmer().draw(np.random.default_rng(3), ROWS), calm)
    assert {each.metric.name for each in gather(found).degraded} == {"precision"}
    assert told(found) == ("none", "prior")


def test_a_model_that_got_worse_is_not_excused(calm) -> None:
    """The same fall of precision, at the same share of positives, has another reason."""
    found = asked(World(slope=0.3).draw(np.random.default_rng(4), ROWS), calm)
    degraded = tuple(each for each in results(found) if each.degraded)
    assert degraded
    assert not of_prevalence(found, degraded)
    assert told(found)[1] != "prior"


def test_without_classes_or_reference_nothing_is_told(calm) -> None:
    rows = CALM.draw(np.random.default_rng(5), 400)
    with pytest.raises(NoData):
        standardised(window(rows))
    few = {name: values[rows["actual"] == 0] for name, values in rows.items()}
    with pytest.raises(NoData):
        standardised(window(few, calm))
