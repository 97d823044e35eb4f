"""Coarse bins: a feature's codes merged so far that what is known of outcomes can be kept for each.

MISSING and INVALID keep their codes. The bins of a number are merged two by two along their nesting, *below* and
*above* stay alone; of categories the most frequent stay alone, the others join *other*, *unseen* stays alone. So every
coarse cell is a union of fine ones, and counts of features can be added up to it.
"""

from dataclasses import dataclass

import numpy as np

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
    if isinstance(bins, CategoryBins):
        kept = min(len(bins.values), MOST_CELLS)
        cells = np.append(np.minimum(np.arange(bins.cells - 1), kept), kept + 1)
        labels = bins.values[:kept] + bins.labels[-2:]
    else:
        halvings = 0
        while -(-(bins.cells - 2) >> halvings) > MOST_CELLS:
            halvings += 1
        cells = nesting(bins.cells, tuple(range(halvings + 1)))[-1]
        last = np.flatnonzero(np.append(cells[1:] != cells[:-1], True))
        labels = tuple(bins.labels[cell] for cell in last)
    table = np.concatenate((np.arange(FIRST_CELL), FIRST_CELL + cells)).astype(np.uint8)
    return Coarse(FIRST_CELL + len(labels), table, labels)
