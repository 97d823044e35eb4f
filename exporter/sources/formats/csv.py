"""CSV to Arrow: every value is text, exactly as logged; an empty unquoted field is missing.

Nothing is guessed, since a guess that changes from block to block would change ids (`00123` is not `123`); who needs
numbers casts them. A quoted field may hold delimiters and doubled quotes, but no newline: a line is a row.
"""

import csv
import re
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.csv as pc

from exporter.batch import Reject
from exporter.sources.file_content import BrokenContent
from exporter.sources.formats.lines import (
    BYTE_ORDER_MARK,
    Block,
    Parsed,
    batch_of,
    count_lines,
    is_utf8,
    numbered,
    reject,
    wanted,
)

PIECE_BYTES: Final = 1 << 20
"""What one thread of pyarrow parses at a time."""
_LONGEST_FIELD: Final = 1 << 27
_BLANK_LINE: Final = re.compile(rb"^\s+$", re.MULTILINE)
DELIMITERS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a CSV file.

    Attributes:
        line: its bytes, by which repetitions in the middle of the file are known; empty where the file has none.
        names: the columns' names.
        delimiter: one character.
    """

    line: bytes
    names: tuple[str, ...]
    delimiter: str


def header_of(line: bytes, delimiter: str | None) -> Header:
    """What the header line says; without a delimiter, the one it holds most of. Of equal names the first one counts.

    An empty line names one column, without a name.

    Raises:
        BrokenContent: the line is no row.
    """
    text = line.removeprefix(b"\xef\xbb\xbf").strip(b"\r\n\0").decode("utf-8", "replace")
    if delimiter is None:
        delimiter = max(DELIMITERS, key=text.count)
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        fields = next(csv.reader([text or '""'], delimiter=delimiter))
    except csv.Error as error:
        hint = "; its lines end in carriage returns alone, write newlines" if "\r" in text else ""
        raise BrokenContent(f"its first line does not name columns{hint}") from error
    names: dict[str, None] = {}
    for place, field_text in enumerate(fields, 1):
        name = field_text.strip()
        while name in names:
            name = f"{name}#{place}"
        names[name] = None
    return Header(text.encode(), tuple(names), delimiter)


@dataclass(frozen=True, slots=True)
class Csv:
    """Reads one row a line.

    Attributes:
        header: the file's header.
        null_values: unquoted texts that mean that there is no value.
        columns: the columns that are needed; None: all.
        keep_rows: rejected lines keep their text.
    """

    header: Header
    null_values: tuple[str, ...] = ("",)
    columns: tuple[str, ...] | None = None
    keep_rows: bool = False
    _convert: pc.ConvertOptions = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepares what pyarrow is told about every block; a field may be as long as a line."""
        csv.field_size_limit(_LONGEST_FIELD)
        names = self.header.names
        needed = [name for name in names if wanted(name, self.columns)]
        options = pc.ConvertOptions(
            column_types={name: pa.string() for name in names},
            null_values=list(self.null_values),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            include_columns=needed or [names[0]],
        )
        object.__setattr__(self, "_convert", options)

    def parse(self, block: Block) -> Parsed:
        """The lines of the block as rows; those with another number of fields than the header are unreadable."""
        # Without its newline, pyarrow takes an empty last field for a quoted one.
        content = block.content if block.content.endswith(b"\n") else block.content + b"\n"
        if is_utf8(content) and not self._irregular(content):
            table = self._table(content)
            if table is not None:
                return Parsed(batch_of(table, block), ())
        return self._line_by_line(block)

    def _irregular(self, content: bytes) -> bool:
        """True where lines and rows may not be the same: blank lines, lone carriage returns, NULs, repeated headers."""
        line = self.header.line
        return (
            b"\0" in content
            or content.startswith((b"\n", b"\r", BYTE_ORDER_MARK))
            or b"\n\n" in content
            or b"\n" + BYTE_ORDER_MARK in content
            or b"\n\r" in content
            or (b"\r" in content and content.count(b"\r") != content.count(b"\r\n"))
            or (self._blank_may_be_a_row and _BLANK_LINE.search(content) is not None)
            or bool(line and (content.startswith((line + b"\n", line + b"\r")) or self._repeats(content)))
        )

    @property
    def _blank_may_be_a_row(self) -> bool:
        """True where a line of white space has as many fields as the header: it holds no row all the same."""
        return len(self.header.names) == 1 or self.header.delimiter.isspace()

    def _repeats(self, content: bytes) -> bool:
        line = b"\n" + self.header.line
        return line + b"\n" in content or line + b"\r" in content

    def _table(self, content: bytes) -> pa.Table | None:
        """The content as pyarrow reads it; None where a line is not a row of as many fields as the header."""
        lines = count_lines(content)
        piece = max(PIECE_BYTES, len(content) // 8)
        try:
            table = pc.read_csv(
                pa.BufferReader(content),
                read_options=pc.ReadOptions(column_names=list(self.header.names), block_size=piece),
                parse_options=pc.ParseOptions(delimiter=self.header.delimiter),
                convert_options=self._convert,
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows != lines:
            return None  # a quote that is left open takes in the next line
        last = content[content.rfind(b"\n", 0, len(content) - 1) + 1 :].rstrip(b"\r\n")
        return table if b'"' not in last or self._is_row(last) else None  # there is no next line to take in

    def _line_by_line(self, block: Block) -> Parsed:
        """Lines that do not stand by themselves are set aside, the others go to pyarrow together."""
        good: list[tuple[int, bytes]] = []
        rejects: list[Reject] = []
        for number, line in numbered(block):
            if line == self.header.line:
                continue
            if self._is_row(line):
                good.append((number, line))
            else:
                rejects.append(reject(block, number, line, "unreadable", keep=self.keep_rows))
        if not good:
            return Parsed(None, tuple(rejects))
        table = self._table(b"\n".join(line for _, line in good) + b"\n")
        if table is None:
            good, doubtful = self._one_by_one(good)
            rejects += [reject(block, number, line, "unreadable", keep=self.keep_rows) for number, line in doubtful]
            rejects.sort(key=lambda one: one.row)
            if not good:
                return Parsed(None, tuple(rejects))
            table = self._table(b"\n".join(line for _, line in good) + b"\n")
        return Parsed(batch_of(table, block, [number for number, _ in good]), tuple(rejects))

    def _is_row(self, line: bytes) -> bool:
        """True where the line is text, has as many fields as the header, and closes each quote that it opens."""
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            return False
        if "\r" in text:
            return False
        lines = iter((text, ""))
        try:
            fields = next(csv.reader(lines, delimiter=self.header.delimiter))
        except csv.Error:
            return False
        return len(fields) == len(self.header.names) and next(lines, None) is not None

    def _one_by_one(self, lines: list[tuple[int, bytes]]) -> tuple[list[tuple[int, bytes]], list[tuple[int, bytes]]]:
        good: list[tuple[int, bytes]] = []
        doubtful: list[tuple[int, bytes]] = []
        for number, line in lines:
            (good if self._table(line + b"\n") is not None else doubtful).append((number, line))
        return good, doubtful
