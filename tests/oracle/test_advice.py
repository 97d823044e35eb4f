"""Rows with planted shifts, counted and judged by the program itself: what is recommended for each."""

import numpy as np
import pytest

from bench.ledger_scenarios import CALM, Planted, Scenario, counted, evaluation, reference_of, scenarios, window
from exporter.metrics.advice.evidence import gather
from exporter.metrics.advice.moved import moved
from exporter.metrics.advice.rules import advise

ROWS = 4000
EXPECTED = {
    "calm": {("none", "well", "")},
    "covariate: x0 + 0.8 σ": {("retrain", "covariate", "x0")},
    "covariate: x1 + 0.7 σ, x2 - 0.5 σ": {("retrain", "covariate", "x1")},
    "covariate: region": {("retrain", "covariate", "region")},
    "concept: x2": {("rebuild", "concept", "x2")},
    # One value of one feature changed its meaning: that is said more plainly by the slice.
    "concept: region": {("review_slice", "slice", "region=south")},
    "concept: level": {("rebuild", "concept", "")},
    "quality: x0 missing in 15 %": {("fix_data_pipeline", "missing", "x0")},
    "quality: x2 invalid in 20 %": {("fix_data_pipeline", "invalid", "x2")},
    "quality: region unseen in 30 %": {("fix_data_pipeline", "unseen", "region")},
    "quality: distance in km": {("fix_data_pipeline", "unit_change", "distance")},
    "prior: 25 % → 40 %": {("adjust_threshold", "prior", "")},
    "prior: 25 % → 12 %": {("adjust_threshold", "prior", "")},
    "covariate and concept": {("review_slice", "slice", "region=south"), ("rebuild", "concept", "region")},
    "covariate and quality": {("fix_data_pipeline", "missing", "x2")},
    "concept and quality": {("fix_data_pipeline", "missing", "x2")},
    "covariate, concept and quality": {("fix_data_pipeline", "missing", "x2")},
    "prior and quality": {("fix_data_pipeline", "missing", "x2")},
}
HARMLESS = {
    ("binary", "covariate: region"): ("none", "drift_without_harm", "region"),
    ("regression", "covariate: x0 + 0.8 σ"): ("none", "drift_without_harm", "x0"),
}
"""Shifts whose harm in a window of this size is at the edge of what can be seen."""
SEEN = {"concept: x2", *(name for name in EXPECTED if name.startswith("quality"))}
"""Shifts that are plainly seen with several classes, of which so many rows tell less."""
TASKS = sorted({each.task for each in scenarios()})
SCENARIOS = [
    *(Scenario("calm", task, CALM) for task in TASKS),
    *(each for each in scenarios() if each.task != "multiclass" or each.name in SEEN),
]


@pytest.fixture(scope="module")
def references():
    return {task: reference_of(task, days=22, rows=1000) for task in TASKS}


def judged(references, task, planted, seed=0):
    rows = window(np.random.default_rng((5, seed)), task, ROWS, planted)
    return evaluation(references[task], counted(references[task], rows))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: f"{each.task} {each.name}")
def test_what_is_recommended(references, scenario) -> None:
    advice = advise(gather(judged(references, scenario.task, scenario.planted)))
    harmless = HARMLESS.get((scenario.task, scenario.name))
    assert (advice.action, advice.reason, advice.subject) in EXPECTED[scenario.name] | ({harmless} - {None})


def test_calm_days_are_called_well(references) -> None:
    """Of many slices, features and checks none is taken for news by chance."""
    for task in TASKS:
        found = [advise(gather(judged(references, task, CALM, seed))).reason for seed in range(1, 9)]
        assert set(found) <= {"well", "drift_without_harm"}


def test_numbers_out_of_range_are_a_fault_where_the_rest_stayed_where_it_was(references) -> None:
    """A feature that moved has some, too: that is drift."""
    rng = np.random.default_rng(6)
    shifted = window(rng, "binary", ROWS, Planted(moved={"x0": 0.8}))
    broken = window(rng, "binary", ROWS)
    broken["x0"] = np.where(rng.random(ROWS) < 0.05, 99.0, broken["x0"])
    few = {name: values[:60] for name, values in broken.items()}
    for rows, expected in ((shifted, True), (broken, False), (few, False)):
        assert moved(evaluation(references["binary"], counted(references["binary"], rows)), "x0") is expected
    evidence = gather(evaluation(references["binary"], counted(references["binary"], broken)))
    assert [(each.feature, each.check) for each in evidence.problems] == [("x0", "out_of_range")]
