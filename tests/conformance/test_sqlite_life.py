"""Whatever else works on a SQLite file, and whatever stands in it: every row is read once."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.batch import Poll
from exporter.errors import SourceError
from exporter.sources import sql, sqlite_database
from exporter.sources.source import Source
from exporter.sources.sqlite import SqliteConfig


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = wal")
        writer.execute("CREATE TABLE log (at, id, value)")
        yield writer


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Source]]:
    with contextlib.ExitStack() as stack:

        def opened(**options: Any) -> Source:
            given = {
                "type": "sqlite",
                "path": str(tmp_path / "log.sqlite"),
                "table": "log",
                "watermark": "at",
                "id": "id",
            }
            config = SqliteConfig.model_validate({**given, **options})
            return stack.enter_context(contextlib.closing(config.open()))

        yield opened


def values(poll: Poll, column: str = "value") -> list[Any]:
    return [one for batch in poll.batches for one in batch.rows.column(column).to_pylist()]


def told(source: Source, cursor: bytes | None = None) -> SourceError:
    with pytest.raises(SourceError) as error:
        source.poll(cursor, 1000)
    assert "\n" not in str(error.value)
    return error.value


def test_another_process_goes_on_writing(writer: sqlite3.Connection, opened: Callable[..., Source]) -> None:
    """Also in the middle of its transaction, which is read when it is committed."""
    source = opened()
    writer.execute("INSERT INTO log VALUES ('2024-01-01T00:00:30Z', 'a', 1)")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO log VALUES ('2024-01-01T00:00:10.250Z', 'b', 2), ('2024-01-01T00:00:31Z', 'c', 3)")
    first = source.poll(None, 10)
    assert (values(first), first.exhausted) == ([1], True)
    writer.execute("COMMIT")
    second = source.poll(first.cursor, 10)
    assert values(second) == [2, 3]
    assert values(source.poll(second.cursor, 10)) == []


def test_a_file_that_is_locked_is_tried_again(
    tmp_path: Path, opened: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without WAL a writer keeps readers out while it commits."""
    monkeypatch.setattr(sqlite_database, "_BUSY_SECONDS", 0.05)
    with contextlib.closing(sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)) as writer:
        writer.execute("CREATE TABLE log (at, id, value)")
        writer.execute("INSERT INTO log VALUES (1, 1, 1)")
        source = opened()
        writer.execute("BEGIN EXCLUSIVE")
        error = told(source)
        assert not error.fatal
        assert "database is locked; another process keeps it to itself" in str(error)
        writer.execute("COMMIT")
        assert values(source.poll(None, 10)) == [1]


def test_reading_keeps_no_writer_out_between_polls(tmp_path: Path, opened: Callable[..., Source]) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None, timeout=0)) as writer:
        writer.execute("CREATE TABLE log (at, id, value)")
        writer.executemany("INSERT INTO log VALUES (?, ?, ?)", [(n, n, n) for n in range(10)])
        source = opened()
        first = source.poll(None, 4)
        writer.execute("INSERT INTO log VALUES (10, 10, 10)")
        second = source.poll(first.cursor, 100)
        assert values(first) + values(second) == list(range(11))


def test_a_missing_file_and_one_that_is_no_database_are_told(tmp_path: Path, opened: Callable[..., Source]) -> None:
    assert "there is no such file; check `path`" in str(told(opened()))
    assert not (tmp_path / "log.sqlite").exists()
    (tmp_path / "log.sqlite").write_text("id,value\n" * 200)
    error = told(opened())
    assert not error.fatal
    assert "file is not a database; name a SQLite file as `path`" in str(error)


def test_a_file_that_is_replaced_is_read_from_the_new_one(
    tmp_path: Path, writer: sqlite3.Connection, opened: Callable[..., Source]
) -> None:
    writer.execute("INSERT INTO log VALUES (1, 1, 1)")
    source = opened()
    first = source.poll(None, 10)
    writer.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "new.sqlite", isolation_level=None)) as other:
        other.execute("CREATE TABLE log (at, id, value)")
        other.execute("INSERT INTO log VALUES (1, 1, 1), (2, 2, 2)")
    for path in tmp_path.glob("log.sqlite*"):
        path.unlink()
    (tmp_path / "new.sqlite").rename(tmp_path / "log.sqlite")
    assert values(source.poll(first.cursor, 10)) == [2]


def test_nothing_can_be_written(writer: sqlite3.Connection, opened: Callable[..., Source]) -> None:
    """A second statement behind a bracket is not run either."""
    writer.execute("INSERT INTO log VALUES (1, 1, 1)")
    source = opened(table=None, query="SELECT * FROM log) AS one; DELETE FROM log; SELECT * FROM (SELECT 1")
    error = told(source)
    assert error.fatal
    assert "one SELECT without a semicolon" in str(error)
    assert writer.execute("SELECT count(*) FROM log").fetchone() == (1,)


@pytest.mark.parametrize(
    "query", ["SELECT * FROM log;", "SELECT * FROM log -- all", "SELECT * FROM log /* all */ ; ;\n"]
)
def test_a_query_may_end_as_people_end_it(
    writer: sqlite3.Connection, opened: Callable[..., Source], query: str
) -> None:
    writer.execute("INSERT INTO log VALUES (1, 1, 1)")
    assert values(opened(table=None, query=query).poll(None, 10)) == [1]


def test_names_are_only_names(writer: sqlite3.Connection, opened: Callable[..., Source]) -> None:
    writer.execute('CREATE TABLE "x""; drop table log; --" ("a ""t""" INT, "i;d" TEXT, "%s ?1" REAL)')
    writer.execute('INSERT INTO "x""; drop table log; --" VALUES (1, \'a\', 1.5)')
    source = opened(table='main."x""; drop table log; --"', watermark='a "t"', id="i;d")
    assert values(source.poll(None, 10), "%s ?1") == [1.5]
    assert writer.execute("SELECT count(*) FROM log").fetchone() == (0,)


def test_columns_hold_values_of_any_kind(writer: sqlite3.Connection, opened: Callable[..., Source]) -> None:
    """Numbers of both kinds are numbers, blobs are blobs; a mixture is text, whatever the bytes."""
    writer.execute("ALTER TABLE log ADD COLUMN other")
    rows = [(1, "a", 1, b"\xff"), (2, "b", 2.5, None), (3, "c", None, b"x"), (4, "d", 2**62, b"")]
    writer.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", rows)
    source = opened()
    poll = source.poll(None, 2)
    assert (values(poll), values(poll, "other")) == ([1.0, 2.5], [b"\xff", None])
    writer.execute("UPDATE log SET value = CAST(x'ff00' AS TEXT), other = 'text' WHERE at = 4")
    poll = source.poll(poll.cursor, 10)
    assert (values(poll), values(poll, "other")) == ([None, "\ufffd\0"], ["x", "text"])


def test_rows_with_another_kind_of_watermark_are_counted_once(
    writer: sqlite3.Connection, opened: Callable[..., Source]
) -> None:
    """A text among numbers would come after all of them, and end the log."""
    rows = [(1, 1, 1), ("2024-01-01", 2, 2), (None, 3, 3), (float("inf"), 4, 4), (b"x", 5, 5), (2.5, 6, 6)]
    writer.executemany("INSERT INTO log VALUES (?, ?, ?)", rows)
    source = opened()
    poll = source.poll(None, 10)
    assert values(poll) == [1, 6]
    assert (len(poll.rejects), poll.unnoted) == (1, {"bad_time": 3})
    writer.execute("INSERT INTO log VALUES (3, 7, 7)")
    after = source.poll(poll.cursor, 10)
    assert (values(after), after.rejects) == ([7], ())


def test_text_that_is_no_time_is_no_watermark(writer: sqlite3.Connection, opened: Callable[..., Source]) -> None:
    writer.execute("INSERT INTO log VALUES ('yesterday', 1, 1)")
    assert 'column "at" (`watermark`) holds text that is no ISO 8601 time' in str(told(opened()))


@pytest.mark.parametrize(
    ("stamps", "future"),
    [
        (["2024-01-01 00:00:01", "2024-01-01 00:00:01.5", "2024-01-01 00:01:02"], "2099-01-01 00:00:00"),
        (["2024-01-01T00:00:01+02:00", "2024-01-01T00:00:02+02:00", "2024-01-01T00:02:00+02:00"], "2099-01-01T00:00:00+02:00"),
        (["2024-01-01", "2024-01-02", "2024-02-01"], "2099-01-01"),
    ],
)  # fmt: skip
def test_times_as_text_keep_their_order(
    writer: sqlite3.Connection, opened: Callable[..., Source], stamps: list[str], future: str
) -> None:
    """What lies in the future waits; what comes late is found within the look-back of a minute, of dates two days."""
    writer.executemany("INSERT INTO log VALUES (?, ?, ?)", [(stamps[2], "x", 0), (stamps[1], "y", 1), (future, "z", 9)])
    source = opened(look_back="3m") if len(stamps[0]) > 10 else opened(look_back="40d")
    first = source.poll(None, 10)
    assert values(first) == [1, 0]
    assert "1 rows have a `at` in the future" in first.problems[0]
    writer.execute("INSERT INTO log VALUES (?, ?, ?)", (stamps[0], "late", 2))
    assert values(source.poll(first.cursor, 10)) == [2]


def test_ids_may_be_of_any_kind(writer: sqlite3.Connection, opened: Callable[..., Source]) -> None:
    """Null, number, text and blob have an order, and a cursor can name each of them."""
    ids: list[Any] = [None, None, -1, 2.5, 2**60, "", "2.5", "ä\0x", b"", b"\xff\xfe", b"\xff\xff"]
    writer.executemany("INSERT INTO log VALUES (7, ?, ?)", [(each, n) for n, each in reversed(list(enumerate(ids)))])
    seen, cursor, exhausted = [], None, False
    while not exhausted:
        poll = opened().poll(cursor, 1)
        seen += values(poll)
        cursor, exhausted = poll.cursor, poll.exhausted
    assert sorted(seen) == list(range(len(ids)))
    assert seen[2:] == list(range(2, len(ids)))


def test_a_statement_that_takes_too_long_is_given_up(writer: sqlite3.Connection, opened: Callable[..., Source]) -> None:
    endless = "WITH RECURSIVE n(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n) SELECT at, at AS id FROM n"
    error = told(opened(table=None, query=endless, statement_timeout=1))
    assert not error.fatal
    assert "interrupted; a statement took longer than `statement_timeout`" in str(error)


def test_missing_tables_and_columns_are_told(writer: sqlite3.Connection, opened: Callable[..., Source]) -> None:
    assert "no such table: main.nope; check `table`" in str(told(opened(table="main.nope")))
    assert "there is no column `when` (`watermark`); there are at, id, value" in str(told(opened(watermark="when")))
    assert "there is no column `ID` (`id`); there are at, id, value" in str(told(opened(id="ID")))


def test_text_of_any_bytes_is_an_id_as_others(writer: sqlite3.Connection, opened: Callable[..., Source]) -> None:
    """People see what cannot be read replaced; the row is found again by its bytes, also after a restart."""
    for number, text in enumerate((b"a", b"\xfe", b"\xef\xbf\xbd", b"\xff")):
        writer.execute("INSERT INTO log VALUES (1, CAST(? AS TEXT), ?)", (text, number))
    read, cursor = [], None
    for _ in range(6):
        poll = opened().poll(cursor, 1)
        read += values(poll)
        cursor = poll.cursor
    assert read == [0, 2, 1, 3]
    writer.execute("INSERT INTO log VALUES (1, CAST(? AS TEXT), 4)", (b"\xfd",))
    assert values(opened().poll(cursor, 10)) == [4]


def test_rows_of_one_key_are_fetched_many_at_a_time(
    writer: sqlite3.Connection, opened: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They must be read together; a fetch a row would take for ever."""
    writer.executemany("INSERT INTO log VALUES (1, NULL, ?)", [(number,) for number in range(1000)])
    asked = []
    real = sqlite_database.SqliteDatabase.fetch
    monkeypatch.setattr(
        sqlite_database.SqliteDatabase, "fetch", lambda self, rows: (asked.append(rows), real(self, rows))[1]
    )
    assert len(values(opened().poll(None, 10))) == 1000
    assert len(asked) < 20


def test_a_count_that_takes_too_long_keeps_no_row_back(
    writer: sqlite3.Connection, opened: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be read in order is counted now and then; where that cannot be done, that is told."""

    def interrupted(database: sqlite_database.SqliteDatabase) -> None:
        database.close()
        raise SourceError("a statement took longer than `statement_timeout`")

    monkeypatch.setattr(sqlite_database.SqliteDatabase, "survey", interrupted)
    writer.execute("INSERT INTO log VALUES (1, 1, 1)")
    source = opened()
    poll = source.poll(None, 10)
    assert (values(poll), poll.exhausted) == ([1], True)
    (problem,) = poll.problems
    assert "how many rows have no `at`, or one in the future, is not known: a statement took longer" in problem
    writer.execute("INSERT INTO log VALUES (2, 2, 2)")
    later = source.poll(poll.cursor, 10)
    assert (values(later), later.problems) == ([2], poll.problems)


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_whole_watermarks_stay_exact_beside_real_ones(
    writer: sqlite3.Connection, opened: Callable[..., Source], limit: int
) -> None:
    """Nanoseconds are beyond 2^53: rounded, rows would come twice, or never."""
    marks: list[Any] = [1.5, 2**53 - 1, 2**53 + 1, 2**53 + 3, float(2**60), 2**60 + 1, 2**60 + 2, 2**60 + 2]
    writer.executemany("INSERT INTO log VALUES (?, 'x', ?)", [(mark, n) for n, mark in enumerate(marks)])
    seen, cursor = [], None
    for _ in range(len(marks) + 2):
        poll = opened().poll(cursor, limit)
        seen += values(poll)
        cursor = poll.cursor
    assert sorted(seen) == list(range(len(marks)))
    assert seen[:-2] == list(range(len(marks) - 2))
    writer.execute("INSERT INTO log VALUES (?, 'x', 'late')", (2**60 - 1,))
    late = opened().poll(cursor, 10)
    assert values(late) == ["late"]
    assert values(opened().poll(late.cursor, 10)) == []


def test_an_id_may_be_infinite(writer: sqlite3.Connection, opened: Callable[..., Source]) -> None:
    ids = [float("-inf"), 0.5, float("inf"), "text"]
    writer.executemany("INSERT INTO log VALUES (1, ?, ?)", [(each, n) for n, each in enumerate(ids)])
    seen, cursor = [], None
    for _ in range(6):
        poll = opened().poll(cursor, 1)
        seen += values(poll)
        cursor = poll.cursor
    assert seen == [0, 1, 2, 3]


def test_a_look_back_before_the_first_number_is_all_there_is(
    writer: sqlite3.Connection, opened: Callable[..., Source]
) -> None:
    writer.execute("INSERT INTO log VALUES (?, 1, 1)", (-(2**63),))
    first = opened().poll(None, 10)
    assert (values(first), values(opened().poll(first.cursor, 10))) == ([1], [])


def test_rows_of_one_key_do_not_fill_the_memory(
    writer: sqlite3.Connection, opened: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would be read all at once; a page of as many bytes with keys of their own is read."""
    monkeypatch.setattr(sql, "_KEY_BYTES", 100_000)
    writer.executemany("INSERT INTO log VALUES ('2024-01-01', ?, ?)", [(n, "x" * 1000) for n in range(2000)])
    source = opened()
    first = source.poll(None, 500)
    assert len(values(first)) == 500
    assert len(values(source.poll(first.cursor, 1500))) == 1500
    writer.execute("UPDATE log SET id = NULL")
    error = told(opened())
    assert error.fatal
    assert "share one `at` and `id`, and such rows are read all at once; name an `id`" in str(error)
