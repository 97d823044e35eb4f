"""Planted shifts through the program's own fit, counting and evaluation: which term they land in, and how surely.

`python -m bench.ledger_simulation` draws many more; its table is in docs/shift-ledger.md.
"""

from dataclasses import replace

import numpy as np
import pytest

from bench.ledger_scenarios import CALM, FEATURES, Planted, Scenario, counted, evaluation, reference_of, window
from bench.ledger_simulation import TERMS, simulate
from exporter.metrics.evaluation import Thresholds
from exporter.metrics.foremost import MOST
from exporter.metrics.shift import SHIFT
from exporter.metrics.shift.results import results
from tests.oracle.references import samples

BINARY = (
    Scenario("covariate", "binary", Planted(moved={"x0": 0.8})),
    Scenario("concept", "binary", Planted(concept="x2")),
    Scenario("prior", "binary", Planted(prior=0.4)),
    Scenario("missing", "binary", Planted(broken={"x0": (0.15, "missing")})),
    Scenario("prior and quality", "binary", Planted(prior=0.4, broken={"x2": (0.1, "missing")})),
)
MULTICLASS = (
    Scenario("covariate", "multiclass", Planted(moved={"x0": 0.8})),
    Scenario("concept", "multiclass", Planted(concept="x2")),
    Scenario("prior", "multiclass", Planted(prior=0.4)),
    Scenario("missing", "multiclass", Planted(broken={"x0": (0.15, "missing")})),
    Scenario("unit", "multiclass", Planted(scaled=1.609344)),
    Scenario("all", "multiclass", Planted({"x0": 0.6}, "region", broken={"x2": (0.15, "missing")})),
)
REGRESSION = (
    Scenario("covariate", "regression", Planted(moved={"x1": 0.7, "x2": -0.5})),
    Scenario("concept", "regression", Planted(concept="region")),
    Scenario("unseen", "regression", Planted(broken={"region": (0.3, "unseen")})),
    Scenario("unit", "regression", Planted(scaled=1.609344)),
    Scenario("all", "regression", Planted({"x0": 0.6}, "region", broken={"x2": (0.15, "missing")})),
)
GUILTY = {"covariate": ("x0", "x1", "x2"), "missing": ("x0",), "unseen": ("region",), "unit": ("distance",)}


@pytest.fixture(scope="module")
def references():
    return {task: reference_of(task, days=22, rows=1000) for task in ("binary", "multiclass", "regression")}


@pytest.mark.parametrize("scenario", [*BINARY, *MULTICLASS, *REGRESSION], ids=lambda each: f"{each.task} {each.name}")
def test_planted_shifts_land_in_their_own_term(references, scenario) -> None:
    """At least 90 % of a pure shift's effect, mixtures within 20 %, beside what chance and the loss model's doubt make."""
    for outcome in simulate(scenario, references[scenario.task], windows=2, population=100_000):
        if outcome.size < 5 * outcome.chance * outcome.size:
            continue
        assert outcome.error <= (0.1 if len(scenario.planted.causes) == 1 else 0.2) + 2 * outcome.chance, outcome.metric
        if scenario.name in GUILTY:
            most = FEATURES[int(np.abs(outcome.features.mean(axis=0)).argmax())]
            assert most in GUILTY[scenario.name]


@pytest.fixture(scope="module")
def shown(references):
    rows = window(np.random.default_rng(5), "binary", 8000, Planted({"x0": 0.8}, broken={"x2": (0.1, "missing")}))
    counts = counted(references["binary"], rows)
    return counts, samples(SHIFT, evaluation(references["binary"], counts))


def test_what_is_exposed_adds_up(references, shown) -> None:
    """Causes to the change of the metric, features to their causes, each within its bounds."""
    counts, found = shown
    for entry in results(evaluation(references["binary"], counts)):
        change = found["ml_performance_change"]
        assert sum(change[entry.metric, cause] for cause in TERMS) == pytest.approx(entry.change)
        for cause in TERMS:
            low, high = (found["ml_performance_change_bound"][entry.metric, cause, end] for end in ("lower", "upper"))
            assert low <= change[entry.metric, cause] <= high
        by_feature = found["ml_performance_change_by_feature"]
        assert np.nansum(entry.quality) == pytest.approx(change[entry.metric, "quality"])
        assert {name for metric, name, cause in by_feature if (metric, cause) == (entry.metric, "quality")} == {"x2"}
        assert np.sum(entry.covariate) == pytest.approx(change[entry.metric, "covariate"])
        moved = dict(zip(FEATURES, entry.covariate.tolist(), strict=True))
        told = {
            name: value
            for (metric, name, cause), value in by_feature.items()
            if (metric, cause) == (entry.metric, "covariate")
        }
        assert told == {name: moved[name] for name in told}
        assert len(told) == MOST
        assert {"x0", "x2"} <= told.keys()


def test_without_labels_there_is_no_concept(references, shown) -> None:
    """What is expected of features and of bad cells is told all the same."""
    counts, labelled = shown
    bare = counts.copy()
    for part in (
        "labels",
        "outcomes",
        "score_actual",
        "score_ranks",
        "score_moments",
        "score_terms",
        "bad_truth",
        "feature_truth",
    ):
        bare[part][:] = 0.0
    found = samples(SHIFT, evaluation(references["binary"], bare))["ml_performance_change"]
    assert {cause for _, cause in found} == {"quality", "covariate"}
    known = labelled["ml_performance_change"]["log_loss", "covariate"]
    assert found["log_loss", "covariate"] == pytest.approx(known)


def test_a_calm_window_has_no_concept_drift(references) -> None:
    """Of chance and weather next to nothing is left as a cause."""
    worst = []
    for seed in range(12):
        rows = window(np.random.default_rng((7, seed)), "binary", 3000, CALM, weather=0.05 * (-1) ** seed)
        for entry in results(evaluation(references["binary"], counted(references["binary"], rows))):
            half = (entry.upper - entry.lower)[TERMS.index("concept")] / 2
            worst.append(abs(entry.terms[TERMS.index("concept")]) / half)
    assert np.median(worst) == 0.0
    assert max(worst) < 1.5


def test_a_reference_whose_rows_nearly_all_lack_something_tells_of_the_rest(references) -> None:
    """Where missing is an ordinary value no row is set apart for it: concept drift is concept drift all the same."""
    usual = Planted(broken={"x6": (0.95, "missing")})
    reference = reference_of("regression", days=20, rows=500, planted=usual)
    rows = window(np.random.default_rng(3), "regression", 5000, replace(usual, concept="level"))
    entries = {entry.metric: entry for entry in results(evaluation(reference, counted(reference, rows)))}
    bias = entries["mean_error"]
    assert bias.terms[TERMS.index("concept")] == pytest.approx(-2.0, abs=0.2)
    assert bias.terms[TERMS.index("quality")] == 0.0
    assert np.isnan(bias.quality).all()
    assert np.isnan(bias.terms[TERMS.index("prior")])


def test_too_few_rows_tell_nothing(references) -> None:
    rows = window(np.random.default_rng(3), "binary", 30)
    found = evaluation(
        references["binary"], counted(references["binary"], rows), Thresholds(min_rows=50, min_labels=50)
    )
    assert results(found) == ()
