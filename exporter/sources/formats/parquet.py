"""Parquet files: some rows from a place on, of the needed columns only."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from exporter.sources.file_content import BrokenContent, digest
from exporter.sources.formats.lines import wanted

ROWS_AT_ONCE: Final = 1 << 16
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


class ParquetRows:
    """Rows of one file, in order, in batches; the place of the next one is `position`."""

    def __init__(self, path: str, position: int, columns: tuple[str, ...] | None) -> None:
        """Opens the file at row `position`, counted from 0.

        Raises:
            OSError: it cannot be opened.
            BrokenContent: it is no whole Parquet file; it may still be being written.
        """
        try:
            self._file = pq.ParquetFile(path, memory_map=False, pre_buffer=False)
        except (pa.ArrowInvalid, EOFError) as error:
            raise BrokenContent(f"not a complete Parquet file yet ({_first_line(error)})") from error
        self.position = position
        names = [name for name in self._file.schema_arrow.names if wanted(name, columns)]
        self._columns = names if columns is not None else None
        self._batches: Iterator[Any] | None = None
        self._rest: pa.RecordBatch | None = None

    @property
    def rows(self) -> int:
        """Rows of the whole file."""
        return int(self._file.metadata.num_rows)

    def read(self, limit: int) -> pa.RecordBatch | None:
        """The next rows, at most `limit`; None at the end.

        Raises:
            BrokenContent: a page cannot be read.
        """
        try:
            batch = self._rest if self._rest is not None else self._next()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise BrokenContent(f"row {self.position + 1}: {_first_line(error)}") from error
        if batch is None:
            return None
        self._rest = batch.slice(limit) if batch.num_rows > limit else None
        batch = batch.slice(0, limit)
        self.position += batch.num_rows
        return batch

    def close(self) -> None:
        self._batches = None
        self._file.close()

    def _next(self) -> pa.RecordBatch | None:
        if self._batches is None:
            self._batches = self._from_position()
        return next(self._batches, None)

    def _from_position(self) -> Iterator[pa.RecordBatch]:
        """Batches from `position` on; row groups before it are not read."""
        first, skip = 0, self.position
        while first < self._file.num_row_groups and skip >= self._file.metadata.row_group(first).num_rows:
            skip -= self._file.metadata.row_group(first).num_rows
            first += 1
        groups = list(range(first, self._file.num_row_groups))
        if not groups:
            return
        for batch in self._file.iter_batches(ROWS_AT_ONCE, row_groups=groups, columns=self._columns, use_threads=True):
            if skip >= batch.num_rows:
                skip -= batch.num_rows
                continue
            yield batch.slice(skip)
            skip = 0


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
