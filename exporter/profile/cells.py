"""Arrow columns as plain arrays: times, numbers, names; what cannot be read is marked, never fatal."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exporter.profile.bins import Floats

Bools = NDArray[np.bool_]
NO_TIME = np.iinfo(np.int64).min
"""Stands for a time that is missing or cannot be read; times are microseconds since the Unix epoch."""

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST, _LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999; a time beyond is no time."""
_COMPACT_DATE = 8
"""So many digits are a date, any other number of them a Unix time."""
_ZONE = r"([zZ]|[+-]\d{2}:?\d{2})$"
_LEAP_SECOND = re.compile(r"(?<=:59):60")
"""The second that some days have at their end; Unix time has none, and counts it as the first one of the next day."""
# A Unix time is told by its size: seconds stay below 1e11 until the year 5138.
_UNIX_UNITS = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (np.inf, 1e-3))


@dataclass(frozen=True, slots=True)
class Names:
    """A column of names: `codes` (n,) point into `names`; -1 is null or empty."""

    codes: NDArray[np.int64]
    names: tuple[str, ...]


def find_column(rows: pa.RecordBatch, name: str) -> pa.Array | None:
    """The column `name`, which may reach into nested objects by dots; None if the batch has none."""
    column = _find(rows, name)
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _find(rows: pa.RecordBatch, name: str) -> pa.Array | None:
    index = rows.schema.get_field_index(name)
    if index >= 0:
        return rows.column(index)
    head, dot, rest = name.partition(".")
    if not dot:
        return None
    column = _find(rows, head)
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


T = TypeVar("T")
Read = Callable[[pa.Array], T]


def _whatever_text(read: Read[T]) -> Read[T]:
    """`read` of columns whose text is no UTF-8 too: what cannot be decoded is replaced, as readers of text do."""

    @wraps(read)
    def robust(column: pa.Array) -> T:
        try:
            return read(column)
        except (UnicodeDecodeError, pa.ArrowInvalid):
            if not is_text(column.type):
                raise
            return read(_replaced(column))

    return robust


def is_text(kind: pa.DataType) -> bool:
    """True for text of any kind, also as a dictionary."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _replaced(column: pa.Array) -> pa.Array:
    values = _plain(column).cast(pa.large_binary()).to_pylist()
    return pa.array([None if value is None else value.decode("utf-8", "replace") for value in values], pa.string())


def _plain(column: pa.Array) -> pa.Array:
    """The column without a dictionary; views of text as text."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string()) if pa.types.is_string_view(column.type) else column


def read_times(column: pa.Array, timezone: str) -> NDArray[np.int64]:
    """(n,) microseconds since the epoch; NO_TIME where there is none that can be read.

    Args:
        column: timestamps, ISO 8601 text, or Unix times in s, ms, µs or ns.
        timezone: where times without an offset are taken to be.
    """
    return _whatever_text(lambda plain: _times(plain, timezone))(_plain(column))


def _times(column: pa.Array, timezone: str) -> NDArray[np.int64]:
    kind = column.type
    if pa.types.is_timestamp(kind):
        micros = _in_microseconds(column.cast(pa.int64()), _PER_SECOND[kind.unit])
        return micros if kind.tz is not None else _localize(micros, timezone)
    if pa.types.is_date(kind):
        unit = pa.int32() if pa.types.is_date32(kind) else pa.int64()
        number = column.cast(unit).cast(pa.int64())
        per_second = 1000 if pa.types.is_date64(kind) else 1
        micros = _in_microseconds(number if per_second == 1000 else pc.multiply(number, 86400), per_second)  # noqa: PLR2004 - milliseconds
        return _localize(micros, timezone)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _unix(column)
    if is_text(kind):
        return _iso(column, timezone)
    return np.full(len(column), NO_TIME, dtype=np.int64)


def _in_microseconds(column: pa.Array, per_second: int) -> NDArray[np.int64]:
    """Whole numbers of such units since the epoch as microseconds; NO_TIME for nulls and beyond the years 1 to 9999."""
    known = np.asarray(pc.is_valid(column))
    numbers = np.asarray(pc.fill_null(column, 0), dtype=np.int64)
    scale = 10**6 // per_second
    if scale == 0:
        return np.where(known, numbers // (per_second // 10**6), NO_TIME)
    known &= (numbers >= _EARLIEST // scale) & (numbers <= _LATEST // scale)
    return np.where(known, np.where(known, numbers, 0) * scale, NO_TIME)


def _localize(micros: NDArray[np.int64], timezone: str) -> NDArray[np.int64]:
    """Readings of a clock in `timezone` as microseconds since the epoch."""
    if timezone == "UTC":
        return micros
    clock = pa.array(micros, pa.timestamp("us"), mask=micros == NO_TIME)
    return _microseconds(pc.assume_timezone(clock, timezone, ambiguous="earliest", nonexistent="latest"))


def _microseconds(column: pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(column.cast(pa.int64()), int(NO_TIME)), dtype=np.int64)


def _unix(column: pa.Array) -> NDArray[np.int64]:
    values = np.asarray(pc.fill_null(column.cast(pa.float64(), safe=False), np.nan), dtype=np.float64)
    size = np.abs(values)
    factor = np.full(len(values), np.nan)
    for limit, scale in reversed(_UNIX_UNITS):
        factor[size < limit] = scale
    with np.errstate(over="ignore", invalid="ignore"):
        micros = values * factor
        # Whole microseconds as integers stay exact; text and floats may not, by less than a microsecond.
        good = (micros >= _EARLIEST) & (micros <= _LATEST)
    return np.where(good, np.where(good, micros, 0).round().astype(np.int64), NO_TIME)


def _iso(column: pa.Array, timezone: str) -> NDArray[np.int64]:
    column = column.cast(pa.string())
    zoned = np.asarray(pc.fill_null(pc.match_substring_regex(column, _ZONE), False))
    out = np.full(len(column), NO_TIME, dtype=np.int64)
    for mask, zone in ((zoned, "UTC"), (~zoned, None)):
        if mask.any():
            part = column if mask.all() else column.filter(pa.array(mask))
            micros = _plain_iso(part, zone)
            out[mask] = _each(part, timezone) if micros is None else (micros if zone else _localize(micros, timezone))
    return out


def _plain_iso(column: pa.Array, zone: str | None) -> NDArray[np.int64] | None:
    """Microseconds of text that is all plain ISO 8601, None if some is not."""
    for unit in ("us", "ns"):
        try:
            parsed = column.cast(pa.timestamp(unit, zone))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
        return _in_microseconds(parsed.cast(pa.int64()), _PER_SECOND[unit])
    return None


def _each(column: pa.Array, timezone: str) -> NDArray[np.int64]:
    """The slow way, for columns in which some text is no plain ISO time (or is a Unix time as text)."""
    encoded = column.dictionary_encode()
    micros = np.full(len(encoded.dictionary) + 1, NO_TIME, dtype=np.int64)
    naive = np.zeros(len(encoded.dictionary) + 1, dtype=np.bool_)
    for index, text in enumerate(encoded.dictionary.to_pylist()):
        micros[index], naive[index] = _one(text.strip())
    micros[naive] = _localize(micros[naive], timezone)
    return micros[np.asarray(pc.fill_null(encoded.indices, -1), dtype=np.int64)]


def _one(text: str) -> tuple[int, bool]:
    """Microseconds, and whether they are those of a clock whose zone is not said."""
    try:
        if len(text) != _COMPACT_DATE or not text.isdigit():
            return int(_unix(pa.array([float(text)]))[0]), False
    except ValueError:
        pass
    leap = _LEAP_SECOND.search(text)
    try:
        when = datetime.fromisoformat(text if leap is None else f"{text[: leap.start()]}:59{text[leap.end() :]}")
    except ValueError:
        return int(NO_TIME), False
    micros = (when.replace(tzinfo=when.tzinfo or UTC) - _EPOCH) // _MICROSECOND + (0 if leap is None else 10**6)
    return micros if _EARLIEST <= micros <= _LATEST else int(NO_TIME), when.tzinfo is None


@_whatever_text
def read_numbers(column: pa.Array) -> tuple[Floats, Bools]:
    """(n,) numbers, NaN where there is none, and (n,) where something stands that is no number."""
    column = _plain(column)
    kind = column.type
    n = len(column)
    if pa.types.is_float64(kind) and column.null_count == 0:
        return column.to_numpy(zero_copy_only=False), np.zeros(n, dtype=np.bool_)
    if pa.types.is_boolean(kind):
        column, kind = column.cast(pa.uint8()), pa.uint8()
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = np.asarray(pc.fill_null(column.cast(pa.float64(), safe=False), np.nan), dtype=np.float64)
        return numbers, np.zeros(n, dtype=np.bool_)
    if pa.types.is_null(kind):
        return np.full(n, np.nan), np.zeros(n, dtype=np.bool_)
    if is_text(kind):
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


@_whatever_text
def read_names(column: pa.Array) -> Names:
    """Names of a column of any plain type; whole numbers and floats that are whole give the same name.

    Lists and objects have no name of their own: they are given as the name `<invalid>`.
    """
    kind = column.type
    if pa.types.is_null(kind):
        return Names(np.full(len(column), -1, dtype=np.int64), ())
    if pa.types.is_nested(kind):
        return Names(np.where(np.asarray(pc.is_valid(column)), 0, -1).astype(np.int64), (INVALID_NAME,))
    if pa.types.is_temporal(kind) or (pa.types.is_dictionary(kind) and pa.types.is_temporal(kind.value_type)):
        # As Python objects nanoseconds would need pandas.
        column = _plain(column).cast(pa.string())
        kind = column.type
    elif pa.types.is_float16(kind):
        # pyarrow cannot make a dictionary of it.
        column = column.cast(pa.float32())
        kind = column.type
    encoded = column if pa.types.is_dictionary(kind) else column.dictionary_encode()
    names = [name_of(value) for value in encoded.dictionary.to_pylist()]
    indices = encoded.indices
    if indices.null_count:
        indices = pc.fill_null(indices.cast(pa.int64()), -1)
    codes = np.asarray(indices).astype(np.int64)
    return _without_empty(codes, names)


INVALID_NAME = "<invalid>"


_WHOLE_BELOW = 2.0**63
"""Floats that are whole up to here have the digits of the whole number, as ids have (profile/ids.py)."""


def name_of(value: object) -> str:
    """A value as a name; empty where it is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124 - NaN is the one number that differs from itself
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < _WHOLE_BELOW else repr(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def joint_names(columns: Sequence[Names]) -> Names:
    """Names of columns of the same rows together, as in `AA × JFK`; none where one of them has none."""
    first, *others = columns
    for other in others:
        wide = max(len(other.names), 1)
        joint = np.where((first.codes < 0) | (other.codes < 0), -1, first.codes * wide + other.codes)
        used, codes = np.unique(joint, return_inverse=True)
        none = int(len(used) > 0 and used[0] < 0)
        names = [f"{first.names[code // wide]} × {other.names[code % wide]}" for code in used[none:].tolist()]
        first = Names(codes.astype(np.int64) - none, tuple(names))
    return first


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
