"""Reads on in one text file: blocks of whole lines, lines that are too long, a last line that is only half there."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final, Literal, Self

import numpy as np

from exporter.batch import Batch, Reject
from exporter.sources.file_content import PRINT_BYTES, Window, head_of
from exporter.sources.file_cursor import Mark
from exporter.sources.file_identity import LogFile
from exporter.sources.formats.lines import Block, LineFormat, Parsed, count_lines, no_line_exceeds, reject
from exporter.sources.formats.parquet import Gap

BLOCK_BYTES: Final = 8 << 20
POLL_BYTES: Final = 64 << 20
"""One poll reads at most about so much text, however many rows it may give."""
_SMALLEST_BLOCK: Final = 1 << 16
_LINE_BYTES: Final = 512
"""A line is taken to have so many until some were seen in this poll: the same cursor gives the same blocks."""
_NEWLINE: Final = ord("\n")
_APART_BYTES: Final = 1 << 20
"""A thread for a smaller block is not worth it."""


@dataclass(slots=True)
class Harvest:
    """What a poll has gathered, and how much more it may.

    Attributes:
        rows: rows (lines) that may still be read.
        bytes: bytes that may still be read.
        problems: a line for each file of which something could not be read.
        unnoted: rows that could not be read beside those in `rejects`.
    """

    rows: int
    bytes: int = POLL_BYTES
    batches: list[Batch] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unnoted: int = 0

    @property
    def full(self) -> bool:
        return self.rows <= 0 or self.bytes <= 0

    @property
    def size(self) -> tuple[int, int, int]:
        """How much was gathered: what `cut` goes back to."""
        return len(self.batches), len(self.rejects), self.unnoted

    def cut(self, size: tuple[int, int, int]) -> None:
        """Throws away what was gathered since; what may still be read stays as it is."""
        batches, rejects, self.unnoted = size
        del self.batches[batches:], self.rejects[rejects:]

    def skip(self, path: str, gap: Gap) -> None:
        """Sets the rows of a gap aside: the first one stands for all."""
        self.rejects.append(Reject(path, gap.first_row, "unreadable", ""))
        self.unnoted += gap.rows - 1
        self.rows -= 1
        last = gap.first_row + gap.rows - 1
        self.problems.append(f"{path}: rows {gap.first_row} to {last} cannot be read and are set aside ({gap.why})")


@dataclass(frozen=True, slots=True)
class Piece:
    """The next stretch of a file.

    Attributes:
        kind: whole lines; the beginning of a line over the limit; a last line without its newline.
        lines: how many newlines it holds.
    """

    content: bytes
    kind: Literal["lines", "too_long", "partial"]
    lines: int = 0


def next_piece(window: Window, lines: int, longest: int, line_bytes: int = _LINE_BYTES) -> Piece | None:
    """At most `lines` whole lines of at most `longest` bytes each, or what stands there instead; None: nothing.

    Lines are taken to have about `line_bytes`, so that not much more is read than is needed.
    """
    size = min(BLOCK_BYTES, max(_SMALLEST_BLOCK, lines * line_bytes))
    content = window.peek_lines(size)
    if size <= longest and len(content) == size and b"\n" not in content:
        content = window.peek(longest + 1)
    if not content:
        return None
    end = content.rfind(b"\n") + 1
    if end == 0:
        return Piece(content[:longest], "too_long") if len(content) > longest else Piece(content, "partial")
    count = count_lines(content)
    if count <= lines and _no_line_is_longer(content[:end], longest):
        return Piece(content[:end], "lines", count)
    newlines = np.flatnonzero(np.frombuffer(content, np.uint8) == _NEWLINE)
    too_long = np.flatnonzero(np.diff(newlines, prepend=-1) - 1 > longest)
    count = min(lines, len(newlines), int(too_long[0]) if len(too_long) else len(newlines))
    if count == 0:
        return Piece(content[:longest], "too_long")
    return Piece(content[: int(newlines[count - 1]) + 1], "lines", count)


def _no_line_is_longer(content: bytes, longest: int) -> bool:
    """True only where no line is over the limit; false where that takes a closer look."""
    return len(content) <= longest or (longest >= 2 * _SMALLEST_BLOCK and no_line_exceeds(content, longest))


class _Parsing:
    """Parses blocks, a large one while the next is read; rows and rejects are harvested in the order of the blocks."""

    def __init__(self, lines_of: LineFormat, harvest: Harvest) -> None:
        self._lines_of, self._harvest = lines_of, harvest
        self._thread: ThreadPoolExecutor | None = None
        self._ahead: Future[Parsed] | None = None

    def parse(self, block: Block) -> None:
        """Its rows and rejects are in the harvest when the next one is parsed, at the latest when this is left."""
        self._finish()
        if len(block.content) < _APART_BYTES:
            self.put(self._lines_of.parse(block))
            return
        self._thread = self._thread or ThreadPoolExecutor(1)
        self._ahead = self._thread.submit(self._lines_of.parse, block)

    def put(self, parsed: Parsed) -> None:
        """Puts what is parsed behind what came before."""
        self._finish()
        self._harvest.batches += [parsed.batch] if parsed.batch is not None else []
        self._harvest.rejects += parsed.rejects

    def _finish(self) -> None:
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            self.put(ahead.result())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if self._thread is not None:
            self._thread.shutdown()
        if kind is None:
            self._finish()


@dataclass(frozen=True, slots=True)
class TextReader:
    """Reads text files on from their marks.

    Attributes:
        longest: bytes of a line; a longer one is set aside.
        keep_rows: rejected lines keep their text.
    """

    longest: int
    keep_rows: bool

    def read(
        self, window: Window, mark: Mark, lines_of: LineFormat, harvest: Harvest, ending: Callable[[], bool]
    ) -> Mark:
        """Puts rows into the harvest until it is full or nothing more is there; the mark then says how far it came.

        Args:
            window: stands at the mark's offset.
            mark: how far the file was read.
            lines_of: its format.
            harvest: takes rows and rejects.
            ending: tells whether a last line without newline is complete, for nobody will add to the file.
        """
        drained, line_bytes = False, _LINE_BYTES
        with _Parsing(lines_of, harvest) as parsing:
            while not (harvest.full or drained):
                if mark.skipping:
                    mark, drained = self._skip(window, mark, harvest)
                    continue
                piece = next_piece(window, harvest.rows, self.longest, line_bytes)
                last = piece is not None and piece.kind == "partial" and (window.whole or ending())
                if piece is None or (piece.kind == "partial" and not last):
                    drained = True
                    continue
                block = Block(piece.content, mark.path, mark.line + 1)
                if piece.kind == "too_long":
                    set_aside = reject(block, mark.line + 1, piece.content, "too_long", keep=self.keep_rows)
                    parsing.put(Parsed(None, (set_aside,)))
                else:
                    parsing.parse(block)
                if piece.lines:
                    line_bytes = 1 + len(piece.content) * 17 // (16 * piece.lines)
                window.advance(len(piece.content))
                harvest.rows -= max(1, piece.lines)
                harvest.bytes -= len(piece.content)
                line = mark.line + piece.lines + last
                mark = replace(mark, offset=window.position, line=line, skipping=piece.kind == "too_long")
        return replace(mark, drained=drained, tail=window.tail)

    def _skip(self, window: Window, mark: Mark, harvest: Harvest) -> tuple[Mark, bool]:
        """Behind the end of a line that is set aside, or as far as it goes; true where nothing more is there."""
        content = window.peek(1 << 20)
        end = content.find(b"\n") + 1
        window.advance(end or len(content))
        harvest.bytes -= end or len(content)
        return replace(mark, offset=window.position, line=mark.line + (end > 0), skipping=end == 0), not content


def start_of(file: LogFile) -> Mark:
    """A mark at the beginning of a file."""
    return Mark(
        path=file.path,
        device=file.device,
        inode=file.inode,
        head="",
        head_bytes=0,
        tail="",
        offset=0,
        line=0,
        skipping=False,
        drained=False,
        size=file.size,
        mtime=file.mtime,
    )


def with_head(mark: Mark, file: LogFile) -> Mark:
    """The mark with the digest of as much of its file's first 1 KiB as was read.

    Raises:
        OSError, BrokenContent: the file cannot be read.
    """
    size = min(PRINT_BYTES, mark.offset)
    if size == mark.head_bytes:
        return mark
    return replace(mark, head=head_of(file.path, file.compression, size), head_bytes=size)
