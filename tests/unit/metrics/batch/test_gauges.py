"""What is said of runs on /metrics: each value from a few runs by hand; what cannot be known is absent."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from exporter.metrics.batch.gauges import BATCH
from exporter.metrics.batch.run import Run, Runs
from exporter.metrics.batch.schedule import Every

DAY = 86400.0
NOW = 100 * DAY


def said(*runs: Run, **changes: Any) -> Mapping[str, Any]:
    """Metric without `ml_batch_` → its value, or its values by its own label."""
    known = Runs("m", sorted(runs, key=lambda run: run.began), NOW, NOW - DAY, **changes)
    found: dict[str, Any] = {}
    for metric in BATCH:
        samples = list(metric.compute(known))
        if samples:
            plain = {labels[0] if labels else "": value for labels, value in samples}
            found[metric.name.removeprefix("ml_batch_")] = plain[""] if list(plain) == [""] else plain
    return found


def run(name: str, ago: float, seconds: float | None = 600.0, status: Any = "succeeded", **changes: Any) -> Run:
    start = NOW - ago
    return replace(Run(name, status, start, None if seconds is None else start + seconds), **changes)


def test_nothing_is_known_of_no_run() -> None:
    """Counters are there from the start, and the overlap of nothing is not."""
    assert said() == {"runs_total": {"succeeded": 0.0, "failed": 0.0, "cancelled": 0.0, "lost": 0.0}}


def test_the_newest_run_that_is_over_is_told() -> None:
    """A run that failed after one that succeeded: both times, its own duration and rows; the one under way is neither."""
    found = said(
        run("a", 2 * DAY, rows_in=100.0, rows_out=97.0, failed=1.0),
        run("b", DAY, 900.0, "failed", rows_in=100.0, rows_out=10.0),
        run("c", 300.0, None, "running"),
    )
    assert (found["last_success_timestamp_seconds"], found["last_run_timestamp_seconds"]) == (
        NOW - 2 * DAY + 600,
        NOW - DAY + 900,
    )
    assert (found["last_run_failed"], found["last_duration_seconds"], found["running_seconds"]) == (1.0, 900.0, 300.0)
    assert found["last_rows"] == {"in": 100.0, "out": 10.0}
    assert not {"duration_expected_seconds", "rows_expected", "partial_output", "missed_runs"} & found.keys()


def test_a_lost_run_is_a_failed_one_and_a_cancelled_one_is_none() -> None:
    assert said(run("a", 2 * DAY), run("b", DAY, None, "lost"))["last_run_failed"] == 1.0
    assert said(run("a", 2 * DAY), run("b", DAY, 5.0, "cancelled"))["last_run_failed"] == 0.0


def test_missed_runs_count_from_the_last_success() -> None:
    """A run that failed is missed; one that is under way is missed once it should be over."""
    day = {"schedule": Every(DAY), "grace": 3600.0}
    assert said(run("a", 0.9 * DAY), **day)["missed_runs"] == 0.0
    assert said(run("a", 2.9 * DAY), run("b", 1.9 * DAY, 60.0, "failed"), **day)["missed_runs"] == 2.0
    assert said(run("a", 3 * DAY), run("b", 60.0, None, "running"), **day)["missed_runs"] == 2.0


def test_where_nothing_ever_succeeded_runs_are_missed_since_they_are_watched() -> None:
    day = {"schedule": Every(DAY), "grace": 600.0}
    assert said(**day)["missed_runs"] == 0.0
    assert said(run("a", 5.5 * DAY, 60.0, "failed"), **day)["missed_runs"] == 5.0


def test_what_was_not_read_is_not_missed() -> None:
    """While the log cannot be read, or has more to be read, nobody knows whether a run was missed."""
    assert "missed_runs" not in said(run("a", 9 * DAY), schedule=Every(DAY), known=False)
    assert "missed_runs" not in said(run("a", 9 * DAY))


def test_overlapping_runs() -> None:
    """Those that ran while the newest one did; one that ended when it began did not, and of a lost one nobody knows."""
    assert said(run("a", DAY, 3600.0), run("b", DAY - 3600.0))["overlapping_runs"] == 0.0
    assert said(run("a", DAY, 3601.0), run("b", DAY - 3600.0))["overlapping_runs"] == 1.0
    late = [run("a", 7200.0, None, "running"), run("b", 3600.0, 60.0), run("c", 60.0, None, "running")]
    assert said(*late)["overlapping_runs"] == 1.0
    assert said(replace(late[0], status="lost"), *late[1:])["overlapping_runs"] == 0.0
    assert "overlapping_runs" not in said(replace(late[2], start=None))


def test_durations_are_expected_by_the_run_under_way() -> None:
    """Thirty days of ten minutes, and an hour on the day that is judged: beyond the bound, whether it is over or not."""
    past = [run(f"r{day}", day * DAY + 7200.0) for day in range(1, 31)]
    over, under = said(*past, run("x", 7200.0, 3600.0)), said(*past, run("x", 7200.0, None, "running"))
    for found in (over, under):
        assert round(found["duration_expected_seconds"], 6) == 600.0
        assert 890 < found["duration_bound_seconds"]["upper"] < 910
    assert (over["last_duration_seconds"], under["running_seconds"]) == (3600.0, 7200.0)


def test_rows_of_one_moment_take_no_time() -> None:
    """Where all rows of a run have one time, how long it took is not known."""
    assert "last_duration_seconds" not in said(run("a", DAY, 0.0))
