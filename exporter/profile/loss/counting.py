"""The sums of pair terms by cell: rows are counted by two coarse codes, and what a code says is multiplied in once."""

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Codes, Floats
from exporter.profile.cells import Bools
from exporter.profile.coarse import Coarse, coarse
from exporter.profile.layout import Layout
from exporter.profile.loss.pair_terms import Variable
from exporter.profile.output import output_bins, output_codes
from exporter.profile.rows import Rows

Ints = NDArray[np.int64]


def pair_sums(layout: Layout, rows: Rows, cell: Ints, cells: int, bad: Bools) -> tuple[Floats, Floats]:
    """(cells, P, 1 + L): for each of the layout's pairs n rows and the sums of its terms, in whole numbers.

    Of all rows, and of those that `bad` (n,) marks.
    """
    assert layout.pairs is not None
    pairs = layout.pairs
    known, marked = _variables(layout, rows), np.flatnonzero(bad)
    sums = np.zeros((2, cells, len(pairs), 1 + pairs.losses))
    # Most pairs have as many codes as the next one: where their cells begin is told once.
    begin: dict[int, Ints] = {}
    for place, ((one, other), table) in enumerate(zip(pairs.members, pairs.tables, strict=True)):
        size = len(table)
        index: NDArray[np.integer] = _codes(known.get(one), known.get(other), size, len(rows))
        if cells > 1:
            if size not in begin:
                begin[size] = cell * size
            index = begin[size] + index
        for part, chosen in enumerate((None, marked) if len(marked) else (None,)):
            picked = index if chosen is None else index[chosen]
            weight = rows.weight if rows.weight is None or chosen is None else rows.weight[chosen]
            counted = np.bincount(picked, weight, minlength=cells * size).reshape(cells, size)
            sums[part, :, place, 0] = counted.sum(axis=1)
            sums[part, :, place, 1:] = counted @ table
    return sums[0], sums[1]


_Coded = tuple[Coarse, Codes]
"""How a variable's codes are merged, and the merged codes (n,)."""


def _codes(one: _Coded | None, other: _Coded | None, size: int, rows: int) -> NDArray[np.uint16]:
    """(rows,) codes of a pair; a variable that the configuration has left out is MISSING, whose code is 0."""
    wide = other[0].width if other is not None else size // (size if one is None else one[0].width)
    code = np.zeros(rows, dtype=np.uint16) if one is None else one[1] * np.uint16(wide)
    if other is not None:
        code += other[1]
    return code


def _variables(layout: Layout, rows: Rows) -> dict[Variable, _Coded]:
    """Every variable in a pair."""
    assert layout.pairs is not None
    found: dict[Variable, _Coded] = {}
    for variable in {each for members in layout.pairs.members for each in members}:
        if variable is not None and variable in layout.features:
            merged = layout.coarse[variable]
            found[variable] = (merged, merged.table.take(rows.features[variable][0]))
        bins = output_bins(layout)
        if variable is None and bins is not None:
            merged = coarse(bins)
            found[variable] = (merged, merged.table.take(output_codes(layout, rows)))
    return found
