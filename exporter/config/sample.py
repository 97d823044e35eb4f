"""The first rows of a log, to look at what its columns are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exporter.batch import Batch, Reject
from exporter.profile.cells import NO_TIME, find_column, read_names, read_numbers, read_times
from exporter.sources.source import Source

_READABLE = 0.95
_POLLS = 50


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows of a log.

    Attributes:
        rows: as one record batch; columns that a batch lacks are null in its rows.
        rejects: what could not be read.
        exhausted: true where this is all there is.
    """

    rows: pa.RecordBatch
    rejects: tuple[Reject, ...] = ()
    exhausted: bool = True

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def column(self, name: str) -> pa.Array | None:
        """The column `name`, by dots where it is nested; None if there is none."""
        return find_column(self.rows, name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all plain columns; those inside objects with dots."""
        return tuple(name for field in self.rows.schema for name in _leaves(field, field.name))


def read_sample(source: Source, limit: int) -> Sample:
    """At most about `limit` rows from the start of `source`.

    Raises:
        SourceError: nothing could be read.
    """
    batches: list[Batch] = []
    rejects: list[Reject] = []
    cursor: bytes | None = None
    exhausted = False
    for _ in range(_POLLS):
        rows = sum(batch.rows.num_rows for batch in batches)
        if exhausted or rows + len(rejects) >= limit:
            break
        poll = source.poll(cursor, limit - rows)
        batches += poll.batches
        rejects += poll.rejects
        cursor, exhausted = poll.cursor, poll.exhausted
    return Sample(_one([batch.rows for batch in batches]).slice(0, limit), tuple(rejects), exhausted)


def _one(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    if not batches:
        return pa.RecordBatch.from_pydict({})
    tables = [pa.Table.from_batches([batch]) for batch in batches]
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException:
        # Columns that change their kind within the first rows: those of the first kind are enough to look at.
        table = pa.concat_tables([each for each in tables if each.schema.equals(tables[0].schema)])
    combined = table.combine_chunks().to_batches()
    return combined[0] if combined else pa.RecordBatch.from_pylist([], schema=table.schema)


def _leaves(field: pa.Field, name: str) -> list[str]:
    if not pa.types.is_struct(field.type):
        return [name]
    return [
        leaf
        for index in range(field.type.num_fields)
        for leaf in _leaves(field.type[index], f"{name}.{field.type[index].name}")
    ]


def kind_of(column: pa.Array) -> str:
    """In words what kind of values a column holds, never what they are."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    for is_kind, words in (
        (pa.types.is_null, "empty"),
        (pa.types.is_boolean, "true or false"),
        (pa.types.is_integer, "whole numbers"),
        (pa.types.is_floating, "numbers"),
        (pa.types.is_decimal, "numbers"),
        (pa.types.is_timestamp, "timestamps"),
        (pa.types.is_date, "dates"),
        (pa.types.is_string, "text"),
        (pa.types.is_large_string, "text"),
        (pa.types.is_struct, "objects"),
        (pa.types.is_list, "lists"),
    ):
        if is_kind(kind):
            return words
    return str(kind)


def valid_share(column: pa.Array) -> float:
    """Share of values that are not null and not empty text; 0 for no rows."""
    if len(column) == 0:
        return 0.0
    if pa.types.is_nested(column.type):
        return 1 - float(column.null_count) / len(column)
    return float(np.count_nonzero(read_names(column).codes >= 0)) / len(column)


def numbers_of(column: pa.Array) -> tuple[np.ndarray, float]:
    """Valid numbers of a column, and the share of its valid values that are no numbers."""
    if pa.types.is_temporal(column.type) or pa.types.is_nested(column.type):
        return np.empty(0), 1.0
    values, bad = read_numbers(column)
    good = values[np.isfinite(values) & ~bad]
    present = len(good) + int(bad.sum())
    return good, (float(bad.sum()) / present if present else 0.0)


def times_of(column: pa.Array, timezone: str = "UTC") -> tuple[np.ndarray, float]:
    """Valid times in seconds since the epoch, and the share of values present that are no times."""
    times = read_times(column, timezone)
    good = times[times != NO_TIME] / 1e6
    present = int(pc.count(column).as_py())
    return good, (1 - len(good) / present if present else 0.0)


def has_offset(column: pa.Array) -> bool:
    """True where times say their own offset (or are Unix times, which need none)."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return kind.tz is not None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        found = pc.match_substring_regex(
            pc.drop_null(column).cast(pa.string()), r"([zZ]|[+-]\d{2}:?\d{2}|^\d+(\.\d+)?)$"
        )
        return bool(pc.all(found, min_count=0).as_py())
    return not pa.types.is_date(kind)
