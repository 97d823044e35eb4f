"""Due times and missed runs: by durations and by cron, over changes of the clock."""

from datetime import datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from exporter.metrics.batch.schedule import MOST_MISSED, Cron, Every, cron, missed_runs, next_due, usual_grace

HOUR, DAY = 3600.0, 86400.0
VIENNA = "Europe/Vienna"


def at(text: str, zone: str = VIENNA) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def shown(times: list[float], zone: str = VIENNA) -> list[str]:
    return [datetime.fromtimestamp(each, ZoneInfo(zone)).strftime("%m-%d %H:%M%z") for each in times]


def test_due_after_a_duration() -> None:
    """A run is due so long after the one before began, whatever the clock on the wall does."""
    began = at("2026-03-28T12:00")
    assert list(islice(Every(DAY).due(began, 0.0), 2)) == [began + DAY, began + 2 * DAY]


@pytest.mark.parametrize(
    ("fields", "begin", "expected"),
    [
        # The clock leaps from 2 to 3: what was due between is due right after, and once.
        ("30 2 * * *", "2026-03-28T12:00", ["03-29 03:00+0200", "03-30 02:30+0200"]),
        ("0,30 2 * * *", "2026-03-28T12:00", ["03-29 03:00+0200", "03-30 02:00+0200"]),
        # The hour from 2 to 3 comes twice: what is due in it is due once.
        ("30 2 * * *", "2026-10-24T12:00", ["10-25 02:30+0200", "10-26 02:30+0100"]),
        # What is due every hour is due in both.
        ("0 * * * *", "2026-10-25T01:30", ["10-25 02:00+0200", "10-25 02:00+0100"]),
        ("30 2 * * 1-5", "2026-01-02T12:00", ["01-05 02:30+0100", "01-06 02:30+0100"]),
        ("0 6 1 * *", "2026-01-02T12:00", ["02-01 06:00+0100", "03-01 06:00+0100"]),
    ],
)
def test_due_by_cron(fields: str, begin: str, expected: list[str]) -> None:
    assert shown(list(islice(cron(fields, VIENNA).due(at(begin), 0.0), 2))) == expected


@pytest.mark.parametrize("fields", ["30 2 * * *", "*/30 */8 * * *", "0 1,2,3 * * 0", "15 */6 * * *"])
def test_a_year_of_due_times_is_what_a_clock_on_the_wall_shows(fields: str) -> None:
    """Each matches the fields, they rise, and days on which the clock is moved have as many as others."""
    due = []
    for each in cron(fields, VIENNA).due(at("2026-01-01T00:00") - 1, 0.0):
        if each >= at("2027-01-01T00:00"):
            break
        due.append(each)
    assert all(earlier < later for earlier, later in pairwise(due))
    plain = list(islice(cron(fields, "UTC").due(at("2026-01-01T00:00", "UTC") - 1, 0.0), len(due)))
    fixed = not fields.startswith("*") and fields.split()[1][0] != "*"
    # In UTC the same fields are due as often: but for the hours that are lost and won where every hour counts.
    assert len(due) == sum(each < at("2027-01-01T00:00", "UTC") for each in plain)
    if fixed:
        local = [datetime.fromtimestamp(each, ZoneInfo(VIENNA)) for each in due]
        assert {each.hour for each in local} <= {int(hour) for hour in fields.split()[1].split(",")} | {3}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("fields", ["30 2 * * *", "5 */3 * * *", "0 8-18/2 * * 1-5"])
def test_a_year_with_jitter_misses_nothing(fields: str, seed: int) -> None:
    """Runs that begin a little early or late, take a while, and come each time: no moment of the year finds one missed."""
    rng = np.random.default_rng(seed)
    schedule, begin = cron(fields, VIENNA), at("2026-01-01T00:00")
    grace = usual_grace(schedule)
    began, worst = begin, 0
    for due in schedule.due(begin, 0.0):
        if due > at("2027-01-01T00:00"):
            break
        start = due + rng.uniform(-0.5, 0.9) * grace
        end = start + rng.uniform(0.1, 1.0) * 600
        # The worst moment is right before this run tells that it went well.
        worst = max(worst, missed_runs(schedule, began, grace, 600.0, end - 1))
        began = start
    assert worst == 0


@pytest.mark.parametrize("schedule", [Every(DAY), cron("30 2 * * *", VIENNA), cron("30 2 * * *", "UTC")])
def test_each_due_time_that_passes_is_one_missed_run(schedule: Every | Cron) -> None:
    """They are counted at due time + duration + grace, not a second before; a run that comes ends them."""
    began, grace, allowed = at("2026-03-27T02:30:00"), HOUR, 1800.0
    due = list(islice(schedule.due(began, grace), 4))
    for number, each in enumerate(due):
        late = each + allowed + grace
        assert missed_runs(schedule, began, grace, allowed, late - 1) == number
        assert missed_runs(schedule, began, grace, allowed, late) == number + 1
    assert missed_runs(schedule, due[3], grace, allowed, due[3] + allowed) == 0


def test_a_dead_job_is_counted_as_far_as_it_matters() -> None:
    assert missed_runs(cron("* * * * *", "UTC"), 0.0, 10.0, 0.0, 10 * DAY) == MOST_MISSED


@pytest.mark.parametrize(
    ("early", "meant"), [(timedelta(minutes=50), "03-11 02:30+0100"), (timedelta(hours=3), "03-10 02:30+0100")]
)
def test_a_run_before_its_time_is_meant_for_it_within_the_grace(early: timedelta, meant: str) -> None:
    began = at("2026-03-10T02:30") - early.total_seconds()
    assert shown(list(islice(cron("30 2 * * *", VIENNA).due(began, HOUR), 1))) == [meant]


def test_the_next_run() -> None:
    """By cron it is the next due time; by duration it counts from the newest run, over those that were missed."""
    now = at("2026-03-10T12:00")
    assert next_due(cron("30 2 * * *", VIENNA), now - 3 * DAY, HOUR, now) == at("2026-03-11T02:30")
    assert next_due(Every(DAY), now - 2.25 * DAY, HOUR, now) == now + 0.75 * DAY
    assert next_due(Every(DAY), now, HOUR, now) == now + DAY
    # It ran a little early: the next one is that of the day after.
    early = at("2026-03-11T02:20")
    assert next_due(cron("30 2 * * *", VIENNA), early, HOUR, early + 60) == at("2026-03-12T02:30")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("61 2 * * *", "is no schedule of cron \\(minute\\)"),
        ("0 2 31 2 *", "is no schedule of cron \\(day-of-month\\)"),
        ("0 0 2 * * *", "five fields of cron"),
        ("0 2 * *", "five fields of cron"),
        ("0 2 * * 0#9", "is no schedule of cron \\(day-of-week\\)"),
    ],
)
def test_what_is_no_schedule_is_told(fields: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cron(fields, "UTC")


def test_usual_grace() -> None:
    """A tenth of the time between two runs, five minutes at least; fields that leave a night out are judged by day."""
    assert [usual_grace(each) for each in (Every(DAY), Every(HOUR), Every(600.0))] == [8640.0, 360.0, 300.0]
    assert usual_grace(cron("0 8-18/2 * * 1-5", VIENNA)) == 720.0
    assert usual_grace(cron("0 6 1 * *", VIENNA)) == 241_920.0
