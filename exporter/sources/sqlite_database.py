"""A SQLite file as the SQL source reads it: opened for reading only, and only as long as a poll takes.

A column's values may be of any kind, whatever it was declared as. Watermarks are of the kind of most of the first rows:
numbers, or ISO 8601 text; rows with one of another kind are told and left alone.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from exporter.errors import SourceError
from exporter.sources.formats.objects import column_of
from exporter.sources.sql_config import SqlConfig
from exporter.sources.sql_database import Fetched, Keys, Survey
from exporter.sources.sql_place import Key, Mark, Unreadable, text_of
from exporter.sources.sql_statements import Statement, Statements
from exporter.sources.sqlite_times import TextTimes, format_of

_BUSY_SECONDS: Final = 5.0
_STEPS: Final = 100_000
"""Instructions of SQLite's machine between two looks at the time: about a millisecond."""
_LATE_FETCH: Final = 256
_KEYS: Final = 50_000
_SAMPLE: Final = 1000
_LATE_SECONDS: Final = 60
_LATE_DAYS: Final = 2
_LATE_NUMBERS: Final = 1000
_FIRST_NUMBER: Final = -(2**63)
_DAY: Final = 86_400
_FIXES: Final = {
    "no such table": "check `table`",
    "locked": "another process keeps it to itself; WAL mode (PRAGMA journal_mode = wal) lets both work",
    "interrupted": "a statement took longer than `statement_timeout`; an index on watermark and id makes it fast",
    "not a database": "name a SQLite file as `path`",
    "malformed": "the file is damaged; restore it",
    "unable to open": "check `path` and its permissions; a database in WAL mode needs a directory that we may write to",
    "readonly": "a database in WAL mode needs a directory that we may write to, or a process that has it open",
}
_ID_TEXT: Final = (
    "CASE typeof(?) WHEN 'null' THEN NULL WHEN 'text' THEN 't' || ? WHEN 'blob' THEN 'b' || hex(?) "
    "ELSE 'n' || CAST(? AS TEXT) END"
)
"""An id (?) as text that no id of another kind has."""
_PLAIN: Final[dict[type, pa.DataType]] = {
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    bytes: pa.binary(),
}
_WRONG: Final = ("syntax error", "one statement at a time", "incomplete input")
"""What only another query mends."""


class SqliteDatabase:
    """Implements `Database` with the standard library."""

    keeps_snapshot = False

    def __init__(
        self, config: SqlConfig, path: str, key_columns: tuple[str, str] | None, columns: tuple[str, ...] | None
    ) -> None:
        """Keeps what is to be read; opens nothing.

        Args:
            config: what all databases have in common.
            path: the file.
            key_columns: the watermark's and the id's; None: rows are read once, in any order.
            columns: columns that are needed; None: all.
        """
        self.name = f"sqlite {config.what()} in {path}"
        self._config = config
        self._path = path
        self._key_columns = key_columns
        self._wanted = columns
        self._connection: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor | None = None
        self._until = 0.0
        self._columns: list[str] = []
        self._format: TextTimes | None = None
        self._statements: Statements | None = None

    def begin(self, key: Key | None) -> None:
        with self._errors():
            if not os.path.exists(self._path):  # noqa: PTH110 -- as it was written
                raise SourceError(f"{self.name}: there is no such file; check `path`, or wait for the first log")
            connection = sqlite3.connect(
                f"file:{quote(self._path)}?mode=ro",
                uri=True,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection = connection
            connection.text_factory = text_of
            connection.set_progress_handler(lambda: monotonic() > self._until, _STEPS)
            self._run("BEGIN")
            self._describe(key)

    def end(self) -> None:
        self.close()

    def close(self) -> None:
        connection, self._connection, self._cursor = self._connection, None, None
        if connection is not None:
            connection.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Makes one line of what SQLite says, and leaves nothing open."""
        try:
            yield
        except SourceError:
            self.close()
            raise
        except (sqlite3.Error, sqlite3.Warning) as error:
            self.close()
            said = " ".join(str(error).split())
            fix = next((f"; {fix}" for sign, fix in _FIXES.items() if sign in said), "")
            wrong = any(sign in said for sign in _WRONG)
            fix = "; `query` must be one SELECT without a semicolon" if wrong else fix
            raise SourceError(f"{self.name}: {said}{fix}", fatal=wrong) from error

    def _run(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        assert self._connection is not None
        self._until = monotonic() + self._config.statement_timeout
        bound = [value.raw if isinstance(value, Unreadable) else value for value in values]
        return self._connection.execute(statement, bound)

    # What is there

    def _describe(self, key: Key | None) -> None:
        """Learns the columns and the kind of watermark, and writes the statements for them."""
        relation = f"(\n{self._config.query}\n) AS source" if self._config.query is not None else self._table()
        there = [str(each[0]) for each in self._run(f"SELECT * FROM {relation} LIMIT 0").description]  # noqa: S608
        self._columns = [name for name in there if self._wanted is None or name in self._wanted]
        selected = tuple(f"source.{_quoted(name)}" for name in self._columns)
        if self._key_columns is None:
            self._statements = Statements(relation, selected, "", "", "", "", "", _parameter, nulls_first=True)
            return
        for key_name, name in zip(("watermark", "id"), self._key_columns, strict=True):
            if name not in there:
                raise SourceError(
                    f"{self.name}: there is no column `{name}` (`{key_name}`); there are {', '.join(there)}"
                )
        mark, row_id = (f"source.{_quoted(name)}" for name in self._key_columns)
        self._format = self._kind(relation, mark, key)
        # Numbers come before all text, text before all blobs.
        text = self._format is not None
        self._statements = Statements(
            relation=relation,
            columns=selected,
            mark=mark,
            id=row_id,
            id_text=_ID_TEXT.replace("?", row_id),
            placed=f"{mark} >= '' AND {mark} < x''" if text else f"{mark} > -9e999 AND {mark} < 9e999",
            unplaced_if=f"{mark} IS NULL OR {mark} < '' OR {mark} >= x''"
            if text
            else f"{mark} IS NULL OR {mark} <= -9e999 OR {mark} >= 9e999",
            parameter=_parameter,
            nulls_first=True,
            exact_id=True,
            present=self._format.written(datetime.now(UTC)) if self._format is not None else None,
        )

    def _table(self) -> str:
        return f"{'.'.join(_quoted(part) for part in self._config.parts())} AS source"

    def _kind(self, relation: str, mark: str, key: Key | None) -> TextTimes | None:
        """The format of the watermarks; None: they are numbers."""
        if key is not None:
            known = key.mark
        else:
            sample = f"SELECT {mark} FROM {relation} WHERE {mark} IS NOT NULL LIMIT {_SAMPLE}"  # noqa: S608
            first = [value for (value,) in self._run(sample) if isinstance(value, int | float | str)]
            texts = [value for value in first if isinstance(value, str)]
            if 2 * len(texts) <= len(first):
                return None
            known = texts[0]
        if not isinstance(known, str):
            return None
        found = format_of(known, ZoneInfo(self._config.timezone))
        if found is None:
            name = mark.removeprefix("source.")
            raise SourceError(
                f"{self.name}: column {name} (`watermark`) holds text that is no ISO 8601 time such as "
                "2024-05-01T12:00:00Z; name a column of times or numbers"
            )
        return found

    # Watermarks

    def lower(self, mark: Mark) -> Mark:
        back = self._config.look_back
        if isinstance(mark, str):
            assert self._format is not None
            default = _LATE_SECONDS if self._format.separator else _LATE_DAYS * _DAY
            with contextlib.suppress(ValueError, OverflowError):
                return self._format.before(mark, default if back is None else back)
            return mark
        return max(mark - (_LATE_NUMBERS if back is None else back), _FIRST_NUMBER)

    # Reading

    @property
    def _ready(self) -> Statements:
        assert self._statements is not None
        return self._statements

    def keys(self, since: Mark, until: Key) -> Iterator[Keys]:
        for rows in self._all(self._ready.keys(since, until), _KEYS):
            marks, ids = zip(*rows, strict=True)
            yield Keys(_marks(marks), _id_texts(ids), ids)

    def between(self, first: Mark, last: Mark, until: Key) -> Iterator[Fetched]:
        for rows in self._all(self._ready.between(first, last, until), _LATE_FETCH):
            yield self._fetched(rows)

    def select(self, after: Key | None) -> None:
        with self._errors():
            self._cursor = self._run(*self._ready.after(after))

    def select_all(self) -> None:
        with self._errors():
            self._cursor = self._run(*self._ready.everything())

    def fetch(self, rows: int) -> Fetched:
        assert self._cursor is not None
        with self._errors():
            self._until = monotonic() + self._config.statement_timeout
            return self._fetched(self._cursor.fetchmany(rows))

    def survey(self) -> Survey:
        with self._errors():
            ahead = self._ready.ahead()
            (unplaced,) = self._run(*self._ready.unplaced()).fetchone()
            return Survey(int(unplaced), 0 if ahead is None else int(self._run(*ahead).fetchone()[0]))

    def _all(self, statement: Statement, size: int) -> Iterator[list[Any]]:
        with self._errors():
            cursor = self._run(*statement)
            while rows := cursor.fetchmany(size):
                yield rows
                self._until = monotonic() + self._config.statement_timeout

    def _fetched(self, rows: list[Any]) -> Fetched:
        width = len(self._columns)
        columns = [*zip(*rows, strict=True)]
        if not rows or not width:
            batch = pa.RecordBatch.from_struct_array(pa.array([{}] * len(rows), pa.struct([])))
        else:
            batch = pa.RecordBatch.from_arrays([_array(each) for each in columns[:width]], names=self._columns)
        if self._key_columns is None or not rows:
            return Fetched(batch)
        marks, ids, exact = columns[width:]
        return Fetched(batch, Keys(_marks(marks), _id_texts(ids), exact))


def _array(values: Sequence[Any]) -> pa.Array:
    """Values of any kind as one column: numbers, text, blobs; of several kinds as text."""
    kinds = set(map(type, values)) - {type(None)}
    if Unreadable in kinds:
        return _array([str(value) if isinstance(value, Unreadable) else value for value in values])
    if len(kinds) == 1 and (one := _PLAIN.get(kinds.pop())) is not None:
        return pa.array(values, one)
    if bytes not in kinds:
        return column_of(values)
    return column_of([value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values])


def _marks(values: Sequence[Any]) -> NDArray[Any]:
    """Watermarks, all text or all numbers, each as it is."""
    kinds = set(map(type, values))
    return np.array(values, np.int64 if kinds == {int} else np.float64 if kinds == {float} else object)


def _id_texts(texts: Sequence[str | None]) -> pa.Array:
    """Ids as text; as the bytes of text where that is none of UTF-8: two of them stay two."""
    if Unreadable not in set(map(type, texts)):
        return pa.array(texts, pa.string())
    raw = [text.raw if isinstance(text, Unreadable) else None if text is None else text.encode() for text in texts]
    return pa.array(raw, pa.binary())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _parameter(number: int, value: Any) -> str:
    return f"CAST(?{number} AS TEXT)" if isinstance(value, Unreadable) else f"?{number}"
