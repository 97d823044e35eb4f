"""Since when, and in what shape: planted changes are found where they are."""

from itertools import pairwise

import numpy as np
import pytest

from bench.onset_simulation import GROUPS, Scenario, figures, found_in, step
from exporter.metrics.onset.course import Course, Panes, groups
from exporter.metrics.onset.dispersion import Weather, weather
from exporter.metrics.onset.onset import onset
from exporter.metrics.onset.segments import changes

PANE = 300


def panes(levels, rows=400, *, start=0, ordered=True):
    """Panes of a variable with two cells, whose second has shares `levels` (K,) and is expected to have 0.2."""
    bad = np.rint(np.asarray(levels) * rows)
    counts = np.column_stack((rows - bad, bad))
    starts = start + np.arange(len(counts)) * PANE
    widths = np.full(len(counts), PANE)
    return Panes.of(starts, widths, counts, np.array([[0.8, 0.2]]), ordered=ordered, weather=None)


def summary(group, times):
    return [figures(scenario, found_in(scenario, times)) for scenario in GROUPS[group]()]


def test_clear_steps_are_placed_within_two_panes():
    """2.5 nats a pane and more: 95 % within two panes, over all scenarios."""
    rows = summary("steps", 25)
    assert np.mean([row["near"] for row in rows]) >= 0.95


@pytest.mark.parametrize(("group", "times"), [("faint", 20), ("clustered", 8)])
def test_intervals_hold_the_truth(group, times):
    """What is stated at 95 % comes out, but for what so few draws may miss."""
    rows = summary(group, times)
    assert np.mean([row["covered"] for row in rows]) >= 0.9


@pytest.mark.parametrize("group", ["ramps", "seasons", "incidents"])
def test_shapes_are_told(group):
    """Slow rises are gradual, seasons recurring, what is over temporary, a second incident no season."""
    for row in summary(group, 8):
        assert row["shape"] >= 7 / 8, row


def test_nothing_is_said_of_a_window_like_the_reference():
    """There is no onset where nothing differs."""
    assert onset(panes(np.full(50, 0.2)), 40 * PANE) is None


def test_nothing_is_said_of_a_window_without_rows():
    """There is no onset where no pane is."""
    assert onset(panes(np.full(50, 0.5)), 60 * PANE) is None


def test_what_was_there_before_all_that_is_kept_has_an_upper_end_alone():
    """A history that was different from its first pane on tells no onset."""
    found = onset(panes(np.full(50, 0.6), start=9000), 9000 + 40 * PANE)
    assert found is not None
    assert np.isnan([found.at, found.lower]).all()
    assert (found.upper, found.shape) == (9000.0, None)


def test_the_last_of_two_incidents_counts():
    """An incident of long ago, over since, does not move the onset of a new one."""
    levels = np.full(300, 0.2)
    levels[50:80] = levels[260:] = 0.5
    found = onset(panes(levels), 280 * PANE)
    assert found is not None
    assert (found.at, found.shape) == (260 * PANE, "sudden")


def test_a_short_interruption_is_no_new_onset():
    """A broken sensor shows nothing wrong while there is nothing to see."""
    levels = np.where(np.arange(300) < 150, 0.2, 0.6)
    levels[200:208] = levels[230:235] = 0.2
    found = onset(panes(levels), 240 * PANE)
    assert found is not None
    assert (found.at, found.shape) == (150 * PANE, "sudden")


def test_wider_panes_hold_the_same_rows():
    """Counted back from the end; the first, which is not whole, goes."""
    fine = panes(np.linspace(0.1, 0.3, 50))
    wide = fine.widened(10 * PANE, 45 * PANE)
    assert wide.starts.tolist() == [start * PANE for start in (5, 15, 25, 35, 45)]
    assert wide.counts[0].tolist() == fine.counts[5:15].sum(axis=0).tolist()
    assert np.allclose(wide.expected.sum(axis=1), wide.counts.sum(axis=1))


def test_a_gap_before_the_change_is_within_the_interval():
    """Where no rows came before the first bad pane, the change may have been at any time since the last good one."""
    whole = panes(np.where(np.arange(100) < 60, 0.2, 0.6))
    kept = np.r_[0:50, 60:100]
    cut = Panes(whole.starts[kept], whole.widths[kept], whole.counts[kept], whole.expected[kept], ordered=True)
    found = onset(cut, 80 * PANE)
    assert found is not None
    assert found.at == 60 * PANE
    assert found.lower <= 50 * PANE


def test_a_change_back_is_no_new_onset():
    """The direction counts: what comes back from a shift the other way is not the shift."""
    levels = np.full(200, 0.2)
    levels[50:120] = 0.05
    levels[150:] = 0.45
    found = onset(panes(levels), 160 * PANE)
    assert found is not None
    assert found.at == 150 * PANE


def test_gains_are_log_likelihood_ratios():
    """Of a normal mean with known variances: by running sums as by hand."""
    rng = np.random.default_rng(1)
    level, weight = rng.normal(size=20), rng.uniform(0.5, 2, size=20)
    course = Course(np.arange(20) * PANE, np.full(20, PANE), np.ones(20), level, weight, 1)

    def loss(part):
        mean = np.average(level[part], weights=weight[part])
        return float(weight[part] @ (level[part] - mean) ** 2) / 2

    expected = [loss(slice(3, 17)) - loss(slice(3, at)) - loss(slice(at, 17)) for at in range(4, 17)]
    assert np.allclose(course.gains(3, 17), expected)


def test_calm_histories_are_seldom_cut():
    """At most one in twenty where levels are noise."""
    rng = np.random.default_rng(2)
    starts, widths, rows = np.arange(400) * PANE, np.full(400, PANE), np.full(400, 100.0)
    cut = [bool(changes(Course(starts, widths, rows, rng.normal(size=400), np.ones(400), 1))) for _ in range(200)]
    assert np.mean(cut) <= 0.05


def test_weather_of_a_reference_is_measured():
    """ρ is the variance of the level between hours, in units of one row's, and nothing where rows are independent."""
    rng = np.random.default_rng(3)
    numbers, slope = np.arange(4000), np.array([0.0, 1.0])
    for spread in (0.0, 0.02):
        share = 0.5 + spread * rng.normal(size=4000)
        bad = rng.binomial(1000, share)
        counts = np.column_stack((1000 - bad, bad)).astype(float)
        found = weather(counts, np.full((4000, 2), 500.0), numbers, 3600).along(slope)
        factor = 1 + spread**2 / 0.25 * 1000
        assert np.isclose(found.of(np.array(3600.0), np.array(1000.0)), factor, rtol=0.1, atol=0.05)


def test_weather_that_lasts_is_shared_by_more_rows():
    """Where hours of a day are alike, a day's dispersion is that of its rows."""
    rng = np.random.default_rng(4)
    share = np.repeat(0.5 + 0.02 * rng.normal(size=400), 24)
    bad = rng.binomial(1000, share)
    counts = np.column_stack((1000 - bad, bad)).astype(float)
    found = weather(counts, np.full((9600, 2), 500.0), np.arange(9600), 3600).along(np.array([0.0, 1.0]))
    assert found.of(np.array(57600.0), np.array(16000.0)) > 15


def test_nothing_known_of_weather_is_independence():
    """A reference with few blocks gives factors of 1."""
    none = weather(np.ones((5, 2)), np.ones((5, 2)), np.arange(5), 3600)
    assert isinstance(none, Weather)
    assert none.along(np.array([0.0, 1.0])).of(np.array(3600.0), np.array(1e6)) == 1.0


def test_groups_of_categories_keep_those_apart_whose_share_changed():
    """Categories that grew are never joined with those that shrank."""
    before = np.array([0.3, 0.3, 0.2, 0.2])
    now = np.array([0.1, 0.4, 0.1, 0.4])
    found = groups(now, before, 2, ordered=False)
    assert set(found[[0, 2]]).isdisjoint(found[[1, 3]])


def test_a_step_within_a_wide_pane_is_not_gradual():
    """Panes that are rolled up to an hour hold part of a step."""
    scenario = Scenario("within an hour", 200, step(100.5, 0.4), 24, 100.5, rows=1500, pane=3600)
    shapes = figures(scenario, found_in(scenario, 20))["shapes"]
    assert shapes["sudden"] >= 18


CELLS = 8
DAILY = 288
"""Panes of a day."""


def drawn(levels, seed):
    """Counts (K, CELLS) of 125 rows a pane, drawn of a variable that is tilted by `levels` (K,)."""
    rng = np.random.default_rng(seed)
    shares = (1 + 0.35 * np.asarray(levels)[:, None] * np.linspace(-1, 1, CELLS)) / CELLS
    return np.array([rng.multinomial(125, each) for each in shares]).astype(np.float64)


def told(counts, ends, window, *, remembered):
    """The shape told at each of `ends`, knowing that of the pane before or not."""
    shapes = []
    for end in ends:
        starts, expected = np.arange(end) * PANE, np.full((1, CELLS), 1 / CELLS)
        past = Panes.of(starts, np.full(end, PANE), counts[:end], expected, ordered=True, weather=None)
        found = onset(past, (end - window) * PANE, shapes[-1] if remembered and shapes else None)
        shapes.append(None if found is None else found.shape)
    return shapes


def flips(shapes, shape):
    """How often `shape` was taken back."""
    return sum(one == shape != other for one, other in pairwise(shapes))


def test_a_rise_that_looks_half_sudden_keeps_its_shape():
    """Rises over two or three hours are called gradual once, and not sudden again half an hour later."""
    before = after = 0
    for seed, panes_of_rise in ((0, 36), (1, 24), (2, 24), (3, 36), (4, 36)):
        at = 3 * DAILY
        counts = drawn(np.clip((np.arange(at + 140) - at) / panes_of_rise, 0, 1), seed)
        ends = range(at + 40, at + 140, 2)
        before += flips(told(counts, ends, 12, remembered=False), "gradual")
        after += flips(told(counts, ends, 12, remembered=True), "gradual")
    assert before >= 4
    assert after <= before // 4


def test_a_season_half_as_strong_as_today_keeps_its_shape():
    """What was called recurring is not called news a pane later because yesterday was a little less than half of it."""
    before = after = 0
    for seed in range(4):
        levels = np.zeros(3 * DAILY + 96)
        for day in range(4):
            levels[day * DAILY : day * DAILY + 96] = 1 if day == 3 else 0.55
        counts = drawn(levels, seed)
        ends = range(3 * DAILY + 40, 3 * DAILY + 96)
        before += flips(told(counts, ends, DAILY, remembered=False), "recurring")
        after += flips(told(counts, ends, DAILY, remembered=True), "recurring")
    assert before >= 3
    assert after <= before // 3


def test_what_was_said_holds_nothing_up():
    """A clear step is sudden at once, whatever it was taken for a pane ago."""
    levels = np.repeat([0.2, 0.6], [600, 60])
    for said in (None, "sudden", "gradual", "recurring", "temporary"):
        assert onset(panes(levels), 640 * PANE, said).shape == "sudden"
