"""What is known of scores that were counted into cells: order, and a typical score of each cell."""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.performance.parts import Parts, divide
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats

_TIED = 0.9
"""Cells whose scores lie this near to their upper edge, on average, hold one score each: a model with few scores."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Labelled scores of m profiles, in K cells by rising score.

    Attributes:
        negatives, positives: (m, K) rows.
        typical: (m, K) a score in [0, 1] that stands for the cell.
        tied: (m,) true where a cell holds one score many times rather than many scores.
    """

    negatives: Floats
    positives: Floats
    typical: Floats
    tied: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def scores(parts: Parts) -> Scores:
    """The labelled scores of `parts`; NoData where the profile keeps none.

    A cell's typical score is floor + λ · width, with one λ in [0, 1] for all cells of a profile, chosen such that the
    scores add up to their exact sum: about ½ where scores are spread, 1 where each cell holds just its upper edge.
    """
    cells, sums = parts["score_actual"], parts["score_moments"][..., 0]
    bins = parts.layout.ranked_bins
    if bins is None:
        raise NoData
    edges = np.clip(np.concatenate(([0.0], bins.edges, [1.0])), 0.0, 1.0)
    floor, width = edges[:-1], np.diff(edges)
    rows = cells.sum(axis=2)
    place = np.clip(divide(sums.sum(axis=1) - rows @ floor, rows @ width), 0.0, 1.0)
    place[np.isnan(place)] = 0.5
    return Scores(cells[..., 0], cells[..., 1], floor + place[:, None] * width, place >= _TIED)
