"""How wide the rows of a Parquet file may become: a few bytes on disk, kept once, may stand for gigabytes of text."""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from exporter.sources.formats.lines import wanted

BYTES_AT_ONCE: Final = 1 << 26
"""Rows that are read at once take at most about so much memory, however short they are on disk."""
_TEXT: Final = frozenset({"BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"})
_FIXED_BYTES: Final = 8
"""Of a number or a time in memory, at most."""


class Widths:
    """Tells how many rows of a row group may be read at once."""

    def __init__(self, source: Any, file: pq.ParquetFile, columns: tuple[str, ...] | None) -> None:
        """Of the wanted columns of `file`, which stands open as `source` too."""
        self._metadata = file.metadata
        leaves = [file.schema.column(leaf) for leaf in range(len(file.schema))]
        paths = [leaf.path for leaf in leaves]
        asked = [number for number, path in enumerate(paths) if wanted(path, columns)]
        self._fixed = sum(max(_FIXED_BYTES, leaves[number].length or 0) for number in asked)
        self._texts = [number for number in asked if leaves[number].physical_type in _TEXT]
        self._names = [
            name
            for name in file.schema_arrow.names
            if any(paths[number] == name or paths[number].startswith(f"{name}.") for number in self._texts)
        ]
        self._dictionaries = pq.ParquetFile(source, metadata=file.metadata, read_dictionary=paths, pre_buffer=False)

    def rows_at_once(self, group: int, most: int) -> int:
        """How many rows of a row group stay below `BYTES_AT_ONCE`, from 1 to `most`.

        Text in a row is taken to be as long as the mean of what is stored and the longest value of the dictionary,
        which every row may repeat, together. Elements of one row's list are taken to be as many as in the mean.

        Raises:
            pa.ArrowException, OSError: the dictionaries cannot be read.
        """
        width = self._fixed + (self._text(group) if self._names else 0.0)
        return max(1, min(most, int(BYTES_AT_ONCE / max(1.0, width))))

    def _text(self, group: int) -> float:
        """Bytes of a row's text at most; dictionaries come along with a row group's first row."""
        first = next(self._dictionaries.iter_batches(1, row_groups=[group], columns=self._names), None)
        if first is None:
            return 0.0
        # Only now: asked for a damaged column that was not read before, pyarrow ends the process.
        metadata = self._metadata.row_group(group)
        rows = max(1, metadata.num_rows)
        chunks = [metadata.column(leaf) for leaf in self._texts]
        stored: float = sum(max(0, chunk.total_uncompressed_size) for chunk in chunks) / rows
        elements: float = max(1.0, max(chunk.num_values for chunk in chunks) / rows)
        longest = (each for column in first.columns for each in _longest_values(column))
        return stored + sum(length * (elements if nested else 1.0) for length, nested in longest)


def _longest_values(column: pa.Array, *, nested: bool = False) -> Iterator[tuple[int, bool]]:
    """The bytes of the longest value of each dictionary in a column, and whether a row may hold many of it."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield pc.max(pc.binary_length(column.dictionary)).as_py() or 0, nested
    elif pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            yield from _longest_values(column.field(number), nested=nested)
    elif pa.types.is_nested(kind) and hasattr(column, "values"):
        yield from _longest_values(column.values, nested=True)
