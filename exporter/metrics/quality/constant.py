"""A feature that got stuck: all its valid values lie in one cell though the reference's were spread.

Some features are constant by nature for a while: the month within a day, the weather of a quiet hour. So the
reference's own windows of the length (or, where there are too few, half as long, which are constant at least as
often) say whether it ever was: one such window, and nothing is said. Where the reference has no time, only a number
spread over at least `_CONTINUOUS` cells is judged, which no calendar field is. Only cells that can stand for one
value count: known categories, and closed cells of numbers that held just their upper edge in the reference or are
narrow. Wide ones and open ones hold many values.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.quality.table import Table
from exporter.profile.bins import FIRST_CELL, INVALID, MISSING, Floats, NumericBins
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors

_CONTINUOUS = 40
_SPREAD = 0.95
"""A feature of which one cell holds more of the reference than this is nearly constant by nature."""
_BY_CHANCE = 1e-9
_NARROW = 0.05
"""Width of a cell against the whole range, up to which its values count as one."""
_EXACT = 1e-9


@dataclass(frozen=True, slots=True)
class Varied:
    """Which features can be called stuck.

    Attributes:
        judged: (F,) there is a verdict.
        chance: (F,) share of the reference's fullest cell: n values lie in one cell by chance with about chanceⁿ.
        narrow: (ΣW,) 1 where a code can stand for one value, else 0.
    """

    judged: NDArray[np.bool_]
    chance: Floats
    narrow: Floats


def varied(reference: Reference, table: Table, seconds: int, min_blocks: int) -> Varied:
    """Which features varied in all of the reference's windows of `seconds`; learned once for a reference."""
    key = ("quality constant", seconds, min_blocks)
    return reference.once(key, lambda learned_from: _learn(learned_from, table, seconds, min_blocks))


def _learn(reference: Reference, table: Table, seconds: int, min_blocks: int) -> Varied:
    narrow = _narrow(reference)
    fullest, valid = _fullest(reference.total["features"], table, narrow)
    chance = np.divide(fullest, valid, out=np.ones(len(table.names)), where=valid > 0)
    windows = reference.windows(seconds)
    while len(windows) < min_blocks and reference.block_seconds is not None and seconds // 2 >= reference.block_seconds:
        seconds //= 2
        windows = reference.windows(seconds)
    if len(windows) >= max(min_blocks, 2):
        spans = [reference.layout.feature_span[name] for name in table.names]
        varies = np.array([not _ever_stuck(reference, windows, span, narrow) for span in spans], dtype=np.bool_)
    else:
        varies = np.array([_occupied(reference, name) >= _CONTINUOUS for name in table.names], dtype=np.bool_)
    return Varied(varies & (chance <= _SPREAD), chance, narrow)


def _ever_stuck(reference: Reference, windows: Vectors, span: slice, narrow: Floats) -> bool:
    """Whether all valid values of a feature, whose codes are `span`, lay in one narrow cell in one of the windows."""
    start = reference.layout.spans["features"].start
    cells = windows.columns(slice(start + span.start, start + span.stop))
    rows = cells.sum(axis=1) - cells[:, MISSING] - cells[:, INVALID]
    fullest = (cells * narrow[span]).max(axis=1)
    return bool(((fullest == rows) & (rows > 1)).any())


def _narrow(reference: Reference) -> Floats:
    layout = reference.layout
    narrow = np.zeros(layout.feature_width)
    for name, bins in layout.features.items():
        span = layout.feature_span[name]
        if not isinstance(bins, NumericBins):
            narrow[span.start + FIRST_CELL : span.start + bins.other] = 1
            continue
        counts, sums = reference.total.feature(name)[FIRST_CELL:-1], reference.total.feature_sums(name)[FIRST_CELL:-1]
        mean = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
        width = np.diff(bins.edges, prepend=np.nan)
        span_of_edges = bins.edges[-1] - bins.edges[0]
        held_its_edge = np.abs(mean - bins.edges) <= np.maximum(_EXACT * np.abs(bins.edges), bins.unit)
        cells = (held_its_edge | (width <= _NARROW * span_of_edges)).astype(np.float64)
        cells[0] = 0.0
        narrow[span.start + FIRST_CELL : span.stop - 1] = cells
    return narrow


def _occupied(reference: Reference, name: str) -> int:
    if not isinstance(reference.layout.features[name], NumericBins):
        return 0
    return int((reference.total.feature(name)[FIRST_CELL:] > 0).sum())


def _fullest(features: Floats, table: Table, narrow: Floats) -> tuple[Floats, Floats]:
    """(F,) rows of the fullest cell that can stand for one value, and valid rows, of counts (ΣW,)."""
    if not table.names:
        return np.zeros(0), np.zeros(0)
    valid = np.add.reduceat(features, table.starts)
    valid = valid - features[table.starts + MISSING] - features[table.starts + INVALID]
    return np.maximum.reduceat(features * narrow, table.starts), valid


def stuck(features: Floats, table: Table, known: Varied, min_rows: int) -> Floats:
    """(F,) 1 where a feature of the window's counts (ΣW,) is stuck, 0 where not, NaN without a verdict."""
    fullest, valid = _fullest(features, table, known.narrow)
    chance = np.where(valid > 0, known.chance ** np.minimum(valid, 1e6), 1.0)
    found = (fullest == valid) & (chance < _BY_CHANCE)
    return np.where(known.judged & (valid >= max(min_rows, 2)), found.astype(np.float64), np.nan)
