"""The state of one model: a SQLite file. Cursors, counts and waiting labels change together or not at all."""

import contextlib
import fcntl
import json
import os
import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from exporter.batch import Reject
from exporter.errors import StateError, UnknownVersion
from exporter.profile.codec import packed_layout
from exporter.profile.ids import Key
from exporter.profile.layout import Layout
from exporter.state.runs import Load, Run, pack_run, unpack_run
from exporter.state.schema import SCHEMA, STATE_VERSION, UPGRADES

REJECTS_KEPT = 1000
"""Places of rows set aside that are remembered for people; all of them are counted."""

_ADVICE: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: "make room, and it goes on by itself",
    sqlite3.SQLITE_READONLY: "make it writable",
    sqlite3.SQLITE_CANTOPEN: "make the file and its folder readable and writable",
    sqlite3.SQLITE_BUSY: "another program holds it: end that one",
    sqlite3.SQLITE_LOCKED: "another program holds it: end that one",
    sqlite3.SQLITE_IOERR: "look for room on the disk and for its health; it is tried again",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: bring back a copy, or name a new state_dir",
    sqlite3.SQLITE_NOTADB: "the file is damaged, or no state: bring back a copy, or name a new state_dir",
}
"""SQLite's result code → what to do."""


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
            self._file = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StateError(f"state_dir {directory}: {error.strerror}; make it writable or name another") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise StateError(
                f"state_dir {directory}: in use by another ml-exporter; stop it or give this one a state_dir of its own"
            ) from error
        # For people. The lock holds without it, also where the disk is full.
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            os.write(self._file, b"%d\n" % os.getpid())

    def release(self) -> None:
        os.close(self._file)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        # Extended codes have the plain one in their lowest byte. Without a code it is Python that refuses.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        raise StateError(
            f"{path}: {error}; {_ADVICE.get(code, 'the file may be damaged: bring back a copy')}"
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


def _connected(path: Path, how: str = "") -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}{how}"
    db = sqlite3.connect(uri, uri=True, timeout=5, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA synchronous=NORMAL")
    return db


def _sum(content: bytes | str) -> int:
    return zlib.crc32(content.encode() if isinstance(content, str) else content)


Content = TypeVar("Content", bytes, str)


def _whole(what: str, content: Content, total: int | None) -> Content:
    """The content, which is what was written.

    Raises:
        ValueError: it is not.
    """
    if total is not None and _sum(content) != total:
        raise ValueError(f"{what}: its checksum is wrong")
    return content


class Store:
    """One model's state file. Used by one thread."""

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes it.

        Raises:
            StateError: it cannot be opened or written, is damaged, or was written by a newer version.
        """
        self.path = path
        if not self._there():
            self._make()
        with self._understood():
            self._db = _connected(path)
        try:
            with self._understood():
                self._db.execute("PRAGMA journal_mode=WAL")
                self._upgrade()
                first, second = json.loads(self._meta(self._db)["key"])
        except BaseException:
            self._db.close()
            raise
        self.key: Key = (first, second)
        """Secret of the id hashes."""

    def _there(self) -> bool:
        """True if there is a state that can be used; it was looked at, not touched.

        Raises:
            StateError: there is something else.
        """
        remains = self.path.with_name(self.path.name + "-wal")
        if not self.path.exists():
            if remains.exists():
                raise StateError(
                    f"{self.path}: gone, but {remains.name} is there; bring back a copy, or remove that too"
                )
            return False
        if not self.path.is_file():
            raise StateError(f"{self.path}: is no file; remove it, or name a new state_dir")
        if self.path.stat().st_size == 0:
            raise StateError(f"{self.path}: empty, which a state never is; bring back a copy, or remove it")
        with self._understood(), closing(_connected(self.path, "?mode=ro")) as db:
            found = self._meta(db).get("version")
            if not str(found).isdigit() or not 1 <= int(found or 0) <= STATE_VERSION:
                raise UnknownVersion("state of", found, reads=STATE_VERSION)
        return True

    @staticmethod
    def _meta(db: sqlite3.Connection) -> dict[str, str]:
        return dict(db.execute("SELECT key, value FROM meta"))

    def _make(self) -> None:
        """A state without counts is there, or nothing is: it gets its name when it is whole."""
        half = self.path.with_name(self.path.name + ".new")
        with self._understood():
            for remains in self.path.parent.glob(f"{half.name}*"):
                remains.unlink()
            with closing(_connected(half)) as db:
                # Blobs of many kilobytes: a page of 4 KiB would make chains of them.
                db.execute("PRAGMA page_size=16384")
                key = [secrets.randbits(64), secrets.randbits(64)]
                db.executescript(f"BEGIN; {SCHEMA}")
                rows = [("version", str(STATE_VERSION)), ("key", json.dumps(key))]
                db.executemany("INSERT INTO meta VALUES (?, ?)", rows)
                db.execute("COMMIT")
            half.rename(self.path)

    def _upgrade(self) -> None:
        """A state of an older version is one of this version, with all that is in it."""
        version = int(self._meta(self._db)["version"])
        if version == STATE_VERSION:
            return
        with self.transaction():
            for step in range(version, STATE_VERSION):
                for statement in UPGRADES[step].split(";"):
                    self._db.execute(statement)
            self._db.execute("UPDATE meta SET value = ? WHERE key = 'version'", (str(STATE_VERSION),))

    def _told(self) -> AbstractContextManager[None]:
        return _told(self.path)

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """For what is read: it may be written, and yet not be what was."""
        try:
            with self._told():
                yield
        except UnknownVersion as error:
            raise StateError(f"{self.path}: {error}; use the other one, or name a new state_dir") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(f"{self.path}: damaged ({error}); bring back a copy, or name a new state_dir") from error
        except OSError as error:
            raise StateError(
                f"{self.path}: {error.strerror}; make its folder writable, or name a new state_dir"
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
                key: Layout.from_json(json.loads(_whole("layout", text, total)))
                for key, text, total in self._db.execute("SELECT id, layout, sum FROM layouts")
            }

    def cursor(self, stream: str) -> bytes | None:
        with self._understood():
            row = self._db.execute("SELECT cursor, sum FROM cursors WHERE stream = ?", (stream,)).fetchone()
            return None if row is None else bytes(_whole("cursor", *row))

    def panes(self) -> list[tuple[PaneKey, bytes]]:
        """All panes, oldest first, as packed counts."""
        query = "SELECT version, start, width, layout, counts, sum FROM panes ORDER BY start, width"
        with self._understood():
            return [(PaneKey(*row[:4]), _whole("pane", row[4], row[5])) for row in self._db.execute(query)]

    def additions(self) -> list[tuple[int, PaneKey, bytes]]:
        """What is to be added to panes before they are what was counted: a number, the pane, scattered counts."""
        query = "SELECT number, version, start, width, layout, counts, sum FROM additions ORDER BY number"
        with self._understood():
            return [(row[0], PaneKey(*row[1:5]), _whole("addition", *row[5:])) for row in self._db.execute(query)]

    def totals(self) -> dict[str, bytes]:
        with self._understood():
            rows = self._db.execute("SELECT version, counts, sum FROM totals")
            return {version: _whole("total", counts, total) for version, counts, total in rows}

    def facts(self) -> dict[str, Any]:
        """Small facts by name: watermark, vocabularies, counters of the exporter."""
        with self._understood():
            rows = self._db.execute("SELECT key, value, sum FROM facts")
            return {key: json.loads(_whole(key, value, total)) for key, value, total in rows}

    def runs(self, kind: str) -> list[Run]:
        """Runs of a kind, oldest first."""
        return list(self.each_run(kind))

    def each_run(self, kind: str, load: Load | None = None) -> Iterator[Run]:
        """Runs of a kind, oldest first, one after the other: all at once may be more than memory holds.

        With `load`, which brings a run's columns, these rest.
        """
        query = "SELECT number, bucket, data, sum FROM runs WHERE kind = ? ORDER BY number"
        with self._understood():
            for number, bucket, data, total in self._db.execute(query, (kind,)):
                yield unpack_run(number, bucket, _whole("run", data, total), load)

    def run(self, number: int) -> Run:
        """One run."""
        query = "SELECT bucket, data, sum FROM runs WHERE number = ?"
        with self._understood():
            row = self._db.execute(query, (number,)).fetchone()
            if row is None:
                raise ValueError(f"run {number} is missing")
            return unpack_run(number, row[0], _whole("run", row[1], row[2]))

    def rejects(self, most: int = 100) -> list[tuple[str, Reject]]:
        """The latest rows set aside, newest first: their stream and place."""
        with self._understood():
            return _rejects(self._db, most)

    # What is written inside a transaction.

    def put_layout(self, layout: Layout) -> None:
        # Written at every commit, and long as text: look first.
        if self._db.execute("SELECT 1 FROM layouts WHERE id = ?", (layout.id,)).fetchone() is None:
            text = json.dumps(layout.to_json())
            self._db.execute("INSERT INTO layouts VALUES (?, ?, ?)", (layout.id, text, _sum(text)))

    def drop_unused_layouts(self) -> None:
        """Forgets layouts that neither a pane nor a total is written in."""
        used = {row[0] for row in self._db.execute("SELECT DISTINCT layout FROM panes")}
        used |= {packed_layout(row[0]) for row in self._db.execute("SELECT counts FROM totals")}
        unused = [row for row in self._db.execute("SELECT id FROM layouts") if row[0] not in used]
        self._db.executemany("DELETE FROM layouts WHERE id = ?", unused)

    def put_cursor(self, stream: str, cursor: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)", (stream, cursor, _sum(cursor)))

    def put_pane(self, key: PaneKey, packed: bytes) -> None:
        row = (key.version, key.start, key.width, key.layout, packed, _sum(packed))
        self._db.execute("INSERT OR REPLACE INTO panes VALUES (?, ?, ?, ?, ?, ?)", row)

    def drop_pane(self, key: PaneKey) -> None:
        query = "DELETE FROM panes WHERE version = ? AND start = ? AND width = ? AND layout = ?"
        self._db.execute(query, (key.version, key.start, key.width, key.layout))

    def put_additions(self, additions: Iterable[tuple[int, PaneKey, bytes]]) -> None:
        rows = (
            (number, key.version, key.start, key.width, key.layout, packed, _sum(packed))
            for number, key, packed in additions
        )
        self._db.executemany("INSERT INTO additions VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def drop_additions(self, numbers: Iterable[int]) -> None:
        self._db.executemany("DELETE FROM additions WHERE number = ?", ((number,) for number in numbers))

    def put_total(self, version: str, packed: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO totals VALUES (?, ?, ?)", (version, packed, _sum(packed)))

    def drop_total(self, version: str) -> None:
        self._db.execute("DELETE FROM totals WHERE version = ?", (version,))

    def put_facts(self, facts: Mapping[str, Any]) -> None:
        texts = {key: json.dumps(value) for key, value in facts.items()}
        rows = [(key, text, _sum(text)) for key, text in texts.items()]
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", rows)

    def put_run(self, kind: str, run: Run) -> None:
        data = pack_run(run)
        self._db.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?)", (run.number, kind, run.bucket, data, _sum(data)))

    def move_run(self, number: int, kind: str) -> None:
        self._db.execute("UPDATE runs SET kind = ? WHERE number = ?", (kind, number))

    def drop_run(self, number: int) -> None:
        self._db.execute("DELETE FROM runs WHERE number = ?", (number,))

    def put_rejects(self, stream: str, rejects: list[Reject]) -> None:
        rows = [(stream, r.origin, r.row, r.reason, r.digest, r.content) for r in rejects[-REJECTS_KEPT:]]
        query = "INSERT INTO rejects (stream, origin, row, reason, digest, content) VALUES (?, ?, ?, ?, ?, ?)"
        self._db.executemany(query, rows)
        self._db.execute("DELETE FROM rejects WHERE number <= (SELECT max(number) FROM rejects) - ?", (REJECTS_KEPT,))
