"""What is to be said of a model's runs: pure functions of the runs and the time."""

from collections.abc import Callable, Sequence

import numpy as np

from exporter.metrics.batch.run import Run, Runs
from exporter.metrics.batch.schedule import missed_runs
from exporter.metrics.batch.usual import DEVIATIONS, OF_NORMAL, Point, Usual, usual

_LEAST_RUNS, _MOST_RUNS = 5, 30
_LEAST_SHORT = 0.02


def newest(runs: Sequence[Run], *statuses: str) -> Run | None:
    """The run with one of these statuses that was over last; None where there is none."""
    return max((run for run in runs if run.status in statuses), key=lambda run: (run.ended, run.name), default=None)


def last_over(runs: Sequence[Run]) -> Run | None:
    """The newest run that is over, one that somebody cancelled apart."""
    return newest(runs, "succeeded", "failed", "lost")


def history(runs: Sequence[Run], before: Run, number: Callable[[Run], float | None]) -> list[Point]:
    """A number of the runs that succeeded and began before another one."""
    return [
        (run.began, value)
        for run in runs
        if run.status == "succeeded" and run.began < before.began and (value := number(run)) is not None
    ]


def usual_of(runs: Sequence[Run], run: Run, number: Callable[[Run], float | None]) -> Usual | None:
    """What is usual for a number of this run."""
    return usual(history(runs, run, number), run.began)


def usual_seconds(runs: Sequence[Run]) -> Usual | None:
    """How long the run under way, else the newest one, may be expected to take."""
    run = newest(runs, "running") or last_over(runs)
    return None if run is None else usual_of(runs, run, lambda each: each.seconds)


def running_seconds(runs: Runs) -> float | None:
    """How long the oldest run under way has been running; None where none is."""
    if runs.now is None:
        return None
    begun = [run.start for run in runs.runs if run.status == "running" and run.start is not None]
    return max(0.0, runs.now - min(begun)) if begun else None


def missed(runs: Runs) -> int | None:
    """Runs missed in a row by now; None where that cannot be told: no schedule, or the log was not read to its end."""
    if runs.schedule is None or runs.now is None or not runs.known:
        return None
    succeeded = [run.began for run in runs.runs if run.status == "succeeded"]
    first = min((run.began for run in runs.runs), default=runs.since)
    began = max(succeeded, default=min(first, runs.since))
    allowed = usual_seconds(runs.runs)
    slack = runs.slack + (0.0 if allowed is None else allowed.upper)
    return missed_runs(runs.schedule, began, runs.grace, slack, runs.now)


def overlapping(runs: Runs) -> int | None:
    """Runs that ran while the newest one did; None where that one's time is not known."""
    timed = [(run, span) for run in runs.runs if (span := _span(run, runs.now)) is not None]
    if not timed:
        return None
    last, (start, end) = max(timed, key=lambda each: (each[1][0], each[0].name))
    return sum(begun < end and start < over for run, (begun, over) in timed if run is not last)


def _span(run: Run, now: float | None) -> tuple[float, float] | None:
    """From when to when it ran; of a lost run nobody knows."""
    over = now if run.status == "running" else run.end
    if run.start is None or over is None or run.status == "lost":
        return None
    return run.start, max(run.start, over)


def partial(runs: Sequence[Run]) -> bool | None:
    """Whether the newest run that succeeded gave less than it should; None where nobody can tell.

    Less than is usual at this time of the week (`usual`), or more rows that came in and neither went out nor failed
    than usual.
    """
    run = newest(runs, "succeeded")
    if run is None:
        return None
    verdicts = []
    out = usual_of(runs, run, lambda each: each.rows_out)
    if out is not None and run.rows_out is not None:
        verdicts.append(run.rows_out < out.lower)
    if (lost := short(run)) is not None and (most := most_short(runs, run)) is not None:
        verdicts.append(lost > most)
    return any(verdicts) if verdicts else None


def short(run: Run) -> float | None:
    """Share of the rows in that neither went out nor failed; None where that is not known."""
    if not run.rows_in or run.rows_out is None:
        return None
    return 1.0 - (run.rows_out + (run.failed or 0.0)) / run.rows_in


def most_short(runs: Sequence[Run], run: Run) -> float | None:
    """Share of the rows in that may be short; None where fewer than five runs tell.

    The median of the last thirty runs that succeeded, and the widest of: 2 %, 3.5 of their standard
    deviations (1.4826 median absolute deviations), 3.5 of a binomial count of this run's size.
    """
    past = [value for _, value in sorted(history(runs, run, short))[-_MOST_RUNS:]]
    if len(past) < _LEAST_RUNS or not run.rows_in:
        return None
    middle = float(np.median(past))
    spread = OF_NORMAL * float(np.median(np.abs(np.array(past) - middle)))
    share = min(max(middle, 1 / run.rows_in), 1.0)
    chance = float(np.sqrt(share * (1 - share) / run.rows_in))
    return middle + max(_LEAST_SHORT, DEVIATIONS * spread, DEVIATIONS * chance)
