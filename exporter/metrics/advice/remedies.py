"""What a window would gain by a remedy, on rows that the remedy has not seen: see score_table.py.

* **Recalibration**: isotonic regression of truth on score, learned from the window's labels. What is left of the
  calibration error afterwards is what chance makes of as many rows: Σ_b w_b √(2 v_b / π) over bins b of equal mass;
  what there is of it now, Σ_b w_b |d_b|, is freed of what the same chance adds to a normal variable of that size.
* **Prior correction**: p' = p r / (p r + (1 - p) s) with r = π'/π and s = (1 - π')/(1 - π), the shares of positives and
  negatives in the window (π') over those in the reference (π), which the model was made for.
* **Threshold**: the cut of the score by which accuracy (or F1) is best.
* **Bias** of a regression: its mean error is taken off. Leaving out each row in turn the root of the mean squared error
  is n / (n - 1) · √(Σ(e - ē)² / n), exactly; where hands are stretches of time each of them is left out in turn.

A gain is the difference of the metric, positive where the remedy is better. Its interval is that of a mean of paired
differences: of the loss of a row with and without the remedy, or of its influence on the metric; it is widened for what
is learned being chance, too: variance times 1 + H / (H - 1), by Nadeau and Bengio. Where the H hands are stretches of
time the same is had from their sums, H / (H - 1) Σ_h (Σ_rows d - d̄)² / n², with Student's t of H - 1 degrees of
freedom: the wider interval holds (a mean of clusters: Liang, Zeger, Biometrika 73, 1986).

Sources: Zadrozny, Elkan, Transforming classifier scores into accurate multiclass probability estimates, KDD 2002;
Elkan, The foundations of cost-sensitive learning, IJCAI 2001 (theorem 2); Saerens, Latinne, Decaestecker, Adjusting the
outputs of a classifier to new a priori probabilities, Neural Computation 14 (2002).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from exporter.metrics.advice.hands import Hands
from exporter.metrics.advice.score_table import ScoreTable
from exporter.metrics.estimated.calibration import isotonic
from exporter.metrics.performance.calibration_error import BINS, gap_by_bin
from exporter.metrics.performance.estimate import Z
from exporter.metrics.performance.parts import divide
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats

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

    @classmethod
    def paired(cls, value: float, squares: float, sums: Floats, n: float, hands: Hands) -> "Gain":
        """A mean of differences of n rows: Σ of their squares, and (H,) sums of each hand, both about their mean."""
        half = Z * float(np.sqrt(hands.learned * max(squares, 0.0))) / n
        if hands.timed:
            half = max(half, among(sums, hands) / n * float(np.sqrt(hands.learned)))
        return cls(value, value - half, value + half)

    @property
    def certain(self) -> bool:
        """Beyond chance."""
        return self.lower > 0


def among(sums: Floats, hands: Hands) -> float:
    """Half of the 95 % interval of a sum, from how far the sums (H,) of stretches of time lie off what is expected."""
    spread = float(sums @ sums) * len(sums) / (len(sums) - 1)
    return float(stdtrit(len(hands.counts) - 1, 0.975)) * float(np.sqrt(spread))


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
        then = np.stack([_by_truth(loss, scores) for scores in after])
        better = _by_truth(loss, table.said) - then
        n, sums = table.n, np.einsum("hkc,hkc->h", table.hands, better)
        mean = sums.sum() / n
        squares = float((table.hands * (better - mean) ** 2).sum())
        value = now[name] - float((table.hands * then).sum()) / n
        yield name, Gain.paired(value, squares, sums - mean * table.hands.sum(axis=(1, 2)), n, table.dealt)


def _by_truth(loss: Callable[[Floats], Floats], scores: Floats) -> Floats:
    """(K, 2) loss of negatives and of positives."""
    return np.stack((loss(scores), loss(1 - scores)), axis=1)


def of_calibration(table: ScoreTable) -> Gain:
    """What the calibration error gains by recalibration."""
    rows = table.rows.sum(axis=1)
    weight, off, chance = (
        np.nan_to_num(each[0]) for each in gap_by_bin(rows[None], table.rows[None, :, 1], table.said[None])
    )
    sums = np.zeros(len(table.hands))
    if table.dealt.timed:
        apart = _by_bin(table, off)
        spread = (apart**2).sum(axis=0) * len(apart) / (len(apart) - 1)
        drawn = float(weight**2 @ chance)
        chance = chance * max(float(spread.sum()) / table.n**2 / drawn, 1.0) if drawn > 0 else chance
        sums = apart @ np.sign(off)
    noise, off = np.sqrt(chance), np.abs(off)
    far = np.divide(off, noise, out=np.zeros_like(off), where=noise > 0)
    lifted = noise * np.sqrt(2 / np.pi) * np.exp(-far * far / 2) - 2 * off * ndtr(-far)
    now = float(weight @ np.maximum(off - lifted, 0.0))
    left = float(weight @ noise) * float(np.sqrt(2 / np.pi))
    half = Z * float(np.sqrt(weight**2 @ chance * (2 - 2 / np.pi)))
    half = max(half, among(sums, table.dealt) / table.n)
    return Gain(now - left, now - left - half, now - left + half)


def _by_bin(table: ScoreTable, off: Floats) -> Floats:
    """(H, BINS) by how much scores less positives of each hand differ from `off` (BINS,) a row."""
    rows = table.rows.sum(axis=1)
    number = np.minimum((np.cumsum(rows) - rows / 2) / rows.sum() * BINS, BINS - 1).astype(np.intp)
    size = table.hands.sum(axis=2)
    apart = size * table.said - table.hands[..., 1] - size * off[number]
    found: Floats = np.stack([np.bincount(number, each, BINS) for each in apart])
    return found


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
    squares, sums = 0.0, np.zeros(len(table.hands))
    for said, share in enumerate((1 - called, called)):
        for again, chosen in enumerate((1 - anew, anew)):
            met = np.einsum("hk,hkc,kc->hc", chosen, table.hands, share)
            squares += float((met @ (then[again] - now[said]) ** 2).sum())
            sums += met @ (then[again] - now[said])
    return Gain.paired(gain, squares, sums, table.n, table.dealt)


def of_bias(terms: Floats, hands: Hands | None) -> Gain:
    """What the root of the mean squared error gains where the mean error is taken off, from n, Σe and Σe² (3,).

    `hands`: the same of stretches of time, (H, 3), each of which is left out in turn; None: each row is.
    """
    n, total, squares = terms.tolist()
    mean, now = total / n, float(np.sqrt(squares / n))
    spread = max(squares / n - mean * mean, 0.0)
    error, after = float(np.sqrt(spread / n)), n / (n - 1) * float(np.sqrt(spread))
    if hands is not None:
        rows, errors, each = hands.counts.T
        rest = (errors.sum() - errors) / (rows.sum() - rows)
        after = max(after, float(np.sqrt((each - 2 * rest * errors + rest**2 * rows).sum() / n)))
        error = max(error, among(errors - mean * rows, hands) / n / Z)
    # √a - √b ≈ ē² / (√a + √b), ē being all that chance moves: variance of ē², from that of ē.
    return Gain.of(now - after, (4 * mean * mean * error**2 + 2 * error**4) / (now + after) ** 2)
