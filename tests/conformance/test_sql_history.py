"""Whatever order rows are committed in, within the look-back, and however polls and restarts fall: each comes once."""

import contextlib
import itertools
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.sources import sql, sql_place
from exporter.sources.source import Source
from exporter.sources.sqlite import SqliteConfig
from tests.conformance.sources import postgres_config, shared_database

LOOK_BACK = 4
Insert = Callable[[list[tuple[int, str | None, int]]], None]
_NUMBERS = itertools.count()


@contextlib.contextmanager
def sqlite() -> Iterator[tuple[Insert, Callable[[], Source]]]:
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "log.sqlite")
        with contextlib.closing(sqlite3.connect(path)) as writer:
            writer.execute("CREATE TABLE log (at INTEGER, id TEXT, n INTEGER)")

            def insert(rows: list[Any]) -> None:
                with writer:
                    writer.executemany("INSERT INTO log VALUES (?, ?, ?)", rows)

            config = SqliteConfig(type="sqlite", path=path, table="log", watermark="at", id="id", look_back=LOOK_BACK)
            yield insert, config.open


@contextlib.contextmanager
def postgres() -> Iterator[tuple[Insert, Callable[[], Source]]]:
    database, table = shared_database(), f"history_{next(_NUMBERS)}"
    database.execute(f"CREATE TABLE {table} (at bigint, id text, n int)")
    with contextlib.closing(database.connect()) as writer:

        def insert(rows: list[Any]) -> None:
            writer.cursor().executemany(f"INSERT INTO {table} VALUES (%s, %s, %s)", rows)
            writer.commit()

        config = postgres_config(database, table=table, watermark="at", id="id", look_back=LOOK_BACK, fetch_rows=3)
        yield insert, config.open
    database.execute(f"DROP TABLE {table}")


STEP = st.one_of(
    st.tuples(
        st.just("insert"),
        st.integers(0, 3),
        st.lists(
            st.tuples(st.integers(0, LOOK_BACK - 1), st.sampled_from([None, "a", "b", "c", "d"])),
            min_size=1,
            max_size=6,
        ),
    ),
    st.tuples(st.just("poll"), st.integers(1, 7), st.just([])),
    st.tuples(st.just("restart"), st.just(0), st.just([])),
)


def play(
    database: Callable[[], contextlib.AbstractContextManager[tuple[Insert, Callable[[], Source]]]],
    steps: list[tuple[str, int, list[tuple[int, str | None]]]],
) -> None:
    with database() as (insert, open_source), contextlib.ExitStack() as stack:
        source = stack.enter_context(contextlib.closing(open_source()))
        cursor, exhausted, clock = None, False, 100
        written: Counter[tuple[int, str | None]] = Counter()
        read: Counter[tuple[int, str | None]] = Counter()

        def poll(limit: int) -> tuple[bytes, bool]:
            given = source.poll(cursor, limit)
            assert given.rejects == ()
            for batch in given.batches:
                assert batch.first_row == read.total() + 1
                read.update(zip(*(batch.rows.column(name).to_pylist() for name in ("at", "id")), strict=True))
            return given.cursor, given.exhausted

        for what, number, rows in steps:
            if what == "insert":
                clock += number
                keys = [(clock - late, row_id) for late, row_id in rows]
                insert([(*key, written.total() + n) for n, key in enumerate(keys)])
                written.update(keys)
            elif what == "poll":
                cursor, exhausted = poll(number)
            else:
                source = stack.enter_context(contextlib.closing(open_source()))
        exhausted = False
        while not exhausted:
            cursor, exhausted = poll(3)
        assert read == written


@settings(max_examples=80, deadline=None)
@given(steps=st.lists(STEP, max_size=14))
def test_every_row_of_a_sqlite_table_comes_once(steps: list[Any]) -> None:
    play(sqlite, steps)


@settings(max_examples=20, deadline=None)
@given(steps=st.lists(STEP, max_size=14))
def test_every_row_of_a_postgres_table_comes_once(steps: list[Any]) -> None:
    play(postgres, steps)


def test_more_rows_than_can_be_known_are_told_and_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-back shrinks to what can be known; what is newer still comes once, late or not."""
    monkeypatch.setattr(sql_place, "KNOWN_MOST", 10)
    monkeypatch.setattr(sql, "KNOWN_MOST", 10)
    with sqlite() as (insert, open_source), contextlib.closing(open_source()) as source:
        insert([(100 + n // 5, f"{n:02}", n) for n in range(20)])
        poll = source.poll(None, 100)
        assert sum(batch.rows.num_rows for batch in poll.batches) == 20
        assert "rows committed late are looked for only behind the watermark 101" in poll.problems[0]
        insert([(100, "lost", 20), (103, "found", 21)])
        poll = source.poll(poll.cursor, 100)
        assert [one for batch in poll.batches for one in batch.rows.column("id").to_pylist()] == ["found"]
        assert len(sql_place.decode(poll.cursor, ("at", "id")).known) <= 10


def test_a_cursor_is_small() -> None:
    """Eight bytes for each row of the look-back, and none for those before."""
    with sqlite() as (insert, open_source), contextlib.closing(open_source()) as source:
        insert([(n, f"id-{n:020}", n) for n in range(5000)])
        assert len(source.poll(None, 10_000).cursor) < 200 + 8 * LOOK_BACK


KEPT = (b'{"version":1,"sql":["at","id"],"key":[101,"\xc3\xa4"],"rows":5,"unplaced":0,"since":97}\n') + bytes.fromhex(
    "0d13acc5f90e6d2e1e1336e3b7921d37cb8c7a8f4085623e300c3156d33291b3228ff644b388a4cc"
)


def test_a_cursor_that_was_kept_still_knows_its_rows() -> None:
    """The hashes in it must mean the same in every later version: else all rows of the look-back come again."""
    with sqlite() as (insert, open_source), contextlib.closing(open_source()) as source:
        insert([(100, "a", 0), (101, None, 1), (101, "", 2), (101, "ä", 3), (101, "ä", 4)])
        again = source.poll(KEPT, 100)
        assert (again.batches, again.cursor, again.exhausted) == ((), KEPT, True)
