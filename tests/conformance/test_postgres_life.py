"""Whatever happens to Postgres, the network and the transactions beside ours: every row is read once."""

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from exporter.batch import Poll
from exporter.errors import SourceError
from exporter.sources import postgres_database
from exporter.sources.postgres_database import PostgresDatabase
from exporter.sources.source import Source
from exporter.sources.sql_database import Fetched
from tests.conformance.sources import postgres_config, shared_database
from tests.postgres import Database, running
from tests.proxy import Proxy

ROWS = 400


@pytest.fixture
def database() -> Iterator[Database]:
    database = running().database()
    yield database
    database.drop()


@pytest.fixture
def log(database: Database) -> Database:
    """A table of 400 rows, three a second."""
    database.execute("CREATE TABLE log (at timestamptz NOT NULL, id int PRIMARY KEY, value float8)")
    add(database, range(ROWS))
    return database


def add(database: Database, numbers: range) -> None:
    values = f"to_timestamp(1.7e9 + n / 3), n, n FROM generate_series({numbers[0]}, {numbers[-1]}) n"
    database.execute(f"INSERT INTO log SELECT {values}")


@contextlib.contextmanager
def opened(database: Database, **options: Any) -> Iterator[Source]:
    config = postgres_config(database, **{"table": "log", "watermark": "at", "id": "id", **options})
    with contextlib.closing(config.open(columns=("id",))) as source:
        yield source


def ids(poll: Poll) -> list[int]:
    return [one for batch in poll.batches for one in batch.rows.column("id").to_pylist()]


def rest(source: Source, cursor: bytes | None, limit: int = 90) -> list[int]:
    read, exhausted = [], False
    while not exhausted:
        poll = source.poll(cursor, limit)
        read += ids(poll)
        cursor, exhausted = poll.cursor, poll.exhausted
    return read


def told(source: Source, cursor: bytes | None = None) -> SourceError:
    with pytest.raises(SourceError) as error:
        source.poll(cursor, 1000)
    assert "\n" not in str(error.value)
    return error.value


def test_a_crash_between_polls_loses_and_repeats_nothing(log: Database) -> None:
    with opened(log) as source:
        first = source.poll(None, 100)
        log.server.crash()
        down = told(source, first.cursor)
        assert not down.fatal
        log.server.start()
        assert ids(first) + rest(source, first.cursor) == list(range(ROWS))


@pytest.mark.parametrize("fetches", [1, 3])
def test_a_crash_in_the_middle_of_a_poll_loses_and_repeats_nothing(
    log: Database, monkeypatch: pytest.MonkeyPatch, fetches: int
) -> None:
    """Some rows of the poll have come already: none of them count, for no cursor was given."""
    real, calls = PostgresDatabase.fetch, []

    def fetch(self: PostgresDatabase, rows: int) -> Fetched:
        calls.append(rows)
        if len(calls) == fetches:
            log.server.restart("immediate")
        return real(self, rows)

    with opened(log, fetch_rows=30) as source:
        first = source.poll(None, 100)
        monkeypatch.setattr(PostgresDatabase, "fetch", fetch)
        broken = told(source, first.cursor)
        assert not broken.fatal
        assert len(calls) == fetches
        assert ids(first) + rest(source, first.cursor) == list(range(ROWS))


def test_a_server_that_restarted_between_polls_is_connected_to_again_at_once(log: Database) -> None:
    """An idle connection that the server gave up is no failure of the source."""
    with opened(log) as source:
        read = rest(source, None, 1000)
        cursor = source.poll(None, 1000).cursor
        log.server.restart()
        add(log, range(ROWS, ROWS + 5))
        assert read + ids(source.poll(cursor, 1000)) == list(range(ROWS + 5))


@pytest.mark.parametrize("stalls", [False, True], ids=["reset", "stall"])
def test_a_cut_network_loses_and_repeats_nothing(log: Database, monkeypatch: pytest.MonkeyPatch, stalls: bool) -> None:
    """Wherever it is cut: while connecting, after the first rows, within the last page. A stall ends by our timeout."""
    monkeypatch.setattr(postgres_database, "_GRACE_SECONDS", 0.0)
    with Proxy(log.server.port) as proxy:
        access = {"host": "127.0.0.1", "port": proxy.port, "password": log.server.password, "connect_timeout": 3}
        proxy.stalls = stalls
        cuts = [1, 3000, 9000] if stalls else range(1, 12_000, 700)
        with opened(log, statement_timeout=2, **access) as source:
            for cut in cuts:
                proxy.allowed = cut
                read, cursor, errors = [], None, []
                while len(read) < ROWS and len(errors) < 3:
                    try:
                        poll = source.poll(cursor, 90)
                    except SourceError as error:
                        errors.append(error)
                        proxy.allowed = None
                        continue
                    read += ids(poll)
                    cursor = poll.cursor
                assert read == list(range(ROWS))
                assert {(error.fatal, "\n" in str(error)) for error in errors} == {(False, False)}
                source.close()


def test_rows_committed_late_are_found_within_the_look_back_and_once(log: Database) -> None:
    """Transactions that were open while later rows were read: their rows lie before the newest."""
    with opened(log) as source, contextlib.closing(log.connect()) as late:
        with late.cursor() as cursor:
            cursor.execute(
                "INSERT INTO log VALUES (to_timestamp(1.7e9 + 100), 1001, 0), (to_timestamp(1.7e9 + 80), 1002, 0)"
            )
        first = source.poll(None, 1000)
        assert (ids(first), first.exhausted) == (list(range(ROWS)), True)
        idle = source.poll(first.cursor, 1000)
        assert (idle.batches, idle.cursor) == ((), first.cursor)
        late.commit()
        second = source.poll(first.cursor, 1000)
        assert ids(second) == [1002, 1001]
        assert second.batches[0].first_row == ROWS + 1
        third = source.poll(second.cursor, 1000)
        assert (third.batches, third.rejects, third.cursor) == ((), (), second.cursor)


def test_a_row_committed_later_than_the_look_back_allows_is_not_found(log: Database) -> None:
    """That is what the look-back means; the sum with a longer one shows that the row is there."""
    with opened(log) as source, opened(log, look_back="1h") as patient:
        first = source.poll(None, 1000)
        longer = patient.poll(None, 1000)
        log.execute("INSERT INTO log VALUES (to_timestamp(1.7e9 + 10), 1001, 0)")
        assert ids(source.poll(first.cursor, 1000)) == []
        assert ids(patient.poll(longer.cursor, 1000)) == [1001]


def test_a_longer_look_back_does_not_repeat_what_was_read_before(log: Database) -> None:
    with opened(log, look_back="5s") as short, opened(log, look_back="1h") as long:
        assert ids(long.poll(short.poll(None, 1000).cursor, 1000)) == []


def test_late_rows_beyond_the_limit_come_in_the_next_polls(log: Database) -> None:
    with opened(log) as source:
        cursor = source.poll(None, 1000).cursor
        log.execute("INSERT INTO log SELECT to_timestamp(1.7e9 + 130), n, n FROM generate_series(1000, 1024) n")
        add(log, range(ROWS, ROWS + 30))
        polls = []
        while not polls or not polls[-1].exhausted:
            polls.append(source.poll(polls[-1].cursor if polls else cursor, 10))
        assert [len(ids(poll)) for poll in polls] == [10, 10, 10, 10, 10, 5]
        assert sorted(one for poll in polls for one in ids(poll)) == [*range(ROWS, ROWS + 30), *range(1000, 1025)]


def test_the_snapshot_of_a_backlog_hides_nothing(log: Database) -> None:
    """What is committed while a backlog is read from one snapshot is read right after it."""
    with opened(log) as source:
        first = source.poll(None, 100)
        add(log, range(ROWS, ROWS + 20))
        assert ids(first) + rest(source, first.cursor) == list(range(ROWS + 20))


def test_rows_of_the_future_wait_for_their_time_and_are_told(log: Database) -> None:
    """One stray clock must not move the watermark beyond all rows to come."""
    log.execute("INSERT INTO log VALUES ('2038-01-19 03:14:07+00', 2038, 0), ('infinity', 2039, 0)")
    with opened(log) as source:
        poll = source.poll(None, 1000)
        assert ids(poll) == list(range(ROWS))
        (problem,) = poll.problems
        assert "2 rows have a `at` in the future" in problem
        add(log, range(ROWS, ROWS + 2))
        assert ids(source.poll(poll.cursor, 1000)) == [ROWS, ROWS + 1]


def test_local_time_without_a_zone_is_read_by_the_zone_that_is_said(database: Database) -> None:
    database.execute("CREATE TABLE log (at timestamp, id int)")
    database.execute("INSERT INTO log VALUES (now() AT TIME ZONE 'Asia/Tokyo' - interval '1 minute', 1)")
    with opened(database) as utc, opened(database, timezone="Asia/Tokyo") as tokyo:
        assert ids(utc.poll(None, 10)) == []
        assert ids(tokyo.poll(None, 10)) == [1]


def test_rows_without_a_watermark_are_counted_once(database: Database) -> None:
    """They can be put in no order: each is told as set aside, none is read, and what is filled in comes."""
    database.execute("CREATE TABLE log (at timestamptz, id int)")
    database.execute("INSERT INTO log VALUES (NULL, 1), (NULL, 2), ('-infinity', 3), ('2024-01-01', 4)")
    with opened(database) as source:
        poll = source.poll(None, 10)
        assert ids(poll) == [4]
        assert [(reject.reason, reject.origin) for reject in poll.rejects] == [
            ("bad_time", f"postgres table log at {database.server.directory}:{database.server.port}/{database.name}")
        ]
        assert poll.unnoted == {"bad_time": 2}
        assert "3 rows have no `at`" in poll.problems[0]
    with opened(database) as again:
        second = again.poll(poll.cursor, 10)
        assert (second.rejects, second.unnoted, len(second.problems)) == ((), {}, 1)
    database.execute("INSERT INTO log VALUES (NULL, 5)")
    with opened(database) as again:
        third = again.poll(second.cursor, 10)
        assert (len(third.rejects), third.unnoted) == (1, {})


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_rows_of_one_key_or_without_id_come_once_each(database: Database, limit: int) -> None:
    """Duplicates and nulls make ids useless, but no row is lost or repeated, and late ones are found."""
    database.execute("CREATE TABLE log (at timestamptz, id text, n int)")
    database.execute(
        "INSERT INTO log SELECT to_timestamp(1.7e9 + n / 6), CASE WHEN n % 3 = 0 THEN NULL ELSE (n % 2)::text END, n "
        "FROM generate_series(0, 29) n"
    )
    config = postgres_config(database, table="log", watermark="at", id="id")
    with contextlib.closing(config.open()) as source:
        numbers, cursor, exhausted = [], None, False
        while not exhausted:
            poll = source.poll(cursor, limit)
            numbers += [one for batch in poll.batches for one in batch.rows.column("n").to_pylist()]
            cursor, exhausted = poll.cursor, poll.exhausted
        assert sorted(numbers) == list(range(30))
        database.execute("INSERT INTO log VALUES (to_timestamp(1.7e9), NULL, 30), (to_timestamp(1.7e9), '1', 31)")
        assert sum(len(batch.rows.column("n")) for batch in source.poll(cursor, 100).batches) == 2


def test_a_watermark_may_be_the_id_itself(log: Database) -> None:
    with opened(log, watermark="id") as source:
        assert rest(source, None, 37) == list(range(ROWS))


@pytest.mark.parametrize("kind", ["smallint", "int", "bigint"])
def test_numbers_may_begin_at_the_least_of_their_kind(database: Database, kind: str) -> None:
    least = -(2 ** {"smallint": 15, "int": 31, "bigint": 63}[kind])
    database.execute(f"CREATE TABLE log (at {kind}, id int)")
    database.execute(f"INSERT INTO log VALUES ({least}, 1), ({least + 5}, 2)")
    with opened(database) as source:
        first = source.poll(None, 1)
        database.execute(f"INSERT INTO log VALUES ({least + 2}, 3)")
        assert ids(first) + rest(source, first.cursor) == [1, 2, 3]


def test_other_key_columns_than_those_of_the_cursor_are_refused(log: Database) -> None:
    with opened(log) as source, opened(log, watermark="id") as other:
        error = told(other, source.poll(None, 10).cursor)
        assert error.fatal
        assert "was read by watermark `at`" in str(error)


def test_statements_that_take_too_long_are_given_up(log: Database) -> None:
    query = "SELECT log.* FROM log, pg_sleep(20)"
    with opened(log, table=None, query=query, statement_timeout=1) as source:
        error = told(source)
    assert not error.fatal
    assert "`statement_timeout` (1 s)" in str(error)


def test_a_connection_is_kept_and_its_transaction_is_not(log: Database) -> None:
    """Between polls without a backlog nothing is open that keeps the server from cleaning up."""
    with opened(log, application_name="look at me") as source:
        cursor = source.poll(None, 1000).cursor
        source.poll(cursor, 1000)
        sessions = log.execute("SELECT state, xact_start FROM pg_stat_activity WHERE application_name = 'look at me'")
    assert sessions == [("idle", None)]


def test_errors_of_the_program_leave_no_connection_open(log: Database) -> None:
    with opened(log) as source:
        told(source, b"not a cursor")
        assert ids(source.poll(None, 3)) == [0, 1, 2]
    left = log.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ml-exporter'")
    assert left == [(0,)]


def test_training_data_are_read_once_without_a_watermark(log: Database) -> None:
    config = postgres_config(log, query="SELECT * FROM log ORDER BY id")
    with (
        contextlib.closing(config.open(complete=True)) as source,
        contextlib.closing(config.open(complete=True)) as other,
    ):
        first = source.poll(None, 150)
        assert ids(first) == list(range(150))
        assert ids(first) + rest(source, first.cursor) == list(range(ROWS))
        assert rest(other, first.cursor) == list(range(150, ROWS))
        assert told(other, b"x").fatal


def test_the_shared_database_is_still_there() -> None:
    """Tests above crash the server that others of this process use."""
    with contextlib.closing(
        psycopg.connect(host=str(running().directory), port=running().port, user="postgres")
    ) as ours:
        assert ours.execute("SELECT 1").fetchone() == (1,)
    assert shared_database().execute("SELECT 1") == [(1,)]
