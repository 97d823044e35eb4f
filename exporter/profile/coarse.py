"""Coarse bins: a feature's codes merged so far that what is known of outcomes can be kept for each.

MISSING and INVALID keep their codes. The bins of a number are merged two by two along their nesting, *below* and
*above* stay alone; of categories the most frequent stay alone, the others join *other*, *unseen* stays alone. So every
coarse cell is a union of fine ones, and counts of features can be added up to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import FIRST_CELL, CategoryBins, Codes, FeatureBins, nesting

MOST_CELLS = 16
"""Coarse cells of values, beside *below* and *above* or *other* and *unseen*."""
MOST_CODES = FIRST_CELL + MOST_CELLS + 2


@dataclass(frozen=True, slots=True)
class Coarse:
    """How a feature's codes are merged.

    Attributes:
        width: how many coarse codes there are, MISSING and INVALID among them; at most `MOST_CODES`.
        table: (bins.width,) the coarse code of each code, never falling but for categories that join *other*.
        labels: a coarse cell each, from code FIRST_CELL on: upper edges or names, as `bins.labels`.
    """

    width: int
    table: Codes
    labels: tuple[str, ...]


def coarse(bins: FeatureBins) -> Coarse:
    """The coarse bins of a feature; a function of its bins alone."""
    named = bins.labels
    if isinstance(bins, CategoryBins):
        kept = min(len(bins.values), MOST_CELLS)
        cells = np.append(np.minimum(np.arange(bins.cells - 1), kept), kept + 1)
        labels = named[:kept] + named[-2:]
    else:
        halvings = 0
        while -(-(bins.cells - 2) >> halvings) > MOST_CELLS:
            halvings += 1
        cells = nesting(bins.cells, tuple(range(halvings + 1)))[-1]
        last = np.flatnonzero(np.append(cells[1:] != cells[:-1], True))
        labels = tuple(named[cell] for cell in last)
    table = np.concatenate((np.arange(FIRST_CELL), FIRST_CELL + cells)).astype(np.uint8)
    return Coarse(FIRST_CELL + len(labels), table, labels)


def coarse_codes(columns: Iterable[tuple[Coarse, Codes]]) -> Codes:
    """(n, F) coarse codes of rows, from the plain ones (n,) of each feature."""
    codes: Codes = np.ascontiguousarray(np.array([merged.table[plain] for merged, plain in columns]).T)
    return codes


UNKNOWN = 0
"""Stands in `Coded.coding` where nobody knows a row's codes."""


@dataclass(slots=True)
class Coded:
    """Coarse codes of rows, so that truth that comes late still knows the features.

    Attributes:
        names: the bins that codes may be of, by `Layout.coarse_id`; the first is that of UNKNOWN.
        coding: (n,) which of `names` a row's codes are of.
        codes: (n, F); columns beyond the features of those bins say nothing.
    """

    names: tuple[str, ...]
    coding: Codes
    codes: Codes

    @classmethod
    def of(cls, name: str, codes: Codes) -> "Coded":
        """Codes (n, F) that are all of the bins `name`."""
        return cls(("", name), np.broadcast_to(np.uint8(1), (len(codes),)), codes)

    def take(self, keep: NDArray[np.intp] | NDArray[np.bool_]) -> "Coded":
        """Some of the rows."""
        rows = np.flatnonzero(keep) if keep.dtype == np.bool_ else keep
        return Coded(self.names, self.coding.take(rows), self.codes.take(rows, axis=0))

    def of_bins(self, name: str, features: int) -> tuple[NDArray[np.bool_], Codes]:
        """(n,) which rows have codes of the bins `name`, and the codes (n, features) of all rows."""
        if name not in self.names or self.codes.shape[1] < features:
            return np.zeros(len(self.coding), dtype=np.bool_), np.zeros((len(self.coding), features), dtype=np.uint8)
        return self.coding == self.names.index(name), self.codes[:, :features]


def joined_codes(parts: Sequence[tuple[int, Coded | None]]) -> Coded | None:
    """The codes of rows one after the other: how many rows, and their codes where they have any.

    All number bins alike.
    """
    known = [part for _, part in parts if part is not None]
    if not known:
        return None
    wide = max(part.codes.shape[1] for part in known)
    rows = sum(n for n, _ in parts)
    coding, codes = np.full(rows, UNKNOWN, dtype=np.uint8), np.zeros((rows, wide), dtype=np.uint8)
    start = 0
    for n, part in parts:
        if part is not None:
            coding[start : start + n] = part.coding
            codes[start : start + n, : part.codes.shape[1]] = part.codes
        start += n
    return Coded(max((part.names for part in known), key=len), coding, codes)
