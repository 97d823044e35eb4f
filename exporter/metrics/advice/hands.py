"""Labelled rows dealt out to hands: what is done to the rows of one hand is learned from the other hands alone.

A remedy that is learned from a window and valued on the same rows looks better than it is (cross-fitting: M. Stone,
Cross-validatory choice and assessment of statistical predictions, JRSS B 36, 1974). Where counts are kept by pane a
hand is a stretch of the window's time, with about as many labels as any other: rows of an hour share its weather, and
how far the hands' gains lie apart says how far another day's will. Else rows are dealt out one by one, each cell of a
table by a draw of its own; then only chance among rows is seen.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.profile.bins import Floats

FOLDS = 10
_FEWEST = 6
"""Stretches of time that say how far they differ."""
_MOST = 1 / 3
"""Share of the labels that one stretch may have."""
_SEED = 1974


@dataclass(frozen=True, slots=True)
class Hands:
    """Counts of each hand, (H, *shape); `timed` where they are stretches of time."""

    counts: Floats
    timed: bool

    @property
    def learned(self) -> float:
        """Variance of what is learned from the whole, over that of its mean on these rows: 1 + H / (H - 1).

        Source: Nadeau, Bengio, Inference for the generalization error, Machine Learning 52 (2003).
        """
        return 1 + len(self.counts) / (len(self.counts) - 1)


def by_chance(rows: Floats) -> Hands:
    """Rows, rounded to whole ones, dealt out one by one."""
    drawn = np.random.default_rng(_SEED).multinomial(np.rint(rows).astype(np.int64), np.full(FOLDS, 1 / FOLDS))
    return Hands(np.moveaxis(drawn, -1, 0).astype(np.float64), timed=False)


def _all(counts: Floats) -> Floats:
    rows: Floats = counts.reshape(len(counts), -1).sum(axis=1)
    return rows


def by_time(evaluation: Evaluation, part: str, rows: Callable[[Floats], Floats] = _all) -> Hands | None:
    """A part by stretches of the window's time; None where panes are not known, or too few.

    `rows`: (P, *shape) counts of panes → (P,) labelled rows of each, times any number.
    """
    if evaluation.history is None:
        return None
    layout, window = evaluation.layout, evaluation.window
    span = layout.spans[part]
    past = evaluation.history(np.arange(span.start, span.stop))
    inside = (past.starts >= window.start) & (past.starts < window.end)
    counts = past.counts[inside].reshape(-1, *layout.shapes[part])
    whole = evaluation.counts[part]
    if not len(counts) or not np.allclose(counts.sum(axis=0), whole, rtol=1e-4, atol=1e-3 * max(whole.max(), 1.0)):
        return None
    n = rows(counts)
    middle = (np.cumsum(n) - n / 2) / max(n.sum(), 1.0)
    _, place = np.unique(np.floor(middle * FOLDS)[n > 0], return_inverse=True)
    hands = np.zeros((int(place.max(initial=-1)) + 1, *counts.shape[1:]))
    np.add.at(hands, place, counts[n > 0])
    if len(hands) < _FEWEST or np.bincount(place, n[n > 0]).max() > _MOST * n.sum():
        return None
    return Hands(hands * evaluation.counts.worth("labels"), timed=True)
