"""One stand-in log a source: the real thing, to which rows can be added. The conformance suite runs over all of them."""

import contextlib
import functools
import gzip
import itertools
import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from exporter.sources.files import FilesConfig
from exporter.sources.postgres import PostgresConfig
from exporter.sources.source import Source
from exporter.sources.sqlite import SqliteConfig
from tests.postgres import Database, running

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


T0 = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class PostgresLog:
    """A table of its own in a database of this process's server; `stamp` gives the n-th row's watermark."""

    kind: str
    stamp: Callable[[int], Any]
    options: dict[str, Any] = field(default_factory=dict)
    opened: list[Source] = field(default_factory=list)
    rows: int = 0

    def __post_init__(self) -> None:
        self.database = shared_database()
        self.table = f"log_{next(_NUMBERS)}"

    def append(self, rows: list[Row]) -> None:
        if not self.rows:
            self.database.execute(f"CREATE TABLE {self.table} (at {self.kind}, id text, value float8)")
        self.database.insert(
            self.table, [(self.stamp(self.rows + n), row["id"], row["value"]) for n, row in enumerate(rows)]
        )
        self.rows += len(rows)

    def open(self, columns: tuple[str, ...] | None = None) -> Source:
        config = postgres_config(self.database, **{"table": self.table, "watermark": "at", "id": "id", **self.options})
        self.opened.append(config.open(columns=columns or ("id", "value")))
        return self.opened[-1]

    def close(self) -> None:
        for source in self.opened:
            source.close()
        self.database.execute(f"DROP TABLE IF EXISTS {self.table}")


@functools.cache
def shared_database() -> Database:
    """One database for all tables of this process."""
    return running().database()


def postgres_config(database: Database, **options: Any) -> PostgresConfig:
    """How the reader of a test server gets in, through the socket."""
    server = database.server
    access = {"host": str(server.directory), "port": server.port, "user": server.user, "database": database.name}
    return PostgresConfig.model_validate({"type": "postgres", **access, **options})


@dataclass
class SqliteLog:
    """A table in a file that another connection writes to."""

    directory: Path
    stamp: Callable[[int], Any]
    opened: list[Source] = field(default_factory=list)
    rows: int = 0

    @property
    def path(self) -> str:
        return str(self.directory / "log.sqlite")

    def append(self, rows: list[Row]) -> None:
        with contextlib.closing(sqlite3.connect(self.path)) as writer, writer:
            writer.execute("PRAGMA journal_mode = wal")
            writer.execute("CREATE TABLE IF NOT EXISTS log (at, id TEXT, value REAL)")
            values = [(self.stamp(self.rows + n), row["id"], row["value"]) for n, row in enumerate(rows)]
            writer.executemany("INSERT INTO log VALUES (?, ?, ?)", values)
        self.rows += len(rows)

    def open(self, columns: tuple[str, ...] | None = None) -> Source:
        config = SqliteConfig(type="sqlite", path=self.path, table="log", watermark="at", id="id")
        self.opened.append(config.open(columns=columns or ("id", "value")))
        return self.opened[-1]

    def close(self) -> None:
        for source in self.opened:
            source.close()


_NUMBERS = itertools.count()
LOGS: dict[str, Callable[[Path], Log]] = {
    "files: jsonl": lambda directory: FilesLog(directory, "*.jsonl", jsonl),
    "files: jsonl, a file each time": lambda directory: FilesLog(directory, "*.jsonl", jsonl_a_file_each_time),
    "files: csv": lambda directory: FilesLog(directory, "*.csv", csv),
    "files: jsonl.gz": lambda directory: FilesLog(directory, "*.jsonl.gz", jsonl_gz),
    "files: csv.zst": lambda directory: FilesLog(directory, "*.csv.zst", csv_zst),
    "files: parquet": lambda directory: FilesLog(directory, "*.parquet", parquet),
    "postgres: time": lambda _: PostgresLog("timestamptz", lambda n: T0 + timedelta(seconds=n // 3)),
    "postgres: date": lambda _: PostgresLog("date", lambda n: (T0 + timedelta(days=n // 7)).date()),
    "postgres: all at once, one row a fetch": lambda _: PostgresLog(
        "bigint", lambda _: 7, {"fetch_rows": 1, "look_back": 0}
    ),
    "sqlite: text": lambda directory: SqliteLog(directory, lambda n: (T0 + timedelta(seconds=n // 3)).isoformat()),
    "sqlite: number": lambda directory: SqliteLog(directory, lambda n: n // 3),
}
