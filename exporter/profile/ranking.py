"""Bins of scores whose truth is known: finer where scores rank models, also beyond what the reference saw.

Quantiles of the reference put most positives of a rare class into one cell, the last, and all scores of a model whose
input went wrong into *above*: scores in one cell are tied, and a ranking of ties is no ranking.
"""

from typing import Final

import numpy as np

from exporter.profile.bins import Floats, NumericBins

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


def _towards_zero(end: float) -> Floats:
    """Places in (0, end), none where there is no room."""
    if end <= 0.0:
        return np.empty(0)
    return np.concatenate((np.linspace(0.0, end, STEPS + 1)[1:-1], end * 2.0 ** -np.arange(1.0, HALVINGS + 1)))
