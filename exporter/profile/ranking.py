"""Bins of scores whose truth is known: finer where scores rank models, also beyond what the reference saw.

Quantiles of the reference put most positives of a rare class into one cell, the last, and all scores of a model whose
input went wrong into *above*: scores in one cell are tied, and a ranking of ties is no ranking. Slices are ranked by
`ranked_bins`, all rows together, where room matters less, by the finer `rank_edges`.
"""

from typing import Final

import numpy as np

from exporter.profile.bins import Floats, NumericBins

OCTAVES: Final = (
    *((octave, 32) for octave in range(1, 5)),
    *((octave, 16) for octave in range(5, 11)),
    *((octave, 8) for octave in range(11, 21)),
    *((octave, 4) for octave in range(21, 33)),
)
"""Of distances from 0 and from 1: octave k is (2⁻ᵏ⁻¹, 2⁻ᵏ], cut into so many even steps."""
STEPS: Final = 32
HALVINGS: Final = 12
"""How each end is cut: even steps, and halvings towards 0 or 1. 2 · (31 + 12) edges more keep codes in a byte."""


def ranked_bins(bins: NumericBins) -> NumericBins:
    """`bins` of a score in [0, 1], with more edges below the first inner one and above the last.

    Both in even steps and in halvings towards 0 and 1, where confident scores crowd. All edges of `bins` stay: cells of
    `bins` are unions of cells of the result. A change here is one of what counts mean: raise LAYOUT_VERSION with it.
    """
    few = len(bins.edges) < 4  # noqa: PLR2004 - the lowest, two inner ones, the highest
    low, high = (bins.edges[0], bins.edges[-1]) if few else (bins.edges[1], bins.edges[-2])
    edges = np.unique(np.concatenate((bins.edges, _towards_zero(low), 1.0 - _towards_zero(1.0 - high))))
    return NumericBins(edges, bins.unit, bins.kind)


def rank_edges(bins: NumericBins) -> Floats:
    """Upper edges, within [0, 1), of the cells that rank all rows: those of `bins` and the grid of OCTAVES.

    The grid is even in log-odds, more or less: a model whose scores all moved, or a class rarer than 1 in 1,000, is
    ranked as finely as the reference's scores. Exactly 0 and exactly 1 have cells of their own, the first and last.
    A change here is one of what counts mean: raise LAYOUT_VERSION with it.
    """
    steps = [2.0**-octave * (1.0 - np.arange(cuts) / (2 * cuts)) for octave, cuts in OCTAVES]
    low = np.concatenate(steps)
    own = bins.edges[(bins.edges > 0.0) & (bins.edges < 1.0)]
    return np.unique(np.concatenate(([0.0], low, 1.0 - low, own, [np.nextafter(1.0, 0.0)])))


def _towards_zero(end: float) -> Floats:
    """Places in (0, end), none where there is no room."""
    if end <= 0.0:
        return np.empty(0)
    return np.concatenate((np.linspace(0.0, end, STEPS + 1)[1:-1], end * 2.0 ** -np.arange(1.0, HALVINGS + 1)))
