"""Which few of many are shown in detail: those that matter, and the same ones a cycle later."""

import numpy as np
import pytest

from exporter.metrics.drift import DRIFT
from exporter.metrics.evaluation import Evaluation, Facts
from exporter.metrics.foremost import MOST, foremost
from exporter.metrics.quality import QUALITY
from exporter.metrics.spec import FactMetric, WindowMetric
from exporter.profile.bins import NumericBins
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vocabulary import Vocabulary
from tests.oracle.references import evaluation_of, reference_of, samples

NAMES = [f"f{number:02}" for number in range(20)]
BINS = NumericBins(edges=np.linspace(0.0, 1.0, 65))
LAYOUT = Layout(task="binary", classes=("0", "1"), features=dict.fromkeys(NAMES, BINS))
WINDOWED = [metric for metric in (*DRIFT, *QUALITY) if isinstance(metric, WindowMetric)]
DETAILS = (
    "ml_feature_drift_noise_floor",
    "ml_feature_drift_pvalue",
    "ml_feature_drift_min_detectable_effect",
    "ml_window_feature_observations",
)


def drawn(seed: int, moved: str = "", broken: str = "", n: int = 4000) -> Counts:
    """A window in which one feature has moved, and one is missing in 5 % instead of 1 %."""
    rng, counts = np.random.default_rng(seed), Counts.zero(LAYOUT)
    counts["rows"][0] = n
    for name in NAMES:
        inner = np.linspace(0.5, 1.5, 64) if name == moved else np.ones(64)
        missing = 0.05 if name == broken else 0.01
        shares = np.concatenate(([missing, 0.0, 0.0005], inner * (0.999 - missing) / inner.sum(), [0.0005]))
        counts["features"][LAYOUT.feature_span[name]] = rng.multinomial(n, shares)
    return counts


@pytest.fixture(scope="module")
def known() -> Reference:
    return reference_of([drawn(seed) for seed in range(40)])


def later(before: Evaluation, counts: Counts) -> Evaluation:
    """The same window a cycle later."""
    fresh = evaluation_of(counts, before.reference)
    fresh.memory.update(before.memory)
    return fresh


def shown(evaluation: Evaluation, name: str) -> set[str]:
    return {labels[0] for labels in samples(WINDOWED, evaluation)[name]}


def test_few_are_all_shown() -> None:
    few = dict.fromkeys(NAMES[:MOST], 0.0)
    assert foremost(evaluation_of(Counts.zero(LAYOUT)), "x", few) == set(few)


def test_of_many_the_largest_are_shown() -> None:
    weights = {name: float(place) for place, name in enumerate(NAMES)}
    assert foremost(evaluation_of(Counts.zero(LAYOUT)), "x", weights) == set(NAMES[-MOST:])


def test_what_is_calm_does_not_change_places() -> None:
    """Weights that are noise: a choice by rank alone would be another one in each cycle."""
    rng, each, seen, by_rank = np.random.default_rng(0), evaluation_of(Counts.zero(LAYOUT)), set(), set()
    for _ in range(50):
        weights = {name: -place + rng.normal(0, 0.7) for place, name in enumerate(NAMES)}
        each = later(each, Counts.zero(LAYOUT))
        seen.add(foremost(each, "x", weights))
        by_rank.add(frozenset(sorted(NAMES, key=lambda name: -weights[name])[:MOST]))
    assert len(seen) == 1 < len(by_rank)


def test_what_became_important_is_shown_at_once() -> None:
    each = evaluation_of(Counts.zero(LAYOUT))
    calm = {name: -float(place) for place, name in enumerate(NAMES)}
    foremost(each, "x", calm)
    chosen = foremost(later(each, Counts.zero(LAYOUT)), "x", {**calm, NAMES[-1]: 9.0, NAMES[0]: -50.0})
    assert NAMES[-1] in chosen
    assert NAMES[0] not in chosen
    assert len(chosen) == MOST


@pytest.mark.parametrize("name", DETAILS)
def test_details_are_of_the_features_that_drifted_most(known: Reference, name: str) -> None:
    each = evaluation_of(drawn(100, moved="f17"), known)
    assert len(shown(each, name)) == MOST
    assert "f17" in shown(each, name)
    assert shown(each, name) == shown(each, "ml_window_feature_observations")
    assert shown(each, "ml_feature_drift_detected") == set(NAMES)


def test_reference_is_shown_of_what_any_window_shows(known: Reference) -> None:
    (metric,) = (each for each in DRIFT if each.name == "ml_feature_reference_ratio")
    assert isinstance(metric, FactMetric)
    windows = (evaluation_of(drawn(100, moved="f17"), known), evaluation_of(drawn(101, moved="f03"), known))
    facts = Facts("m", "v", known.total, Vocabulary({}), reference=known, windows=windows)
    assert {labels[1] for labels, _ in metric.compute(facts)} == {
        name for each in windows for name in shown(each, "ml_window_feature_observations")
    }


def test_of_bad_values_only_what_is_odd_is_explained(known: Reference) -> None:
    """p-value and reference stand beside each other, for what is detected above all; calm checks have a verdict alone."""
    each = evaluation_of(drawn(100, broken="f09"), known)
    found = samples(WINDOWED, each)
    explained = found["ml_feature_quality_pvalue"]
    assert explained.keys() == found["ml_feature_quality_reference_ratio"].keys()
    assert all(p <= 0.1 for p in explained.values())
    detected = {labels for labels, value in found["ml_feature_quality_detected"].items() if value}
    assert detected == {("f09", "missing")} <= explained.keys()
    assert len(found["ml_feature_quality_detected"]) > 4 * len(explained)


def test_what_is_explained_stays_until_it_is_calm(known: Reference) -> None:
    """A p-value that wanders about its limit does not come and go."""
    each = evaluation_of(drawn(100), known)
    samples(QUALITY, each)
    p = samples(QUALITY, each)["ml_feature_quality_pvalue"]
    (label, _), *_ = p.items()
    again = later(each, drawn(100))
    again.memory["odd rates"] = ~np.zeros_like(each.memory["odd rates"])
    wide = samples(QUALITY, again)["ml_feature_quality_pvalue"]
    assert label in wide
    assert 0.1 < max(wide.values()) <= 0.3
