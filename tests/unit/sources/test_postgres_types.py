"""Every type that Postgres knows comes as an Arrow column, and no value in it is an error."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from exporter.profile.cells import read_names, read_numbers, read_times
from tests.conformance.sources import postgres_config
from tests.postgres import Database, running


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    database = running().database()
    database.execute("CREATE TYPE mood AS ENUM ('sad', 'happy')")
    database.execute("CREATE DOMAIN grade AS int CHECK (VALUE > 0)")
    database.execute("CREATE TYPE pair AS (a int, b text)")
    yield database
    database.drop()


def column(database: Database, *values: str) -> pa.Array:
    """The column that these expressions make, one a row."""
    rows = " UNION ALL ".join(f"SELECT {n} AS at, {value} AS x" for n, value in enumerate(values))
    config = postgres_config(database, query=rows, watermark="at", id="at")
    with contextlib.closing(config.open(columns=("x",))) as source:
        poll = source.poll(None, 100)
    (batch,) = poll.batches
    assert (batch.rows.schema.names, poll.rejects) == (["x"], ())
    return batch.rows.column("x")


YEAR = datetime(2024, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
CASES: list[tuple[tuple[str, ...], pa.DataType, list[Any]]] = [
    (("true", "false", "NULL"), pa.bool_(), [True, False, None]),
    (("1::smallint", "-1", "NULL"), pa.int64(), [1, -1, None]),
    (("9223372036854775807", "0"), pa.int64(), [2**63 - 1, 0]),
    (("1.5::float4", "NULL"), pa.float64(), [1.5, None]),
    (("'-Infinity'::float8", "1e300"), pa.float64(), [-float("inf"), 1e300]),
    (("1.25::numeric", "'Infinity'", "1e400"), pa.float64(), [1.25, float("inf"), float("inf")]),
    (("5::numeric", "9007199254740993", "NULL"), pa.int64(), [5, 2**53 + 1, None]),
    (("100000000000000000001::numeric", "2"), pa.string(), ["100000000000000000001", "2"]),
    (("'ä''\"; --\n\t😀'::text", "''", "NULL"), pa.string(), ["ä'\"; --\n\t😀", "", None]),
    (("'x'::char(3)",), pa.string(), ["x  "]),
    (("'happy'::mood", "NULL"), pa.string(), ["happy", None]),
    (("3::grade", "4"), pa.int64(), [3, 4]),
    (("'\\xff00'::bytea", "''"), pa.binary(), [b"\xff\0", b""]),
    (("'6dd4b1b0-52f6-4e1c-a47b-6e7a2a8c9f01'::uuid",), pa.string(), ["6dd4b1b0-52f6-4e1c-a47b-6e7a2a8c9f01"]),
    (
        ("'2024-01-01 12:00:00.123456+00'::timestamptz", "'infinity'", "'-infinity'", "'20000-01-01'", "'0044-03-15 BC'", "NULL"),
        pa.timestamp("us", "UTC"), [YEAR, *[None] * 5],
    ),
    (("'2024-01-01 12:00:00.123456'::timestamp", "'infinity'"), pa.timestamp("us"), [YEAR.replace(tzinfo=None), None]),
    (("'2024-02-29'::date", "'infinity'", "'0001-01-01'", "'9999-12-31'"), pa.date32(), [date(2024, 2, 29), None, date.min, date.max]),
    (("'{1,NULL,3}'::int[]", "NULL", "'{}'"), pa.list_(pa.int64()), [[1, None, 3], None, []]),
    (("'{{1.5,2},{3,4}}'::float8[]",), pa.list_(pa.list_(pa.float64())), [[[1.5, 2.0], [3.0, 4.0]]]),
    (("'{a,b}'::text[]",), pa.string(), ["{a,b}"]),
    (("interval '1 day 02:00'", "NULL"), pa.string(), ["1 day 02:00:00", None]),
    (("'10.0.0.1'::inet",), pa.string(), ["10.0.0.1/32"]),
    (("int4range(1, 5)",), pa.string(), ["[1,5)"]),
    (("(1, 'x')::pair",), pa.string(), ["(1,x)"]),
    (("time '12:30'", "NULL"), pa.string(), ["12:30:00", None]),
    (("'null'::jsonb", "'\"a\"'", "'3'"), pa.string(), [None, "a", "3"]),
    (("NULL", "NULL"), pa.string(), [None, None]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "kind", "expected"), CASES, ids=[case[0][0] for case in CASES])
def test_each_type_comes_as_its_arrow_type(
    database: Database, values: tuple[str, ...], kind: pa.DataType, expected: list[Any]
) -> None:
    """And the readers of times, numbers and names take it."""
    array = column(database, *values)
    assert (array.type, array.to_pylist()) == (kind, expected)
    for read in (read_numbers, read_names, lambda each: read_times(each, "UTC")):
        read(array)


def test_a_numeric_that_is_no_number_is_one_that_arrow_knows(database: Database) -> None:
    (number,) = column(database, "'NaN'::numeric").to_pylist()
    assert number != number  # noqa: PLR0124


def test_json_objects_are_columns_within_a_column(database: Database) -> None:
    """So that a role can reach into them by a dot, as in a log of JSON lines."""
    array = column(database, """'{"age": 31, "town": {"name": "Graz"}}'::jsonb""", """'{"age": 2.5}'""", "NULL")
    assert array.to_pylist() == [
        {"age": 31.0, "town": {"name": "Graz"}},
        {"age": 2.5, "town": None},
        None,
    ]
    assert column(database, """'{"a": 1}'::json""").to_pylist() == [{"a": 1}]


@pytest.mark.parametrize("depth", [300, 5000])
def test_json_that_is_nested_deep_stays_text(database: Database, depth: int) -> None:
    array = column(database, f"'{'[' * depth}{']' * depth}'::json")
    assert array.to_pylist() == ["[" * depth + "]" * depth]


def encoded(encoding: str) -> Database:
    database = Database(running(), f"in_{encoding.lower()}")
    Database(running(), "postgres").execute(
        f"CREATE DATABASE {database.name} ENCODING {encoding} LOCALE 'C' TEMPLATE template0"
    )
    return database


def test_text_of_a_database_in_another_encoding_is_text() -> None:
    database = encoded("LATIN1")
    try:
        assert column(database, "chr(228) || 'x'").to_pylist() == ["äx"]
    finally:
        database.drop()


def test_text_that_is_no_utf_8_is_replaced() -> None:
    """A database in SQL_ASCII holds any bytes."""
    ascii_database = encoded("SQL_ASCII")
    try:
        assert column(ascii_database, "convert_from('\\x61ff62', 'SQL_ASCII')", "'plain'").to_pylist() == [
            "a\ufffdb",
            "plain",
        ]
    finally:
        ascii_database.drop()


def test_text_that_is_no_utf_8_is_an_id_as_others() -> None:
    """People see it replaced; the row is found again by its bytes, also after a restart."""
    database = encoded("SQL_ASCII")
    try:
        database.execute("CREATE TABLE log (at int, id text, value int)")
        add = "INSERT INTO log SELECT 1, convert_from(decode(%s, 'hex'), 'SQL_ASCII'), %s"
        for number, raw in enumerate(("61", "fe", "c3a4", "ff")):
            database.execute(add, (raw, number))
        config = postgres_config(database, table="log", watermark="at", id="id")
        read, cursor = [], None
        for late in (None, None, None, None, None, "fd", None):
            if late is not None:
                database.execute(add, (late, 4))
            with contextlib.closing(config.open(columns=("value",))) as source:
                poll = source.poll(cursor, 1)
            read += [one for batch in poll.batches for one in batch.rows.column("value").to_pylist()]
            cursor = poll.cursor
        assert read == [0, 2, 1, 3, 4]
    finally:
        database.drop()
