"""JSON lines to Arrow: pyarrow on whole blocks; line by line only where a block holds what it cannot take.

What is text in the log stays text (also what looks like a time, so that an id is the same text in every block), whole
numbers are int64, others float64. Whole numbers beyond 64 bits, and columns of more than one kind, become text.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from exporter.batch import Reject
from exporter.sources.formats.flat_lines import EXACT, flat_table
from exporter.sources.formats.lines import (
    Block,
    Parsed,
    batch_of,
    count_lines,
    is_utf8,
    no_line_exceeds,
    numbered,
    reject,
    wanted,
)
from exporter.sources.formats.objects import deeper_than, table_of

PIECE_BYTES: Final = 1 << 20
"""What one thread of pyarrow parses at a time."""
DEEPEST: Final = 200
"""Nesting beyond this makes a line unreadable. pyarrow parses by recursion: some thousand levels end the process."""
FLAT_LINES: Final = 50
"""Blocks of fewer go to pyarrow at once: of them it makes the same rows in no more time."""
_BLOCKS_BETWEEN: Final = 8
"""After a block whose lines are not alike, so many are not tried."""

MOST_NAMES: Final = 200
"""Columns of a block whose names are data; further ones are left out, unless they are asked for one by one."""
_NAME: Final = re.compile(rb'"([^"\\]*)"\s*:')
_SAMPLE_BYTES: Final = 1 << 15
_MOST_CELLS: Final = 1 << 26
"""Names times rows of a block; 8 bytes each while pyarrow reads it."""
_LONG_INTEGER: Final = re.compile(rb"[\s:\[,]-?\d{16,}\s*[,}\]\s]")
_BEYOND_64_BITS: Final = re.compile(rb"\d{19,}")
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_PYARROW_ONLY: Final = re.compile(rb"\bInf\b|-NaN")


@dataclass(slots=True)
class JsonLines:
    """Reads one JSON object a line.

    Attributes:
        columns: the top-level columns that are needed; None: all.
        keep_rows: rejected lines keep their text.
        flat_lines: blocks of about so many lines are taken for flat and alike first; the rows are the same without.
    """

    columns: tuple[str, ...] | None = None
    keep_rows: bool = False
    flat_lines: int = FLAT_LINES
    _text: pa.Schema = field(default_factory=lambda: pa.schema([]))
    """Columns that pyarrow took for times before; told to it as text they need no second parse. Saves time only."""
    _not_tried: int = 0
    """Blocks still to come of which nobody hopes that their lines are alike. Saves time only."""

    def parse(self, block: Block) -> Parsed:
        """The objects of the block as rows; lines that are no JSON object are set aside as unreadable."""
        table = self._flat(block.content)
        if table is not None:
            return Parsed(batch_of(self._projected(table), block), ())
        content, numbers = block.content, None
        regular = _one_object_a_line(content)
        if not regular:
            lines = numbered(block)
            content, numbers = b"\n".join(line.strip() for _, line in lines) + b"\n", [number for number, _ in lines]
            regular = _one_object_a_line(content)
        table = self._table(content) if regular and _safe(content) and _affordable(content) else None
        if table is None:
            return self._line_by_line(block)
        return Parsed(batch_of(self._projected(table), block, numbers), ())

    def _flat(self, content: bytes) -> pa.Table | None:
        """The content read as flat lines that are alike; None where it is not, or there is no hope that it is."""
        if len(content) // (content.find(b"\n") + 1 or len(content) + 1) < self.flat_lines:
            return None
        if self._not_tried:
            self._not_tried -= 1
            return None
        table = flat_table(content)
        self._not_tried = 0 if table is not None else _BLOCKS_BETWEEN
        return table

    def _table(self, content: bytes) -> pa.Table | None:
        """The content as pyarrow reads it, its columns text, int64, float64, bool or nested; None where it cannot."""
        table = _read(content, self._text)
        if len(self._text) and (table is None or _hollow(table, self._text) or len(_times(table))):
            table = _read(content, pa.schema([]))  # as if nothing had been seen before
        if table is None:
            return None
        times = _times(table)
        if len(times):
            self._text = pa.schema([*(column for column in self._text if column.name not in times.names), *times])
            table = _read(content, times)
        if table is None or table.num_rows != count_lines(content):
            return None
        if any(_lost_digits(column) for column in table.columns) and _LONG_INTEGER.search(content):
            return None
        return table

    def _projected(self, table: pa.Table) -> pa.Table:
        """The table with the needed columns only; its rows stay, also where none of them is there."""
        if self.columns is None:
            return table
        return table.select([name for name in table.column_names if wanted(name, self.columns)])

    def _line_by_line(self, block: Block) -> Parsed:
        """Lines that hold no object are set aside; the others go to pyarrow again, else are put together here."""
        good: list[bytes] = []
        objects: list[dict[str, Any]] = []
        numbers: list[int] = []
        rejects: list[Reject] = []
        for number, line in numbered(block):
            value = _object(line.strip())
            if value is None:
                rejects.append(reject(block, number, line, "unreadable", keep=self.keep_rows))
            else:
                good.append(line.strip())
                objects.append(value)
                numbers.append(number)
        table = None
        if rejects and objects:
            content = b"\n".join(good) + b"\n"
            whole = _one_object_a_line(content) and _safe(content) and _affordable(content)
            table = self._table(content) if whole else None
        if table is None:
            names = [name for name in _names(objects) if wanted(name, self.columns)]
            table = table_of(objects, names if self.columns or _affordable(block.content) else names[:MOST_NAMES])
        return Parsed(batch_of(self._projected(table), block, numbers), tuple(rejects))


def _read(content: bytes, text: pa.Schema) -> pa.Table | None:
    """The table that pyarrow makes of the content, the columns of `text` as text; None where it cannot."""
    piece = PIECE_BYTES if no_line_exceeds(content, PIECE_BYTES) else len(content)
    try:
        table = pj.read_json(
            pa.BufferReader(content),
            read_options=pj.ReadOptions(block_size=piece),
            parse_options=pj.ParseOptions(explicit_schema=text if len(text) else None),
        )
        table.validate()  # of lists of nulls alone it loses some, and the rest may stand in wrong rows
    except pa.ArrowInvalid:
        return None
    return table


def _one_object_a_line(content: bytes) -> bool:
    """True where every line begins with { and ends with }: then no object can go over a line's end."""
    if not (content.startswith(b"{") and content.endswith(b"\n")):
        return False
    characters = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    last = characters[ends - 1]
    if b"\r" in content:
        last = np.where(last == ord("\r"), characters[ends - 2], last)
    return bool((last == ord("}")).all() and (characters[ends[:-1] + 1] == ord("{")).all())


def _safe(content: bytes) -> bool:
    """True where pyarrow may have it: text without NUL, and no line that might be nested too deep."""
    if b"\0" in content or not is_utf8(content):
        return False
    characters = np.frombuffer(content, np.uint8)
    opening = (characters | 0x20) == ord("{")  # [ is { without that bit
    if np.count_nonzero(opening) <= count_lines(content) + DEEPEST:
        return True
    starts = np.concatenate(([0], np.flatnonzero(characters[:-1] == ord("\n")) + 1))
    return bool(np.add.reduceat(opening.astype(np.int32), starts).max() <= DEEPEST)


def _names(objects: list[dict[str, Any]]) -> list[str]:
    """All names, in the order in which they first come."""
    return list(dict.fromkeys(name for value in objects for name in value))


def _affordable(content: bytes) -> bool:
    """False where names are data (`{"user-17": 0.5}`): a column for each of them would take gigabytes.

    How many there are is told from both ends of the content: where they are names, they are all there at once.
    """
    lines = count_lines(content)
    seen, last = set(_NAME.findall(content[:_SAMPLE_BYTES])), content[-_SAMPLE_BYTES:]
    new = len(set(_NAME.findall(last)) - seen) / max(1, last.count(b"\n"))
    return (len(seen) + new * lines) * lines <= _MOST_CELLS


def _times(table: pa.Table) -> pa.Schema:
    """The columns that pyarrow took for times, as text."""
    return pa.schema([as_text for column in table.schema if (as_text := _times_as_text(column)) is not None])


def _times_as_text(column: pa.Field) -> pa.Field | None:
    """The field with text wherever pyarrow took text for a time, and nothing else in it; None where it did not."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type) or pa.types.is_time(column.type):
        return pa.field(column.name, pa.string())
    if pa.types.is_struct(column.type):
        inner = [text for child in column.type if (text := _times_as_text(child)) is not None]
        return pa.field(column.name, pa.struct(inner)) if inner else None
    if pa.types.is_list(column.type):
        value = _times_as_text(column.type.value_field)
        return pa.field(column.name, pa.list_(value)) if value is not None else None
    return None


def _hollow(table: pa.Table, text: pa.Schema) -> bool:
    """True where a column that pyarrow was told of holds nothing: then it may not be in the log at all."""
    return any(_all_null(table.column(column.name), column.type) for column in text)


def _all_null(column: pa.ChunkedArray, told: pa.DataType) -> bool:
    if column.null_count == len(column):
        return True
    if pa.types.is_struct(told):
        return any(_all_null(pc.struct_field(column, child.name), child.type) for child in told)
    return bool(pa.types.is_list(told) and _all_null(pc.list_flatten(column), told.value_type))


def _lost_digits(column: pa.ChunkedArray | pa.Array) -> bool:
    """True where a float64 is so large that it may stand for a whole number that it cannot hold."""
    if pa.types.is_floating(column.type):
        bounds = pc.min_max(column)
        low, high = bounds["min"].as_py(), bounds["max"].as_py()
        return low is not None and (low <= -EXACT or high >= EXACT)
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    if pa.types.is_struct(column.type):
        return any(_lost_digits(child) for chunk in chunks for child in chunk.flatten())
    return bool(pa.types.is_list(column.type) and any(_lost_digits(chunk.flatten()) for chunk in chunks))


def _object(line: bytes) -> dict[str, Any] | None:
    """The object that a line holds; of a name that stands twice, the last; None where the line holds none."""
    exact = _BEYOND_64_BITS.search(line) is not None
    value: Any = None
    for loads in (_loads_exact,) if exact else (orjson.loads, _loads_exact):
        try:
            value = loads(line)
            break
        except (ValueError, RecursionError):
            continue
    else:
        value = _as_pyarrow(line)
    if not isinstance(value, dict):
        return None
    opening = line.count(b"{") + line.count(b"[")
    return None if opening > DEEPEST and deeper_than(value, DEEPEST) else value


def _loads_exact(line: bytes) -> Any:
    """As the standard library reads it: whole numbers of any size, NaN and Infinity; no half characters."""
    value = json.loads(line.decode("utf-8"))
    if _SURROGATE.search(line):
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _as_pyarrow(line: bytes) -> Any:
    """What pyarrow makes of a line with a number that it alone takes; it must not depend on the neighbours."""
    if not (_PYARROW_ONLY.search(line) and _one_object_a_line(line + b"\n") and _safe(line + b"\n")):
        return None
    table = _read(line, pa.schema([]))
    return None if table is None else table.to_pylist()[0]
