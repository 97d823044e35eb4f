"""Programs that write predictions and labels into a database, row by row and in transactions that end late."""

import random
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.postgres import Database

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "predictions": {
        "ts": "double precision", "id": "text", "version": "text", "carrier": "text", "hour": "text",
        "x": "double precision", "p": "double precision", "late": "integer", "value": "double precision",
        "seconds": "double precision", "error": "text",
    },
    "labels": {"id": "text", "late": "integer", "y": "double precision", "at": "double precision"},
}  # fmt: skip
LOOK_BACK = 60
"""Rows that may be committed between the start and the end of a transaction."""


class SqliteTable:
    """A table of a SQLite file; rows that stand together are inserted together."""

    def __init__(self, path: Path, name: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._db.execute("PRAGMA journal_mode=WAL")
        columns = ", ".join(f"{column} {kind}" for column, kind in COLUMNS[name].items())
        self._db.execute(f"CREATE TABLE {name} (n INTEGER PRIMARY KEY AUTOINCREMENT, {columns})")
        marks = ", ".join("?" * len(COLUMNS[name]))
        self._insert = f"INSERT INTO {name} ({', '.join(COLUMNS[name])}) VALUES ({marks})"

    def write(self, rows: Sequence[Sequence[Any]], *, late: bool) -> None:
        """SQLite has one writer: nothing is ever late."""
        self._db.execute("BEGIN")
        self._db.executemany(self._insert, rows)
        self._db.execute("COMMIT")

    def end(self) -> None:
        self._db.close()


class PostgresTable:
    """A table of a Postgres database; a transaction that is late ends before the next but a few."""

    def __init__(self, database: Database, name: str) -> None:
        columns = ", ".join(f"{column} {kind}" for column, kind in COLUMNS[name].items())
        database.execute(f"CREATE TABLE {name} (n bigserial PRIMARY KEY, {columns})")
        marks = ", ".join(["%s"] * len(COLUMNS[name]))
        self._insert = f"INSERT INTO {name} ({', '.join(COLUMNS[name])}) VALUES ({marks})"
        self._now, self._late = database.connect(), database.connect()
        self._behind = 0

    def write(self, rows: Sequence[Sequence[Any]], *, late: bool) -> None:
        """Commits the rows; `late`: with, or some time after, the next ones."""
        connection = self._late if late else self._now
        connection.cursor().executemany(self._insert, rows)
        self._behind += len(rows)
        if not late:
            self._now.commit()
        if self._behind > LOOK_BACK // 3:
            self._late.commit()
            self._behind = 0

    def end(self) -> None:
        for connection in (self._now, self._late):
            connection.commit()
            connection.close()


class TableWriter:
    """As `killing.Writer`, into a table: every row is written once."""

    def __init__(
        self,
        table: SqliteTable | PostgresTable,
        name: str,
        rows: Sequence[Sequence[Mapping[str, Any] | str]],
        seed: int,
    ) -> None:
        self._random = random.Random(seed)
        self._table = table
        rows = [[row for row in together if not isinstance(row, str)] for together in rows]
        self._rows = [[tuple(_value(row.get(c), k) for c, k in COLUMNS[name].items()) for row in rs] for rs in rows]
        self.lines = sum(map(len, self._rows))
        self.done = False

    def step(self, count: int) -> None:
        """Inserts some rows; the last time all that is late is committed too."""
        if self.done:
            return
        count = self._random.randint(1, min(count, LOOK_BACK // 4))
        chosen, self._rows = self._rows[:count], self._rows[count:]
        self._table.write([row for together in chosen for row in together], late=self._random.random() < 0.3)
        if not self._rows:
            self._table.end()
            self.done = True


def _value(value: Any, kind: str) -> Any:
    """A number's column has no place for a word."""
    return None if isinstance(value, str) and kind != "text" else value
