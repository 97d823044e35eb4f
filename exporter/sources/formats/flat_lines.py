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
_CELL: Final = re.compile(rb' *([{,])( *"([^"\\\0-\x1f]+)": *)(?:"[^"\\]*"|[^"\\{}\[\], ]+)')
"""What stands before a value, and a value."""
_MOST_BYTES: Final = 1 << 30
"""Places in the content are 32-bit numbers to Arrow."""
_PIECE_BYTES: Final = 2 << 20
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
        if len(pieces) == 1:
            return _table(pieces[0], layout)
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
    if all(table.schema.equals(tables[0].schema) for table in tables):
        return pa.concat_tables(tables)
    joined = pa.concat_tables(tables, promote_options="permissive")
    for column in joined.columns:
        _need(not pa.types.is_floating(column.type) or pc.max(pc.abs(column)).as_py() < EXACT)
    return joined


@dataclass(frozen=True, slots=True)
class _Cells:
    """Where the values stand, all of them (rows, columns).

    Attributes:
        characters: of the piece.
        starts: place of the first character.
        lasts: place of the last one.
        first: the first character.
        null: it is `null`; None where none is.
    """

    characters: Characters
    starts: Places
    lasts: Places
    first: Characters
    null: Flags | None

    @property
    def kinds(self) -> Characters:
        """(columns,) The first character of each column's first value; that of null where there is none."""
        kinds: Characters = self.first[0]
        if self.null is not None:
            kinds = self.first[np.argmin(self.null, axis=0), np.arange(len(kinds))]
        return kinds

    def known(self, columns: Flags) -> Flags:
        """(rows, columns) True for values of the columns."""
        return np.broadcast_to(columns, self.first.shape) if self.null is None else columns & ~self.null


def _table(piece: memoryview, layout: _Layout) -> pa.Table:
    """The lines as rows.

    Raises:
        _NotAlike, pa.ArrowInvalid: some line is another.
    """
    cells = _cells(piece, layout)
    kinds = cells.kinds
    texts, truths, nulls = kinds == ord('"'), (kinds == ord("t")) | (kinds == ord("f")), kinds == ord("n")
    numbers = ~(texts | truths | nulls)
    _need_texts_and_numbers(cells, texts, numbers)
    offsets = _offsets(cells, texts)
    columns: list[Any] = [pa.nulls(len(cells.first))] * len(kinds)
    for of_kind, read in ((texts, _texts), (numbers, _numbers), (truths, _truths)):
        if of_kind.any():
            for column, values in zip(np.flatnonzero(of_kind), read(cells, of_kind, offsets), strict=True):
                columns[column] = values
    return pa.table(columns, layout.names)


def _cells(piece: memoryview, layout: _Layout) -> _Cells:
    """Where the values stand: every other character of the lines was compared with the layout.

    Raises:
        _NotAlike: some line is another.
    """
    characters = np.frombuffer(piece, np.uint8)
    marks = characters[1:] == ord(":")
    marks &= characters[:-1] == ord('"')
    names = np.flatnonzero(marks)
    _need(len(names) > 0 and len(names) % len(layout.names) == 0)
    starts = names.reshape(-1, len(layout.names)) + layout.behind_name
    begins = starts - layout.lengths
    newlines = np.append(begins[1:, 0], len(characters)) - 1
    lasts = np.empty_like(starts)
    np.subtract(begins[:, 1:], 1, out=lasts[:, :-1])
    np.subtract(newlines, len(layout.end) + 1, out=lasts[:, -1])
    _need(begins[0, 0] == 0 and (lasts >= starts).all())
    _need(_spell(characters, lasts[:, -1] + 1, layout.end + b"\n"))
    for place, text in zip(begins[0].tolist(), layout.before, strict=True):
        _need(piece[place : place + len(text)] == text)
    each = max(0, len(characters) - layout.width + 1)  # a first line, which this is not for, may be shorter
    before = np.ndarray(each, f"V{layout.width}", characters, strides=(1,))
    words = before[starts[1:] - layout.width].view(np.uint64)
    words &= layout.compared
    _need((words == layout.expected).all())
    first = characters.take(starts)
    null = first == ord("n")
    if not null.any():
        return _Cells(characters, starts, lasts, first, None)
    _need(_spell(characters, starts[null], b"null", lasts[null]))
    return _Cells(characters, starts, lasts, first, null)


def _spell(characters: Characters, starts: Places, text: bytes, lasts: Places | None = None) -> bool:
    """True where the text stands at all the places, and they go to `lasts`."""
    if lasts is not None and (lasts - starts != len(text) - 1).any():
        return False
    return all(bool((characters.take(starts + index) == letter).all()) for index, letter in enumerate(text))


def _need_texts_and_numbers(cells: _Cells, texts: Flags, numbers: Flags) -> None:
    """Raises _NotAlike where a text does not begin and end with a quote, or a number is none in JSON.

    Of what are numbers to Arrow, but none in JSON: 007, 1., .5, 5.e1, 0x1F, inf, NaN.
    """
    characters, starts, first = cells.characters, cells.starts, cells.first
    second, last = characters[1:].take(starts), characters.take(cells.lasts)
    minus, digit = first == ord("-"), _is_digit(second)
    right = (minus & digit) | (_is_digit(first) & ~((first == ord("0")) & digit))
    right &= _is_digit(last)
    right &= numbers
    right |= texts & (first == ord('"')) & (last == ord('"')) & (cells.lasts > starts)
    _need((right | ~cells.known(texts | numbers)).all())
    minus &= second == ord("0")
    minus &= numbers
    third = characters.take(starts[minus] + 2)
    _need(((third == ord(".")) | (third | 0x20 == ord("e"))).all())  # -0 is 0 among whole numbers, -0.0 among others
    marks = characters[1:] | 0x20 == ord("e")
    marks &= characters[:-1] == ord(".")
    points = np.flatnonzero(marks)
    if len(points):
        cell = np.searchsorted(starts.ravel(), points[points > starts[0, 0]]) - 1
        within = points[points > starts[0, 0]] <= cells.lasts.ravel()[cell]
        _need(not (within & numbers[cell % len(numbers)]).any())


def _is_digit(characters: Characters) -> Flags:
    digits: Flags = characters - np.uint8(ord("0")) <= ord("9") - ord("0")  # unsigned: what is less is large
    return digits


def _offsets(cells: _Cells, quoted: Flags) -> Any:
    """Where each value begins and ends, row by row, quotes left out.

    To Arrow these are texts within the piece, which is not copied: every second one is a value, and behind it stands
    what comes before the next.
    """
    offsets = np.empty(2 * cells.starts.size + 1, np.int32)
    pairs = offsets[:-1].reshape(*cells.starts.shape, 2)
    np.add(cells.starts, quoted, out=pairs[:, :, 0], casting="same_kind")
    np.add(cells.lasts, ~quoted, out=pairs[:, :, 1], casting="same_kind")
    offsets[-1] = offsets[-2]
    return pa.py_buffer(offsets)


def _said(cells: _Cells, columns: Flags, offsets: Any) -> Any:
    """What the values of the columns say, two for each cell: the second one, and those of other columns, are null."""
    known = np.zeros((*cells.first.shape, 2), np.bool_)
    known[:, :, 0] = cells.known(columns)
    valid = pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.Array.from_buffers(pa.string(), known.size, [valid, offsets, pa.py_buffer(cells.characters)])


def _of(said: Any, columns: list[int], of: int) -> Any:
    """What some of so many columns say, one after the other."""
    rows = np.arange(0, len(said), 2 * of)
    return said.take(pa.array(np.concatenate([rows + 2 * column for column in columns])))


def _texts(cells: _Cells, columns: Flags, offsets: Any) -> list[Any]:
    """The columns, known to begin and end with quotes.

    Raises:
        _NotAlike, pa.ArrowInvalid: one has a quote or a control character within, or is no UTF-8.
    """
    texts = _of(_said(cells, columns, offsets), np.flatnonzero(columns).tolist(), len(columns))
    texts.validate(full=True)
    characters = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    _need(not ((characters < ord(" ")) | (characters == ord('"'))).any())
    rows = len(cells.first)
    return [texts.slice(start, rows) for start in range(0, len(texts), rows)]


def _truths(cells: _Cells, columns: Flags, _: Any) -> list[Any]:
    true, false = (cells.first == ord("t")) & columns, (cells.first == ord("f")) & columns
    _need((true | false | ~cells.known(columns)).all())
    _need(_spell(cells.characters, cells.starts[true], b"true", cells.lasts[true]))
    _need(_spell(cells.characters, cells.starts[false], b"false", cells.lasts[false]))
    known = true | false
    return [pa.array(true[:, column], mask=~known[:, column]) for column in np.flatnonzero(columns)]


def _numbers(cells: _Cells, columns: Flags, offsets: Any) -> list[Any]:
    """The columns, int64 where no number has a point or an exponent.

    Raises:
        _NotAlike, pa.ArrowInvalid: one is none, or so large that it may be a whole one that a float64 cannot hold.
    """
    said = _said(cells, columns, offsets)
    values = np.frombuffer(said.cast(pa.float64()).buffers()[1], np.float64).reshape(*cells.first.shape, 2)
    values = np.ascontiguousarray(values[:, columns, 0].T)
    valid = None
    if cells.null is not None:
        null = cells.null[:, columns].T
        values[null] = 0.0
        valid = np.packbits(~null, axis=1, bitorder="little")
    whole, exact = (values == np.rint(values)).all(axis=1), np.abs(values).max(axis=1) < EXACT
    found = []
    for index, column in enumerate(np.flatnonzero(columns).tolist()):
        numbers = _whole(_of(said, [column], len(columns))) if whole[index] else None
        if numbers is None:
            _need(exact[index])
            buffers = [None if valid is None else pa.py_buffer(valid[index]), pa.py_buffer(values[index])]
            numbers = pa.Array.from_buffers(pa.float64(), len(cells.first), buffers)
        found.append(numbers)
    return found


def _whole(texts: Any) -> Any:
    """The numbers as int64; None where one has a point, an exponent or more than 64 bits."""
    try:
        return texts.cast(pa.int64())
    except pa.ArrowInvalid:
        return None


def _need(holds: bool | np.bool_) -> None:
    if not holds:
        raise _NotAlike
