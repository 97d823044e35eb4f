"""From tables the exporter counts what it counts from files with the same rows, whatever breaks on the way."""

import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from exporter.engine import worker
from exporter.sources.postgres_database import PostgresDatabase
from exporter.sources.sql_database import Fetched
from tests.exporters import BINARY, HOUR, NOW, Exporter, reference_rows, row, truth
from tests.postgres import Database, running
from tests.states import state_of

END = int(NOW)
PREDICTION = ("ts", "id", "late", "p", "x", "carrier", "error", "version", "seconds")
LABEL = ("id", "late", "at")
TYPES = {"ts": "float8", "late": "int", "p": "float8", "x": "float8", "seconds": "float8", "at": "float8"}
Row = dict[str, Any]


def rows(draw: random.Random, count: int) -> tuple[list[Row], list[Row]]:
    """Predictions of a day and their labels, some early, some of no prediction, in the order of nothing."""
    predictions, labels = [], []
    for number in range(count):
        ago = draw.choice([draw.uniform(60, HOUR / 2), draw.uniform(2 * HOUR, 20 * HOUR)])
        columns = {"x": draw.gauss(10, 3), "carrier": draw.choice(["AA", "UA", "DL", "?"]), "p": draw.random()}
        failed = draw.random() < 0.1
        outcome = (
            {"error": "down", "p": None, "late": None} if failed else {"error": None, "late": int(columns["p"] > 0.5)}
        )
        version = draw.choice(["v1", "v2"])
        predictions.append(row(number, ago, **{**columns, **outcome, "version": version, "seconds": draw.random()}))
        if draw.random() < 0.7:
            labels.append(
                truth(number if draw.random() < 0.95 else -number - 1, draw.choice([0, 1]), draw.uniform(1, ago))
            )
    draw.shuffle(predictions)
    draw.shuffle(labels)
    return predictions, labels


class Tables(Protocol):
    """Two tables, `predictions` and `labels`, that get rows a transaction at a time; `n` numbers them in a table."""

    def source(self, table: str) -> dict[str, Any]: ...

    def transaction(self) -> contextlib.AbstractContextManager[Callable[[str, list[tuple[Any, ...]]], None]]:
        """Rows that are inserted within it are committed at its end."""
        ...


class PostgresTables:
    def __init__(self, database: Database) -> None:
        self.database = database
        for table, columns in (("predictions", PREDICTION), ("labels", LABEL)):
            given = ", ".join(f"{name} {TYPES.get(name, 'text')}" for name in columns)
            database.execute(f"CREATE TABLE {table} (n int PRIMARY KEY, written timestamptz, {given})")
            database.execute(f"CREATE INDEX ON {table} (written, n)")

    def source(self, table: str) -> dict[str, Any]:
        server = self.database.server
        access = {
            "host": str(server.directory),
            "port": server.port,
            "user": server.user,
            "database": self.database.name,
        }
        return {
            "type": "postgres",
            **access,
            "table": f"public.{table}",
            "watermark": "written",
            "id": "n",
            "fetch_rows": 20,
        }

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Callable[[str, list[tuple[Any, ...]]], None]]:
        with contextlib.closing(self.database.connect()) as connection:

            def insert(table: str, values: list[tuple[Any, ...]]) -> None:
                places = ", ".join(["%s", "to_timestamp(%s)"] + ["%s"] * (len(values[0]) - 2))
                connection.cursor().executemany(f"INSERT INTO {table} VALUES ({places})", values)

            yield insert
            connection.commit()


class SqliteTables:
    """SQLite has one writer at a time: rows of an open transaction are kept back until its end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = wal")
            for table, columns in (("predictions", PREDICTION), ("labels", LABEL)):
                connection.execute(f"CREATE TABLE {table} (n INTEGER PRIMARY KEY, written REAL, {', '.join(columns)})")

    def source(self, table: str) -> dict[str, Any]:
        return {
            "type": "sqlite",
            "path": str(self.path),
            "table": table,
            "watermark": "written",
            "id": "n",
            "look_back": 60,
        }

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Callable[[str, list[tuple[Any, ...]]], None]]:
        kept: list[tuple[str, list[tuple[Any, ...]]]] = []
        yield lambda table, values: kept.append((table, values))
        with contextlib.closing(sqlite3.connect(self.path)) as connection, connection:
            for table, values in kept:
                connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values[0]))})", values)


@pytest.fixture(params=["postgres", "sqlite"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tables]:
    if request.param == "sqlite":
        yield SqliteTables(tmp_path / "log.sqlite")
        return
    database = running().database()
    yield PostgresTables(database)
    database.drop()


@pytest.fixture
def breaking(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the fetches in whose middle Postgres crashes; those that came are taken out."""
    crashes = [3, 17, 40]
    real, fetches = PostgresDatabase.fetch, [0]

    def fetch(self: PostgresDatabase, rows: int) -> Fetched:
        fetches[0] += 1
        if fetches[0] in crashes:
            crashes.remove(fetches[0])
            running().restart("immediate")
        return real(self, rows)

    monkeypatch.setattr(PostgresDatabase, "fetch", fetch)
    return crashes if isinstance(tables, PostgresTables) else []


def test_tables_give_the_counts_of_files(
    tmp_path: Path, tables: Tables, breaking: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transactions that commit late, pages of 40 rows, restarts of the exporter, crashes of Postgres within polls."""
    draw = random.Random(7)
    predictions, labels = rows(draw, 600)
    by_files = Exporter(tmp_path / "files")
    by_files.fit([{**each, "version": version} for version in ("v1", "v2") for each in reference_rows(600)])
    by_files.predict(*predictions)
    by_files.label(*labels)
    by_files.read()
    expected = state_of(by_files, END)
    by_files.close()

    monkeypatch.setattr(worker, "POLL_ROWS", 40)
    monkeypatch.setattr(worker, "LABEL_ROWS", 40)
    changes = {log: {**BINARY[log], "source": tables.source(log)} for log in ("predictions", "labels")}
    exporter = Exporter(tmp_path / "tables", **changes)
    (exporter.folder / "m.mlref").write_bytes((by_files.folder / "m.mlref").read_bytes())
    inserted = {"predictions": 0, "labels": 0}
    logs = {"predictions": (PREDICTION, predictions), "labels": (LABEL, labels)}
    clock = END - HOUR
    open_transactions: list[Any] = []
    while any(inserted[log] < len(all_rows) for log, (_, all_rows) in logs.items()):
        transaction = tables.transaction()
        insert = transaction.__enter__()
        for log, (columns, all_rows) in logs.items():
            start = inserted[log]
            inserted[log] = min(len(all_rows), start + draw.randrange(60))
            values = [
                (start + n, clock - draw.randrange(3), *(each.get(name) for name in columns))
                for n, each in enumerate(all_rows[start : inserted[log]])
            ]
            if values:
                insert(log, values)
        clock += 5
        open_transactions.append(transaction)
        if draw.random() < 0.6:
            # Not in the order in which they began, and never later than the look-back of a minute allows.
            for each in draw.sample(open_transactions, len(open_transactions)):
                each.__exit__(None, None, None)
            open_transactions.clear()
        if draw.random() < 0.3:
            exporter.restart()
        exporter.read()
        exporter.clock.advance(2)
    for each in open_transactions:
        each.__exit__(None, None, None)
    for _ in range(3):
        exporter.read()
        exporter.clock.advance(2)
    failures = [told for told in exporter.logged if told["event"] == "source failed"]
    actual = state_of(exporter, END)
    assert (exporter.rejected("predictions"), exporter.rejected("labels")) == ({}, {})
    assert (exporter.rows_read(), exporter.rows_read("labels")) == (len(predictions), len(labels))
    exporter.close()
    assert actual == expected
    assert breaking == []
    if isinstance(tables, PostgresTables):
        assert len(failures) >= 3  # a crash may cut the other log's snapshot too
    else:
        assert failures == []
