"""Log files as they grow: lines appended and flushed, files by day, Parquet files that appear whole."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from demo.data import NEW_YORK, Integers, utc_offset

_RUN_AFTER_SECONDS = 300
_RUN_SECONDS, _ROW_SECONDS, _CRASH_SECONDS = 90.0, 0.2, 20.0
"""Of event time: so long after a stretch its run begins, and so long it takes, with each row, or until it crashes."""


class LineLog:
    """A text log of one file a day, named `STEM-2013-04-01.jsonl` (or `.csv`) after New York's calendar."""

    def __init__(self, folder: Path, stem: str, ending: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.stem = stem
        self.ending = ending

    def write(self, rows: pa.Table, time: Integers) -> None:
        """Appends these rows, in their order, to the files of their days; whole lines, on disk when this returns."""
        day_numbers = (time + utc_offset(time, NEW_YORK)) // 86400
        for number in np.unique(day_numbers):
            path = self.folder / f"{self.stem}-{np.datetime64(int(number), 'D')}.{self.ending}"
            some = rows.filter(pa.array(day_numbers == number))
            with path.open("ab") as file:
                file.write(jsonl(some) if self.ending == "jsonl" else csv_lines(some, header=file.tell() == 0))


class ParquetLog:
    """A log of one Parquet file for each stretch of `seconds`, named `STEM-2013-04-01T06.parquet`, local time.

    A batch job writes it: once a stretch is over, a run of the job publishes the stretch's file, whole, and tells of
    itself in `runs`. What a failed run did not publish, the next good one does.
    """

    def __init__(self, folder: Path, stem: str, stretch_seconds: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.stem = stem
        self.stretch_seconds = stretch_seconds
        self.waiting: list[tuple[pa.Table, Integers]] = []
        self.runs = LineLog(folder, "runs", "jsonl")
        self._next_run: int | None = None  # the stretch whose end is the next run's start

    def write(self, rows: pa.Table, time: Integers, now: float, *, fails: bool = False) -> None:
        """Keeps these rows, and makes the runs that were due at event time `now`."""
        if len(rows):
            self.waiting.append((rows, time))
        current = int(now // self.stretch_seconds)
        if self._next_run is None:
            self._next_run = int(time[0]) // self.stretch_seconds if len(time) else current
        while self._next_run < current:
            self._next_run += 1
            self._run(self._next_run, fails=fails)

    def _run(self, due: int, *, fails: bool) -> None:
        """One run, at the start of stretch `due`: everything before is published, or nothing is."""
        table = pa.concat_tables(rows for rows, _ in self.waiting) if self.waiting else pa.table({})
        times = np.concatenate([time for _, time in self.waiting]) if self.waiting else np.zeros(0, dtype=np.int64)
        stretches = times // self.stretch_seconds
        over = stretches < due
        rows = int(over.sum())
        if not fails:
            for stretch in np.unique(stretches[over]):
                self.publish(table.filter(pa.array(stretches == stretch)), int(stretch) * self.stretch_seconds)
            self.waiting = [(table.filter(pa.array(~over)), times[~over])] if not over.all() else []
        began = due * self.stretch_seconds + _RUN_AFTER_SECONDS
        ended = began + (_CRASH_SECONDS if fails else _RUN_SECONDS + rows * _ROW_SECONDS)
        told = {
            "run": [f"score-{np.datetime64(began, 's')}"],
            "started": [f"{np.datetime64(began, 's')}Z"],
            "ended": [f"{np.datetime64(round(ended), 's')}Z"],
            "status": ["failed" if fails else "success"],
            "rows_in": [rows],
            "rows_out": [0 if fails else rows],
        }
        self.runs.write(pa.table(told), np.array([began]))

    def publish(self, rows: pa.Table, start: int) -> None:
        local = start + int(utc_offset(np.array([start]), NEW_YORK)[0])
        name = f"{self.stem}-{np.datetime64(local, 's').astype('datetime64[h]')}"
        # Two stretches share a name in the night when clocks go back.
        path = self.folder / f"{name}.parquet"
        if path.exists():
            path = self.folder / f"{name}b.parquet"
        unfinished = self.folder / f".{name}.unfinished"
        pq.write_table(rows, unfinished)
        unfinished.rename(path)


def jsonl(rows: pa.Table) -> bytes:
    """One JSON object a line; missing values are null."""
    return b"".join(orjson.dumps(row) + b"\n" for row in rows.to_pylist())


def csv_lines(rows: pa.Table, *, header: bool) -> bytes:
    """Comma-separated lines, the column names first if asked for."""
    sink = pa.BufferOutputStream()
    csv.write_csv(rows, sink, csv.WriteOptions(include_header=header, quoting_style="needed"))
    content: bytes = sink.getvalue().to_pybytes()
    return content


def delete_before(folder: Path, first_day: str) -> None:
    """Log files of the days before `first_day` are gone, as log rotation does."""
    for path in folder.glob("*-[0-9]*"):
        stamp = path.name.split("-", 1)[1][:10]
        if stamp < first_day:
            path.unlink(missing_ok=True)


def days_before(day: str, number: int) -> str:
    return str(date.fromisoformat(day) - timedelta(days=number))
