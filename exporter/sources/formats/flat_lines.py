"""JSON lines that are all alike, to Arrow, for less than half a JSON parser's CPU time: names are where values begin.

Logs are written by one program, so lines mostly have the same names in the same order with the same white space, no
escapes and no nested values. The first line tells what stands before each value (`, "amount": `) and behind the last.
All lines are proved to be just that, with a value between each two such texts that is a number as JSON has them, text
without quotes and control characters, a truth value or null. This is a parse by JSON's grammar, done on all cells of
a piece at once; what is not proved is left to others.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exporter.sources.formats.lines import Characters

EXACT: Final = float(2**53)
"""Whole numbers from here on are not all float64s."""
_CELL: Final = re.compile(rb' *([{,])( *"([^"\\]+)": *)(?:"[^"\\]*"|[^"\\{}\[\], ]+)')
"""What stands before a value, and a value."""
_MOST_BYTES: Final = 1 << 30
"""Places in the content are 32-bit numbers to Arrow."""
_PIECE_BYTES: Final = 1 << 20
"""What is looked at is best still in the processor's cache when it is looked at again."""
_PIECE_LINES: Final = 1000
"""Fewer lines are not worth the calls that a piece takes."""
_WORD: Final = 8
_LONGEST: Final = 128
"""Longer names are left to others: what stands before a value is compared in as many bytes as the longest one has."""

Places = NDArray[np.int64]
Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]


class _NotAlike(Exception):  # noqa: N818 -- never leaves this module
    """The content may be JSON lines all the same."""


@dataclass(frozen=True)
class _Layout:
    """What all lines have in common.

    Attributes:
        names: of the columns.
        before: what stands before each column's value, from the value before it or the line's beginning on.
        end: what stands behind the last value.
    """

    names: list[str]
    before: list[bytes]
    end: bytes

    @cached_property
    def lengths(self) -> Places:
        """Of what stands before."""
        return np.array([len(text) for text in self.before])

    @cached_property
    def behind_name(self) -> Places:
        """From the quote that ends a name to the value."""
        return np.array([len(text) - text.rindex(b'"') for text in self.before])

    @cached_property
    def width(self) -> int:
        """Of the longest of what stands before, in whole words."""
        return -(-int(self.lengths.max()) // _WORD) * _WORD

    @cached_property
    def expected(self) -> Words:
        """(columns × words) What stands before each value; zero where that begins later."""
        return _as_words([text.rjust(self.width, b"\0") for text in self.before])

    @cached_property
    def compared(self) -> Words:
        """(columns × words) The bits of it."""
        return _as_words([(b"\xff" * len(text)).rjust(self.width, b"\0") for text in self.before])


def _as_words(texts: list[bytes]) -> Words:
    return np.frombuffer(b"".join(texts), np.uint64)


def flat_table(content: bytes) -> pa.Table | None:
    """The lines as rows, columns text, int64, float64, bool or null; None where they are not alike or not flat."""
    first = content.find(b"\n")
    if not content.endswith(b"\n") or len(content) > _MOST_BYTES or b"\\" in content:
        return None
    layout, lines = _layout(content[:first]), len(content) // (first + 1)
    if layout is None or len(layout.names) > lines:
        return None
    pieces = _pieces(content, max(1, min(len(content) // _PIECE_BYTES, lines // _PIECE_LINES)))
    try:
        with ThreadPoolExecutor(min(pa.cpu_count(), len(pieces))) as pool:
            return _joined(list(pool.map(lambda piece: _table(piece, layout), pieces)))
    except (_NotAlike, pa.ArrowInvalid, pa.ArrowTypeError):
        return None


def _layout(line: bytes) -> _Layout | None:
    """The layout of a line; None where it is none of a flat object, or a name stands in it twice or is no text."""
    cells: list[re.Match[bytes]] = []
    behind = 0
    while cell := _CELL.match(line, behind):
        cells.append(cell)
        behind = cell.end()
    marks = b"".join(cell[1] for cell in cells)
    if not cells or marks != b"{" + b"," * (len(cells) - 1) or line[behind:].lstrip(b" ") != b"}":
        return None
    try:
        names = [cell[3].decode() for cell in cells]
    except UnicodeDecodeError:
        return None
    layout = _Layout(names, [line[cell.start() : cell.end(2)] for cell in cells], line[behind:])
    return layout if len(set(names)) == len(names) and layout.width <= _LONGEST else None


def _pieces(content: bytes, number: int) -> list[memoryview]:
    """The content in about so many pieces of whole lines."""
    ends = sorted({content.find(b"\n", len(content) * piece // number - 1) + 1 for piece in range(1, number + 1)})
    return [memoryview(content)[start:end] for start, end in pairwise([0, *ends])]


def _joined(tables: list[pa.Table]) -> pa.Table:
    """The pieces as one: null becomes any type, whole numbers become float64 among others.

    Raises:
        _NotAlike, pa.ArrowInvalid, pa.ArrowTypeError: another type is among them, or a float64 cannot hold a number.
    """
    table = pa.concat_tables(tables, promote_options="permissive")
    for column, field in zip(table.columns, table.schema, strict=True):
        if pa.types.is_floating(field.type) and any(one.schema.field(field.name).type == pa.int64() for one in tables):
            _need(pc.max(pc.abs(column)).as_py() < EXACT)
    return table


def _table(piece: memoryview, layout: _Layout) -> pa.Table:
    """The lines as rows.

    Raises:
        _NotAlike, pa.ArrowInvalid: some line is another.
    """
    cells = _cells(piece, layout)
    columns: list[Any] = [None] * len(layout.names)
    for kind, of_kind in cells.kinds().items():
        for column, values in zip(of_kind, _READ[kind](cells.of(of_kind)), strict=True):
            columns[column] = values
    return pa.table(columns, layout.names)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Where the values stand, all of them (rows, columns).

    Attributes:
        characters: of the piece.
        starts: place of the first character.
        ends: place behind the last one.
        first: the first character.
        null: it is `null`.
        nulls: some are.
    """

    characters: Characters
    starts: Places
    ends: Places
    first: Characters
    null: Flags
    nulls: bool

    def of(self, columns: list[int]) -> "_Cells":
        """Those of some columns."""
        null = self.null[:, columns]
        return _Cells(
            self.characters,
            self.starts[:, columns],
            self.ends[:, columns],
            self.first[:, columns],
            null,
            self.nulls and bool(null.any()),
        )

    def kinds(self) -> dict[str, list[int]]:
        """The columns of each kind, told by their first value."""
        found: dict[str, list[int]] = {}
        known = np.argmin(self.null, axis=0) if self.nulls else np.zeros(self.first.shape[1], np.int64)
        firsts = self.first[known, np.arange(len(known))]
        for column, first in enumerate(firsts.tobytes().decode("latin-1")):
            found.setdefault({'"': '"', "t": "t", "f": "t", "n": "n"}.get(first, "0"), []).append(column)
        return found

    def texts(self, inset: int = 0) -> Any:
        """What the values say, as Arrow's text, row by row; behind each stands a null, so that nothing is copied."""
        rows, columns = self.starts.shape
        offsets = np.empty(2 * rows * columns + 1, np.int32)
        pairs = offsets[:-1].reshape(rows, columns, 2)
        np.add(self.starts, inset, out=pairs[:, :, 0], casting="same_kind")
        np.subtract(self.ends, inset, out=pairs[:, :, 1], casting="same_kind")
        offsets[-1] = offsets[-2]
        if self.nulls:
            known = np.zeros((rows, columns, 2), np.bool_)
            np.logical_not(self.null, out=known[:, :, 0])
            valid = np.packbits(known, bitorder="little")
        else:
            valid = np.full((2 * rows * columns + 7) // 8, 0b01010101, np.uint8)
        buffers = [pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(self.characters)]
        return pa.Array.from_buffers(pa.string(), 2 * rows * columns, buffers)


def _column(texts: Any, column: int, columns: int) -> Any:
    """One column of what `texts` gave."""
    return texts.take(pa.array(np.arange(2 * column, len(texts), 2 * columns)))


def _cells(piece: memoryview, layout: _Layout) -> _Cells:
    """Where the values stand: every other character of the lines was compared with the layout.

    Raises:
        _NotAlike: some line is another.
    """
    characters = np.frombuffer(piece, np.uint8)
    rows = int(np.count_nonzero(characters < ord(" ")))  # newlines, as is seen below; no others
    quotes = characters == ord('"')
    colons = characters[1:] == ord(":")
    colons &= quotes[:-1]
    names = np.flatnonzero(colons)
    _need(len(names) == rows * len(layout.names))
    starts = names.reshape(rows, -1) + layout.behind_name
    begins = starts - layout.lengths
    newlines = np.append(begins[1:, 0], len(characters)) - 1
    ends = np.column_stack((begins[:, 1:], newlines - len(layout.end)))
    _need(begins[0, 0] == 0 and (ends > starts).all())
    _need(_spell(characters, newlines - len(layout.end), layout.end + b"\n"))
    for place, text in zip(begins[0].tolist(), layout.before, strict=True):
        _need(piece[place : place + len(text)] == text)
    before = np.ndarray(len(characters) - layout.width + 1, f"V{layout.width}", characters, strides=(1,))
    words = before[starts[1:] - layout.width].view(np.uint64)
    words &= layout.compared
    _need((words == layout.expected).all())
    first = characters.take(starts)
    null = first == ord("n")
    nulls = bool(null.any())
    if nulls:
        _need(_spell(characters, starts[null], b"null", ends[null]))
    texts = first == ord('"')
    _need(np.count_nonzero(quotes) == 2 * (starts.size + np.count_nonzero(texts)))
    return _Cells(characters, starts, ends, first, null, nulls)


def _spell(characters: Characters, starts: Places, text: bytes, ends: Places | None = None) -> bool:
    """True where the text stands at all the places, up to `ends`."""
    if ends is not None and (ends - starts != len(text)).any():
        return False
    return all(bool((characters.take(starts + index) == letter).all()) for index, letter in enumerate(text))


def _texts(cells: _Cells) -> list[Any]:
    """Columns of text: each begins and ends with a quote; that there are no others in it is known.

    Raises:
        _NotAlike, pa.ArrowInvalid: it does not, or is no UTF-8.
    """
    quoted = (cells.first == ord('"')) & (cells.characters.take(cells.ends - 1) == ord('"'))
    _need(((quoted & (cells.ends - cells.starts > 1)) | cells.null).all())
    texts = cells.texts(inset=1)
    columns = [_column(texts, column, cells.starts.shape[1]) for column in range(cells.starts.shape[1])]
    for column in columns:
        column.validate(full=True)  # UTF-8; all else was compared with characters that are
    return columns


def _truths(cells: _Cells) -> list[Any]:
    true, false = cells.first == ord("t"), cells.first == ord("f")
    _need((true | false | cells.null).all())
    _need(_spell(cells.characters, cells.starts[true], b"true", cells.ends[true]))
    _need(_spell(cells.characters, cells.starts[false], b"false", cells.ends[false]))
    return [pa.array(true[:, column], mask=cells.null[:, column]) for column in range(true.shape[1])]


def _nulls(cells: _Cells) -> list[Any]:
    rows, columns = cells.starts.shape
    return [pa.nulls(rows)] * columns


def _numbers(cells: _Cells) -> list[Any]:
    """Columns of numbers: int64 where none has a point or an exponent."""
    _need_numbers(cells)
    rows, columns = cells.starts.shape
    texts = cells.texts()
    values = np.frombuffer(texts.cast(pa.float64()).buffers()[1], np.float64).reshape(rows, columns, 2)
    values = np.ascontiguousarray(values[:, :, 0].T)
    if cells.nulls:
        values[cells.null.T] = 0.0
    whole, largest = (values == np.rint(values)).all(axis=1), np.abs(values).max(axis=1)
    return [
        (_whole(texts, column, columns) if whole[column] else None)
        or _reals(values[column], cells.null[:, column] if cells.nulls else None, largest[column])
        for column in range(columns)
    ]


def _whole(texts: Any, column: int, columns: int) -> Any:
    """The numbers as int64; None where one has a point, an exponent or more than 64 bits."""
    try:
        return _column(texts, column, columns).cast(pa.int64())
    except pa.ArrowInvalid:
        return None


def _reals(values: NDArray[np.float64], null: Flags | None, largest: float) -> Any:
    _need(largest < EXACT)  # whole numbers may be among them
    valid = None if null is None else pa.py_buffer(np.packbits(~null, bitorder="little"))
    return pa.Array.from_buffers(pa.float64(), len(values), [valid, pa.py_buffer(values)])


def _need_numbers(cells: _Cells) -> None:
    """Raises _NotAlike where a number is one to Arrow, but none in JSON: 007, 1., .5, 5.e1, 0x1F, inf, NaN."""
    characters, first = cells.characters, cells.first
    second, last = characters.take(cells.starts + 1), characters.take(cells.ends - 1)
    minus, digit = first == ord("-"), _is_digit(second)
    right = _is_digit(last) & np.where(minus, digit, _is_digit(first) & ~((first == ord("0")) & digit))
    _need((right | cells.null).all())
    third = characters.take(cells.starts[minus & (second == ord("0"))] + 2)
    _need(((third == ord(".")) | (third | 0x20 == ord("e"))).all())  # -0 is 0 among whole numbers, -0.0 among others
    pointless = characters[1:] | 0x20 == ord("e")
    pointless &= characters[:-1] == ord(".")
    points = np.flatnonzero(pointless)
    if len(points):
        cell = np.searchsorted(cells.starts.ravel(), points) - 1
        _need((points >= cells.ends.ravel()[cell]).all())


def _is_digit(characters: Characters) -> Flags:
    digits: Flags = characters - np.uint8(ord("0")) <= ord("9") - ord("0")  # unsigned: what is less is large
    return digits


def _need(holds: bool | np.bool_) -> None:
    if not holds:
        raise _NotAlike


_READ: Final = {'"': _texts, "t": _truths, "n": _nulls, "0": _numbers}
