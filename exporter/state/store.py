"""The state of one model: a SQLite file. Cursors, counts and waiting labels change together or not at all."""

import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from exporter.batch import Reject
from exporter.errors import StateError
from exporter.profile.codec import packed_layout
from exporter.profile.ids import Key
from exporter.profile.layout import Layout
from exporter.state.runs import Run, pack_run, unpack_run

STATE_VERSION = 1
REJECTS_KEPT = 1000
"""Places of rows set aside that are remembered for people; all of them are counted."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE layouts (id TEXT PRIMARY KEY, layout TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE cursors (stream TEXT PRIMARY KEY, cursor BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE panes (
    version TEXT NOT NULL, start INTEGER NOT NULL, width INTEGER NOT NULL, layout TEXT NOT NULL, counts BLOB NOT NULL,
    PRIMARY KEY (version, start, width, layout)
) WITHOUT ROWID;
CREATE TABLE totals (version TEXT PRIMARY KEY, counts BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, bucket INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rejects (
    number INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, origin TEXT NOT NULL, row INTEGER NOT NULL,
    reason TEXT NOT NULL, digest TEXT NOT NULL, content TEXT
);
"""


@dataclass(frozen=True, slots=True)
class PaneKey:
    """A pane of a version: its first second, its width in seconds, and the layout of its counts."""

    version: str
    start: int
    width: int
    layout: str


class StateLock:
    """Holds the state directory, so that no second exporter counts into it."""

    def __init__(self, directory: Path) -> None:
        """Takes the lock.

        Raises:
            StateError: the directory cannot be made or written, or somebody else holds it.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = (directory / "lock").open("a+")
        except OSError as error:
            raise StateError(f"state_dir {directory}: {error.strerror}; make it writable or name another") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise StateError(
                f"state_dir {directory}: in use by another ml-exporter; stop it or give this one a state_dir of its own"
            ) from error
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        self._file.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StateError(
            f"{path}: {error}; free space or permissions may be missing, or the file is damaged"
        ) from error


def read_rejects(path: Path, most: int) -> list[tuple[str, Reject]]:
    """The latest rows set aside, newest first, of a state that an exporter may be writing; nothing is changed.

    Raises:
        StateError: it cannot be read, or is not there.
    """
    if not path.exists():
        raise StateError(f"{path}: there is no state yet; start `ml-exporter run` with this configuration first")
    with _told(path), closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        return _rejects(db, most)


def _rejects(db: sqlite3.Connection, most: int) -> list[tuple[str, Reject]]:
    query = "SELECT stream, origin, row, reason, digest, content FROM rejects ORDER BY number DESC LIMIT ?"
    return [(row[0], Reject(*row[1:])) for row in db.execute(query, (most,))]


class Store:
    """One model's state file. Used by one thread."""

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes it.

        Raises:
            StateError: it cannot be opened or written, is damaged, or was written by a newer version.
        """
        self.path = path
        with self._understood():
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            # Blobs of many kilobytes: a page of 4 KiB would make chains of them. Only a new file takes it.
            self._db.execute("PRAGMA page_size=16384")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("PRAGMA busy_timeout=5000")
            self._open()

    def _open(self) -> None:
        found = self._db.execute("SELECT name FROM sqlite_master WHERE name = 'meta'").fetchone()
        if found is None:
            with self.transaction():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                key = [secrets.randbits(64), secrets.randbits(64)]
                rows = [("version", str(STATE_VERSION)), ("key", json.dumps(key))]
                self._db.executemany("INSERT INTO meta VALUES (?, ?)", rows)
        meta = dict(self._db.execute("SELECT key, value FROM meta"))
        version = meta.get("version")
        if version != str(STATE_VERSION):
            raise StateError(
                f"{self.path}: written by another version of ml-exporter (state {version}, this one reads "
                f"{STATE_VERSION}); use that version, or name a new state_dir"
            )
        first, second = json.loads(meta["key"])
        self.key: Key = (first, second)
        """Secret of the id hashes."""

    def _told(self) -> AbstractContextManager[None]:
        return _told(self.path)

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """For what is read: it may be written, and yet not be what was."""
        try:
            with self._told():
                yield
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(
                f"{self.path}: damaged, or of a newer ml-exporter ({error}); bring back a copy, or name a new state_dir"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is written inside.

        Raises:
            StateError: it could not be written; nothing was.
        """
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # On some errors SQLite has rolled back already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        self._db.close()

    @property
    def bytes_on_disk(self) -> int:
        """Bytes of the file and its write-ahead log."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    # What is read once, at start.

    def layouts(self) -> dict[str, Layout]:
        with self._understood():
            return {
                key: Layout.from_json(json.loads(text))
                for key, text in self._db.execute("SELECT id, layout FROM layouts")
            }

    def cursor(self, stream: str) -> bytes | None:
        with self._understood():
            row = self._db.execute("SELECT cursor FROM cursors WHERE stream = ?", (stream,)).fetchone()
        return None if row is None else bytes(row[0])

    def panes(self) -> list[tuple[PaneKey, bytes]]:
        """All panes, oldest first, as packed counts."""
        query = "SELECT version, start, width, layout, counts FROM panes ORDER BY start, width"
        with self._understood():
            return [(PaneKey(*row[:4]), row[4]) for row in self._db.execute(query)]

    def totals(self) -> dict[str, bytes]:
        with self._understood():
            return dict(self._db.execute("SELECT version, counts FROM totals"))

    def facts(self) -> dict[str, Any]:
        """Small facts by name: watermark, vocabularies, counters of the exporter."""
        with self._understood():
            return {key: json.loads(value) for key, value in self._db.execute("SELECT key, value FROM facts")}

    def runs(self, kind: str) -> list[Run]:
        """Runs of a kind, oldest first."""
        return list(self.each_run(kind))

    def each_run(self, kind: str) -> Iterator[Run]:
        """Runs of a kind, oldest first, one after the other: all at once may be more than memory holds."""
        query = "SELECT number, bucket, data FROM runs WHERE kind = ? ORDER BY number"
        with self._understood():
            for row in self._db.execute(query, (kind,)):
                yield unpack_run(*row)

    def run(self, number: int) -> Run:
        """One run."""
        query = "SELECT number, bucket, data FROM runs WHERE number = ?"
        with self._understood():
            row = self._db.execute(query, (number,)).fetchone()
            if row is None:
                raise ValueError(f"run {number} is missing")
            return unpack_run(*row)

    def rejects(self, most: int = 100) -> list[tuple[str, Reject]]:
        """The latest rows set aside, newest first: their stream and place."""
        with self._understood():
            return _rejects(self._db, most)

    # What is written inside a transaction.

    def put_layout(self, layout: Layout) -> None:
        # Written at every commit, and long as text: look first.
        if self._db.execute("SELECT 1 FROM layouts WHERE id = ?", (layout.id,)).fetchone() is None:
            self._db.execute("INSERT INTO layouts VALUES (?, ?)", (layout.id, json.dumps(layout.to_json())))

    def drop_unused_layouts(self) -> None:
        """Forgets layouts that neither a pane nor a total is written in."""
        used = {row[0] for row in self._db.execute("SELECT DISTINCT layout FROM panes")}
        used |= {packed_layout(row[0]) for row in self._db.execute("SELECT counts FROM totals")}
        unused = [row for row in self._db.execute("SELECT id FROM layouts") if row[0] not in used]
        self._db.executemany("DELETE FROM layouts WHERE id = ?", unused)

    def put_cursor(self, stream: str, cursor: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (stream, cursor))

    def put_pane(self, key: PaneKey, packed: bytes) -> None:
        row = (key.version, key.start, key.width, key.layout, packed)
        self._db.execute("INSERT OR REPLACE INTO panes VALUES (?, ?, ?, ?, ?)", row)

    def drop_pane(self, key: PaneKey) -> None:
        query = "DELETE FROM panes WHERE version = ? AND start = ? AND width = ? AND layout = ?"
        self._db.execute(query, (key.version, key.start, key.width, key.layout))

    def put_total(self, version: str, packed: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO totals VALUES (?, ?)", (version, packed))

    def drop_total(self, version: str) -> None:
        self._db.execute("DELETE FROM totals WHERE version = ?", (version,))

    def put_facts(self, facts: Mapping[str, Any]) -> None:
        rows = [(key, json.dumps(value)) for key, value in facts.items()]
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    def put_run(self, kind: str, run: Run) -> None:
        self._db.execute("INSERT INTO runs VALUES (?, ?, ?, ?)", (run.number, kind, run.bucket, pack_run(run)))

    def move_run(self, number: int, kind: str) -> None:
        self._db.execute("UPDATE runs SET kind = ? WHERE number = ?", (kind, number))

    def drop_run(self, number: int) -> None:
        self._db.execute("DELETE FROM runs WHERE number = ?", (number,))

    def put_rejects(self, stream: str, rejects: list[Reject]) -> None:
        rows = [(stream, r.origin, r.row, r.reason, r.digest, r.content) for r in rejects[-REJECTS_KEPT:]]
        query = "INSERT INTO rejects (stream, origin, row, reason, digest, content) VALUES (?, ?, ?, ?, ?, ?)"
        self._db.executemany(query, rows)
        self._db.execute("DELETE FROM rejects WHERE number <= (SELECT max(number) FROM rejects) - ?", (REJECTS_KEPT,))
