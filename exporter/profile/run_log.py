"""The log of a batch job's runs: its rows as what each says of one run."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa

from exporter.batch import Batch
from exporter.profile.bins import Floats
from exporter.profile.cells import NO_TIME, Names, find_column, read_names, read_numbers, read_times
from exporter.profile.refused import Refused

Told = Literal["running", "succeeded", "failed", "cancelled"]
"""What a log can say of a run."""

_WORDS: Mapping[Told, str] = {
    "running": "running started start starting begin began in_progress inprogress executing active queued pending "
    "scheduled submitted waiting",
    "succeeded": "succeeded success successful ok okay done complete completed finished finish end ended passed true",
    "failed": "failed failure fail error errored crashed broken aborted timeout timed_out timedout killed oom "
    "upstream_failed internal_error false",
    "cancelled": "cancelled canceled cancelling skipped stopped revoked excluded",
}
STATUSES: Mapping[str, Told] = {word: told for told, words in _WORDS.items() for word in words.split()}
"""Words that schedulers write, in lower case with `_` between words and without `job_state_` before them."""
_PREFIXES = ("job_state_", "run_state_", "state_")
_LONGEST_NAME = 128
_MICRO = 1e6


@dataclass(frozen=True, slots=True)
class RunColumns:
    """Which column of a run log plays which role.

    Attributes:
        run: identifies the run.
        time: when the row was written: the start of a run that is told to be running, the end of one that is over.
        statuses: words of the log beyond STATUSES → what they mean.
        timezone: of times without an offset.
    """

    run: str
    start: str | None = None
    end: str | None = None
    time: str | None = None
    status: str | None = None
    rows_in: str | None = None
    rows_out: str | None = None
    failed: str | None = None
    statuses: Mapping[str, Told] = field(default_factory=dict)
    timezone: str = "UTC"

    @property
    def named(self) -> tuple[str, ...]:
        """All columns."""
        every = (self.run, self.start, self.end, self.time, self.status, self.rows_in, self.rows_out, self.failed)
        return tuple(dict.fromkeys(name for name in every if name is not None))


@dataclass(frozen=True, slots=True)
class RunRow:
    """What one row says of a run; None: nothing. Times in Unix seconds.

    Attributes:
        said: when it was true at the latest: the later one of its times.
    """

    run: str
    said: float
    status: Told
    start: float | None = None
    end: float | None = None
    rows_in: float | None = None
    rows_out: float | None = None
    failed: float | None = None


def status_of(word: str, statuses: Mapping[str, Told]) -> Told | None:
    """What a word of the log means; None where nobody knows."""
    if word in statuses:
        return statuses[word]
    plain = word.strip().lower().replace(" ", "_").replace("-", "_")
    for prefix in _PREFIXES:
        plain = plain.removeprefix(prefix)
    return STATUSES.get(plain)


def run_name(name: str) -> str:
    """A run's id as it is kept: what is too long for one is hashed."""
    if len(name) <= _LONGEST_NAME:
        return name
    return "long-" + hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).hexdigest()


def decode_runs(batch: Batch, columns: RunColumns, latest: float, *, keep_rows: bool) -> tuple[list[RunRow], Refused]:
    """What the rows say, and those that say nothing: no run, no time, or a status that nobody knows.

    Args:
        batch: rows of the run log.
        columns: their roles.
        latest: Unix seconds beyond which a time is not believed.
        keep_rows: rows set aside keep their content.
    """
    rows, refused = batch.rows, Refused()
    names = _names(rows, columns.run)
    start, end, time = (_seconds(rows, name, columns.timezone) for name in (columns.start, columns.end, columns.time))
    words = _names(rows, columns.status)
    numbers = [_counted(rows, name) for name in (columns.rows_in, columns.rows_out, columns.failed)]
    found, bad, future = [], [], []
    for at in range(rows.num_rows):
        over = not np.isnan(end[at]) or (columns.end is None and columns.status is None)
        status: Told | None = "succeeded" if over else "running"
        if words.codes[at] >= 0:
            status = status_of(words.names[words.codes[at]], columns.statuses)
        row = None
        if names.codes[at] >= 0 and status is not None:
            name = run_name(names.names[names.codes[at]])
            row = _row(name, status, (start[at], end[at], time[at]), tuple(_known(each[at]) for each in numbers))
        if row is None:
            bad.append(at)
        elif row.said > latest:
            future.append(at)
        else:
            found.append(row)
    refused.add(batch, np.array(bad, dtype=np.int64), "bad_run", keep_rows=keep_rows)
    refused.add(batch, np.array(future, dtype=np.int64), "future", keep_rows=keep_rows)
    return found, refused


def _row(run: str, status: Told, times: tuple[float, ...], numbers: tuple[float | None, ...]) -> RunRow | None:
    """One row; None where it has no time."""
    start, end, time = (_known(each) for each in times)
    if status == "running":
        # An end that is still to come is a plan.
        start, end = (time if start is None else start), None
    elif end is None:
        end = time
    told = [each for each in (start, end) if each is not None]
    if not told:
        return None
    return RunRow(run, max(told), status, start, end, *numbers)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _names(rows: pa.RecordBatch, name: str | None) -> Names:
    column = None if name is None else find_column(rows, name)
    return Names(np.full(rows.num_rows, -1, dtype=np.int64), ()) if column is None else read_names(column)


def _seconds(rows: pa.RecordBatch, name: str | None, timezone: str) -> Floats:
    column = None if name is None else find_column(rows, name)
    if column is None:
        return np.full(rows.num_rows, np.nan)
    micros = read_times(column, timezone)
    return np.where(micros == NO_TIME, np.nan, micros / _MICRO)


def _counted(rows: pa.RecordBatch, name: str | None) -> Floats:
    """Numbers of rows; NaN for what cannot be one."""
    column = None if name is None else find_column(rows, name)
    if column is None:
        return np.full(rows.num_rows, np.nan)
    values, bad = read_numbers(column)
    with np.errstate(invalid="ignore"):
        return np.where(~bad & np.isfinite(values) & (values >= 0), values, np.nan)
