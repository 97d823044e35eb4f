"""The laws that every source obeys, over a registry of real logs."""

import contextlib
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.batch import Poll
from exporter.errors import SourceError
from exporter.sources.source import Source
from tests.conformance.sources import LOGS, Log, PostgresLog, Row, SqliteLog

MOST_POLLS = 500


def ids(poll: Poll) -> list[str]:
    return [row for batch in poll.batches for row in batch.rows.column("id").to_pylist()]


def drain(source: Source, cursor: bytes | None, limit: int = 7) -> Iterator[Poll]:
    for _ in range(MOST_POLLS):
        poll = source.poll(cursor, limit)
        yield poll
        cursor = poll.cursor
        if poll.exhausted:
            return
    raise AssertionError("never exhausted")


def rows(count: int, start: int = 0) -> list[Row]:
    return [{"id": f"{number:05}", "value": number / 2} for number in range(start, start + count)]


@pytest.fixture(params=sorted(LOGS))
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    log = LOGS[request.param](tmp_path)
    yield log
    log.close()


def test_every_row_comes_once_and_in_order(log: Log) -> None:
    log.append(rows(20))
    log.append(rows(5, 20))
    assert [row["id"] for row in rows(25)] == [one for poll in drain(log.open(), None) for one in ids(poll)]


@pytest.mark.parametrize("name", sorted(LOGS))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_split_into_polls_and_restarts_gives_the_same_rows(name: str, data: st.DataObject) -> None:
    """Limits, appends and new processes may fall anywhere."""
    with tempfile.TemporaryDirectory() as directory, contextlib.closing(LOGS[name](Path(directory))) as log:
        written, read = 0, []
        source, cursor = log.open(), None
        for count in data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4), label="appends"):
            log.append(rows(count, written))
            written += count
            for limit in data.draw(st.lists(st.integers(1, 12), max_size=4), label="limits"):
                if data.draw(st.booleans(), label="restart"):
                    source = log.open()
                poll = source.poll(cursor, limit)
                read += ids(poll)
                cursor = poll.cursor
        read += [one for poll in drain(source, cursor) for one in ids(poll)]
        assert [row["id"] for row in rows(written)] == read


def test_the_same_cursor_gives_the_same_poll(log: Log) -> None:
    """Also to a source that has just been opened, and to one that has gone on in the meantime."""
    log.append(rows(12))
    log.append(rows(12, 12))
    source = log.open()
    polls = list(drain(source, None, 5))
    for before, poll in pairwise([None, *polls]):
        cursor = before.cursor if before else None
        assert poll == log.open().poll(cursor, 5)
        assert poll == source.poll(cursor, 5)


def test_what_is_exhausted_gives_nothing_until_more_is_logged(log: Log) -> None:
    log.append(rows(6))
    *_, last = drain(log.open(), None, 100)
    again = log.open().poll(last.cursor, 100)
    assert (again.batches, again.rejects, again.exhausted) == ((), (), True)
    log.append(rows(3, 6))
    assert [one for poll in drain(log.open(), again.cursor) for one in ids(poll)] == ["00006", "00007", "00008"]


def test_a_limit_is_kept(log: Log) -> None:
    log.append(rows(20))
    poll = log.open().poll(None, 4)
    assert (len(ids(poll)), poll.exhausted) == (4, False)


def test_backlog_falls_to_nothing(log: Log) -> None:
    """Where the source can know it: a database does not tell how much it holds."""
    log.append(rows(20))
    backlogs = [poll.backlog_bytes for poll in drain(log.open(), None, 5)]
    if isinstance(log, (PostgresLog, SqliteLog)):
        assert set(backlogs) == {None}
        return
    assert backlogs[0] is not None
    assert backlogs[0] > 0
    assert backlogs[-1] == 0


def test_places_count_from_one(log: Log) -> None:
    """The first row stands on line 1, or on line 2 below a header."""
    log.append(rows(5))
    places = [
        batch.place(row)
        for poll in drain(log.open(), None, 2)
        for batch in poll.batches
        for row in range(batch.rows.num_rows)
    ]
    assert places in ([1, 2, 3, 4, 5], [2, 3, 4, 5, 6])


def test_only_needed_columns_are_given(log: Log) -> None:
    log.append(rows(3))
    assert [batch.rows.schema.names for batch in log.open(columns=("id",)).poll(None, 10).batches] == [["id"]]


def test_a_log_that_is_not_there_is_retried(log: Log) -> None:
    with pytest.raises(SourceError) as told:
        log.open().poll(None, 10)
    assert not told.value.fatal
    assert "\n" not in str(told.value)


def test_a_cursor_of_something_else_is_fatal(log: Log) -> None:
    log.append(rows(1))
    with pytest.raises(SourceError) as told:
        log.open().poll(b"not a cursor", 10)
    assert told.value.fatal
