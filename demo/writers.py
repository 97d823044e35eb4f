"""Log files as they grow: lines appended and flushed, files by day, Parquet files that appear whole."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from demo.data import NEW_YORK, Integers, utc_offset


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

    A file appears, whole, once its stretch is over.
    """

    def __init__(self, folder: Path, stem: str, stretch_seconds: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.stem = stem
        self.stretch_seconds = stretch_seconds
        self.waiting: list[tuple[pa.Table, Integers]] = []

    def write(self, rows: pa.Table, time: Integers, now: float) -> None:
        """Keeps these rows, and writes the files of all stretches that were over at event time `now`."""
        if len(rows):
            self.waiting.append((rows, time))
        if not self.waiting or int(self.waiting[0][1][0]) // self.stretch_seconds >= now // self.stretch_seconds:
            return
        table = pa.concat_tables(rows for rows, _ in self.waiting)
        times = np.concatenate([time for _, time in self.waiting])
        stretches = times // self.stretch_seconds
        over = stretches < now // self.stretch_seconds
        for stretch in np.unique(stretches[over]):
            self.publish(table.filter(pa.array(stretches == stretch)), int(stretch) * self.stretch_seconds)
        self.waiting = [(table.filter(pa.array(~over)), times[~over])] if not over.all() else []

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
