"""Law: a fall by the minimum detectable change is found in about four windows of five, and *blind* is where labels hide it."""

from functools import cache

import numpy as np
import pytest

from exporter.metrics.evaluation import Thresholds
from exporter.metrics.performance import PERFORMANCE
from exporter.profile.bounds import LABEL_DELAY_BOUNDS
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from tests.oracle.counting import count, numeric
from tests.oracle.references import evaluation_of, reference_of, samples

LAYOUT = Layout(task="binary", classes=("0", "1"))
SCORED = Layout(task="binary", classes=("0", "1"), score_bins=numeric(np.random.default_rng(0).beta(2, 5, 20_000), 128))
MEASURES = ("roc_auc", "average_precision", "log_loss", "brier_score", "recall")
TYPICAL, WINDOWS = 0.9, 150


def day(rng: np.random.Generator, labels: int, right: float, rows: int | None = None) -> Counts:
    """Half of the predictions say yes; a label came an hour later."""
    counts = Counts.zero(LAYOUT)
    said = rng.binomial(labels, 0.5)
    hits = rng.binomial([labels - said, said], right)
    counts["rows"][0], counts["labels"][0] = rows or labels, labels
    counts["label_delay"][LABEL_DELAY_BOUNDS.index(3600)] = labels
    counts["outcomes"][:2, :2] = [[hits[0], labels - said - hits[0]], [said - hits[1], hits[1]]]
    return counts


def swing(rng: np.random.Generator, spread: float) -> float:
    return float(np.clip(TYPICAL + spread * rng.normal(), 0, 1))


SHOWN = [metric for metric in PERFORMANCE if metric.name.endswith(("_change", "_blind", "_degraded"))]


@cache
def known(spread: float, *, labels: int = 2000, timed: bool = True) -> Reference:
    rng = np.random.default_rng(1)
    days = [day(rng, labels, swing(rng, spread)) for _ in range(60)]
    return reference_of(days) if timed else reference_of(days, None)


def told(counts: Counts, reference: Reference | None, **options: object) -> dict[str, float]:
    """Of accuracy: change, blind, degraded; what is not there is left out."""
    found = samples(SHOWN, evaluation_of(counts, reference, **options))
    names = {"min_detectable_change": "change", "blind": "blind", "degraded": "degraded"}
    listed = {short: found.get(f"ml_performance_{name}", {}).get(("accuracy",)) for name, short in names.items()}
    return {short: value for short, value in listed.items() if value is not None}


@pytest.mark.parametrize(("spread", "labels"), [(0.0, 200), (0.0, 2000), (0.02, 300), (0.02, 5000)])
def test_a_fall_by_the_minimum_detectable_change_is_found_in_about_four_windows_of_five(spread, labels):
    reference, rng = known(spread), np.random.default_rng(2)
    change = told(day(rng, labels, TYPICAL), reference)["change"]
    found = [told(day(rng, labels, swing(rng, spread) - change), reference)["degraded"] for _ in range(WINDOWS)]
    assert 0.7 <= np.mean(found) <= 0.97


def test_without_time_too():
    reference, rng = known(0.0, timed=False), np.random.default_rng(3)
    change = told(day(rng, 500, TYPICAL), reference)["change"]
    found = [told(day(rng, 500, TYPICAL - change), reference)["degraded"] for _ in range(WINDOWS)]
    assert 0.7 <= np.mean(found) <= 0.97


def scored(rng: np.random.Generator, n: int, lost: float = 0.0) -> Counts:
    """A calibrated model that has `lost` some of its touch."""
    score = rng.beta(2, 5, n)
    truth = score * (1 - lost) + lost * score.mean()
    actual = (rng.random(n) < truth).astype(int)
    return count(SCORED, score=score, predicted=(score > 0.4).astype(int), actual=actual)


@pytest.mark.parametrize("lost", [0.2, 0.4, 0.8])
def test_every_measure_falls_by_what_it_can_show_before_it_is_called_degraded(lost):
    """Fallen by the minimum detectable change and more it is found in most windows, by half of that in few."""
    rng = np.random.default_rng(10)
    reference = reference_of([scored(rng, 800) for _ in range(60)])

    def shown(counts: Counts, name: str) -> dict[str, float]:
        listed = samples(PERFORMANCE, evaluation_of(counts, reference))[f"ml_performance{name}"]
        return {metric: value for (metric,), value in listed.items() if metric in MEASURES}

    usual, fallen = (shown(scored(rng, 400_000, each), "") for each in (0.0, lost))
    change = shown(scored(rng, 800), "_min_detectable_change")
    verdicts = [shown(scored(rng, 800, lost), "_degraded") for _ in range(40)]
    for metric in MEASURES:
        found = np.mean([each[metric] for each in verdicts])
        share = abs(fallen[metric] - usual[metric]) / change[metric]
        assert found >= 0.6 or share < 1, metric
        assert found <= 0.4 or share > 0.5, metric


def test_a_configured_threshold_counts():
    reference, rng = known(0.0), np.random.default_rng(4)
    bounds = Thresholds(performance={"accuracy": (0.7, None)})
    change = told(day(rng, 500, TYPICAL), reference, thresholds=bounds)["change"]
    found = [told(day(rng, 500, TYPICAL - change), reference, thresholds=bounds)["degraded"] for _ in range(WINDOWS)]
    assert change > 0.2
    assert 0.7 <= np.mean(found) <= 0.97


@pytest.mark.parametrize(
    ("spread", "labels", "blind"),
    [
        (0.0, 2000, 0.0),
        (0.0, 60, 1.0),  # accuracy of 0.9 ± 0.04: a fall to 0.81 would not be seen
        (0.06, 2000, 0.0),  # days differ by more than labels hide
        (0.06, 20, 1.0),  # under min_labels
        (0.0, 0, 1.0),
    ],
)
def test_blind_is_where_labels_hide_a_fall_that_matters(spread, labels, blind):
    assert told(day(np.random.default_rng(5), labels, TYPICAL, rows=2000), known(spread))["blind"] == blind


def test_a_fall_that_is_seen_is_not_called_unseen():
    """Too few labels for a small fall, but this one is large."""
    found = told(day(np.random.default_rng(6), 60, 0.3), known(0.0))
    assert (found["degraded"], found["blind"]) == (1.0, 0.0)


def test_what_matters_can_be_set():
    counts = day(np.random.default_rng(7), 500, TYPICAL)
    assert told(counts, known(0.0))["blind"] == 0.0
    assert told(counts, known(0.0), thresholds=Thresholds(blind_change=0.01))["blind"] == 1.0


def test_nothing_is_said_where_nobody_asks():
    """No predictions; no reference; nobody ever sent labels, nor does the reference know when they come."""
    rng = np.random.default_rng(8)
    assert told(Counts.zero(LAYOUT), known(0.0)) == {}
    assert told(day(rng, 20, TYPICAL), None) == {}
    unlabelled = [day(rng, 0, TYPICAL, rows=2000) for _ in range(30)]
    assert told(day(rng, 0, TYPICAL, rows=2000), reference_of(unlabelled)) == {}


def test_labels_without_known_delays_are_awaited_once_one_came():
    rng = np.random.default_rng(9)
    days = [day(rng, 2000, TYPICAL) for _ in range(30)]
    for each in days:
        each["label_delay"][:] = 0
    reference = reference_of(days)
    assert told(day(rng, 0, TYPICAL, rows=2000), reference) == {}
    assert told(day(rng, 3, TYPICAL, rows=2000), reference) == {"blind": 1.0}
