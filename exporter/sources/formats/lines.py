"""What a text format is handed and what it gives back: blocks of whole lines, rows of them, and lines set aside."""

import hashlib
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from exporter.batch import Batch, Reject, RejectReason

Characters = NDArray[np.uint8]

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
KEPT_CHARACTERS: Final = 10_000
"""Of a line that is kept with its reject, at most so much."""
_NEWLINE: Final = ord("\n")
_STRETCH: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of one file.

    Attributes:
        content: the lines with their newlines; the last one may lack it where it is complete all the same.
        origin: the file's path.
        first_line: number of the first line in its file, from 1.
    """

    content: bytes
    origin: str
    first_line: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """Rows of a block, and its lines that hold none."""

    batch: Batch | None
    rejects: tuple[Reject, ...]


class LineFormat(Protocol):
    """Reads blocks of lines; what it gives for a line depends on the lines beside it only in the types of columns."""

    def parse(self, block: Block) -> Parsed:
        """The rows of the block in their order."""
        ...


def reject(block: Block, line: int, content: bytes, reason: RejectReason, *, keep: bool) -> Reject:
    """A line set aside: its place, the hash of its bytes without the newline; its text only where `keep` says so."""
    content = content.rstrip(b"\r\n")
    return Reject(
        origin=block.origin,
        row=line,
        reason=reason,
        digest=hashlib.sha256(content).hexdigest()[:16],
        content=content.decode("utf-8", "replace")[:KEPT_CHARACTERS] if keep else None,
    )


def is_utf8(content: bytes) -> bool:
    """True where the bytes are text."""
    if content.isascii():
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def count_lines(content: bytes) -> int:
    """Newlines in the content; NumPy counts them many times as fast as bytes do, a stretch at a time in the cache."""
    characters = np.frombuffer(content, np.uint8)
    starts = range(0, len(characters), _STRETCH)
    return sum(int(np.count_nonzero(characters[start : start + _STRETCH] == _NEWLINE)) for start in starts)


def no_line_exceeds(content: bytes, size: int) -> bool:
    """True only where no line has more than `size` bytes: a newline stands in each stretch of half of it."""
    half = size // 2
    return all(content.find(b"\n", place, place + half) >= 0 for place in range(0, len(content) - half, half))


def numbered(block: Block) -> list[tuple[int, bytes]]:
    """The lines of a block that hold more than white space, each with its number, without its end.

    A byte-order mark is no part of a line. NUL bytes in front of a line are dropped: a log that is truncated under
    a writer that keeps its place begins with them.
    """
    cleaned = (
        (number, raw.lstrip(b"\0").removeprefix(BYTE_ORDER_MARK).removesuffix(b"\r"))
        for number, raw in enumerate(block.content.split(b"\n"), block.first_line)
    )
    return [(number, line) for number, line in cleaned if line.strip()]


def batch_of(table: pa.Table, block: Block, lines: list[int] | None = None) -> Batch | None:
    """The table as one batch of a block; `lines` are the numbers of its rows where they do not simply follow."""
    if table.num_rows == 0:
        return None
    rows = table.combine_chunks().to_batches()[0]
    if lines is None or lines[-1] - lines[0] == len(lines) - 1:
        return Batch(rows=rows, origin=block.origin, first_row=lines[0] if lines else block.first_line)
    return Batch(rows=rows, origin=block.origin, first_row=lines[0], places=pa.array(lines, pa.int64()))


def wanted(name: str, columns: tuple[str, ...] | None) -> bool:
    """True where a top-level column is asked for: by name, or as a part of a dotted name either way round."""
    return columns is None or any(
        name == column or column.startswith(f"{name}.") or name.startswith(f"{column}.") for column in columns
    )
