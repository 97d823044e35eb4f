"""How much of a window is filled, and that nobody is alarmed by a part of a cycle."""

import numpy as np
import pytest

from exporter.metrics.drift.verdict import verdicts
from exporter.metrics.evaluation import Evaluation, Thresholds, Window
from exporter.metrics.filled import NEARLY, filled
from exporter.metrics.history import Tally
from exporter.metrics.quality.results import CHECKS
from exporter.metrics.quality.results import verdicts as quality
from exporter.metrics.silence import silences
from exporter.profile.bins import CategoryBins, NumericBins
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors
from exporter.profile.vocabulary import Vocabulary

HOUR, DAY, WEEK = 3600, 86400, 604800
BINS = NumericBins(np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]))
SHAPE = Layout(task="regression", features={"x": BINS, "hour": CategoryBins(tuple(map(str, range(24)))), "cloud": BINS})
MONDAY = 4 * DAY
"""5 January 1970."""


def hourly(seed, begin, hours, *, busy=60.0, nights=True, shift=0.0):
    """(H, width) counts of hours from `begin` on: nights are without rows, and clouds are seen by day alone."""
    rng, out = np.random.default_rng(seed), np.zeros((hours, SHAPE.width))
    start, span = SHAPE.spans["features"].start, SHAPE.feature_span
    for number in range(hours):
        hour = (begin // HOUR + number) % 24
        rows = int(rng.poisson(busy)) if not nights or 5 <= hour < 23 else 0
        out[number, SHAPE.spans["rows"]] = rows
        cloud = rng.normal(0, 1, rows) if 8 <= hour < 18 else np.full(rows, np.nan)
        for name, values in (("x", rng.normal(shift, 1, rows)), ("cloud", cloud)):
            codes = np.bincount(BINS.codes(values), minlength=BINS.width)
            out[number, start + span[name].start : start + span[name].stop] = codes
        out[number, start + span["hour"].start + 2 + hour] = rows
    return out


def known(days=150, **how):
    blocks = hourly(0, MONDAY, days * 24, **how)
    some = blocks.any(axis=1)
    return Reference(
        layout=SHAPE,
        total=Counts(SHAPE, blocks.sum(axis=0), np.zeros((0, SHAPE.slice_width))),
        model="m",
        block_seconds=HOUR,
        block_starts=(MONDAY + np.arange(len(blocks)) * HOUR)[some],
        blocks=Vectors.of(blocks[some]),
    )


REFERENCE = known()


def window(seconds, kept, *, reference=REFERENCE, end=MONDAY + 400 * DAY, seed=1, **how):
    """An evaluation of a window of which the hours with age (in hours, from the end) `kept` hold rows."""
    begin, hours = end - seconds, seconds // HOUR
    age = np.arange(hours, 0, -1)
    counts = hourly(seed, begin, hours, **how) * kept(age)[:, None]
    rows = counts[:, SHAPE.spans["rows"]][:, 0]
    some = rows > 0
    starts = begin + np.arange(hours) * HOUR
    tally = Tally(starts[some], np.full(some.sum(), HOUR), rows[some], np.zeros(some.sum()))
    return Evaluation(
        model="m",
        version="2",
        window=Window("w", seconds, begin, end),
        counts=Counts(SHAPE, counts.sum(axis=0), np.zeros((0, SHAPE.slice_width))),
        reference=reference,
        thresholds=Thresholds(),
        vocabulary=Vocabulary({}),
        tally=lambda: tally,
    )


def young(hours):
    return lambda age: (age <= hours).astype(float)


def out(begin, end):
    """Without rows from `begin` to `end` hours ago."""
    return lambda age: ((age > begin) | (age <= end)).astype(float)


def whole(age):
    return np.ones(len(age))


@pytest.mark.parametrize("seconds", [DAY, WEEK])
@pytest.mark.parametrize("ends", [0, 6, 13])
def test_nights_without_rows_are_no_gap(seconds, ends):
    found = filled(window(seconds, whole, end=MONDAY + 400 * DAY + ends * HOUR))
    assert found.whole()
    assert found.length() == seconds


def test_few_rows_leave_no_gap():
    """Two rows an hour: many hours have none by chance."""
    assert filled(window(WEEK, whole, busy=2.0)).whole()


@pytest.mark.parametrize("hours", [6, 12, 24, 36, 72, 100, 144])
def test_a_window_is_at_most_as_long_as_it_is_filled(hours):
    found = filled(window(WEEK, young(hours)))
    assert not found.whole()
    assert found.length() <= hours * HOUR
    assert found.share == pytest.approx(hours / 168, abs=0.04)


def test_an_outage_leaves_the_rest():
    found = filled(window(WEEK, out(100, 44)))
    assert found.share == pytest.approx(1 - 56 / 168, abs=0.05)
    assert found.length() == WEEK // 2


def test_a_version_with_a_row_in_a_hundred_until_yesterday_has_a_day():
    found = filled(window(WEEK, lambda age: np.where(age <= 24, 1.0, 0.01)))
    assert found.share == pytest.approx(1 / 7, abs=0.03)


def test_what_a_model_is_worth_does_not_hang_on_an_hour():
    found = filled(window(DAY, out(12, 10)))
    assert not found.whole()
    assert found.length(NEARLY) == DAY


@pytest.mark.parametrize("kept", [young(6), young(24), young(60), young(144), out(100, 44), out(60, 54)])
def test_part_of_a_week_is_no_drift_of_the_hour_and_no_bad_data(kept):
    found = window(WEEK, kept)
    assert np.nansum(verdicts(found, "features").detected) == 0
    assert np.isnan(verdicts(found, "features").detected[1])
    assert np.nansum(quality(found).detected) == 0


def test_part_of_a_week_taken_for_a_whole_one_would_alarm():
    """What this is for."""
    found = window(WEEK, young(6))
    found.tally = None
    assert verdicts(found, "features").detected[1] == 1
    assert quality(found).detected[2, CHECKS.index("missing")] == 1


def test_a_new_version_that_gets_other_values_is_told_within_its_first_day():
    for hours in (16, 24):
        assert verdicts(window(DAY, young(hours), shift=0.5), "features").detected[0] == 1
    assert verdicts(window(DAY, whole), "features").detected.tolist() == [0.0, 0.0, 0.0]


def test_it_is_said_why_there_is_no_verdict_on_the_hour():
    told = {each.about: each.why for each in silences(window(WEEK, young(24)), labelled=False)}
    why = told["drift of features: hour"]
    assert why == "may go with the hour or the day of the week, and the window is filled for 24 of 168 hours"


def test_what_could_not_be_said_of_a_whole_window_is_not_said_of_a_part():
    found = window(WEEK, young(24), reference=known(days=60))
    assert np.isnan(verdicts(found, "features").detected).all()
