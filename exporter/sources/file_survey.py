"""Which files there are, and which of them were read before under this or another name."""

import contextlib
import os
import stat
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from exporter.sources.file_content import BrokenContent, Format, head_of
from exporter.sources.file_cursor import Mark
from exporter.sources.file_glob import matching
from exporter.sources.file_identity import LogFile, log_name, same_content, stems_from

SETTLED_NANOSECONDS: Final = 60 * 10**9
"""A file that stayed as it is for so long after another one was written to is not written to any more."""
_FORMATS: Final[dict[str, Format]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True, slots=True)
class Known:
    """A file and how far it was read (None: never).

    Attributes:
        moved: it was read under another name before; its writer has gone on or soon will.
    """

    file: LogFile
    mark: Mark | None
    moved: bool = False

    @property
    def idle(self) -> bool:
        """True where all was read and nothing has changed since."""
        mark, file = self.mark, self.file
        return mark is not None and mark.drained and (mark.size, mark.mtime) == (file.size, file.mtime)


@dataclass(frozen=True, slots=True)
class Survey:
    """What is there.

    Attributes:
        known: files, the one that was last written to at the end.
        lost: marks of files that are gone or truncated; their content may be in a new file.
        held: marks of files that are there and could not be looked at.
        problems: a line for each file that could not be looked at.
    """

    known: tuple[Known, ...]
    lost: tuple[Mark, ...]
    held: tuple[Mark, ...]
    problems: tuple[str, ...]


def format_of(path: str) -> tuple[str | None, Format | None]:
    """Compression and format by a file's name: `a.csv.zst`, `a.jsonl.1.gz`, `a.log`; None where it does not tell."""
    compression, name = log_name(path)
    return compression, _FORMATS.get(os.path.splitext(name)[1])  # noqa: PTH122


def log_file(path: str, forced: Format | None) -> LogFile | None:
    """The file at a path, links followed; None where there is none or it is no regular file.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 -- follows links, and paths stay as the glob gave them
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    compression, guessed = format_of(path)
    return LogFile(
        path=path,
        device=found.st_dev,
        inode=found.st_ino,
        size=found.st_size,
        mtime=found.st_mtime_ns,
        compression=None if (forced or guessed) == "parquet" else compression,
        format=forced or guessed,
    )


def survey(patterns: Sequence[str], marks: Sequence[Mark], forced: Format | None) -> Survey:
    """All files of the patterns, and those that were read before and were rotated within their directory.

    A file is known by its inode; where that is gone (restored from a backup, mounted elsewhere), by path and content.
    """
    paths = {path for pattern in patterns for path in matching(pattern)}
    files, problems = _found(paths, forced)
    present = {file.identity for file in files}
    files += _renamed([mark for mark in marks if mark.inode and mark.identity not in present], forced)
    present = {file.identity for file in files}

    by_identity = {mark.identity: mark for mark in marks if mark.inode}
    by_path = {mark.path: mark for mark in marks if mark.identity not in present}
    known: list[Known] = []
    held: list[Mark] = []
    for file in files:
        mark = by_identity.get(file.identity) or by_path.get(file.path)
        try:
            goes_on = mark is not None and _goes_on(file, mark)
        except (OSError, BrokenContent) as error:
            problems.append(problem(file.path, error))
            held += [] if mark is None else [mark]
            continue
        known.append(
            Known(file, mark, moved=mark.path != file.path) if mark is not None and goes_on else Known(file, None)
        )
    used = {id(one.mark) for one in known} | {id(mark) for mark in held}
    known += _copied_away(
        [mark for mark in marks if mark.identity in present and id(mark) not in used], present, forced
    )
    known.sort(key=lambda one: (one.file.mtime, one.file.path))
    used |= {id(one.mark) for one in known}
    lost = tuple(mark for mark in marks if id(mark) not in used)
    return Survey(tuple(known), lost, tuple(held), tuple(problems))


def settled(found: Survey, patterns: Sequence[str], anew: Iterable[LogFile]) -> bool:
    """True where what was compared is still what was listed, so that what was found out of new files `anew` holds.

    While logs are being rotated a listing may miss a file, and a name may stand for another file than it did. The new
    files and all that they may be copies of must stand where they stood and hold what they held, and no file that was
    missed may have turned up.
    """
    new = {file.identity for file in anew}
    compared = (one for one in found.known if one.file.identity in new or one.file.compression is None)
    if not all(_stands(one) for one in compared):
        return False
    listed = {one.file.path for one in found.known}
    missed = {mark.identity for mark in found.lost if mark.inode} - {one.file.identity for one in found.known}
    for path in {path for pattern in patterns for path in matching(pattern)} - listed if missed else ():
        with contextlib.suppress(OSError):
            turned_up = os.stat(path)  # noqa: PTH116 -- as the glob gave it
            if (turned_up.st_dev, turned_up.st_ino) in missed:
                return False
    return True


def _stands(one: Known) -> bool:
    """Whether the file is still at its path, has not shrunk, and still holds what was read of it.

    One that has changed may have been cut and filled again, or be a new one that was given the inode of the old.
    """
    file, mark = one.file, one.mark
    try:
        found = os.stat(file.path)  # noqa: PTH116 -- as the glob gave it
        if (found.st_dev, found.st_ino) != file.identity or found.st_size < file.size:
            return False
        unchanged = (found.st_size, found.st_mtime_ns) == (file.size, file.mtime)
        if unchanged or mark is None or mark.offset == 0 or file.compression is not None:
            return True
        return same_content(replace(file, size=found.st_size), mark)
    except (OSError, BrokenContent):
        return False


def is_text(path: str) -> bool:
    """True where a path can be written down: a name may hold bytes that are no text."""
    return printable(path) == path


def printable(path: str) -> str:
    """The path with ? for each byte that is no text."""
    return path.encode("utf-8", "replace").decode("utf-8")


def problem(path: str, error: Exception) -> str:
    """One line that says which file could not be read, and why."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{path}: {said.partition(chr(10))[0]}"


def finished(known: Known, others: Iterable[LogFile]) -> bool:
    """True where nobody will add to a file: it was rotated and its successor is written to, or all others went on.

    Files are compared with one another, never with a clock, so that the same disk gives the same answer.
    """
    file = known.file
    return any(
        known.moved or stems_from(file.path, other.path) or other.mtime - file.mtime >= SETTLED_NANOSECONDS
        for other in others
        if other.identity != file.identity and other.size and other.mtime > file.mtime
    )


def _found(paths: Iterable[str], forced: Format | None) -> tuple[list[LogFile], list[str]]:
    """Files at the paths, each once though it may have many names; and a problem for each that cannot be looked at."""
    files: dict[tuple[int, int], LogFile] = {}
    problems: list[str] = []
    for path in sorted(paths):
        if not is_text(path):
            problems.append(f"{printable(path)}: its name is not UTF-8; rename it")
            continue
        try:
            file = log_file(path, forced)
        except OSError as error:
            problems.append(problem(path, error))
            continue
        if file is not None:
            files.setdefault(file.identity, file)
    return list(files.values()), problems


def _renamed(missing: Sequence[Mark], forced: Format | None) -> list[LogFile]:
    """Files that were read before and now stand in the same directory under a name that no pattern matches."""
    files: list[LogFile] = []
    marks = {mark.identity: mark for mark in missing}
    inodes = {mark.inode for mark in missing}
    for directory in sorted({os.path.dirname(mark.path) or "." for mark in missing}):  # noqa: PTH120 -- as the glob gave it
        try:
            with os.scandir(directory) as entries:
                paths = sorted(entry.path for entry in entries if entry.inode() in inodes)
        except OSError:
            continue
        for file in _found(paths, forced)[0]:
            mark = marks.get(file.identity)
            with contextlib.suppress(OSError, BrokenContent):
                if mark is not None and mark.offset and _goes_on(file, mark):
                    files.append(file)
    return files


def _copied_away(truncated: Sequence[Mark], present: Container[tuple[int, int]], forced: Format | None) -> list[Known]:
    """Copies, under names that no pattern matches, of files that were truncated: what was not read of them is there."""
    copies: list[Known] = []
    for mark in truncated:
        directory = os.path.dirname(mark.path) or "."  # noqa: PTH120 -- as the glob gave it
        with contextlib.suppress(OSError):
            names = [name for name in os.listdir(directory) if stems_from(name, mark.path)]  # noqa: PTH208 -- likewise
            for file in _found([os.path.join(directory, name) for name in names], forced)[0]:  # noqa: PTH118 -- likewise
                with contextlib.suppress(OSError, BrokenContent):
                    if file.identity not in present and same_content(file, mark):
                        copies.append(Known(file, mark, moved=True))
                        break
    return copies


def _goes_on(file: LogFile, mark: Mark) -> bool:
    """True where a file with the inode or the path of a mark still holds what was read of it."""
    if (file.size, file.mtime) == (mark.size, mark.mtime) or mark.offset == 0:
        return True
    if (
        file.compression is not None and not mark.of_parquet
    ):  # its tail is checked where it is read, so that it is decompressed once
        return head_of(file.path, file.compression, mark.head_bytes) == mark.head
    return same_content(file, mark)
