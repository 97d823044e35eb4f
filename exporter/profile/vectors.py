"""Many count vectors of one layout, kept small: a year of hourly blocks would fill half a gigabyte as plain numbers.

Nearly all counts are small whole numbers and many are always zero. Each column is kept in the narrowest type that holds
all its numbers exactly; a column of zeros is not kept. What is taken out is float64 again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats

Places = NDArray[np.intp]
_TYPES = ("<u1", "<u2", "<u4", "<f8")
"""From narrow to wide; the last one holds everything."""
_CHUNK_BYTES = 1 << 24
"""About so much is plain float64 at once while something is made."""
_ABSENT = -1


@dataclass(frozen=True, slots=True)
class Group:
    """Columns of one type.

    Attributes:
        places: (n,) which columns they are, rising.
        data: (n, K) their numbers.
    """

    places: Places
    data: NDArray[Any]


class Vectors:
    """(K, width) counts that nobody changes."""

    def __init__(self, rows: int, width: int, groups: Sequence[Group] = ()) -> None:
        """What `groups` hold; all other columns are zero."""
        self.shape = (rows, width)
        self.groups = tuple(group for group in groups if len(group.places))
        self._group = np.full(width, _ABSENT, dtype=np.int8)
        self._row = np.zeros(width, dtype=np.int32)
        for number, group in enumerate(self.groups):
            self._group[group.places] = number
            self._row[group.places] = np.arange(len(group.places))

    @classmethod
    def of(cls, vectors: Sequence[Floats] | Floats, width: int | None = None) -> "Vectors":
        """The vectors, each (width,); `width` need be given only where there may be none."""
        rows = len(vectors)
        if width is None:
            width = np.shape(vectors)[1]
        parts: list[Group] = []
        step = max(1, _CHUNK_BYTES // (8 * max(rows, 1)))
        for start in range(0, width if rows else 0, step):
            columns = np.array([vector[start : start + step] for vector in vectors], dtype=np.float64).T
            parts += _narrow(columns, np.arange(start, start + len(columns)))
        return cls(rows, width, _joined(parts))

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        return sum(group.data.nbytes for group in self.groups)

    def columns(self, places: Places | slice) -> Floats:
        """(K, *places.shape) numbers of some columns."""
        chosen = np.arange(self.shape[1])[places]
        flat = chosen.reshape(-1)
        found: Floats = np.zeros((self.shape[0], len(flat)))
        held = self._group[flat]
        for number, group in enumerate(self.groups):
            here = np.flatnonzero(held == number)
            if len(here):
                found[:, here] = group.data[self._row[flat[here]]].T
        return found.reshape(self.shape[0], *chosen.shape)

    def dense(self) -> Floats:
        """All of it as plain numbers."""
        return self.columns(slice(None))

    def rows(self, kept: NDArray[np.bool_]) -> "Vectors":
        """Some of the vectors; these themselves if it is all of them."""
        if kept.all():
            return self
        groups = [Group(group.places, np.ascontiguousarray(group.data[:, kept])) for group in self.groups]
        return Vectors(int(kept.sum()), self.shape[1], groups)

    def sums(self, first: Places) -> "Vectors":
        """The sums of the vectors from each of `first`, which rise, up to the next; these themselves if each is one."""
        if len(first) == len(self):
            return self
        parts: list[Group] = []
        step = max(1, _CHUNK_BYTES // (8 * len(self)))
        for group in self.groups:
            for start in range(0, len(group.places), step):
                summed = np.add.reduceat(group.data[start : start + step], first, axis=1, dtype=np.float64)
                parts += _narrow(summed, group.places[start : start + step])
        return Vectors(len(first), self.shape[1], _joined(parts))

    def moved(self, sources: Places) -> "Vectors":
        """(K, len(sources)): column j is what column `sources[j]` was, zero where that is negative."""
        groups = []
        held = np.where(sources >= 0, self._group[sources], _ABSENT)
        for number, group in enumerate(self.groups):
            places = np.flatnonzero(held == number)
            rows = self._row[sources[places]]
            same = np.array_equal(rows, np.arange(len(group.places)))
            groups.append(Group(places, group.data if same else group.data[rows]))
        return Vectors(self.shape[0], len(sources), groups)


def _narrow(columns: NDArray[Any], places: Places) -> list[Group]:
    """Columns (n, K) by the narrowest type that holds them."""
    highest, whole = columns.max(axis=1), (columns >= 0).all(axis=1) & (columns == np.rint(columns)).all(axis=1)
    kind = np.full(len(places), len(_TYPES) - 1)
    for number in reversed(range(len(_TYPES) - 1)):
        kind[whole & (highest <= np.iinfo(_TYPES[number]).max)] = number
    # A sign of zero is none that a count could have.
    kind[whole & (highest == 0)] = _ABSENT
    return [
        Group(places[kind == number], columns[kind == number].astype(_TYPES[number]))
        for number in range(len(_TYPES))
        if (kind == number).any()
    ]


def _joined(parts: Sequence[Group]) -> list[Group]:
    """One group for each type."""
    groups = []
    for kind in _TYPES:
        same = [part for part in parts if part.data.dtype == np.dtype(kind)]
        if same:
            places = np.concatenate([part.places for part in same])
            order = np.argsort(places)
            data = np.concatenate([part.data for part in same])
            groups.append(Group(places[order], data if (np.diff(order) > 0).all() else data[order]))
    return groups
