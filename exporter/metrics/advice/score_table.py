"""Labelled scores of two classes, dealt out to hands: what remedies are learned from, and valued on; see hands.py."""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.advice.hands import FOLDS, Hands, by_chance, by_time
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.performance.parts import Parts, of_counts
from exporter.metrics.performance.scores import score_edges, scores
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats

_NOT_BY_SCORE = 0.01
"""Share of rows whose predicted class may be another than a threshold on the score gives."""


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Labelled rows in K cells by rising score.

    Attributes:
        rows: (K, 2) negatives and positives; of weighted rows, how many independent ones they are worth.
        said: (K,) score that stands for a cell.
        bounds: (K+1,) a cell holds scores above its lower and up to its upper bound.
        dealt: (H, K, 2) rows, which add up to `rows`, rounded where they are not dealt out by time.
        called: (K, 2) share of the rows that the model calls positive; None where no threshold on the score says so.
    """

    rows: Floats
    said: Floats
    bounds: Floats
    dealt: Hands
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
    def hands(self) -> Floats:
        return self.dealt.counts

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
    timed = by_time(evaluation, "score_actual") if evaluation.layout.has("score_actual") else None
    if timed is not None:
        parts = _coarse(parts)
    found = scores(parts)
    rows = np.stack((found.negatives[0], found.positives[0]), axis=1)
    if rows.sum() < max(evaluation.thresholds.min_labels, 1) or rows.sum(axis=0).min() < FOLDS:
        raise NoData
    return ScoreTable(
        rows=rows,
        said=found.typical[0],
        bounds=np.concatenate(([0.0], score_edges(parts), [1.0])),
        dealt=by_chance(rows) if timed is None else timed,
        called=_called(rows, parts["outcomes"][0, 1, :2]),
    )


def _coarse(parts: Parts) -> Parts:
    """Without the finer cells of the score: they are not read by pane."""

    def read(part: str) -> Floats:
        if part == "score_ranks":
            raise NoData
        return parts[part]

    return Parts(parts.layout, read)


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
