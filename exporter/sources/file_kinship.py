"""What new files are: the rest of one that is gone, a copy of one that is there, or new indeed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from exporter.sources.file_content import BrokenContent
from exporter.sources.file_cursor import Mark
from exporter.sources.file_identity import LogFile, Relations, beginning
from exporter.sources.file_reader import start_of
from exporter.sources.file_survey import Known, Survey, settled

_AT_ONCE: Final = 64
"""New files that are looked at together: a look at what has changed meanwhile is for all of them."""


class Kinship:
    """Says of each new file of one survey what it is; only while nothing that it was compared with moves."""

    def __init__(self, found: Survey, patterns: Sequence[str]) -> None:
        plain = [one for one in found.known if one.file.compression is None and one.file.format != "parquet"]
        self._found = found
        self._patterns = patterns
        self._relations = Relations(
            found.lost,
            [
                replace(one.mark, path=one.file.path)
                for one in found.known
                if one.mark is not None and one.file.compression is None
            ],
            [start_of(one.file) for one in plain if _is_new(one)],
        )
        self._waiting = [one.file for one in found.known if _is_new(one)]
        self._heirs: dict[tuple[int, int], Mark | None] = {}
        """Of files that may be read: the mark that they go on with."""
        self._errors: dict[tuple[int, int], OSError | BrokenContent] = {}
        self._beginnings: dict[tuple[int, int], bytes] = {}
        """Of text files that were looked at: their first bytes then."""
        self._looked_at: set[tuple[int, int]] = set()
        self._taken: set[tuple[int, int]] = set()

    @property
    def lost(self) -> list[Mark]:
        """Marks of files that are gone whose rest was not found, or not read."""
        found = [mark for identity, mark in self._heirs.items() if mark is not None and identity not in self._taken]
        return [*self._relations.lost, *found]

    def may_be_read(self, file: LogFile) -> bool:
        """Whether the new file holds rows that stand in no other one; false also where that cannot be told now.

        Raises:
            OSError, BrokenContent: the file cannot be read.
        """
        if file.identity not in self._looked_at:
            self._look(self._waiting.index(file))
        if file.identity in self._errors:
            raise self._errors[file.identity]
        return file.identity in self._heirs

    def take(self, file: LogFile) -> Mark | None:
        """The mark that a new file that may be read goes on with; it is the file's from now on."""
        self._taken.add(file.identity)
        return self._heirs[file.identity]

    def beginning(self, file: LogFile) -> bytes:
        """First bytes of a new file when it was looked at: with others it is another one under the same inode."""
        return self._beginnings.get(file.identity, b"")

    def give_back(self, file: LogFile) -> None:
        """The file could not be read after all: its mark waits for it."""
        self._taken.discard(file.identity)

    def _look(self, first: int) -> None:
        """Finds out what the next new files are; nothing of any of them where something moved meanwhile."""
        files = self._waiting[first : first + _AT_ONCE]
        for file in files:
            self._looked_at.add(file.identity)
            try:
                if file.format != "parquet":
                    self._beginnings[file.identity] = beginning(file.path, file.compression)
                heir = self._relations.heir(file)
                if heir is not None or not self._relations.copied(file):
                    self._heirs[file.identity] = heir
            except (OSError, BrokenContent) as error:
                self._errors[file.identity] = error
        if not settled(self._found, self._patterns, files):
            self._relations.lost += [
                mark for file in files if (mark := self._heirs.pop(file.identity, None)) is not None
            ]


def _is_new(one: Known) -> bool:
    """Nothing was read of it."""
    return one.mark is None or one.mark.offset == 0
