"""How far a set of files was read: one mark a file, written as a cursor."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from exporter.errors import SourceError

VERSION: Final = 1
KEPT_VANISHED: Final = 256
"""Marks of files that are gone but may come back under another name or compressed; more than so many are forgotten."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one file was read.

    Attributes:
        path: where it stood when it was last seen.
        device, inode: the file itself, whatever its name.
        head, head_bytes: digest of its first `head_bytes` (at most 1 KiB) of decompressed content; all of them lie
            before `offset`, so that it holds while the file grows. Parquet: digest of the footer.
        tail: digest of the last 1 KiB before `offset`. Head and tail together tell a file from another one that
            begins alike. Parquet: empty.
        offset: bytes of decompressed content that were read; rows in Parquet.
        line: lines that were read.
        skipping: `offset` stands within a line that was too long and set aside.
        drained: nothing more can be read until size or modification time differ from `size` and `mtime`.
        size, mtime: bytes on disk and nanoseconds, as seen at the last read.
    """

    path: str
    device: int
    inode: int
    head: str
    head_bytes: int
    tail: str
    offset: int
    line: int
    skipping: bool
    drained: bool
    size: int
    mtime: int

    @property
    def identity(self) -> tuple[int, int]:
        return self.device, self.inode

    @property
    def of_parquet(self) -> bool:
        """True where `offset` counts rows of a Parquet file."""
        return self.offset > 0 and self.head_bytes == 0


def encode(marks: Iterable[Mark]) -> bytes:
    """The cursor that `decode` reads; rows in the order of the attributes, for a log may have thousands of files."""
    rows = [
        [
            mark.path,
            mark.device,
            mark.inode,
            mark.head,
            mark.head_bytes,
            mark.tail,
            mark.offset,
            mark.line,
            mark.skipping,
            mark.drained,
            mark.size,
            mark.mtime,
        ]
        for mark in marks
    ]
    return orjson.dumps({"version": VERSION, "files": rows})


def decode(cursor: bytes | None) -> tuple[Mark, ...]:
    """The marks of a cursor; none for None.

    Raises:
        SourceError: fatal; these bytes are no cursor of this version of this source.
    """
    if cursor is None:
        return ()
    try:
        document: Any = orjson.loads(cursor)
        if document["version"] != VERSION:
            msg = f"files: the cursor is of version {document['version']}, this program reads version {VERSION}"
            raise SourceError(msg, fatal=True)
        return tuple(_mark(row) for row in document["files"])
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        msg = "files: the cursor kept in the state directory is not one of a files source; give the model a new state"
        raise SourceError(msg, fatal=True) from error


def _mark(row: list[Any]) -> Mark:
    """The mark of a row.

    Raises:
        TypeError: it has others than the attributes of a mark.
    """
    if list(map(type, row)) != _TYPES:
        raise TypeError
    return Mark(*row)


_TYPES: Final[list[type]] = [str, int, int, str, int, str, int, int, bool, bool, int, int]
"""Of the attributes of a mark, in order."""
