"""What is usual is learned from runs alike: no false alarm in a year of weekends and nights, and half a run is found."""

from dataclasses import replace

import pytest

from exporter.metrics.batch.results import partial, usual_of
from exporter.metrics.batch.usual import usual
from tests.unit.metrics.batch.histories import DAY, cut, history

WEEK = 7 * DAY


def test_the_same_weekday_tells() -> None:
    """Four Sundays with 400 rows among days with 1,000: a Sunday with 390 is usual, a Monday with it is not."""
    past = [(day * DAY, 400.0 if day % 7 == 6 else 1000.0) for day in range(28)]
    sunday, monday = usual(past, 34 * DAY), usual(past, 28 * DAY)
    assert sunday is not None
    assert monday is not None
    assert (round(sunday.median), round(monday.median)) == (400, 1000)
    assert sunday.lower < 390 < sunday.upper
    assert monday.lower > 390


def test_a_band_is_a_factor_at_least() -> None:
    """Runs that are all alike leave room for a factor of 1.5 on (1 + x)."""
    found = usual([(day * DAY, 999.0) for day in range(40)], 40 * DAY)
    assert found is not None
    assert [round(each, 3) for each in (found.lower, found.median, found.upper)] == [
        round(1000 / 1.5 - 1, 3),
        999.0,
        1499.0,
    ]


def test_a_week_is_seen_before_anything_is_judged() -> None:
    """Six days of daily runs, or a day of hourly ones, tell nothing of a weekend."""
    assert usual([(day * DAY, 1000.0) for day in range(6)], 6 * DAY) is None
    assert usual([(hour * 3600.0, 1000.0) for hour in range(24)], DAY) is None
    found = usual([(day * DAY, 1000.0) for day in range(7)], 7 * DAY)
    assert found is not None
    assert round(found.lower, 6) == 1001 / 2 - 1


def test_order_makes_no_difference() -> None:
    past = [(day * DAY + day, 1000.0 + day * 7) for day in range(40)]
    assert usual(past[::-1], 40 * DAY) == usual(past, 40 * DAY)


def test_what_comes_after_tells_nothing() -> None:
    past = [(day * DAY, 1000.0) for day in range(30)]
    later = [(day * DAY, 5.0) for day in range(31, 60)]
    assert usual([*past, *later], 30 * DAY) == usual(past, 30 * DAY)


@pytest.mark.parametrize(
    ("fields", "days", "first"), [("30 2 * * *", 400, 0), ("30 2 * * 1-5", 400, 0), ("5 * * * *", 41, 730)]
)
def test_a_year_of_runs(fields: str, days: int, first: int) -> None:
    """At 10 % of noise fewer than 0.3 % of good runs look partial, fewer than 1 % slow, and nine in ten halves are found."""
    runs = list(history(fields, days))
    judged = found = false = slow = 0
    for number in range(first, len(runs)):
        past, run = runs[max(0, number - 1000) : number], runs[number]
        verdict = partial([*past, run])
        if verdict is None:
            assert number < 8
            continue
        judged += 1
        false += verdict
        found += partial([*past, cut(run, 0.5)]) is True
        seconds = usual_of([*past, run], run, lambda each: each.seconds)
        slow += seconds is not None and run.seconds is not None and run.seconds > seconds.upper
    assert judged > 200
    assert false <= 0.003 * judged
    assert slow <= 0.01 * judged
    assert found >= 0.9 * judged


def test_rows_that_go_neither_way_are_found() -> None:
    """A run that loses a tenth of its rows gives no less than is usual, but more of what came in is gone."""
    runs = list(history("30 2 * * *", 60))
    past, run = runs[:-1], runs[-1]
    assert run.rows_out is not None
    assert partial([*past, run]) is False
    assert partial([*past, replace(run, rows_out=run.rows_out * 0.9)]) is True
    # Where they are told to have failed they are not gone.
    assert partial([*past, replace(run, rows_out=run.rows_out * 0.9, failed=run.rows_out * 0.1)]) is False


def test_a_small_run_may_lose_a_row_by_chance() -> None:
    runs = [replace(each, rows_in=40.0, rows_out=40.0 - (number % 3 == 0), failed=0.0) for number, each in enumerate(history("30 2 * * *", 60))]  # fmt: skip
    assert partial([*runs[:-1], replace(runs[-1], rows_out=37.0)]) is False
    assert partial([*runs[:-1], replace(runs[-1], rows_out=25.0)]) is True
