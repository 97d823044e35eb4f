"""Parquet files: some rows from a place on, of the needed columns only."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from exporter.sources.file_content import BrokenContent, digest
from exporter.sources.formats.lines import wanted
from exporter.sources.formats.parquet_width import Widths

ROWS_AT_ONCE: Final = 1 << 16
ROWS_AT_ONCE_WITH_CARE: Final = 1 << 9
_ROWS_IN_ONE_GO: Final = 1 << 20
"""Row groups of about so many rows are begun together, so that batches go on over the ends of small ones."""
_BUFFER_BYTES: Final = 1 << 18
"""Of each column at a time; otherwise a column's whole row group is in memory before its first page is read."""
MAGIC: Final = b"PAR1"
_FOOTER_BYTES: Final = 1 << 16


def footer_digest(path: str) -> str:
    """Digest of the file's size and its last 64 KiB, which hold its footer; empty where it is no whole Parquet file.

    Raises:
        OSError: it cannot be opened.
    """
    with Path(path).open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return ""
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _FOOTER_BYTES))
        footer = file.read()
    return digest(str(size).encode() + footer) if footer.endswith(MAGIC) else ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Rows that cannot be read though the file is whole: those of a damaged row group, from its first bad page on.

    Attributes:
        first_row: counted from 1.
        rows: how many, at least 1.
        why: one line.
    """

    first_row: int
    rows: int
    why: str


class ParquetRows:
    """Rows of one file, in order, in batches; the place of the next one is `position`."""

    def __init__(self, path: str, position: int, columns: tuple[str, ...] | None) -> None:
        """Opens the file at row `position`, counted from 0.

        Raises:
            OSError: it cannot be opened.
            BrokenContent: it is no whole Parquet file; it may still be being written.
        """
        self._source = pa.OSFile(path)
        try:
            self._file = pq.ParquetFile(self._source, pre_buffer=False, buffer_size=_BUFFER_BYTES)
            self._widths = Widths(self._source, self._file, columns)
        except UnicodeDecodeError as error:
            self._source.close()
            raise BrokenContent("the name of a column is not UTF-8; rename it") from error
        except (pa.ArrowException, EOFError) as error:
            self._source.close()
            raise BrokenContent(f"not a complete Parquet file yet ({_first_line(error)})") from error
        self.position = position
        metadata = self._file.metadata
        self._sizes = [max(0, int(metadata.row_group(number).num_rows)) for number in range(metadata.num_row_groups)]
        names = [name for name in self._file.schema_arrow.names if wanted(name, columns)]
        self._columns = names if columns is not None else None
        self._batches: Iterator[Any] | None = None
        self._rest: pa.RecordBatch | None = None
        self._careful_until = 0
        """Up to this row, few rows are read at a time and none beyond their row group: something there is damaged."""

    @property
    def rows(self) -> int:
        """Rows of the whole file."""
        return sum(self._sizes)

    def read(self, limit: int) -> pa.RecordBatch | Gap | None:
        """The next rows, at most `limit`, or the next ones that cannot be read; None at the end.

        Raises:
            BrokenContent: nothing can be read now, as the disk does not answer or a key or a codec is missing.
        """
        while True:
            try:
                batch = self._rest if self._rest is not None else self._next()
                break
            except (pa.ArrowException, OSError) as error:
                gap = self._after(error)
            if gap is not None:
                return gap
        if batch is None:
            return None
        self._rest = batch.slice(limit) if batch.num_rows > limit else None
        batch = batch.slice(0, limit)
        self.position += batch.num_rows
        return batch

    def close(self) -> None:
        self._batches = None
        self._source.close()

    def _after(self, error: Exception) -> Gap | None:
        """What an error leaves to do: None, to read on with care, or a gap, behind which the position stands then."""
        self._batches = None
        why = f"row {self.position + 1}: {_first_line(error)}"
        content = isinstance(error, pa.ArrowInvalid) or (isinstance(error, OSError) and error.errno is None)
        if not content or "decrypt" in why.lower():
            raise BrokenContent(why) from error
        if self.position >= self._careful_until:
            self._careful_until = min(self.position + ROWS_AT_ONCE, self.rows)
            return None
        _, first, size = self._group()
        gap = Gap(self.position + 1, first + size - self.position, _first_line(error))
        self.position = first + size
        return gap

    def _group(self) -> tuple[int, int, int]:
        """The row group in which `position` stands: its number, its first row, and its rows."""
        first = 0
        for number, size in enumerate(self._sizes):
            if self.position < first + size:
                return number, first, size
            first += size
        return len(self._sizes), first, 0

    def _next(self) -> pa.RecordBatch | None:
        while self.position < self.rows:
            begins = self._batches is None
            self._batches = self._batches or self._from_position()
            batch = next(self._batches, None)
            if batch is not None:
                return batch
            if begins:
                raise pa.ArrowInvalid("a row group has fewer rows than the file says")
            self._batches = None
        return None

    def _from_position(self) -> Iterator[Any]:
        """Batches from `position` on, of some row groups or, with care, of one; those before it are not read."""
        number, first, _ = self._group()
        skip = self.position - first
        careful = self.position < self._careful_until
        at_once = self._widths.rows_at_once(number, ROWS_AT_ONCE_WITH_CARE if careful else ROWS_AT_ONCE)
        groups = [number] if careful else self._alike(number, at_once)
        for batch in self._file.iter_batches(at_once, row_groups=groups, columns=self._columns, use_threads=True):
            if skip >= batch.num_rows:
                skip -= batch.num_rows
                continue
            yield batch.slice(skip)
            skip = 0

    def _alike(self, number: int, at_once: int) -> list[int]:
        """A row group and those after it of which as many rows may be read at once, about `_ROWS_IN_ONE_GO` in all."""
        groups, rows = [number], self._sizes[number]
        for after in range(number + 1, len(self._sizes)):
            if rows >= _ROWS_IN_ONE_GO or self._widths.rows_at_once(after, ROWS_AT_ONCE) != at_once:
                break
            groups.append(after)
            rows += self._sizes[after]
        return groups


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
