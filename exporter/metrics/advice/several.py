"""What several classes gain by a remedy, at least: of a row's scores the counts know one class at a time.

The counts hold, for each class k, labelled rows by its score and by whether the row is of it, never which scores one
row has together. So what needs a row's scores together is bounded, such that the gain is at least what is told:

* **Recalibration**: isotonic regression for each class against the others, divided by their sum q = Σ_k q_k. The log
  loss is the mean of -log q_y + log q, and the mean of log q is at most the log of the mean of q (Jensen), which is
  known class by class. The Brier score of undivided q_k is the sum of those of the classes; to move them to the nearest
  shares that add up to 1 makes it no worse, as the truth is such a point.
* **Prior correction**: p'_k = p_k r_k / Z with r_k = π'_k / π_k and Z = Σ_k p_k r_k gains the mean of log r_y, which is
  known, less that of log Z. By the score of one class k, Z = r_k p_k + a where a lies between (1 - p_k) min r_j and
  (1 - p_k) max r_j over the others, and Σ a is known: the mean of log Z is greatest where a is filled up from below
  (concave, so all Z between the bounds are equal). The least of these over k holds; where one class alone came to be
  more or less frequent among the others, it is exact.

What accuracy gains by either is a matter of which score of a row is the greatest after it: the counts do not tell.

Sources: Zadrozny, Elkan, Transforming classifier scores into accurate multiclass probability estimates, KDD 2002;
Saerens, Latinne, Decaestecker, Adjusting the outputs of a classifier to new a priori probabilities, Neural Computation
14 (2002).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.metrics.advice.hands import FOLDS, Hands, by_chance, by_time
from exporter.metrics.advice.remedies import Gain, recalibrated
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.performance.parts import of_counts
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.layout import CLASS_SCORE_CELLS

_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class ClassTables:
    """Labelled rows of C classes in K cells of each class's score, of equal width.

    Attributes:
        rows: (C, K, 2) not of the class, and of it; of weighted rows, how many independent ones they are worth.
        said: (K,) score that stands for a cell: such that a row's scores add up to 1 on average.
        dealt: (H, C, K, 2) the same rows; where they are not dealt out by time, each class for itself.
    """

    rows: Floats
    said: Floats
    dealt: Hands

    @property
    def n(self) -> float:
        """Rows whose class has a name."""
        return float(self.dealt.counts[..., 1].sum())


def class_tables(evaluation: Evaluation) -> ClassTables:
    """The labelled scores of a window.

    Raises:
        NoData: not several classes, no scores, or too few labels of any class.
    """
    if evaluation.layout.task != "multiclass":
        raise NoData
    rows = of_counts(evaluation.counts)["class_score_actual"][0]
    if rows[0].sum() < max(evaluation.thresholds.min_labels, 1) or rows[..., 1].sum(axis=1).min() < FOLDS:
        raise NoData
    floor = np.arange(CLASS_SCORE_CELLS) / CLASS_SCORE_CELLS
    left = 1 - float((rows.sum(axis=2) @ floor).sum() / rows[0].sum())
    place = np.clip(left * CLASS_SCORE_CELLS / len(rows), 0.05, 0.95)
    return ClassTables(
        rows, floor + place / CLASS_SCORE_CELLS, by_time(evaluation, "class_score_actual") or by_chance(rows)
    )


def of_recalibration(tables: ClassTables, now: Mapping[str, float]) -> Iterator[tuple[str, Gain]]:
    """What log loss and Brier score, which are `now` as measured, gain at least."""
    hands, learn = tables.dealt.counts, recalibrated(tables.said)
    rest = hands.sum(axis=0) - hands
    after = np.stack([np.stack([learn(rows) for rows in each]) for each in rest])
    own, n = hands[..., 1], tables.n
    better = np.log(after) - np.log(tables.said)
    loss, sums = -float((own * np.log(after)).sum()) / n, (own * better).sum(axis=(1, 2))
    by_class = hands.sum(axis=(2, 3))
    together = np.einsum("hck,hck->hc", hands.sum(axis=3), after) / np.maximum(by_class, 1.0)
    size = own.sum(axis=(1, 2))
    loss += float(size @ np.log(together.sum(axis=1))) / n
    mean = sums.sum() / n
    squares = float((own * (better - mean) ** 2).sum())
    yield "log_loss", Gain.paired(now["log_loss"] - loss, squares, sums - mean * size, n, tables.dealt)
    yield "brier_score", _brier(tables, after, now["brier_score"])


def _brier(tables: ClassTables, after: Floats, now: float) -> Gain:
    hands, n = tables.dealt.counts, tables.n
    then = np.stack((after**2, (1 - after) ** 2), axis=-1)
    better = np.stack((tables.said**2, (1 - tables.said) ** 2), axis=-1) - then
    of_class, sums = (hands * better).sum(axis=(0, 2, 3)), (hands * better).sum(axis=(1, 2, 3))
    # How a row's classes go together is not known: as if all of them did.
    squares = ((hands * better**2).sum(axis=(0, 2, 3)) - of_class**2 / n).clip(0.0)
    size = hands[:, 0].sum(axis=(1, 2))
    off = sums - of_class.sum() / size.sum() * size
    return Gain.paired(now - float((hands * then).sum()) / n, float(np.sqrt(squares).sum()) ** 2, off, n, tables.dealt)


def of_prior(tables: ClassTables, before: Floats) -> Gain:
    """What the log loss gains at least by scores corrected from the shares `before` (C,) to the window's."""
    hands, n = tables.dealt.counts, tables.n
    own, cells = hands[..., 1].sum(axis=2), hands.sum(axis=3)
    ratio = _shares(own.sum(axis=0) - own) / before
    by = int(_log_of_sum(cells.sum(axis=0), tables.said, _shares(own.sum(axis=0)) / before)[0].argmin())
    found = [_log_of_sum(mine, tables.said, r) for mine, r in zip(cells, ratio, strict=True)]
    less = np.array([each[0][by] for each in found])
    size, known = own.sum(axis=1), (own * np.log(ratio)).sum(axis=1)
    sums = known - size * less
    value = float(sums.sum()) / n
    spread = float((own * np.log(ratio) ** 2).sum() / n - (known.sum() / n) ** 2)
    of_sum = float(np.mean([each[1][by] for each in found]))
    squares = n * (np.sqrt(max(spread, 0.0)) + np.sqrt(max(of_sum, 0.0))) ** 2
    return Gain.paired(value, squares, sums - value * size, n, tables.dealt)


def _shares(rows: Floats) -> Floats:
    shares: Floats = rows / rows.sum(axis=-1, keepdims=True)
    return shares


def _log_of_sum(cells: Floats, said: Floats, ratio: Floats) -> tuple[Floats, Floats]:
    """(C,) the greatest that the mean of log Z can be, by the score of each class, and the variance of log Z there.

    Args:
        cells: (C, K) rows by the score of a class.
        said: (K,) the scores.
        ratio: (C,) r.
    """
    weight = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1.0)
    scores = _shares(weight @ said)
    others = np.where(np.eye(len(ratio), dtype=np.bool_), np.nan, ratio)
    left = 1 - said
    low, high = np.nanmin(others, axis=1)[:, None] * left, np.nanmax(others, axis=1)[:, None] * left
    own, total = ratio[:, None] * said, (scores @ ratio - scores * ratio)[:, None]
    bottom, top = np.zeros((len(ratio), 1)), np.full((len(ratio), 1), float(ratio.max()) + 1.0)
    for _ in range(_HALVINGS):
        level = (bottom + top) / 2
        much = (weight * np.clip(level - own, low, high)).sum(axis=1, keepdims=True) > total
        bottom, top = np.where(much, bottom, level), np.where(much, level, top)
    logs = np.log(own + np.clip(top - own, low, high))
    mean = (weight * logs).sum(axis=1)
    return mean, (weight * (logs - mean[:, None]) ** 2).sum(axis=1)
