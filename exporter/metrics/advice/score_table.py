"""Labelled scores of two classes, with parts of them held out: what remedies are learned from, and valued on.

A remedy that is learned from a window and valued on the same rows looks better than it is. So rows are dealt out to
FOLDS hands, each cell of the table score × label by a draw of its own; what is done to the rows of one hand is learned
from the other hands alone (cross-fitting). What the counts do not know is which rows belong together: a window whose
hours differ promises more than it can keep.

Source: M. Stone, Cross-validatory choice and assessment of statistical predictions, JRSS B 36 (1974).
"""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.performance.parts import of_counts
from exporter.metrics.performance.scores import score_edges, scores
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats

FOLDS = 10
_SEED = 1974
_NOT_BY_SCORE = 0.01
"""Share of rows whose predicted class may be another than a threshold on the score gives."""


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Labelled rows in K cells by rising score.

    Attributes:
        rows: (K, 2) negatives and positives; of weighted rows, how many independent ones they are worth.
        said: (K,) score that stands for a cell.
        bounds: (K+1,) a cell holds scores above its lower and up to its upper bound.
        hands: (FOLDS, K, 2) whole rows, which add up to `rows` rounded.
        called: (K, 2) share of the rows that the model calls positive; None where no threshold on the score says so.
    """

    rows: Floats
    said: Floats
    bounds: Floats
    hands: Floats
    called: Floats | None

    @property
    def threshold(self) -> float:
        """The score above which the model calls rows positive.

        Raises:
            NoData: no threshold on the score says so.
        """
        if self.called is None:
            raise NoData
        some = np.flatnonzero(self.called[:, 0] + self.called[:, 1] > 0)
        if not len(some):
            return 1.0
        place, rows = int(some[0]), self.rows[some[0]]
        low, high = self.bounds[place], self.bounds[place + 1]
        return float(high - (high - low) * (self.called[place] @ rows) / rows.sum())

    @property
    def n(self) -> float:
        return float(self.hands.sum())

    def rest(self, hand: Floats) -> Floats:
        """(K, 2) all other hands."""
        left: Floats = self.hands.sum(axis=0) - hand
        return left


def score_table(evaluation: Evaluation) -> ScoreTable:
    """The labelled scores of a window, computed once an evaluation.

    Raises:
        NoData: not two classes, no scores, or too few labels of either class.
    """
    return evaluation.once("score table", _score_table)


def _score_table(evaluation: Evaluation) -> ScoreTable:
    if evaluation.layout.task != "binary":
        raise NoData
    parts = of_counts(evaluation.counts)
    found = scores(parts)
    rows = np.stack((found.negatives[0], found.positives[0]), axis=1)
    if rows.sum() < max(evaluation.thresholds.min_labels, 1) or rows.sum(axis=0).min() < FOLDS:
        raise NoData
    hands = np.random.default_rng(_SEED).multinomial(np.rint(rows).astype(np.int64), np.full(FOLDS, 1 / FOLDS))
    return ScoreTable(
        rows=rows,
        said=found.typical[0],
        bounds=np.concatenate(([0.0], score_edges(parts), [1.0])),
        hands=np.moveaxis(hands, -1, 0).astype(np.float64),
        called=_called(rows, parts["outcomes"][0, 1, :2]),
    )


def _called(rows: Floats, positive: Floats) -> Floats | None:
    """(K, 2) share of each cell's rows that is called positive, where that is the upper end of the scores.

    Args:
        rows: (K, 2) by actual class.
        positive: (2,) rows called positive, by actual class.
    """
    n, above = rows.sum(axis=1), rows.sum() - rows.sum(axis=1).cumsum()
    left = positive.sum() - above
    share = np.divide(left, n, out=(left > 0).astype(np.float64), where=n > 0)
    called = np.repeat(np.clip(share, 0.0, 1.0)[:, None], 2, axis=1)
    some = np.flatnonzero(called[:, 0] > 0)
    if len(some):
        # The one cell that the threshold cuts: by class, as is known of its rows.
        place = int(some[0])
        mine = positive - rows[place + 1 :].sum(axis=0)
        called[place] = np.clip(np.divide(mine, rows[place], out=called[place].copy(), where=rows[place] > 0), 0.0, 1.0)
    off = np.abs((called * rows).sum(axis=0) - positive).sum()
    return called if off <= _NOT_BY_SCORE * rows.sum() else None
