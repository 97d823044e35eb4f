"""Postgres' types as Arrow's. What has no twin comes as text, which the server makes; no value is an error.

Times are read as the whole numbers that the server sends; infinity and years from 10000 on are null.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import orjson
import psycopg
import pyarrow as pa
from psycopg.adapt import Dumper
from psycopg.types.numeric import Int4BinaryLoader, Int8BinaryLoader
from psycopg.types.string import ByteaBinaryLoader

from exporter.sources.formats.objects import column_of, deeper_than
from exporter.sources.sql_place import Unreadable

BOOL, BYTEA, NAME, INT8, INT2, INT4, TEXT, OID, JSON = 16, 17, 19, 20, 21, 23, 25, 26, 114
FLOAT4, FLOAT8, BPCHAR, VARCHAR, DATE, TIMESTAMP, TIMESTAMPTZ, NUMERIC, JSONB = (
    700, 701, 1042, 1043, 1082, 1114, 1184, 1700, 3802,
)  # fmt: skip
_ARRAYS: Final = {1000: BOOL, 1005: INT2, 1007: INT4, 1016: INT8, 1021: FLOAT4, 1022: FLOAT8}
_DEEPEST: Final = 200
"""Columns nested deeper stay text: Arrow works on them by recursion."""
_TEXTS: Final = (TEXT, VARCHAR, BPCHAR, NAME)

MICROS_TO_2000: Final = 946_684_800_000_000
DAYS_TO_2000: Final = 10_957
_MICROS: Final = range(-63_082_281_600_000_000, 252_455_616_000_000_000)
"""Microseconds since 2000 of the years 1 to 9999."""
_DAYS: Final = range(-730_119, 2_921_940)
"""Days since 2000 of the years 1 to 9999."""


class _RawText(Dumper):
    """Sends text whose bytes are no UTF-8 as it came."""

    def dump(self, obj: Unreadable) -> bytes:
        return obj.raw


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Lets the connection give times as whole numbers and text as bytes, and take any text that came from it."""
    for oid in (TIMESTAMP, TIMESTAMPTZ):
        connection.adapters.register_loader(oid, Int8BinaryLoader)
    connection.adapters.register_loader(DATE, Int4BinaryLoader)
    for oid in _TEXTS:
        connection.adapters.register_loader(oid, ByteaBinaryLoader)
    connection.adapters.register_dumper(Unreadable, _RawText)


def comes_as_it_is(oid: int) -> bool:
    """True of types that are read in binary; all others are asked for as text."""
    return oid in _COLUMNS


def column(values: Sequence[Any], oid: int) -> pa.Array:
    """(n,) values that `prepare`d connections give for a type as an Arrow array; of types asked for as text, text."""
    make: Callable[[Sequence[Any]], pa.Array] = _COLUMNS.get(oid, _text)
    return make(values)


def json_column(values: Sequence[Any]) -> pa.Array:
    """JSON documents as nested columns; as text where they are of several kinds."""
    try:
        documents = [None if value is None else orjson.loads(value) for value in values]
        if any(
            _may_be_deep(value) and deeper_than(each, _DEEPEST) for value, each in zip(values, documents, strict=True)
        ):
            return _text(values)
        return column_of(documents)
    except (ValueError, RecursionError, pa.ArrowException):
        return _text(values)


def _may_be_deep(value: bytes | None) -> bool:
    return value is not None and value.count(b"{") + value.count(b"[") > _DEEPEST


def micros_of(values: Sequence[Any]) -> pa.Array:
    """Times as int64 microseconds since 1970."""
    return _shifted(values, _MICROS, MICROS_TO_2000)


def days_of(values: Sequence[Any]) -> pa.Array:
    """Dates as int64 days since 1970."""
    return _shifted(values, _DAYS, DAYS_TO_2000)


def _shifted(values: Sequence[Any], known: range, by: int) -> pa.Array:
    numbers = np.array([known.start - 1 if value is None else value for value in values], dtype=np.int64)
    beyond = (numbers < known.start) | (numbers >= known.stop)
    return pa.array(np.where(beyond, 0, numbers) + by, pa.int64(), mask=beyond)


def _text(values: Sequence[bytes | None]) -> pa.Array:
    try:
        return pa.array(values, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if value is None else value.decode("utf-8", "replace") for value in values], pa.string())


def _list_of(oid: int) -> Callable[[Sequence[Any]], pa.Array]:
    def lists(values: Sequence[Any]) -> pa.Array:
        kind = _LISTED[oid]
        try:
            return pa.array(values, pa.list_(kind))
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # more than one dimension
            return column_of(values)

    return lists


def _numeric(values: Sequence[Decimal | None]) -> pa.Array:
    """Whole numbers as they are where all are whole, else float64: a column of ids keeps all its digits."""
    whole = [value for value in values if value is not None]
    if whole and all(value.is_finite() and value.as_tuple().exponent == 0 for value in whole):
        return column_of([None if value is None else int(value) for value in values])
    return pa.array([None if value is None else float(value) for value in values], pa.float64())


def _plain(kind: pa.DataType) -> Callable[[Sequence[Any]], pa.Array]:
    return lambda values: pa.array(values, kind)


_LISTED: Final = {
    BOOL: pa.bool_(), INT2: pa.int64(), INT4: pa.int64(), INT8: pa.int64(), FLOAT4: pa.float64(), FLOAT8: pa.float64()
}  # fmt: skip
_COLUMNS: Final[dict[int, Callable[[Sequence[Any]], pa.Array]]] = {
    BOOL: _plain(pa.bool_()),
    BYTEA: _plain(pa.binary()),
    **dict.fromkeys((INT2, INT4, INT8, OID), _plain(pa.int64())),
    **dict.fromkeys((FLOAT4, FLOAT8), _plain(pa.float64())),
    **dict.fromkeys(_TEXTS, _text),
    NUMERIC: _numeric,
    DATE: lambda values: days_of(values).cast(pa.int32()).cast(pa.date32()),
    TIMESTAMP: lambda values: micros_of(values).cast(pa.timestamp("us")),
    TIMESTAMPTZ: lambda values: micros_of(values).cast(pa.timestamp("us", "UTC")),
    **{array: _list_of(item) for array, item in _ARRAYS.items()},
}
