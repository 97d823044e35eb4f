"""Onsets on /metrics: of what is detected, and of nothing else."""

import numpy as np
import pytest

from exporter.metrics.evaluation import Evaluation, Thresholds, Window
from exporter.metrics.history import Past
from exporter.metrics.onset import results
from exporter.metrics.onset.gauges import GAUGES
from exporter.metrics.onset.results import onsets
from exporter.metrics.onset.subjects import bad_values, feature, performance
from exporter.metrics.spec import NoData
from exporter.profile.bins import CategoryBins, NumericBins, quantile_edges
from exporter.profile.counts import Counts, total
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors
from exporter.profile.vocabulary import Vocabulary

HOUR, DAY = 3600, 86400
REFERENCE_DAYS, DAYS = 30, 6
START = REFERENCE_DAYS * DAY
EDGES = quantile_edges(np.random.default_rng(0).normal(size=20_000), 64)
LAYOUT = Layout(
    task="binary",
    classes=("no", "yes"),
    features={"x": NumericBins(EDGES), "y": NumericBins(EDGES), "c": CategoryBins(("a", "b", "other"))},
)


def hour(rng, *, x=0.0, missing=0.0, wrong=0.1, rows=600):
    """Counts of an hour: x shifted, a share of y missing, a share of predictions wrong."""
    counts = Counts.zero(LAYOUT)
    counts["rows"][0] = counts["labels"][0] = rows
    for name in ("weight_squares", "label_weight_squares"):
        if LAYOUT.has(name):
            counts[name][0] = rows
    bins = LAYOUT.features["x"]
    values = rng.normal(size=(2, rows))
    values[1, rng.random(rows) < missing] = np.nan
    counts.feature("x")[:] = np.bincount(bins.codes(values[0] + x), minlength=bins.width)
    counts.feature("y")[:] = np.bincount(bins.codes(values[1]), minlength=bins.width)
    counts.feature("c")[2:4] = rng.multinomial(rows, [0.5, 0.5])
    actual = rng.random(rows) < 0.5
    predicted = np.where(rng.random(rows) < wrong, ~actual, actual)
    counts["outcomes"][:2, :2] = np.histogram2d(predicted, actual, bins=2)[0]
    counts["predicted"][:2] = np.bincount(predicted.astype(int), minlength=2)
    return counts


@pytest.fixture(scope="module")
def reference():
    rng = np.random.default_rng(1)
    blocks = [hour(rng) for _ in range(REFERENCE_DAYS * 24)]
    return Reference(
        layout=LAYOUT,
        total=total(LAYOUT, blocks),
        model="m",
        block_seconds=HOUR,
        block_starts=np.arange(len(blocks)) * HOUR,
        blocks=Vectors.of([each.all for each in blocks]),
    )


def evaluated(reference, hours, seconds=DAY, memory=None):
    """The evaluation of the last `seconds` of `hours`, and the places that its past was asked for."""
    asked = []
    matrix = np.array([each.all for each in hours])
    starts = START + np.arange(len(hours)) * HOUR
    end = START + len(hours) * HOUR

    def history(places):
        asked.append(places)
        return Past(starts, np.full(len(hours), HOUR), matrix[:, places])

    window = Window("24h", seconds, end - seconds, end)
    evaluation = Evaluation(
        "m",
        "1",
        window,
        total(LAYOUT, hours[-seconds // HOUR :]),
        reference,
        Thresholds(),
        Vocabulary({}),
        memory={} if memory is None else memory,
        history=history,
    )
    return evaluation, asked


def samples(evaluation):
    """What every gauge says, by its name."""
    found = {}
    for gauge in GAUGES:
        try:
            values = dict(gauge.compute(evaluation))
        except NoData:
            continue
        if values:
            found[gauge.name] = values
    return found


def changed(at, **how):
    """Hours that are other from `at` on."""
    rng = np.random.default_rng(2)
    return [hour(rng, **(how if number >= at else {})) for number in range(DAYS * 24)]


def test_a_calm_window_asks_for_no_past(reference):
    """Where nothing is detected, nothing is read and nothing said."""
    evaluation, asked = evaluated(reference, changed(DAYS * 24))
    assert samples(evaluation) == {}
    assert asked == []


def test_drift_of_a_feature_has_an_onset_an_interval_and_a_shape(reference):
    """Of the drifted feature alone, and as the model's."""
    evaluation, asked = evaluated(reference, changed(130, x=0.4))
    found, truth = samples(evaluation), START + 130 * HOUR
    assert found["ml_feature_drift_onset_timestamp_seconds"] == {("x",): truth}
    bounds = found["ml_feature_drift_onset_bound_timestamp_seconds"]
    assert bounds["x", "lower"] < truth < bounds["x", "upper"]
    assert found["ml_feature_drift_shape"] == {("x", "sudden"): 1.0}
    assert found["ml_drift_onset_timestamp_seconds"] == {(): truth}
    assert found["ml_drift_shape"] == {("sudden",): 1.0}
    assert len(asked) == 1


def test_bad_values_have_an_onset(reference):
    """By feature and check."""
    evaluation, _ = evaluated(reference, changed(125, missing=0.2))
    found = samples(evaluation)
    assert found["ml_feature_quality_onset_timestamp_seconds"] == {("y", "missing"): START + 125 * HOUR}


def test_lost_performance_has_an_onset(reference):
    """By metric; of all that the wrong answers are seen in."""
    evaluation, _ = evaluated(reference, changed(128, wrong=0.3))
    found = samples(evaluation)
    truth = START + 128 * HOUR
    for metric in ("accuracy", "precision", "recall", "f1"):
        assert abs(found["ml_performance_onset_timestamp_seconds"][metric,] - truth) <= HOUR
        assert found["ml_performance_shape"][metric, "sudden"] == 1.0


def test_drift_before_all_that_is_kept_has_an_upper_end_alone(reference):
    """The model's onset is not known then either."""
    evaluation, _ = evaluated(reference, changed(0, x=0.4))
    found = samples(evaluation)
    finite = {
        name: {labels: value for labels, value in each.items() if np.isfinite(value)} for name, each in found.items()
    }
    assert finite["ml_feature_drift_onset_timestamp_seconds"] == {}
    assert finite["ml_feature_drift_onset_bound_timestamp_seconds"] == {("x", "upper"): START}
    assert "ml_drift_onset_timestamp_seconds" not in found
    assert "ml_feature_drift_shape" not in found


def test_it_is_found_once_a_pane(reference):
    """A cycle later, while the window ends where it did, the past is not asked again."""
    memory = {}
    hours = changed(130, x=0.4)
    first, _ = evaluated(reference, hours, memory=memory)
    again, asked = evaluated(reference, hours, memory=memory)
    assert samples(first) == samples(again)
    assert asked == []
    later, asked = evaluated(reference, [*hours, hour(np.random.default_rng(3), x=0.4)], memory=memory)
    onsets(later)
    assert len(asked) == 1


@pytest.mark.parametrize(("swing", "within"), [(0.6, HOUR), (3.0, DAY)])
def test_what_the_reference_knows_of_the_hour_is_no_change(swing, within):
    """A daily cycle that the reference shows leaves the onset of a shift where it is; to the day if it is all there is."""
    rng = np.random.default_rng(5)

    def level(number):
        return swing * np.sin(2 * np.pi * number / 24)

    blocks = [hour(rng, x=level(number)) for number in range(REFERENCE_DAYS * 24)]
    known = Reference(
        layout=LAYOUT,
        total=total(LAYOUT, blocks),
        model="m",
        block_seconds=HOUR,
        block_starts=np.arange(len(blocks)) * HOUR,
        blocks=Vectors.of([each.all for each in blocks]),
    )
    hours = [hour(rng, x=level(number) + swing * (number >= 117)) for number in range(DAYS * 24)]
    evaluation, _ = evaluated(known, hours)
    found = samples(evaluation)
    assert abs(found["ml_feature_drift_onset_timestamp_seconds"]["x",] - (START + 117 * HOUR)) <= within
    assert found["ml_feature_drift_shape"] == {("x", "sudden"): 1.0}


def test_without_a_reference_nothing_is_said(reference):
    """There is no data, no failure."""
    evaluation, _ = evaluated(reference, changed(130, x=0.4))
    evaluation.reference = None
    with pytest.raises(NoData):
        onsets(evaluation)


@pytest.mark.parametrize("name", ["x", "c"])
def test_cells_of_a_feature_are_its_valid_values(name):
    """Every valid row is in one cell; bad ones, and unseen categories, are in none."""
    counts = hour(np.random.default_rng(6), missing=0.1)
    subject = feature(LAYOUT, name)
    codes = counts.feature(name)
    codes[:] = np.arange(len(codes)) + 1.0
    valid = codes[2:] if name == "x" else codes[2:-1]
    assert subject.cells(counts.all[subject.places][None]).sum() == valid.sum()


@pytest.mark.parametrize(
    ("name", "check", "bad", "among"),
    [
        ("x", "missing", [0], slice(None)),
        ("x", "invalid", [1], slice(None)),
        ("x", "out_of_range", [2, -1], slice(2, None)),
        ("c", "unseen", [-1], slice(2, None)),
    ],
)
def test_bad_values_stand_beside_the_others(name, check, bad, among):
    """Two cells: the bad rows and all others that are judged."""
    counts = hour(np.random.default_rng(7))
    codes = counts.feature(name)
    codes[:] = np.arange(len(codes)) + 1.0
    subject = bad_values(LAYOUT, name, check)
    cells = subject.cells(counts.all[subject.places][None])[0]
    assert cells.tolist() == [codes[bad].sum(), codes[among].sum() - codes[bad].sum()]


@pytest.mark.parametrize(
    ("metric", "cells"),
    [("accuracy", [7, 5]), ("precision", [4, 2]), ("recall", [4, 3]), ("specificity", [3, 2])],
)
def test_answers_stand_by_what_a_metric_is_made_of(metric, cells):
    """Right ones, then wrong ones, of those that it counts."""
    counts = Counts.zero(LAYOUT)
    counts["outcomes"][:2, :2] = [[3, 3], [2, 4]]
    subject = performance(LAYOUT, metric)
    assert subject.cells(counts.all[subject.places][None])[0].tolist() == cells


def test_a_shape_in_doubt_is_that_of_the_pane_before(reference, monkeypatch):
    """The next pane is judged knowing what was told in this one; a window of its own knows nothing."""
    said, find = [], results.onset
    monkeypatch.setattr(results, "onset", lambda *asked: said.append(asked[2]) or find(*asked))
    memory, hours = {}, changed(130, x=0.4)
    evaluation, _ = evaluated(reference, hours[:-1], memory=memory)
    first = onsets(evaluation).onsets["feature", ("x",)]
    evaluation, _ = evaluated(reference, hours, memory=memory)
    onsets(evaluation)
    assert said == [None, first.shape]
