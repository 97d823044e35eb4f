"""Arrow columns as plain arrays: times, numbers, names; what cannot be read is marked, never fatal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exporter.profile.bins import Floats

Bools = NDArray[np.bool_]
NO_TIME = np.iinfo(np.int64).min
"""Stands for a time that is missing or cannot be read; times are microseconds since the Unix epoch."""

_MICROSECONDS = 1_000_000
_ZONE = r"([zZ]|[+-]\d{2}:?\d{2})$"
# A Unix time is told by its size: seconds stay below 1e11 until the year 5138.
_UNIX_UNITS = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (np.inf, 1e-3))


@dataclass(frozen=True, slots=True)
class Names:
    """A column of names: `codes` (n,) point into `names`; -1 is null or empty."""

    codes: NDArray[np.int64]
    names: tuple[str, ...]


def find_column(rows: pa.RecordBatch, name: str) -> pa.Array | None:
    """The column `name`, which may reach into nested objects by dots; None if the batch has none."""
    index = rows.schema.get_field_index(name)
    if index >= 0:
        return rows.column(index)
    head, dot, rest = name.partition(".")
    if not dot:
        return None
    column = find_column(rows, head)
    while column is not None and rest:
        if not pa.types.is_struct(column.type):
            return None
        for field in range(column.type.num_fields):
            child = column.type.field(field).name
            if rest == child or rest.startswith(child + "."):
                column = pc.struct_field(column, [field])
                rest = rest[len(child) + 1 :]
                break
        else:
            return None
    return column


def read_times(column: pa.Array, timezone: str) -> NDArray[np.int64]:
    """(n,) microseconds since the epoch; NO_TIME where there is none that can be read.

    Args:
        column: timestamps, ISO 8601 text, or Unix times in s, ms, µs or ns.
        timezone: where times without an offset are taken to be.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return read_times(column.cast(kind.value_type), timezone)
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            column = _localize(column.cast(pa.timestamp("us"), safe=False), timezone)
        return _microseconds(column.cast(pa.timestamp("us", "UTC"), safe=False))
    if pa.types.is_date(kind):
        return _microseconds(_localize(column.cast(pa.timestamp("us")), timezone))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _unix(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _iso(column, timezone)
    return np.full(len(column), NO_TIME, dtype=np.int64)


def _localize(column: pa.Array, timezone: str) -> pa.Array:
    return pc.assume_timezone(column, timezone, ambiguous="earliest", nonexistent="latest")


def _microseconds(column: pa.Array) -> NDArray[np.int64]:
    filled = pc.fill_null(column.cast(pa.int64()), int(NO_TIME))
    return np.asarray(filled, dtype=np.int64)


def _unix(column: pa.Array) -> NDArray[np.int64]:
    values = np.asarray(pc.fill_null(column.cast(pa.float64(), safe=False), np.nan), dtype=np.float64)
    size = np.abs(values)
    factor = np.full(len(values), np.nan)
    for limit, scale in reversed(_UNIX_UNITS):
        factor[size < limit] = scale
    micros = values * factor
    # Whole microseconds as integers stay exact; text and floats may not, by less than a microsecond.
    good = np.isfinite(micros) & (np.abs(micros) < 2.0**62)
    return np.where(good, np.where(good, micros, 0).round().astype(np.int64), NO_TIME)


def _iso(column: pa.Array, timezone: str) -> NDArray[np.int64]:
    column = column.cast(pa.string())
    zoned = np.asarray(pc.fill_null(pc.match_substring_regex(column, _ZONE), False))
    out = np.full(len(column), NO_TIME, dtype=np.int64)
    for mask, parse in ((zoned, _zoned), (~zoned, lambda part: _naive(part, timezone))):
        if mask.any():
            part = column if mask.all() else column.filter(pa.array(mask))
            try:
                out[mask] = parse(part)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                out[mask] = _each(part, timezone)
    return out


def _zoned(column: pa.Array) -> NDArray[np.int64]:
    return _microseconds(column.cast(pa.timestamp("us", "UTC")))


def _naive(column: pa.Array, timezone: str) -> NDArray[np.int64]:
    return _microseconds(_localize(column.cast(pa.timestamp("us")), timezone))


def _each(column: pa.Array, timezone: str) -> NDArray[np.int64]:
    """The slow way, for columns in which some text is no plain ISO time (or is a Unix time as text)."""
    zone = ZoneInfo(timezone)
    encoded = column.dictionary_encode()
    known = np.full(len(encoded.dictionary) + 1, NO_TIME, dtype=np.int64)
    for index, text in enumerate(encoded.dictionary.to_pylist()):
        known[index] = _one(text, zone)
    return known[np.asarray(pc.fill_null(encoded.indices, -1), dtype=np.int64)]


def _one(text: str, zone: ZoneInfo) -> int:
    text = text.strip()
    try:
        when = datetime.fromisoformat(text)
        when = when if when.tzinfo else when.replace(tzinfo=zone)
        return round(when.timestamp() * _MICROSECONDS)
    except (ValueError, OverflowError):
        try:
            return int(_unix(pa.array([float(text)]))[0])
        except ValueError:
            return int(NO_TIME)


def read_numbers(column: pa.Array) -> tuple[Floats, Bools]:
    """(n,) numbers, NaN where there is none, and (n,) where something stands that is no number."""
    kind = column.type
    n = len(column)
    if pa.types.is_dictionary(kind):
        return read_numbers(column.cast(kind.value_type))
    if pa.types.is_floating(kind) and column.null_count == 0 and pa.types.is_float64(kind):
        return column.to_numpy(zero_copy_only=False), np.zeros(n, dtype=np.bool_)
    if (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    ):
        if pa.types.is_boolean(kind):
            column = column.cast(pa.uint8())
        numbers = np.asarray(pc.fill_null(column.cast(pa.float64(), safe=False), np.nan), dtype=np.float64)
        return numbers, np.zeros(n, dtype=np.bool_)
    if pa.types.is_null(kind):
        return np.full(n, np.nan), np.zeros(n, dtype=np.bool_)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _numbers_of_text(column)
    return np.full(n, np.nan), np.asarray(pc.is_valid(column))


def _numbers_of_text(column: pa.Array) -> tuple[Floats, Bools]:
    trimmed = pc.utf8_trim_whitespace(column)
    empty = np.asarray(pc.fill_null(pc.equal(trimmed, ""), True))
    try:
        numbers = pc.if_else(pa.array(empty), None, trimmed).cast(pa.float64())
        return np.asarray(pc.fill_null(numbers, np.nan), dtype=np.float64), np.zeros(len(column), dtype=np.bool_)
    except pa.ArrowInvalid:
        encoded = trimmed.dictionary_encode()
    known = np.full(len(encoded.dictionary) + 1, np.nan)
    bad = np.zeros(len(encoded.dictionary) + 1, dtype=np.bool_)
    for index, text in enumerate(encoded.dictionary.to_pylist()):
        try:
            known[index] = float(text)
        except ValueError:
            bad[index] = text.lower() not in _MISSING_TEXT
    codes = np.asarray(pc.fill_null(encoded.indices, -1), dtype=np.int64)
    return known[codes], bad[codes]


_MISSING_TEXT = frozenset({"", "null", "none", "na", "n/a", "nan"})


def read_names(column: pa.Array) -> Names:
    """Names of a column of any plain type; whole numbers and floats that are whole give the same name.

    Lists and objects have no name of their own: they are given as the name `<invalid>`.
    """
    kind = column.type
    if pa.types.is_null(kind):
        return Names(np.full(len(column), -1, dtype=np.int64), ())
    if pa.types.is_nested(kind):
        return Names(np.where(np.asarray(pc.is_valid(column)), 0, -1).astype(np.int64), (INVALID_NAME,))
    encoded = column if pa.types.is_dictionary(kind) else column.dictionary_encode()
    names = [_name(value) for value in encoded.dictionary.to_pylist()]
    codes = np.asarray(pc.fill_null(encoded.indices.cast(pa.int64()), -1), dtype=np.int64)
    return _without_empty(codes, names)


INVALID_NAME = "<invalid>"


def _name(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124 - NaN is the one number that differs from itself
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _without_empty(codes: NDArray[np.int64], names: list[str]) -> Names:
    if "" not in names and len(set(names)) == len(names):
        return Names(codes, tuple(names))
    unique = [name for name in dict.fromkeys(names) if name]
    place = {name: index for index, name in enumerate(unique)}
    table = np.array([*(place.get(name, -1) for name in names), -1], dtype=np.int64)
    return Names(table[codes], tuple(unique))


def recode(column: Names, table: Mapping[str, int], *, other: int, none: int) -> NDArray[np.int64]:
    """(n,) numbers of names by `table`; `other` for names that it lacks, `none` where there is no name."""
    lookup = np.array([*(table.get(name, other) for name in column.names), none], dtype=np.int64)
    return lookup[column.codes]


def take(column: Names, rows: NDArray[np.intp] | Bools) -> Names:
    return Names(column.codes[rows], column.names)


def constant(name: str, n: int) -> Names:
    """A column that says `name` in all of its `n` rows."""
    return Names(np.zeros(n, dtype=np.int64), (name,))


def used_names(column: Names) -> Sequence[str]:
    """Names that stand in at least one row, in order of first use by number."""
    used = np.unique(column.codes)
    return [column.names[index] for index in used if index >= 0]
