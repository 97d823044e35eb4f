"""Runs of batch jobs on /metrics; what cannot be known is absent."""

from collections.abc import Callable, Iterator

from exporter.metrics.batch import results
from exporter.metrics.batch.run import ENDINGS, Run, Runs
from exporter.metrics.batch.schedule import next_due
from exporter.metrics.spec import BatchMetric, Kind, Sample

_NUMBERS: tuple[tuple[str, Callable[[Run], float | None]], ...] = (
    ("in", lambda run: run.rows_in),
    ("out", lambda run: run.rows_out),
    ("failed", lambda run: run.failed),
)


def _plain(read: Callable[[Runs], float | None]) -> Callable[[Runs], Iterator[Sample]]:
    def compute(runs: Runs) -> Iterator[Sample]:
        if (value := read(runs)) is not None:
            yield (), float(value)

    return compute


def _last_success(runs: Runs) -> float | None:
    run = results.newest(runs.runs, "succeeded")
    return None if run is None else run.ended


def _last_run(runs: Runs) -> float | None:
    run = results.last_over(runs.runs)
    return None if run is None else run.ended


def _last_failed(runs: Runs) -> float | None:
    run = results.last_over(runs.runs)
    return None if run is None else float(run.status != "succeeded")


def _last_seconds(runs: Runs) -> float | None:
    run = results.last_over(runs.runs)
    return None if run is None else run.seconds


def _usual_seconds(runs: Runs) -> float | None:
    found = results.usual_seconds(runs.runs)
    return None if found is None else found.median


def _seconds_bounds(runs: Runs) -> Iterator[Sample]:
    if (found := results.usual_seconds(runs.runs)) is not None:
        yield ("lower",), found.lower
        yield ("upper",), found.upper


def _rows(runs: Runs) -> Iterator[Sample]:
    run = results.last_over(runs.runs)
    for direction, number in _NUMBERS:
        if run is not None and (value := number(run)) is not None:
            yield (direction,), value


def _usual_rows(runs: Runs) -> Iterator[Sample]:
    run = results.last_over(runs.runs)
    for direction, number in _NUMBERS:
        if run is not None and (found := results.usual_of(runs.runs, run, number)) is not None:
            yield (direction,), found.median


def _endings(runs: Runs) -> Iterator[Sample]:
    for status in ENDINGS:
        yield (status,), float(runs.endings.get(status, 0))


def _next(runs: Runs) -> float | None:
    if runs.schedule is None or runs.now is None:
        return None
    began = max((run.began for run in runs.runs), default=runs.since)
    return next_due(runs.schedule, began, runs.grace, runs.now)


def _partial(runs: Runs) -> float | None:
    return results.partial(runs.runs)


def _metric(
    name: str,
    text: str,
    compute: Callable[[Runs], Iterator[Sample]],
    labels: tuple[str, ...] = (),
    kind: Kind = "gauge",
) -> BatchMetric:
    return BatchMetric(f"ml_batch_{name}", kind, text, compute, labels=labels)


BATCH = (
    _metric(
        "last_success_timestamp_seconds",
        "When the newest run that succeeded was over, in Unix seconds.",
        _plain(_last_success),
    ),
    _metric(
        "last_run_timestamp_seconds",
        "When the newest run that is over ended, well or not, in Unix seconds; when it began, if it told no end.",
        _plain(_last_run),
    ),
    _metric(
        "last_run_failed",
        "1 where the newest run that is over failed, or began and never told how it ended; 0 where it succeeded.",
        _plain(_last_failed),
    ),
    _metric("last_duration_seconds", "How long the newest run that is over took.", _plain(_last_seconds)),
    _metric("running_seconds", "How long the oldest run under way has been running.", _plain(results.running_seconds)),
    _metric(
        "duration_expected_seconds", "How long runs like the newest one took, in the median.", _plain(_usual_seconds)
    ),
    _metric(
        "duration_bound_seconds",
        "How long a run like the newest one may take: beyond a bound is unusual.",
        _seconds_bounds,
        ("bound",),
    ),
    _metric("last_rows", "Rows that the newest run that is over read, gave, and failed on.", _rows, ("direction",)),
    _metric("rows_expected", "Rows of runs like the newest one, in the median.", _usual_rows, ("direction",)),
    _metric(
        "runs_total",
        "Runs that ended, by how: succeeded, failed, cancelled, or lost, which began and never told.",
        _endings,
        ("status",),
        "counter",
    ),
    _metric("missed_runs", "Runs in a row that were due and of which nothing has come.", _plain(results.missed)),
    _metric("next_run_timestamp_seconds", "When the next run is due, in Unix seconds.", _plain(_next)),
    _metric("overlapping_runs", "Runs that ran while the newest one did.", _plain(results.overlapping)),
    _metric(
        "partial_output",
        "1 where the newest run that succeeded gave far fewer rows than it should, else 0.",
        _plain(_partial),
    ),
)
