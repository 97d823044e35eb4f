"""Coverage now against the coverage that the reference's delays lead one to expect."""

import numpy as np
import pytest

from exporter.metrics.labels import LABELS_METRICS
from exporter.metrics.labels.coverage import delay_curve, mean_share
from exporter.profile.bounds import LABEL_DELAY_BOUNDS
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from tests.oracle.references import DAY, evaluation_of, reference_of, samples

LAYOUT = Layout(task="binary", classes=("0", "1"))
HOUR = 3600.0


def counts(rows: float, labels: float, delays: np.ndarray | None = None, errors: float = 0.0) -> Counts:
    result = Counts.zero(LAYOUT)
    result["rows"][0], result["labels"][0], result["errors"][0] = rows, labels, errors
    if delays is not None:
        result["label_delay"][:] = np.bincount(
            np.searchsorted(LABEL_DELAY_BOUNDS, delays, side="left"), minlength=len(LABEL_DELAY_BOUNDS) + 1
        )
    return result


def found(window: Counts, reference: Counts | None, *, lag: float = 0.0) -> dict[str, float]:
    given = None if reference is None else reference_of([reference])
    result = samples(LABELS_METRICS, evaluation_of(window, given, decided_at=DAY + lag))
    return {name: values[()] for name, values in result.items()}


def test_coverage_is_of_answered_predictions():
    assert found(counts(110, 50, errors=10), None) == {"ml_label_coverage_ratio": 0.5}


def test_no_labels_ever_is_no_coverage_of_zero():
    """Nobody sends labels: absent. Nobody sends them any more: 0."""
    delays = np.full(90, 2 * HOUR)
    assert found(counts(100, 0), None) == {}
    assert found(counts(100, 0), counts(100, 90, delays))["ml_label_coverage_ratio"] == 0.0


def test_empty_window_has_no_coverage():
    assert "ml_label_coverage_ratio" not in found(counts(0, 0), counts(100, 90, np.full(90, HOUR)))


def test_an_old_window_should_be_covered_as_the_reference_was():
    reference = counts(100, 97, np.full(97, 2 * HOUR))
    assert found(counts(100, 97), reference, lag=7 * DAY)["ml_label_coverage_expected_ratio"] == pytest.approx(0.97)


def test_a_young_window_is_not_expected_to_have_late_labels():
    """All labels take between a day and three: half of a window just ended is too young, none of it is old enough."""
    reference = counts(100, 100, np.random.default_rng(0).uniform(DAY, 3 * DAY, 100))
    assert found(counts(100, 0), reference)["ml_label_coverage_expected_ratio"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("youngest", "oldest"), [(0.0, HOUR), (0.0, DAY), (HOUR / 2, 30 * DAY), (0.0, 400 * DAY), (10 * DAY, 11 * DAY)]
)
def test_mean_share_is_the_mean_over_the_window(youngest, oldest):
    delays = np.random.default_rng(1).lognormal(np.log(5 * HOUR), 1.5, 5000)
    ages, shares = delay_curve(LABEL_DELAY_BOUNDS, counts(1, 1, delays)["label_delay"])
    at = np.linspace(youngest, oldest, 400_001)[1:]
    curve = np.interp(np.log(at), np.log(ages), shares, left=0.0, right=1.0)
    assert float(curve.mean()) == pytest.approx(mean_share(ages, shares, youngest, oldest), abs=1e-4)
    raw = float(np.mean(np.clip(oldest - np.maximum(delays, youngest), 0, None)) / (oldest - youngest))
    assert raw == pytest.approx(mean_share(ages, shares, youngest, oldest), abs=0.02)


def test_delays_beyond_the_last_bound_are_not_lost():
    reference = counts(100, 100, np.full(100, 300 * DAY))
    assert found(counts(100, 0), reference, lag=400 * DAY)["ml_label_coverage_expected_ratio"] == pytest.approx(1.0)
