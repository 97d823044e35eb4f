"""Python objects to an Arrow table, where rows had to be read one by one: a column of mixed kinds becomes text."""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from exporter.profile.cells import INVALID_NAME, name_of

_INT64: Final = range(-(2**63), 2**63)
_EXACT: Final = 2**53


def table_of(objects: Sequence[dict[str, Any]], names: Sequence[str]) -> pa.Table:
    """One row an object, one column a name; null where an object lacks it."""
    if not names:
        rows = pa.array([{} for _ in objects], pa.struct([]))
        return pa.Table.from_batches([pa.RecordBatch.from_struct_array(rows)])
    return pa.table([column_of([value.get(name) for value in objects]) for name in names], names=list(names))


def column_of(values: Sequence[Any]) -> pa.Array:
    """The values as one Arrow array of the type that pyarrow's own reader gives them, or as text where none holds all.

    Whole numbers beyond 64 bits become text, since no float64 keeps their digits.
    """
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {str}:
        return pa.array(values, pa.string())
    if kinds <= {int, float}:
        return _numbers(values, whole=kinds == {int})
    if kinds == {dict}:
        return _structs(values)
    if kinds == {list}:
        return _lists(values)
    return pa.array([text_of(value) for value in values], pa.string())


def text_of(value: Any) -> str | None:
    """A value as text, as `read_names` calls it: text itself, a number's digits, `true` and `false`.

    So it is the same name, number or id in a column of mixed kinds as in one of its own kind; what has no name there
    (NaN, an object, a list) has none here.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return INVALID_NAME
    if isinstance(value, float):
        return name_of(value) or None
    return None if value is None else str(value)


def deeper_than(value: Any, limit: int) -> bool:
    """True where objects and lists stand in one another more than `limit` times."""
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _numbers(values: Sequence[Any], *, whole: bool) -> pa.Array:
    if whole:
        if all(value is None or value in _INT64 for value in values):
            return pa.array(values, pa.int64())
    elif all(not isinstance(value, int) or -_EXACT <= value <= _EXACT for value in values):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([text_of(value) for value in values], pa.string())


def _structs(values: Sequence[Any]) -> pa.Array:
    names = list(dict.fromkeys(name for value in values if value is not None for name in value))
    absent = pa.array([value is None for value in values])
    if not names:
        return pa.array([None if value is None else {} for value in values], pa.struct([]))
    children = [column_of([None if value is None else value.get(name) for value in values]) for name in names]
    return pa.StructArray.from_arrays(children, names=names, mask=absent)


def _lists(values: Sequence[Any]) -> pa.Array:
    offsets: list[int | None] = []
    flat: list[Any] = []
    for value in values:
        offsets.append(None if value is None else len(flat))
        flat.extend(value or ())
    offsets.append(len(flat))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), column_of(flat))
