"""A Postgres database as the SQL source reads it: one read-only snapshot, one server-side cursor in it.

Every transaction is REPEATABLE READ READ ONLY and brings its own settings, so that a pooler in between does no harm.
Statements go one at a time by the extended protocol, which takes no second one behind a semicolon.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from exporter.sources import postgres_types as types
from exporter.sources.postgres import PostgresConfig
from exporter.sources.postgres_errors import NotReadable, told
from exporter.sources.sql_database import Fetched, Keys, Survey
from exporter.sources.sql_place import Key, Mark, text_of
from exporter.sources.sql_statements import Statement, Statements

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 -- readings of the database's clock, whose zone stands beside it
_LATE_SECONDS: Final = 60
_LATE_DAYS: Final = 2
_LATE_NUMBERS: Final = 1000
_GRACE_SECONDS: Final = 5.0
"""The server ends a statement itself; where not even that comes through, we hang up so much later."""
_LATE_FETCH: Final = 256
"""Rows committed late fetched at a time; they may be wide."""
_KEYS: Final = 50_000
"""Keys of the look-back fetched at a time."""
_DAY: Final = 86_400
_TIMES: Final = (types.TIMESTAMP, types.TIMESTAMPTZ, types.DATE)
_NUMBERS: Final = {types.INT2: -(2**15), types.INT4: -(2**31), types.INT8: -(2**63)}
"""Kinds of numbers and the least of each."""
_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SETTINGS: Final = (
    "SELECT set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', '0', true), "
    "set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true), "
    "set_config('extra_float_digits', '1', true), "
    # What an SQL_ASCII database holds is of no encoding; asked for UTF-8, it would refuse whole pages for one row.
    "set_config('client_encoding', CASE current_setting('server_encoding') "
    "WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END, true), (extract(epoch FROM now()) * 1000000)::bigint"
)


class PostgresDatabase:
    """Implements `Database` with psycopg."""

    keeps_snapshot = True

    def __init__(
        self, config: PostgresConfig, watermark: str | None, row_id: str | None, columns: tuple[str, ...] | None
    ) -> None:
        self.name = config.describe()
        self._config = config
        self._watermark = watermark
        self._row_id = row_id
        self._wanted = columns
        self._connection: psycopg.Connection[Any] | None = None
        self._line: socket.socket | None = None
        self._open = self._silent = False
        self._columns: list[tuple[str, int]] = []
        self._kind = types.INT8
        self._statements: Statements | None = None

    # The connection

    def begin(self, key: Key | None) -> None:  # noqa: ARG002 -- the column tells its kind
        with self._errors():
            used = self._connection is not None
            try:
                now = self._began()
            except psycopg.OperationalError:
                if not used or self._silent:
                    raise
                self.close()  # the server hung up on an idle connection
                now = self._began()
            self._describe(now)

    def _began(self) -> datetime:
        """Begins a transaction; when that was by the server's clock, without a zone."""
        if self._connection is None:
            self._connect()
        self._run(_BEGIN)
        self._open = True
        (row,) = self._run(_SETTINGS, (str(self._config.statement_timeout * 1000),))
        return _EPOCH + timedelta(microseconds=int(row[-1]))

    def _connect(self) -> None:
        dsn = "" if self._config.dsn is None else self._config.dsn.get_secret_value()
        try:
            if "@" in str(conninfo_to_dict(dsn).get("host")):
                # Half of the password is taken for a part of the host, which an error would name.
                raise NotReadable("write an @ in the user or password of `dsn` as %40", fatal=True)
            self._connection = psycopg.connect(
                dsn,
                autocommit=True,
                prepare_threshold=None,
                cursor_factory=psycopg.RawCursor,
                **self._config.connection(),
            )
        except psycopg.ProgrammingError as error:
            raise NotReadable("`dsn` is not a connection string that libpq reads", fatal=True) from error
        # A second handle of the same line: shut down, it ends a wait of psycopg for a server that says nothing.
        self._line = socket.fromfd(self._connection.fileno(), socket.AF_UNSPEC, socket.SOCK_STREAM)
        self._silent = False
        types.prepare(self._connection)

    def end(self) -> None:
        if self._open and self._connection is not None:
            self._open = False
            try:
                with self._patience():
                    self._connection.execute("ROLLBACK", binary=True)
            except psycopg.Error:
                self.close()

    def close(self) -> None:
        self._open = False
        connection, self._connection = self._connection, None
        line, self._line = self._line, None
        if connection is not None:
            connection.close()
        if line is not None:
            line.close()

    @contextlib.contextmanager
    def _patience(self) -> Iterator[None]:
        """Hangs up where what is done here does not end in time."""
        timer = threading.Timer(self._config.statement_timeout + _GRACE_SECONDS, self._hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _hang_up(self) -> None:
        self._silent = True
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Makes one line of what Postgres says, and leaves nothing open."""
        try:
            yield
        except (psycopg.Error, NotReadable) as error:
            silent = self._silent
            self.close()
            raise told(error, self._config, self._watermark, silent=silent) from None

    def _run(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a statement; none of one that gives none. In binary, hence by the extended protocol."""
        assert self._connection is not None
        with self._patience(), self._connection.cursor(binary=True) as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    # What is there

    def _quoted(self, *names: str) -> str:
        quoted: str = sql.Identifier(*names).as_string(self._connection)
        return quoted

    def _relation(self) -> str:
        if self._config.query is not None:
            return f"(\n{self._config.query}\n) AS source"  # the user's own text; its last line may be a comment
        return f"{self._quoted(*self._config.parts())} AS source"

    def _columns_of(self, relation: str) -> list[tuple[str, int]]:
        """Names and types, as the server describes them."""
        assert self._connection is not None
        with self._patience(), self._connection.cursor(binary=True) as cursor:
            cursor.execute(f"SELECT * FROM {relation} LIMIT 0")  # noqa: S608 -- see _relation
            there = [(column.name, column.type_code) for column in cursor.description or ()]
        names = [name for name, _ in there]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise NotReadable(f"column `{twice}` stands twice in the query; name one of them otherwise with AS")
        return there

    def _describe(self, now: datetime) -> None:
        """Learns the columns, and writes the statements for them."""
        relation = self._relation()
        there = self._columns_of(relation)
        names = [name for name, _ in there]
        self._columns = [each for each in there if self._wanted is None or each[0] in self._wanted]
        selected = tuple(self._selected(name, oid) for name, oid in self._columns)
        if self._watermark is None or self._row_id is None:
            self._statements = Statements(relation, selected, "", "", "", "", "", _parameter, nulls_first=False)
            return
        for key, name in (("watermark", self._watermark), ("id", self._row_id)):
            if name not in names:
                raise NotReadable(f"there is no column `{name}` (`{key}`); there are {', '.join(names)}")
        self._kind = dict(there)[self._watermark]
        if self._kind not in (*_TIMES, *_NUMBERS):
            kind = psycopg.adapters.types.get(self._kind)
            raise NotReadable(
                f"column `{self._watermark}` (`watermark`) is of type {kind.name if kind else 'unknown'}; it must be a "
                "timestamp, a date or a whole number: name another, or cast it in `query`"
            )
        # Qualified: ORDER BY would take a plain name for one of the selected expressions.
        mark, row_id = f"source.{self._quoted(self._watermark)}", f"source.{self._quoted(self._row_id)}"
        timed = self._kind in _TIMES
        self._statements = Statements(
            relation=relation,
            columns=selected,
            mark=mark,
            id=row_id,
            id_text=f"CAST({row_id} AS text)",
            placed=f"{mark} >= '0001-01-01'" if timed else f"{mark} IS NOT NULL",
            unplaced_if=f"({mark} IS NULL OR {mark} < '0001-01-01')" if timed else f"{mark} IS NULL",
            parameter=_parameter,
            nulls_first=False,
            present=self._present(now) if timed else None,
        )

    def _selected(self, name: str, oid: int) -> str:
        quoted = f"source.{self._quoted(name)}"
        return quoted if types.comes_as_it_is(oid) else f"CAST({quoted} AS text)"

    # Watermarks

    def _present(self, now: datetime) -> str:
        if self._kind != types.TIMESTAMPTZ:
            now = now.replace(tzinfo=UTC).astimezone(ZoneInfo(self._config.timezone)).replace(tzinfo=None)
        return self._value((now.date() - _EPOCH.date()).days if self._kind == types.DATE else _micros(now))

    def _value(self, mark: Mark) -> str:
        """A watermark as Postgres reads it: text, whose type the server takes from the column."""
        if self._kind in _NUMBERS:
            return str(mark)
        if self._kind == types.DATE:
            return (_EPOCH + timedelta(days=int(mark))).date().isoformat()
        text = (_EPOCH + timedelta(microseconds=int(mark))).isoformat(sep=" ")
        return f"{text}+00" if self._kind == types.TIMESTAMPTZ else text

    def lower(self, mark: Mark) -> Mark:
        back = self._config.look_back
        mark = int(mark)
        if self._kind in _NUMBERS:
            return max(mark - (_LATE_NUMBERS if back is None else back), _NUMBERS[self._kind])
        if self._kind == types.DATE:
            return max(mark - (_LATE_DAYS if back is None else -(-back // _DAY)), _FIRST_DAY)
        return max(mark - (_LATE_SECONDS if back is None else back) * 10**6, _FIRST_MICROSECOND)

    def _key(self, key: Key | None) -> Key | None:
        return None if key is None else Key(self._value(key.mark), key.id)

    # Reading

    @property
    def _ready(self) -> Statements:
        assert self._statements is not None
        return self._statements

    def keys(self, since: Mark, until: Key) -> Iterator[Keys]:
        statement = self._ready.keys(self._value(since), replace(until, mark=self._value(until.mark)))
        for rows in self._all("late", statement, _KEYS):
            yield self._keys([*zip(*rows, strict=True)], 0)

    def between(self, first: Mark, last: Mark, until: Key) -> Iterator[Fetched]:
        key = replace(until, mark=self._value(until.mark))
        statement = self._ready.between(self._value(first), self._value(last), key)
        for rows in self._all("late", statement, _LATE_FETCH):
            yield self._fetched(rows)

    def select(self, after: Key | None) -> None:
        with self._errors():
            self._declare("news", self._ready.after(self._key(after)))

    def select_all(self) -> None:
        with self._errors():
            self._declare("news", self._ready.everything())

    def fetch(self, rows: int) -> Fetched:
        with self._errors():
            return self._fetched(self._run(f"FETCH FORWARD {int(rows)} FROM news"))

    def survey(self) -> Survey:
        with self._errors():
            ahead = self._ready.ahead()
            unplaced = self._run(*self._ready.unplaced())[0][0]
            return Survey(int(unplaced), 0 if ahead is None else int(self._run(*ahead)[0][0]))

    def _declare(self, name: str, statement: Statement) -> None:
        self._run(f"DECLARE {name} NO SCROLL CURSOR FOR {statement[0]}", statement[1])

    def _all(self, name: str, statement: Statement, size: int) -> Iterator[list[Any]]:
        with self._errors():
            self._declare(name, statement)
            while rows := self._run(f"FETCH FORWARD {size} FROM {name}"):
                yield rows
            self._run(f"CLOSE {name}")

    def _fetched(self, rows: list[Any]) -> Fetched:
        if not rows:
            return Fetched(_batch([], [], 0))
        width = len(self._columns)
        values = [*zip(*rows, strict=True)]
        arrays = [
            types.json_column(column) if oid in (types.JSON, types.JSONB) else types.column(column, oid)
            for column, (_, oid) in zip(values[:width], self._columns, strict=True)
        ]
        batch = _batch(arrays, [name for name, _ in self._columns], len(rows))
        return Fetched(batch, self._keys(values, width) if self._watermark is not None else None)

    def _keys(self, values: Sequence[Sequence[Any]], at: int) -> Keys:
        marks = values[at]
        if self._kind in _NUMBERS:
            array = pa.array(marks, pa.int64())
        else:
            array = types.days_of(marks) if self._kind == types.DATE else types.micros_of(marks)
        ids = values[at + 1]
        exact = [None if row_id is None else text_of(row_id) for row_id in ids]
        return Keys(array.to_numpy(zero_copy_only=False), pa.array(ids, pa.binary()), exact)


def _parameter(number: int, _value: Any) -> str:
    return f"${number}"


def _micros(clock: datetime) -> int:
    return (clock - _EPOCH) // timedelta(microseconds=1)


def _batch(arrays: list[pa.Array], names: list[str], rows: int) -> pa.RecordBatch:
    if arrays:
        return pa.RecordBatch.from_arrays(arrays, names=names)
    return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))


_FIRST: Final = datetime(1, 1, 1)  # noqa: DTZ001 -- see _EPOCH
_FIRST_MICROSECOND: Final = _micros(_FIRST)
_FIRST_DAY: Final = (_FIRST - _EPOCH).days
