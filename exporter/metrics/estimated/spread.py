"""How a window's score cells are spread over the finer cells in which the reference knows outcomes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.performance.parts import divide
from exporter.profile.bins import FIRST_CELL, Floats
from exporter.profile.layout import Layout


@dataclass(frozen=True, slots=True)
class Cells:
    """F fine cells by rising score within Ks cells of all rows.

    Attributes:
        coarse: (F,) the cell that each fine one is part of.
        share: (F,) the part of a cell's rows that falls into it, as in the reference.
        cells: Ks.
    """

    coarse: NDArray[np.intp]
    share: Floats
    cells: int

    def spread(self, rows: Floats) -> Floats:
        """(Ks,) rows → (F,) rows."""
        spread: Floats = rows[self.coarse] * self.share
        return spread

    def called(self, rows: Floats, positive: Floats) -> Floats:
        """(F,) rows predicted positive, of (Ks,) `rows` of which so many are `positive`.

        Where but one cell holds both, and all are positive above it and none below, a threshold decides: the cell's
        highest scores are the positive ones. Otherwise something else has a say, and all scores of a cell are alike.
        """
        whole = self.spread(rows)
        share = np.nan_to_num(divide(positive, rows))
        there = share[rows > 0]
        mixed = (there > 0) & (there < 1)
        if mixed.sum() > 1 or (np.diff(there) < 0).any():
            return whole * share[self.coarse]
        # Filled from the top: what is above a fine cell within its own takes its part first.
        above = np.cumsum(whole[::-1])[::-1] - whole
        highest = np.searchsorted(self.coarse, self.coarse, side="right") - 1
        return np.clip(positive[self.coarse] - (above - above[highest]), 0.0, whole)


def cells_of(layout: Layout, rows: Floats) -> Cells | None:
    """Fine cells of a layout of which a reference holds `rows` (F,); None if profiles keep none."""
    bins, edges = layout.score_bins, layout.rank_edges
    if bins is None or edges is None or not layout.has("score_ranks"):
        return None
    coarse = bins.codes(np.append(edges, 1.0)).astype(np.intp) - FIRST_CELL
    summed = np.bincount(coarse, rows, minlength=bins.cells).astype(np.float64)
    # Of what the reference never saw nothing is known: all fine cells alike.
    number = np.bincount(coarse, minlength=bins.cells).astype(np.float64)
    share = np.where(summed[coarse] > 0, np.nan_to_num(divide(rows, summed[coarse])), 1.0 / number[coarse])
    return Cells(coarse, share, bins.cells)
