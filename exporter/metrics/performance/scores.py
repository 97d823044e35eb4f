"""What is known of scores that were counted into cells: order, a typical score of each cell, where they are tied."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.performance.parts import Parts, divide
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats

Mask = NDArray[np.bool_]

_TIED = 0.9
"""Cells whose scores lie this near to their upper edge, on average, hold one score each: a model with few scores."""
_DUE = 8.0
"""Rows that an empty cell would hold if scores were spread: it is empty by chance once in 3,000."""
_NEAR = 3
"""Cells to either side that say how densely scores lie, and where one gap shows them to be discrete."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Labelled scores of m profiles, in K cells by rising score.

    Attributes:
        negatives, positives: (m, K) rows.
        typical: (m, K) a score in [0, 1] that stands for the cell.
        tied: (m, K) true where a cell holds one score many times rather than many scores.
    """

    negatives: Floats
    positives: Floats
    typical: Floats
    tied: Mask


def scores(parts: Parts) -> Scores:
    """The labelled scores of `parts`, in the finest cells that hold all of them; NoData where the profile keeps none.

    A cell's typical score is floor + λ · width, with one λ in [0, 1] for all cells of a profile, chosen such that the
    scores add up to their exact sum: about ½ where scores are spread, 1 where each cell holds just its upper edge.
    """
    return parts.once("scores", _scores)


def score_table(parts: Parts) -> Floats:
    """(m, K, 2) labelled rows by score and outcome, as `scores` has them; NoData where the profile keeps none."""
    return _cells(parts)[0]


def score_edges(parts: Parts) -> Floats:
    """(K-1,) upper edges of the cells of `scores`, but for the last; NoData where the profile keeps none."""
    return _cells(parts)[1]


def _scores(parts: Parts) -> Scores:
    cells, edges = _cells(parts)
    sums = parts["score_moments"][..., 0]
    bounds = np.clip(np.concatenate(([0.0], edges, [1.0])), 0.0, 1.0)
    floor, width = bounds[:-1], np.diff(bounds)
    rows = cells.sum(axis=2)
    place = np.clip(divide(sums.sum(axis=1) - rows @ floor, rows @ width), 0.0, 1.0)
    place[np.isnan(place)] = 0.5
    tied = (place >= _TIED)[:, None] | _discrete(rows, width)
    return Scores(cells[..., 0], cells[..., 1], floor + place[:, None] * width, tied)


def _cells(parts: Parts) -> tuple[Floats, Floats]:
    """(m, K, 2) rows by cell and outcome, and the cells' inner edges (K-1,)."""
    bins, edges = parts.layout.ranked_bins, parts.layout.rank_edges
    if bins is None or edges is None:
        raise NoData
    cells = parts["score_actual"]
    try:
        fine = parts["score_ranks"]
    except NoData:  # slices, and references of an older version
        return cells, bins.edges
    # Counts taken over from an older version's lack some rows.
    whole = np.allclose(fine.sum(axis=(1, 2)), cells.sum(axis=(1, 2)), rtol=1e-9, atol=0.0)
    return (fine, edges) if whole else (cells, bins.edges)


def _discrete(rows: Floats, width: Floats) -> Mask:
    """(m, K) true where scores must be discrete.

    That is in cells of no width, in those alone among empty ones, and near a gap that is not much less wide.
    """
    before, after = _near(rows, -1).sum(axis=0), _near(rows, 1).sum(axis=0)
    beside = _near(width[None], -1).sum(axis=0) + _near(width[None], 1).sum(axis=0)
    alone = (before + after == 0) & (divide(rows * beside, np.broadcast_to(width, rows.shape)) >= _DUE)
    due = divide((before + after + rows) * width, np.broadcast_to(beside + width, rows.shape))
    upper = np.cumsum(width)
    start = np.maximum.accumulate(np.where(rows > 0, upper, 0.0), axis=1)
    end = np.minimum.accumulate(np.where(rows > 0, upper - width, 1.0)[:, ::-1], axis=1)[:, ::-1]
    gap = np.where((rows == 0) & (before > 0) & (after > 0) & (due >= _DUE), end - start, 0.0)
    # A cell much wider than the gap between two scores holds several.
    widest = np.maximum(_near(gap, -1).max(axis=0), _near(gap, 1).max(axis=0))
    discrete: Mask = alone | (width < 6 * widest) | (width < np.finfo(np.float64).eps)
    return discrete


def _near(values: Floats, side: Literal[-1, 1]) -> Floats:
    """(_NEAR, m, K) the values of the _NEAR cells before (-1) or after (1) each; 0 beyond the ends."""
    padded = np.pad(values, ((0, 0), (_NEAR, _NEAR)))
    cells = values.shape[1]
    return np.stack([padded[:, _NEAR + side * step :][:, :cells] for step in range(1, _NEAR + 1)])
