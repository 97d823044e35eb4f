"""Law: of each age, the share that has its label equals that of the raw predictions, and is as promised while all is well."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.history import Tally
from exporter.metrics.labels import LABELS_METRICS
from exporter.metrics.labels.maturity import AGES
from exporter.profile.bounds import LABEL_DELAY_BOUNDS
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from tests.oracle.references import evaluation_of, reference_of, samples

LAYOUT = Layout(task="binary", classes=("0", "1"))
HOUR, DAY = 3600, 86_400
PANE, WINDOW, NOW = 300, 7 * DAY, 30 * DAY + 140
END = NOW // PANE * PANE


def delays(rng, n, typical=6 * HOUR):
    return typical * np.exp(rng.normal(size=n))


def reference(rng, coverage=0.9):
    counts = Counts.zero(LAYOUT)
    labels = int(50_000 * coverage)
    counts["rows"][0], counts["labels"][0] = 50_000, labels
    place = np.searchsorted(LABEL_DELAY_BOUNDS, delays(rng, labels), side="left")
    counts["label_delay"][:] = np.bincount(place, minlength=len(LABEL_DELAY_BOUNDS) + 1)
    return reference_of([counts])


def found(made, has_label, known, failed=0.0):
    """Metric → age → value, of predictions made at `made` (n,); those that `failed` (n,) await no label."""
    starts = np.arange(END - WINDOW, END, PANE)
    place = np.searchsorted(starts, made, side="right") - 1

    def summed(values):
        return np.bincount(place, weights=values * np.ones(len(made)), minlength=len(starts))

    panes = Tally(starts, np.full(len(starts), PANE), summed(1.0 - failed), summed(has_label))
    counts = Counts.zero(LAYOUT)
    counts["rows"][0], counts["labels"][0] = len(made), has_label.sum()
    evaluation = evaluation_of(counts, known, seconds=WINDOW, end=END, decided_at=float(NOW))
    listed = samples(LABELS_METRICS, replace(evaluation, tally=lambda: panes))
    return [
        {age: value for (age,), value in listed.get(f"ml_label_maturity_{name}", {}).items()}
        for name in ("ratio", "expected_ratio")
    ]


def predictions(rng, n=60_000):
    """More by day than by night."""
    made = np.sort(rng.uniform(END - WINDOW, END, 2 * n))
    return made[rng.random(len(made)) < 0.5 + 0.4 * np.sin(2 * np.pi * made / DAY)]


def test_each_age_has_the_share_of_its_raw_predictions():
    rng = np.random.default_rng(1)
    made = predictions(rng)
    here = (made + delays(rng, len(made)) <= NOW) & (rng.random(len(made)) < 0.9)
    ratio, _ = found(made, here.astype(float), reference(rng))
    assert list(ratio) == ["1h", "6h", "1d", "3d", "7d"]
    age, low = NOW - made, 0
    for name in ratio:
        band = (age > low) & (age <= AGES[name])
        assert ratio[name] == pytest.approx(here[band].mean(), abs=0.01)
        low = AGES[name]


def test_while_all_is_well_they_are_as_promised():
    rng = np.random.default_rng(2)
    made = predictions(rng)
    here = (made + delays(rng, len(made)) <= NOW) & (rng.random(len(made)) < 0.9)
    ratio, expected = found(made, here.astype(float), reference(rng))
    # Within a bucket of delays, here from 6 h to a day, the curve is known by its ends only.
    assert ratio == {age: pytest.approx(value, abs=0.04) for age, value in expected.items()}
    assert expected["7d"] == pytest.approx(0.9, abs=0.01)
    assert expected["1h"] < 0.05


def test_a_stop_shows_in_the_young_and_a_loss_in_all():
    rng = np.random.default_rng(3)
    made, known = predictions(rng), reference(rng)
    came = made + delays(rng, len(made))
    kept = rng.random(len(made))
    stopped, expected = found(made, ((came <= NOW - 12 * HOUR) & (kept < 0.9)).astype(float), known)
    lost, _ = found(made, ((came <= NOW) & (kept < 0.45)).astype(float), known)
    assert stopped["6h"] == 0.0
    assert stopped["7d"] == pytest.approx(expected["7d"], abs=0.01)
    assert [lost[age] / expected[age] for age in ("6h", "1d", "7d")] == pytest.approx([0.5] * 3, abs=0.05)


def test_errors_await_no_label():
    rng = np.random.default_rng(4)
    made = predictions(rng)
    failed = (rng.random(len(made)) < 0.5).astype(float)
    ratio, _ = found(made, 1.0 - failed, reference(rng), failed=failed)
    assert set(ratio.values()) == {1.0}


def test_what_is_not_known_is_absent():
    """Too few predictions of an age; no delays known; no labels ever."""
    rng = np.random.default_rng(5)
    made = np.full(1000, float(NOW - 2 * DAY))
    made[:10] = NOW - 1000
    ratio, expected = found(made, np.ones(1000), reference(rng))
    assert (list(ratio), list(expected)) == (["3d"], ["3d"])
    assert found(made, np.ones(1000), None)[1] == {}
    assert found(made, np.zeros(1000), None) == [{}, {}]
