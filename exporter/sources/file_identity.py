"""Which file is which, whatever it is called and however it was copied: by inode, else by what stands in it."""

import contextlib
import itertools
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from exporter.sources.file_content import (
    COMPRESSIONS,
    PRINT_BYTES,
    BrokenContent,
    Format,
    Window,
    digest,
    head_bytes_of,
    head_of,
)
from exporter.sources.file_cursor import Mark
from exporter.sources.formats.parquet import footer_digest

_ROTATION: Final = re.compile(r"[.\-_](\d{1,3}|\d{4}-?\d\d-?\d\d([t_.\-]?\d+)*|\d{9,}|old|bak)$")


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file as it is at the moment.

    Attributes:
        size, mtime: bytes on disk, nanoseconds.
        compression: pyarrow's name of it; None: plain.
        format: by its name; None where that does not tell: by its first bytes.
    """

    path: str
    device: int
    inode: int
    size: int
    mtime: int
    compression: str | None
    format: Format | None

    @property
    def identity(self) -> tuple[int, int]:
        return self.device, self.inode


def same_content(file: LogFile, mark: Mark) -> bool:
    """True where the file holds all that was read of the mark's.

    Raises:
        OSError, BrokenContent: it cannot be read.
    """
    if mark.of_parquet:
        return file.format in ("parquet", None) and footer_digest(file.path) == mark.head
    if mark.offset == 0 or file.format == "parquet" or (file.compression is None and file.size < mark.offset):
        return False
    return head_of(file.path, file.compression, mark.head_bytes) == mark.head and _same_tail(file, mark)


class Relations:
    """Finds the mark whose content a new file goes on with, among marks that lost their file and those that did not.

    A file is opened only where there is something that it might be.
    """

    def __init__(self, lost: Iterable[Mark], plain: Iterable[Mark], unread: Iterable[Mark] = ()) -> None:
        """Indexes the marks.

        Args:
            lost: marks whose file is gone or was truncated.
            plain: marks of uncompressed files that are there.
            unread: marks at the start of uncompressed files of which nothing was read yet.
        """
        self.lost = list(lost)
        self._lost = _Heads(self.lost)
        living = [mark for mark in plain if mark.offset]
        self._by_name: defaultdict[str, list[Mark]] = defaultdict(list)
        for mark in living:
            self._by_name[_name(mark.path)].append(mark)
        self._living = _Heads(living)
        self._unread: defaultdict[str, list[Mark]] = defaultdict(list)
        for mark in unread:
            self._unread[_name(mark.path)].append(mark)
        self._unread_heads: _Heads | None = None

    def heir(self, file: LogFile) -> Mark | None:
        """The lost mark that this new file goes on with: it was rotated by copying, compressed, moved or replaced.

        Raises:
            OSError, BrokenContent: the file cannot be read.
        """
        alike = self._lost.alike(file)
        same = [mark for mark in self.lost if mark in alike and (mark.of_parquet or _same_tail(file, mark))]
        if not same:
            return None
        mark = max(same, key=lambda one: (one.path == file.path, stems_from(file.path, one.path), one.offset))
        self.lost.remove(mark)
        return mark

    def copied(self, file: LogFile) -> bool:
        """True where this new file is a copy of one that is still there, made by rotating it: compressed, or by name.

        It may still be in the making: then all that it holds so far stands in the other one. Two files that merely
        begin alike are not copies: a plain one that holds what the other does not must have more than 1 KiB of it.

        Raises:
            OSError, BrokenContent: the file cannot be read.
        """
        name = _name(file.path)
        stems = [name[:length] for length in range(1, len(name))]
        named = [mark for stem in stems for mark in self._by_name.get(stem, ())]
        if file.compression is None:
            return any(
                _same_until(file, mark, file.size) or (mark.offset > PRINT_BYTES and same_content(file, mark))
                for mark in named
            ) or any(_within(file, mark) for stem in stems for mark in self._unread.get(stem, ()))
        alike = [mark for mark in self._living.alike(file) if not mark.of_parquet]
        return (
            any(_same_until(file, mark, mark.offset) for mark in named)
            or any(_same_tail(file, mark) for mark in alike if mark.offset > PRINT_BYTES)
            or any(
                _within(file, mark)
                for mark in [*alike, *self._unread_alike(file)]
                if mark.offset <= PRINT_BYTES and log_name(mark.path)[1] == log_name(file.path)[1]
            )
        )

    def _unread_alike(self, file: LogFile) -> list[Mark]:
        """Marks of unread files that begin as this one does; all of them are opened the first time this is asked."""
        if self._unread_heads is None:
            found = []
            for mark in itertools.chain.from_iterable(self._unread.values()):
                with contextlib.suppress(OSError):
                    head = beginning(mark.path, None)
                    found.append(replace(mark, head=digest(head), head_bytes=len(head), offset=len(head)))
            self._unread_heads = _Heads(found)
        return self._unread_heads.alike(file)


class _Heads:
    """Marks by what their files begin with."""

    def __init__(self, marks: Iterable[Mark]) -> None:
        self._text: defaultdict[int, defaultdict[str, list[Mark]]] = defaultdict(lambda: defaultdict(list))
        self._parquet: defaultdict[str, list[Mark]] = defaultdict(list)
        for mark in marks:
            if mark.of_parquet:
                self._parquet[mark.head].append(mark)
            elif mark.offset:
                self._text[mark.head_bytes][mark.head].append(mark)

    def alike(self, file: LogFile) -> list[Mark]:
        """Marks of files that begin as this one does; Parquet: that end so."""
        found: list[Mark] = []
        if self._parquet and file.format in ("parquet", None):
            found += self._parquet.get(footer_digest(file.path), ())
        if self._text and file.format != "parquet":
            head = beginning(file.path, file.compression)
            for size, marks in self._text.items():
                found += marks.get(digest(head[:size]), ())
        return found


def stems_from(path: str, other: str) -> bool:
    """True where a file's name is another one's with something added, as rotating does."""
    name, stem = _name(path), _name(other)
    return len(name) > len(stem) and name.startswith(stem)


def beginning(path: str, compression: str | None) -> bytes:
    """The first 1 KiB of content, or what stands before its end or the place where it is broken."""
    window = Window(path, compression, 0)
    try:
        return window.peek(PRINT_BYTES)
    finally:
        window.close()


def log_name(path: str) -> tuple[str | None, str]:
    """Compression by a file's name, and that name in lower case without it and without what rotating adds to it."""
    stem, suffix = os.path.splitext(_name(path).lower())  # noqa: PTH122 -- both are wanted
    compression = COMPRESSIONS.get(suffix)
    name = _name(path).lower() if compression is None else stem
    while (shorter := _ROTATION.sub("", name)) != name:
        name = shorter
    return compression, name


def _name(path: str) -> str:
    return os.path.basename(path)  # noqa: PTH119 -- called for every file of every poll


def _same_tail(file: LogFile, mark: Mark) -> bool:
    """True where the same stands before the place at which reading stopped."""
    if file.compression is None and file.size < mark.offset:
        return False
    window = Window(file.path, file.compression, mark.offset)
    try:
        return window.position == mark.offset and window.tail == mark.tail
    finally:
        window.close()


def _same_until(file: LogFile, mark: Mark, place: int) -> bool:
    """True where the file holds, up to a place or its end, what stands in the mark's file: at both ends of that."""
    copy = Window(file.path, file.compression, place)
    copy.close()
    if copy.position == 0:
        return False
    read = Window(mark.path, None, copy.position)
    read.close()
    size = min(PRINT_BYTES, copy.position)
    return (
        (read.position, read.tail) == (copy.position, copy.tail)
        and head_of(file.path, file.compression, size) == head_of(mark.path, None, size)
    )  # fmt: skip


def _within(file: LogFile, mark: Mark) -> bool:
    """True where all that the file holds stands at the beginning of the mark's, judged by both ends of it."""
    try:
        size = os.stat(mark.path).st_size  # noqa: PTH116 -- paths stay as the glob gave them
    except OSError:
        return False
    length = file.size
    if file.compression is not None:
        window = Window(file.path, file.compression, size + 1)
        window.close()
        length = window.position
    return length <= size and _same_until(file, mark, length)


def confirm(file: LogFile, before: Mark, after: Mark, head: bytes) -> None:
    """What was read of a text file stands in it still: it was neither renamed nor truncated while it was read.

    Args:
        file: as it was listed.
        before: how far it was read before.
        after: how far it is read now.
        head: what it began with before, where nothing had been read of it.

    Raises:
        OSError, BrokenContent: it does not, or the file cannot be read.
    """
    found = os.stat(file.path)  # noqa: PTH116 -- as the glob gave it
    if (found.st_dev, found.st_ino) != file.identity:
        raise FileNotFoundError(2, "renamed while it was read; found again at the next poll")
    if file.compression is not None:
        return
    kept = head_bytes_of(file.path, None, len(head)) == head if before.offset == 0 else _same_tail(file, before)
    if found.st_size < after.offset or not kept:
        raise BrokenContent("was truncated while it was read; looked at again at the next poll")
