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
_NOT_WORTH_A_LOOK: Final = BYTES_AT_ONCE >> 6
"""A column whose rows cannot take more than so many bytes together."""
_FIXED_BYTES: Final = 8
"""Of a number or a time in memory, at most."""


class Widths:
    """Tells how many rows of a row group may be read at once."""

    def __init__(self, source: Any, file: pq.ParquetFile, columns: tuple[str, ...] | None) -> None:
        """Of the wanted columns of `file`, which stands open as `source` too."""
        self._metadata = file.metadata
        paths = [file.schema.column(leaf).path for leaf in range(len(file.schema))]
        self._leaves = [leaf for leaf, path in enumerate(paths) if wanted(path, columns)]
        self._fixed = [max(_FIXED_BYTES, file.schema.column(leaf).length or 0) for leaf in self._leaves]
        self._names = [name for name in file.schema_arrow.names if wanted(name, columns)]
        self._dictionaries = pq.ParquetFile(source, metadata=file.metadata, read_dictionary=paths, pre_buffer=False)

    def rows_at_once(self, group: int, most: int) -> int:
        """How many rows of a row group stay below `BYTES_AT_ONCE`, from 1 to `most`.

        A row of a column is taken to be as wide as the mean of what is stored, or as the longest value of the
        dictionary, which every row may repeat. Elements of one row's list are taken to be as many as in the mean.

        Raises:
            pa.ArrowException, OSError: the dictionaries cannot be read.
        """
        metadata = self._metadata.row_group(group)
        rows, width, repeated = max(1, metadata.num_rows), 0.0, set[str]()
        for leaf, fixed in zip(self._leaves, self._fixed, strict=True):
            chunk = metadata.column(leaf)
            stored = max(0, chunk.total_uncompressed_size)
            elements = max(1.0, chunk.num_values / rows)
            text = chunk.physical_type in _TEXT
            width += max(fixed * elements, stored / rows if text else 0.0)
            if text and chunk.has_dictionary_page and stored * elements * min(rows, most) > _NOT_WORTH_A_LOOK:
                repeated.add(chunk.path_in_schema)
        if repeated:
            width += self._longest(group, repeated, rows)
        return max(1, min(most, int(BYTES_AT_ONCE / max(1.0, width))))

    def _longest(self, group: int, paths: set[str], rows: int) -> float:
        """Sum of the longest values of some columns' dictionaries, which come along with a row group's first row."""
        names = [name for name in self._names if any(path == name or path.startswith(f"{name}.") for path in paths)]
        first = next(self._dictionaries.iter_batches(1, row_groups=[group], columns=names), None)
        if first is None:
            return 0.0
        elements = max(
            1.0, max(self._metadata.row_group(group).column(leaf).num_values for leaf in self._leaves) / rows
        )
        return sum(
            longest * (elements if nested else 1.0)
            for column in first.columns
            for longest, nested in _longest_values(column)
        )


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
