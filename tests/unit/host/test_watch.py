"""Trouble begins where it rose, is told once though it hovers, and ends; what was not watched is not known."""

import pytest

from exporter.host.watch import SLOT, Trouble, Usage, Watch

STEP = 10.0
WINDOW = 60.0
STARVED = ("cpu_starved", "")
OOM = ("out_of_memory", "")


def watched(shares, watch=None, start=0.0):
    """A watch that saw so great a share of waiting in each step of ten seconds."""
    watch, waited, at = watch or Watch(WINDOW), 0.0, start
    watch.look(at, pressure(waited))
    for share in shares:
        at, waited = at + STEP, waited + share * STEP
        watch.look(at, pressure(waited))
    return watch


def pressure(waited):
    return [("ml_host_pressure_cpu_waiting_seconds_total", [((), waited)])]


def test_trouble_has_the_time_at_which_it_rose() -> None:
    assert watched([0.0] * 6 + [0.8] * 4).troubles() == [Trouble(STARVED, 60.0)]


def test_a_moment_is_no_trouble() -> None:
    assert watched([0.0] * 6 + [0.9] * 2 + [0.0] * 6).troubles() == []


def test_half_of_the_stretch_must_have_been_watched() -> None:
    assert watched([0.9] * 2).troubles() == []
    assert watched([0.9] * 3).troubles() == [Trouble(STARVED, 0.0)]


def test_trouble_that_hovers_at_the_threshold_is_told_once() -> None:
    hovering = [0.0] * 6 + [0.6] * 6 + [0.35, 0.45] * 12
    assert watched(hovering).troubles() == [Trouble(STARVED, 60.0)]
    assert watched([0.0] * 6 + [0.35, 0.38] * 12).troubles() == []


def test_trouble_is_over_where_it_was_last_seen() -> None:
    assert watched([0.0] * 6 + [0.8] * 6 + [0.0] * 6).troubles() == [Trouble(STARVED, 60.0, 120.0)]


def test_trouble_that_comes_back_is_another() -> None:
    course = [0.0] * 6 + [0.8] * 6 + [0.0] * 12 + [0.8] * 6
    assert watched(course).troubles() == [Trouble(STARVED, 240.0), Trouble(STARVED, 60.0, 120.0)]


def test_what_is_not_read_any_more_is_over_when_it_was_last_read() -> None:
    watch = watched([0.8] * 6)
    for at in range(70, 200, 10):
        watch.look(float(at), [])
    assert watch.troubles() == [Trouble(STARVED, 0.0, 60.0)]


def test_one_event_is_enough_and_lasts_a_while() -> None:
    watch = Watch(WINDOW)
    for at, kills in [(0, 7.0), (10, 7.0), (20, 8.0), (30, 8.0), (70, 8.0)]:
        watch.look(float(at), [("ml_host_oom_kills_total", [((), kills)])])
    assert watch.troubles() == [Trouble(OOM, 10.0)]
    watch.look(80.0, [("ml_host_oom_kills_total", [((), 8.0)])])
    assert [each.until for each in watch.troubles()] == [20.0]


def test_the_worst_comes_first() -> None:
    watch = Watch(WINDOW)
    for at in range(7):
        watch.look(at * STEP, [*pressure(at * 9.0), ("ml_host_oom_kills_total", [((), float(at))])])
    assert [each.key for each in watch.troubles()] == [OOM, STARVED]


def test_a_reading_of_the_past_is_passed_over() -> None:
    watch = watched([0.8] * 6)
    watch.look(30.0, pressure(0.0))
    assert watch.troubles() == [Trouble(STARVED, 0.0)]


def test_only_so_many_are_kept() -> None:
    watch = watched(([0.9] * 6 + [0.0] * 12) * 600)
    assert len(watch.troubles()) == 500


def used(watch, start, end, share, step=10):
    for at in range(start, end + 1, step):
        watch.look(float(at), [("ml_gpu_utilization_ratio", [(("0", "u", "", ""), share)])])


def test_use_is_the_mean_and_the_highest_five_minutes() -> None:
    watch = Watch(WINDOW)
    used(watch, 0, 900, 0.2)
    used(watch, 910, 1200, 0.8)
    assert watch.usage(0.0, 1200.0) == Usage(pytest.approx(0.35), pytest.approx(0.8))


def test_use_of_a_stretch_that_was_hardly_watched_is_not_known() -> None:
    watch = Watch(WINDOW)
    used(watch, 0, 900, 0.2)
    assert watch.usage(0.0, 2000.0) is None
    assert watch.usage(5000.0, 6000.0) is None


def test_a_gap_between_readings_is_not_known() -> None:
    watch = Watch(WINDOW)
    used(watch, 0, 10 * SLOT, 0.2, step=2 * SLOT)
    assert watch.usage(0.0, 10.0 * SLOT) is None
