"""How often rows of a score cell are positive: as the score says, or as the reference shows where that is better.

Scores of many models rank well and are no probabilities. Isotonic regression (pool adjacent violators) on the
reference's table score cell × outcome makes them such without a shape being assumed: B. Zadrozny, C. Elkan,
Transforming classifier scores into accurate multiclass probability estimates, KDD 2002. It also follows noise, so it is
used only where it lowers the calibration error on stretches of the reference that it was not fitted on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.performance.calibration_error import gap
from exporter.metrics.performance.parts import divide
from exporter.profile.bins import Floats
from exporter.profile.reference import Reference

FOLDS = 5
"""Stretches of the reference's time, each of which is held out once; parts drawn at random where it has no time."""
_SEED = 2002


@dataclass(frozen=True, slots=True)
class Calibration:
    """Probabilities of K cells by rising score.

    Attributes:
        positive: (K,) share of positives among rows of a cell.
        group: (K,) cells with the same number were estimated together, as one share.
        shares: (G,) of each group, moved a little off 0 and 1.
        rows: (G,) reference rows that say so; infinite where scores were taken at their word.
        isotonic: the reference's table is better than the scores themselves.
    """

    positive: Floats
    group: NDArray[np.intp]
    shares: Floats
    rows: Floats
    isotonic: bool

    def noise(self, weights: Floats) -> float:
        """Variance of Σ weights (K,) · `positive` that stems from the reference's own chance."""
        summed = np.bincount(self.group, weights, minlength=len(self.rows))
        return float((summed**2 * self.shares * (1 - self.shares) / self.rows).sum())


def calibrate(cells: Floats, said: Floats, folds: Floats) -> Calibration:
    """The probabilities to go by for cells of which the reference holds `cells` (K, 2) negatives and positives.

    Args:
        cells: of the whole reference, by rising score.
        said: (K,) probability that a score of the cell stands for, taken at its word.
        folds: (F, K, 2) the reference's parts.
    """
    if not _improves(cells, said, folds):
        return Calibration(said, np.zeros(len(said), dtype=np.intp), np.zeros(1), np.full(1, np.inf), isotonic=False)
    positive, group = isotonic(cells[:, 1], cells.sum(axis=1), said)
    rows = np.bincount(group, cells.sum(axis=1)).astype(np.float64)
    shares = (np.bincount(group, cells[:, 1]) + 0.5) / (rows + 1)
    return Calibration(positive, group, shares, rows, isotonic=True)


def _improves(cells: Floats, said: Floats, folds: Floats) -> bool:
    """True if isotonic regression lowers the calibration error on rows that it has not seen."""
    raw = learned = 0.0
    for fold in folds:
        rows = fold.sum(axis=1)
        rest = cells - fold
        if rows.sum() <= 0 or rest.sum() <= 0:
            continue
        fitted, _ = isotonic(rest[:, 1], rest.sum(axis=1), said)
        errors, _, _ = gap(*(np.stack(pair) for pair in ((rows, rows), (fold[:, 1], fold[:, 1]), (said, fitted))))
        raw += float(errors[0] * rows.sum())
        learned += float(errors[1] * rows.sum())
    return learned < raw


def isotonic(positives: Floats, rows: Floats, said: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """The rising shares (K,) nearest to positives / rows, weighted by rows, and which cells were pooled (K,).

    A cell without rows lies between its neighbours as its score `said` does between theirs, and belongs to the one
    before it (to the one behind it, at the start).
    """
    used = np.flatnonzero(rows > 0)
    pools: list[tuple[float, float, int]] = []  # positives, rows, cells
    for of_cell, weight_of_cell in zip(positives[used].tolist(), rows[used].tolist(), strict=True):
        hits, weight, size = of_cell, weight_of_cell, 1
        while pools and pools[-1][0] * weight >= hits * pools[-1][1]:
            before = pools.pop()
            hits, weight, size = before[0] + hits, before[1] + weight, before[2] + size
        pools.append((hits, weight, size))
    pooled = np.repeat(np.arange(len(pools)), [size for _, _, size in pools])
    shares = np.array([hits / weight for hits, weight, _ in pools])[pooled]
    nearest = np.maximum(np.searchsorted(used, np.arange(len(rows)), side="right") - 1, 0)
    fitted = np.interp(said, said[used], shares)
    fitted[used] = shares
    return fitted, pooled[nearest]


def parts_of(reference: Reference, part: str) -> Floats:
    """(FOLDS, *shape): a part of the reference in stretches of time of as many blocks; drawn at random without time."""
    blocks, worth = len(reference.block_starts), reference.total.worth("labels")
    if blocks >= FOLDS:
        first, span = np.arange(FOLDS) * blocks // FOLDS, reference.layout.spans[part]
        counts = reference.blocks.moved(np.arange(span.start, span.stop)).sums(first).dense()
        return counts.reshape(FOLDS, *reference.layout.shapes[part]) * worth
    whole = reference.total[part] * worth
    drawn = np.random.default_rng(_SEED).multinomial(np.rint(whole).astype(np.int64), np.full(FOLDS, 1 / FOLDS))
    each = np.nan_to_num(divide(whole, np.rint(whole)))
    parts: Floats = np.stack([drawn[..., fold] * each for fold in range(FOLDS)])
    return parts
