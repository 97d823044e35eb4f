"""Concept drift of single features: named first, not where only levels or features moved; equal to a plain formula."""

import numpy as np
import pytest
from scipy.stats import chi2

from bench.ledger_scenarios import CALM, FEATURES, Planted, counted, evaluation, reference_of, window
from exporter.metrics.shift import SHIFT
from exporter.metrics.shift.concept import Residuals, concepts, heterogeneity
from exporter.metrics.spec import NoData
from tests.oracle.references import samples

ROWS = 4000


@pytest.fixture(scope="module")
def references():
    return {task: reference_of(task, days=22, rows=900) for task in ("binary", "regression")}


def found(reference, planted, seed=0, rows=ROWS):
    task = reference.layout.task
    return concepts(evaluation(reference, counted(reference, window(np.random.default_rng(seed), task, rows, planted))))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_right_feature_is_named_first(references, task) -> None:
    """In at least 95 % of planted cases; a simulation of hundreds is in docs/shift-ledger.md."""
    right = detected = 0
    for seed, name in enumerate(FEATURES * 2):
        told = found(references[task], Planted(concept=f"more {name}"), (1, seed))
        right += FEATURES[int(np.nanargmax(told.effect))] == name
        detected += told.detected[FEATURES.index(name)] == 1
    assert min(right, detected) >= 0.95 * 2 * len(FEATURES)


MOVED = Planted(moved={"x0": 0.8})


@pytest.mark.parametrize(
    ("task", "planted"),
    [("binary", CALM), ("binary", MOVED), ("binary", Planted(prior=0.3)), ("regression", CALM), ("regression", MOVED)],
)
def test_no_feature_is_called_where_no_concept_drifted(references, task, planted) -> None:
    called = [np.nansum(found(references[task], planted, (2, seed)).detected) > 0 for seed in range(6)]
    assert sum(called) <= 1


def test_a_level_that_moved_is_no_feature_of_a_regression(references) -> None:
    told = found(references["regression"], Planted(concept="level"), 3)
    assert np.nansum(told.detected) == 0
    assert np.nanmax(told.effect) < 0.1


def test_heterogeneity_is_cochrans() -> None:
    """Against the formula written out, and its p-value against draws without drift."""
    rng = np.random.default_rng(0)
    rows, share = rng.integers(50, 400, (1, 8)).astype(float), rng.uniform(0.1, 0.5, (1, 8))
    one = np.ones_like(rows)
    ours, theirs = (
        Residuals(rows * k, share + d, share * (1 - share), one)
        for k, d in ((1, rng.normal(0, 0.05, (1, 8))), (3, 0.0))
    )
    variance = (ours.variance / ours.rows + theirs.variance / theirs.rows)[0]
    delta = (ours.mean - theirs.mean)[0]
    mean = np.average(delta, weights=1 / variance)
    statistic, freedom, _ = heterogeneity(ours, theirs)
    assert statistic[0] == pytest.approx(((delta - mean) ** 2 / variance).sum())
    assert freedom[0] == 7
    small = 0
    for _ in range(400):
        drawn = [
            Residuals(each.rows, rng.binomial(each.rows.astype(int), share) / each.rows, each.variance, one)
            for each in (ours, theirs)
        ]
        small += chi2.sf(heterogeneity(*drawn)[0][0], 7) < 0.1
    assert 20 < small < 60


def test_what_is_exposed(references) -> None:
    reference = references["binary"]
    rows = window(np.random.default_rng(1), "binary", ROWS, Planted(concept="more x5"))
    shown = samples(SHIFT, evaluation(reference, counted(reference, rows)))
    effect = shown["ml_feature_concept_drift_effect"]
    assert max(effect, key=effect.get) == ("x5",)
    assert shown["ml_feature_concept_drift_detected"]["x5",] == 1.0
    assert shown["ml_feature_concept_drift_pvalue"]["x5",] < 1e-6


def test_without_labels_nothing_is_said(references) -> None:
    counts = counted(references["binary"], window(np.random.default_rng(1), "binary", 500))
    counts["labels"][:] = 0.0
    with pytest.raises(NoData):
        concepts(evaluation(references["binary"], counts))
