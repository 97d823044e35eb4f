"""What a window would gain by a remedy, on rows that the remedy has not seen: see score_table.py.

* **Recalibration**: isotonic regression of truth on score, learned from the window's labels. What is left of the
  calibration error afterwards is what chance makes of as many rows: Σ_b w_b √(2 v_b / π) over bins b of equal mass;
  what there is of it now, Σ_b w_b |d_b|, is freed of what the same chance adds to a normal variable of that size.
* **Prior correction**: p' = p r / (p r + (1 - p) s) with r = π'/π and s = (1 - π')/(1 - π), the shares of positives and
  negatives in the window (π') over those in the reference (π), which the model was made for.
* **Threshold**: the cut of the score by which accuracy (or F1) is best.
* **Bias** of a regression: its mean error is taken off. Leaving out each row in turn the root of the mean squared error
  is n / (n - 1) · √(Σ(e - ē)² / n), exactly.

A gain is the difference of the metric, positive where the remedy is better. Its interval is that of a mean of paired
differences: of the loss of a row with and without the remedy, or of its influence on the metric; it is widened for what
is learned being chance, too: variance times 1 + FOLDS / (FOLDS - 1), by Nadeau and Bengio.

Sources: Zadrozny, Elkan, Transforming classifier scores into accurate multiclass probability estimates, KDD 2002;
Elkan, The foundations of cost-sensitive learning, IJCAI 2001 (theorem 2); Saerens, Latinne, Decaestecker, Adjusting the
outputs of a classifier to new a priori probabilities, Neural Computation 14 (2002); Nadeau, Bengio, Inference for the
generalization error, Machine Learning 52 (2003).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from exporter.metrics.advice.score_table import FOLDS, ScoreTable
from exporter.metrics.estimated.calibration import isotonic
from exporter.metrics.performance.calibration_error import gap_by_bin
from exporter.metrics.performance.estimate import Z
from exporter.metrics.performance.parts import divide
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats

_LEARNED = 1 + FOLDS / (FOLDS - 1)
"""Variance of what was learned in FOLDS parts and is learned from the whole, over that of its mean on these rows."""
_LEAST = 2.0**-52
"""Scores are moved this far off 0 and 1 before their logarithm is taken, as where log loss is measured."""


@dataclass(frozen=True, slots=True)
class Gain:
    """By how much a metric would be better, with its 95 % interval."""

    value: float
    lower: float
    upper: float

    @classmethod
    def of(cls, value: float, variance: float) -> "Gain":
        half = Z * float(np.sqrt(variance))
        return cls(value, value - half, value + half)

    @property
    def certain(self) -> bool:
        """Beyond chance."""
        return self.lower > 0


Remap = Callable[[Floats], Floats]
"""Labelled rows (K, 2) to learn from → what a score of each cell should say (K,)."""
LOSSES: Mapping[str, Callable[[Floats], Floats]] = {
    "log_loss": lambda missed: -np.log(np.clip(1 - missed, _LEAST, 1.0)),
    "brier_score": np.square,
}
"""Metric → loss of a row whose score is off the truth by so much."""


def recalibrated(said: Floats) -> Remap:
    """Isotonic regression, moved as far off 0 and 1 as the rows of its ends are few."""

    def learn(rows: Floats) -> Floats:
        n = rows.sum(axis=1)
        shares, group = isotonic(rows[:, 1], n, said)
        ends = np.bincount(group, n)[[0, -1]]
        low, high = 0.5 / (ends + 1)
        return np.clip(shares, low, max(1 - high, low))

    return learn


def corrected(said: Floats, before: float) -> Remap:
    """Scores for another share of positives than `before`."""

    def learn(rows: Floats) -> Floats:
        now = float(rows[:, 1].sum() / rows.sum())
        positive, negative = said * now / before, (1 - said) * (1 - now) / (1 - before)
        return np.nan_to_num(divide(positive, positive + negative), nan=0.5)

    return learn


def of_scores(table: ScoreTable, remap: Remap, now: Mapping[str, float]) -> Iterator[tuple[str, Gain]]:
    """What log loss and Brier score, which are `now` as measured, gain by scores that are learned anew."""
    after = [remap(table.rest(hand)) for hand in table.hands]
    for name, loss in LOSSES.items():
        before, value, squares = _by_truth(loss, table.said), 0.0, 0.0
        for hand, scores in zip(table.hands, after, strict=True):
            then = _by_truth(loss, scores)
            value += float((hand * then).sum())
            squares += float((hand * (before - then) ** 2).sum())
        n = table.n
        gain = now[name] - value / n
        yield name, Gain.of(gain, _LEARNED * max(squares / n - gain * gain, 0.0) / n)


def _by_truth(loss: Callable[[Floats], Floats], scores: Floats) -> Floats:
    """(K, 2) loss of negatives and of positives."""
    return np.stack((loss(scores), loss(1 - scores)), axis=1)


def of_calibration(table: ScoreTable) -> Gain:
    """What the calibration error gains by recalibration."""
    rows = table.rows.sum(axis=1)
    weight, off, chance = (
        np.nan_to_num(each[0]) for each in gap_by_bin(rows[None], table.rows[None, :, 1], table.said[None])
    )
    noise, off = np.sqrt(chance), np.abs(off)
    far = np.divide(off, noise, out=np.zeros_like(off), where=noise > 0)
    lifted = noise * np.sqrt(2 / np.pi) * np.exp(-far * far / 2) - 2 * off * ndtr(-far)
    now = float(weight @ np.maximum(off - lifted, 0.0))
    left = float(weight @ noise) * float(np.sqrt(2 / np.pi))
    return Gain.of(now - left, float(weight**2 @ chance) * (2 - 2 / np.pi))


@dataclass(frozen=True, slots=True)
class Decision:
    """A metric of decisions.

    Attributes:
        value: (..., K+1) or scalars, from rows called positive (..., 2) by truth, of so many (2,) in all.
        influence: by (called, truth), (2, 2): by how much, times n, one more such row moves the metric.
    """

    value: Callable[[Floats, Floats], Floats]
    influence: Callable[[Floats, Floats], Floats]


def _accuracy(called: Floats, rows: Floats) -> Floats:
    right: Floats = (called[..., 1] + rows[0] - called[..., 0]) / rows.sum()
    return right


def _f1(called: Floats, rows: Floats) -> Floats:
    return divide(2 * called[..., 1], called.sum(axis=-1) + rows[1])


def _of_accuracy(called: Floats, rows: Floats) -> Floats:
    moved: Floats = np.eye(2) - _accuracy(called, rows)
    return moved


def _of_f1(called: Floats, rows: Floats) -> Floats:
    hits, all_ = called[1], called.sum() + rows[1]
    miss, n = -2 * hits / all_**2, rows.sum()
    moved: Floats = np.array([[0.0, miss], [miss, 2 * (all_ - 2 * hits) / all_**2]]) * n
    return moved


DECISIONS: Mapping[str, Decision] = {
    "accuracy": Decision(_accuracy, _of_accuracy),
    "f1": Decision(_f1, _of_f1),
}


def best_cut(rows: Floats, decision: Decision, near: int) -> int:
    """The number k of cells (0 … K) that are best called negative; of equally good ones the one next to `near`."""
    positive = np.concatenate((rows[::-1].cumsum(axis=0)[::-1], np.zeros((1, 2))))
    values = np.nan_to_num(decision.value(positive, rows.sum(axis=0)))
    best = np.flatnonzero(values >= values.max() - 1e-12)
    return int(best[np.abs(best - near).argmin()])


def of_cuts(table: ScoreTable, cuts: NDArray[np.intp], decision: Decision) -> Gain:
    """What a metric gains by calling positive, in hand h, the cells from `cuts[h]` on.

    Raises:
        NoData: no threshold on the score says what is called positive now.
    """
    if table.called is None:
        raise NoData
    called, rows = table.called, table.hands.sum(axis=0)
    anew = (np.arange(len(rows)) >= cuts[:, None]).astype(np.float64)
    after = np.einsum("hk,hkc->c", anew, table.hands)
    before, total = (called * rows).sum(axis=0), rows.sum(axis=0)
    gain = float(decision.value(after, total) - decision.value(before, total))
    now, then = decision.influence(before, total), decision.influence(after, total)
    squares = 0.0
    for said, share in enumerate((1 - called, called)):
        for again, chosen in enumerate((1 - anew, anew)):
            met = np.einsum("hk,hkc,kc->c", chosen, table.hands, share)
            squares += float(met @ (then[again] - now[said]) ** 2)
    return Gain.of(gain, _LEARNED * squares / table.n**2)


def of_bias(n: float, total: float, squares: float) -> Gain:
    """What the root of the mean squared error gains where the mean error is taken off, from n errors and their sums."""
    mean, now = total / n, float(np.sqrt(squares / n))
    after = n / (n - 1) * float(np.sqrt(max(squares / n - mean * mean, 0.0)))
    # √a - √b ≈ ē² / (√a + √b), ē being all that chance moves: variance of ē², from that of ē.
    variance = max(squares / n - mean * mean, 0.0) / n
    spread = (4 * mean * mean * variance + 2 * variance**2) / (now + after) ** 2
    return Gain.of(now - after, spread)
