"""One stand-in log a source: the real thing, to which rows can be added. The conformance suite runs over all of them."""

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from exporter.sources.files import FilesConfig
from exporter.sources.source import Source

Row = dict[str, Any]


class Log(Protocol):
    """A log of rows `{"id": text, "value": number}` that can grow."""

    def append(self, rows: list[Row]) -> None: ...

    def open(self, columns: tuple[str, ...] | None = None) -> Source: ...

    def close(self) -> None:
        """Closes all sources that were opened."""


@dataclass
class FilesLog:
    """Log files in a directory; `write` adds rows in its own way."""

    directory: Path
    pattern: str
    write: Callable[[Path, list[Row], int], Path]
    appends: int = 0
    opened: list[Source] = field(default_factory=list)

    def append(self, rows: list[Row]) -> None:
        self.appends += 1
        path = self.write(self.directory, rows, self.appends)
        os.utime(path, ns=(self.appends * 10**9, self.appends * 10**9))

    def open(self, columns: tuple[str, ...] | None = None) -> Source:
        self.opened.append(FilesConfig(type="files", path=str(self.directory / self.pattern)).open(columns=columns))
        return self.opened[-1]

    def close(self) -> None:
        for source in self.opened:
            source.close()


def jsonl(directory: Path, rows: list[Row], _: int) -> Path:
    path = directory / "log.jsonl"
    with path.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def jsonl_a_file_each_time(directory: Path, rows: list[Row], number: int) -> Path:
    path = directory / f"log-{number:03}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def csv(directory: Path, rows: list[Row], _: int) -> Path:
    path = directory / "log.csv"
    with path.open("a") as file:
        if not file.tell():
            file.write("id,value\n")
        file.writelines(f"{row['id']},{row['value']}\n" for row in rows)
    return path


def jsonl_gz(directory: Path, rows: list[Row], _: int) -> Path:
    path = directory / "log.jsonl.gz"
    with gzip.open(path, "ab") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows).encode())
    return path


def csv_zst(directory: Path, rows: list[Row], number: int) -> Path:
    path = directory / f"log-{number:03}.csv.zst"
    with pa.OSFile(str(path), "wb") as out, pa.CompressedOutputStream(out, "zstd") as file:
        file.write(("id,value\n" + "".join(f"{row['id']},{row['value']}\n" for row in rows)).encode())
    return path


def parquet(directory: Path, rows: list[Row], number: int) -> Path:
    path = directory / f"log-{number:03}.parquet"
    pq.write_table(
        pa.Table.from_pylist(rows, pa.schema([("id", pa.string()), ("value", pa.float64())])), path, row_group_size=3
    )
    return path


LOGS: dict[str, Callable[[Path], Log]] = {
    "files: jsonl": lambda directory: FilesLog(directory, "*.jsonl", jsonl),
    "files: jsonl, a file each time": lambda directory: FilesLog(directory, "*.jsonl", jsonl_a_file_each_time),
    "files: csv": lambda directory: FilesLog(directory, "*.csv", csv),
    "files: jsonl.gz": lambda directory: FilesLog(directory, "*.jsonl.gz", jsonl_gz),
    "files: csv.zst": lambda directory: FilesLog(directory, "*.csv.zst", csv_zst),
    "files: parquet": lambda directory: FilesLog(directory, "*.parquet", parquet),
}
