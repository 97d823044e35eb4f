"""What stands in a file: its bytes, decompressed, from some place on, a window of them at a time."""

import hashlib
import re
import zlib
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import pyarrow as pa

Format = Literal["jsonl", "csv", "parquet"]

COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2", ".lz4": "lz4"}
PRINT_BYTES: Final = 1024
"""So many bytes at a file's head, and before the place where reading stopped, tell it from others."""
_BLANK: Final = re.compile(rb"(?:[\r\n\0 ]|\xef\xbb\xbf(?=[\r\n\0 ]))*")
"""What stands before a first line; a byte-order mark where no line follows it at once."""
_RAW_BYTES: Final = 1 << 18
_PIECE_BYTES: Final = 1 << 16
"""Decompressed at once, so that of broken content nearly all that stands before the break is read."""


_FINER: Final = 1 << 8
"""By so much: from 64 KiB to 256 bytes to one."""


class BrokenContent(Exception):  # noqa: N818 -- caught and turned into a problem or a reject within the files source
    """Compressed bytes that cannot be decompressed."""


def digest(content: bytes) -> str:
    """64 bits of a hash, in hex."""
    return hashlib.blake2b(content, digest_size=8).hexdigest()


class Content(Protocol):
    """Decompressed bytes, one after the other."""

    def read(self, size: int) -> bytes:
        """At most about `size` bytes more; empty where nothing more is there now.

        Raises:
            BrokenContent: the rest cannot be decompressed.
        """
        ...

    @property
    def whole(self) -> bool:
        """True where what was read ends as a finished file does: a compressed stream with its end mark."""
        ...

    def close(self) -> None: ...


class PlainContent:
    """A file as it is."""

    whole = False

    def __init__(self, path: str, position: int) -> None:
        self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115 -- closed by close()
        self._file.seek(position)

    def read(self, size: int) -> bytes:
        return self._file.read(size) or b""

    def close(self) -> None:
        self._file.close()


class GzipContent:
    """A gzip file of one or more members, also one that is still growing."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115 -- closed by close()
        self._member = zlib.decompressobj(wbits=31)
        self._raw = b""
        self._begun = False

    @property
    def whole(self) -> bool:
        return self._member.eof

    def read(self, size: int) -> bytes:
        while True:
            if not self._raw:
                self._raw = self._file.read(_RAW_BYTES) or b""
            if self._member.eof:
                self._raw = self._raw.lstrip(b"\0")  # padding after a member is allowed
                if self._raw:
                    self._member = zlib.decompressobj(wbits=31)
            try:
                # Also without more input: some of what went in before may not have come out yet.
                content = self._member.decompress(self._raw, min(size, _PIECE_BYTES))
            except zlib.error as error:
                raise BrokenContent(str(error)) from error
            if not (self._raw or content):
                return b""
            self._raw = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if content:
                return content

    def close(self) -> None:
        self._file.close()


class ArrowContent:
    """A file in one of the other compressions that pyarrow reads."""

    def __init__(self, path: str, compression: str) -> None:
        self._path, self._compression = path, compression
        self._stream = self._opened()
        self._position = 0
        self._piece = _PIECE_BYTES
        self.whole = False
        self._ended = False

    def _opened(self) -> Any:
        return pa.CompressedInputStream(pa.OSFile(self._path), self._compression)

    def read(self, size: int) -> bytes:
        if self._ended:
            return b""
        try:
            content = self._more(min(size, self._piece))
        except OSError as error:
            if self._piece > 1:
                # The piece in which a stream breaks is lost to its reader: again, in smaller pieces.
                self._piece //= _FINER
                self._again()
                return self.read(size)
            self._ended = True
            if "runcated" in str(error):
                return b""
            raise BrokenContent(str(error).partition("\n")[0]) from error
        self._position += len(content)
        self.whole = self._ended = not content
        return content

    def _again(self) -> None:
        """A new stream stands where this one does."""
        self._stream.close()
        self._stream = self._opened()
        left = self._position
        while left:
            left -= len(self._more(min(left, _PIECE_BYTES)))

    def _more(self, size: int) -> bytes:
        """What the stream gives next, by way of a buffer: pyarrow's `read` never frees its bytes where it fails."""
        content: bytes = self._stream.read_buffer(size).to_pybytes()
        return content

    def close(self) -> None:
        self._stream.close()


def open_content(path: str, compression: str | None, position: int) -> tuple[Content, int]:
    """The file's content and where it stands: at `position` in a plain file, at 0 in a compressed one.

    Raises:
        OSError: it cannot be opened.
    """
    if compression is None:
        return PlainContent(path, position), position
    if compression == "gzip":
        return GzipContent(path), 0
    return ArrowContent(path, compression), 0


class Window:
    """A stretch of a file's content that moves on; what lies behind it is let go, but for the last 1 KiB."""

    def __init__(self, path: str, compression: str | None, position: int) -> None:
        """Opens the file and stands at `position`, or at the content's end where that comes before.

        Raises:
            OSError: it cannot be opened.
        """
        self.broken = ""
        """Why the content after what can be peeked at cannot be decompressed; empty where it can."""
        self._buffer = b""
        self._rest = b""
        self._behind = b""
        start = max(0, position - PRINT_BYTES)
        self._content, self.position = open_content(path, compression, start)
        while self.position < position:
            piece = self.peek(min(position - self.position, 1 << 20))
            if not piece:
                break
            self.advance(min(len(piece), position - self.position))

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, or all there are, without moving on."""
        pieces = self._pieces(size)
        self._buffer, self._rest = pieces[0] if len(pieces) == 1 else b"".join(pieces), b""
        return self._buffer[:size]

    def peek_lines(self, size: int) -> bytes:
        """The whole lines among the next `size` bytes; all these bytes where no line ends among them."""
        pieces = self._pieces(size)
        before = sum(map(len, pieces))
        for index in reversed(range(len(pieces))):
            piece = pieces[index]
            before -= len(piece)
            end = piece.rfind(b"\n", 0, max(0, size - before)) + 1
            if end:  # put together at once: as `peek` and a slice, megabytes would be copied twice
                self._buffer = b"".join([*pieces[:index], memoryview(piece)[:end]])
                self._rest = b"".join([piece[end:], *pieces[index + 1 :]])
                return self._buffer
        self._buffer, self._rest = b"".join(pieces), b""
        return self._buffer[:size]

    def _pieces(self, size: int) -> list[bytes]:
        """The next `size` bytes and more, or all there are, in pieces; they must be put back into the buffer."""
        pieces = [piece for piece in (self._buffer, self._rest) if piece]
        missing = size - len(self._buffer) - len(self._rest)
        while missing > 0 and not self.broken:
            try:
                piece = self._content.read(missing)
            except BrokenContent as error:
                self.broken = str(error)
                break
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        return pieces

    def advance(self, size: int) -> None:
        """Moves on by `size` bytes that were peeked at."""
        self._behind = (self._behind + self._buffer[max(0, size - PRINT_BYTES) : size])[-PRINT_BYTES:]
        self._buffer = self._buffer[size:]
        self.position += size

    @property
    def tail(self) -> str:
        """Digest of the last 1 KiB before the window's start."""
        return digest(self._behind)

    @property
    def whole(self) -> bool:
        """True where a compressed file was read to its proper end."""
        return self._content.whole

    def close(self) -> None:
        self._content.close()


def first_line(path: str, compression: str | None, longest: int) -> tuple[bytes, int, int] | None:
    """The first line that holds something, the place behind it, and its number; None while it is not complete.

    Raises:
        OSError: it cannot be opened.
        BrokenContent: it cannot be decompressed, or no line ends within `longest` bytes.
    """
    window = Window(path, compression, 0)
    try:
        content = window.peek(min(longest, 1 << 16))
        if b"\n" not in content.lstrip() and len(content) == 1 << 16:
            content = window.peek(longest)
        broken = window.broken
    finally:
        window.close()
    begin = _BLANK.match(content).end()  # type: ignore[union-attr]  # it matches nothing as well
    end = content.find(b"\n", begin)
    if end < 0 and broken:
        raise BrokenContent(f"cannot be decompressed ({broken})")
    if end < 0 and len(content) >= longest:
        raise BrokenContent(f"its first line, which names the columns, is longer than {longest} bytes (max_line_bytes)")
    return None if end < 0 else (content[begin:end], end + 1, content.count(b"\n", 0, end + 1))


def sniffed(path: str, compression: str | None) -> Format | None:
    """The format that a file's first bytes tell: an opening brace, Parquet's mark, else CSV; None of an empty file.

    Raises:
        OSError: it cannot be opened.
        BrokenContent: it cannot be decompressed.
    """
    window = Window(path, compression, 0)
    try:
        content = window.peek(PRINT_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip(b"\0 \t\r\n")
        if not content and window.broken:
            raise BrokenContent(f"cannot be decompressed ({window.broken})")
    finally:
        window.close()
    if not content:
        return None
    if content.startswith(b"PAR1"):
        return "parquet"
    return "jsonl" if content.startswith((b"{", b"[")) else "csv"


def head_of(path: str, compression: str | None, size: int) -> str:
    """Digest of the first `size` bytes of content; of fewer where the file holds fewer.

    Raises:
        OSError: it cannot be opened.
        BrokenContent: it cannot be decompressed.
    """
    return digest(head_bytes_of(path, compression, size))


def head_bytes_of(path: str, compression: str | None, size: int) -> bytes:
    """The first `size` bytes of content, or all there are.

    Raises:
        OSError: it cannot be opened.
        BrokenContent: it cannot be decompressed.
    """
    content, _ = open_content(path, compression, 0)
    try:
        head = b""
        while len(head) < size and (piece := content.read(size - len(head))):
            head += piece
    finally:
        content.close()
    return head[:size]
