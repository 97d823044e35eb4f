"""The shift ledger: why a mean loss L is not what it was on the reference. A convention whose terms add up exactly.

With b the share of rows that have a bad cell, and l₁, l₀ the mean loss of rows with and without one, by definition
L = l₀ + b (l₁ - l₀), in the window W and in the reference R. So

    L_W - L_R = quality + (l₀_W - l₀_R)        quality = b_W (l₁_W - l₀_W) - b_R (l₁_R - l₀_R)

and what is left, the change among rows that were read right, is told apart by what is known without their outcomes:

    covariate = e₀_W - e₀_R                    e: the loss that is to be expected of the rows' features (loss model)
    prior     = Σ_y (π_W - π_R)(y) L_R(y)      only where it was recognised (prior.py): then P(score | y) is what
                                               it was, the loss follows from score and y, and features say no more
    r         = (l₀_W - l₀_R) - prior - covariate
    concept   = r max(0, 1 - v / r²)           v: variance of r; the positive part of James and Stein's shrinkage
    unexplained = r - concept

Where a change of unit was recognised, the covariate terms of the features that changed, of the prediction (which was
computed from wrong values) and r are quality too. Without labels there are estimates alone: quality and covariate.

Sources: Quiñonero-Candela et al. (eds.), Dataset Shift in Machine Learning, 2009 (the kinds of shift); W. James,
C. Stein, Estimation with quadratic loss, 1961 (shrinkage); Cai, Namkoong, Yadlowsky, Diagnosing model performance
under distribution shift, 2023 (the change of a mean loss as a sum of terms).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats

CAUSES = ("quality", "prior", "covariate", "concept", "unexplained")
"""Terms, in the order in which they are told apart."""
QUALITY, PRIOR, COVARIATE, CONCEPT, UNEXPLAINED = range(5)


@dataclass(frozen=True, slots=True)
class Side:
    """One loss on m profiles: windows, or the reference (m = 1); (m,) each.

    Attributes:
        good, bad: labelled rows without and with a bad cell.
        loss_good, loss_bad: their mean realized losses; NaN where there are no such rows.
        variance_good, variance_bad: of one row's loss.
        estimate_good, estimate_bad: mean expected losses of all such rows; NaN where unknown.
        estimate_bad_share: share of all rows that have a bad cell.
        estimate_variance: of `estimate_good`, by chance.
    """

    good: Floats
    bad: Floats
    loss_good: Floats
    loss_bad: Floats
    variance_good: Floats
    variance_bad: Floats
    estimate_good: Floats
    estimate_bad: Floats
    estimate_bad_share: Floats
    estimate_variance: Floats

    @property
    def loss(self) -> Floats:
        """(m,) mean realized loss of all labelled rows."""
        share = _share(self.good, self.bad)
        loss: Floats = np.nan_to_num(self.loss_good) * (1 - share) + np.nan_to_num(self.loss_bad) * share
        return np.where(self.good + self.bad > 0, loss, np.nan)

    @property
    def estimate(self) -> Floats:
        """(m,) mean expected loss of all rows."""
        share = self.estimate_bad_share
        both: Floats = self.estimate_good * (1 - share) + np.where(share > 0, self.estimate_bad, 0.0) * share
        return both


@dataclass(frozen=True, slots=True)
class Ledger:
    """Terms of the change of a mean loss, for m windows.

    Attributes:
        terms: (5, m) by CAUSES; they add up to `change`. NaN where a term cannot be told.
        centres: (5, m) middles of their intervals: `terms`, but for *concept* its value before it was shrunk.
        variances: (5, m) of the centres.
        change: (m,) that of the realized loss; of the expected loss where there are no labels.
    """

    terms: Floats
    centres: Floats
    variances: Floats
    change: Floats


@dataclass(frozen=True, slots=True)
class Shift:
    """What else is known of m windows.

    Attributes:
        prior, prior_variance: (m,) the prior's term; 0 where none was recognised.
        covariate: (m,) takes the place of the loss model's where a prior was recognised; NaN elsewhere.
        unit_change: (m,) true where a feature's unit changed.
        unit_covariate: (m,) the part of the covariate term that is its features' and the prediction's.
        doubt: variance of the covariate term for what the loss model does not know.
        between: variance of r from window to window of the reference, beyond sampling.
    """

    prior: Floats
    prior_variance: Floats
    covariate: Floats
    unit_change: NDArray[np.bool_]
    unit_covariate: Floats
    doubt: float = 0.0
    between: float = 0.0

    @classmethod
    def none(cls, m: int, *, doubt: float = 0.0, between: float = 0.0) -> "Shift":
        """Neither a prior nor a unit is known to have changed."""
        zero = np.zeros(m)
        return cls(zero, zero, np.full(m, np.nan), np.zeros(m, dtype=np.bool_), zero, doubt, between)


def ledger(window: Side, reference: Side, shift: Shift, least: float = 1.0) -> Ledger:
    """The ledger of labelled windows.

    Where fewer than `least` labelled rows have no bad cell, all of the change is quality: nothing says how rows would
    have done that were read right.
    """
    change = window.loss - reference.loss
    kept = _at_least(window, least)
    quality, quality_variance = _quality(window, reference, kept)
    modelled = window.estimate_good - reference.estimate_good
    known = ~np.isnan(modelled)
    covariate = np.where(
        kept, np.where(np.isnan(shift.covariate), np.where(known, modelled, 0.0), shift.covariate), 0.0
    )
    prior = np.where(kept, shift.prior, 0.0)
    noise = _good_variance(window) + _good_variance(reference) + shift.between + shift.doubt
    residual = np.where(kept, change - quality - prior - covariate, 0.0)
    moved = shift.unit_change & kept
    aside = np.where(np.isnan(shift.covariate), np.where(known, shift.unit_covariate, 0.0), covariate)
    quality += np.where(moved, prior + aside + residual, 0.0)
    quality_variance += np.where(moved, np.nan_to_num(noise), 0.0)
    prior, covariate = np.where(moved, 0.0, prior), np.where(moved, covariate - aside, covariate)
    residual = np.where(moved, 0.0, residual)
    concept = shrunk(residual, noise)
    # Without a loss model nobody can tell what features did: all that is neither quality nor prior is unexplained.
    told = known | ~np.isnan(shift.covariate) | ~kept
    unexplained = np.where(told, residual - concept, residual)
    concept, covariate = np.where(told, concept, np.nan), np.where(told, covariate, np.nan)
    sampling = np.where(kept, window.estimate_variance + reference.estimate_variance + shift.doubt, 0.0)
    rest = np.where(moved | ~kept, 0.0, noise)
    return Ledger(
        terms=np.stack((quality, prior, covariate, concept, unexplained)),
        centres=np.stack((quality, prior, covariate, np.where(told, residual, np.nan), unexplained)),
        variances=np.stack((quality_variance, shift.prior_variance * ~moved, sampling, rest, rest)),
        change=change,
    )


def expected_ledger(window: Side, reference: Side, shift: Shift) -> Ledger:
    """The ledger of windows without labels: quality and covariate, of the expected loss."""
    ours = window.estimate_bad_share * np.nan_to_num(window.estimate_bad - window.estimate_good)
    theirs = reference.estimate_bad_share * np.nan_to_num(reference.estimate_bad - reference.estimate_good)
    quality, covariate = ours - theirs, window.estimate_good - reference.estimate_good
    change = quality + covariate
    aside = np.where(shift.unit_change, shift.unit_covariate, 0.0)
    unknown = np.full_like(change, np.nan)
    terms = np.stack((quality + aside, unknown, covariate - aside, unknown, unknown))
    noise = window.estimate_variance + reference.estimate_variance + shift.doubt
    share = window.estimate_bad_share + reference.estimate_bad_share
    return Ledger(terms, terms, np.stack((noise * np.minimum(share, 1.0), unknown, noise, unknown, unknown)), change)


def residual_noise(windows: Side, reference: Side, least: float = 2.0) -> float:
    """Variance of r between windows of the reference beyond what sampling explains; 0 if it cannot be told.

    By the mean square of r over the windows less its mean sampling variance, times 1 + 1/K for a window yet to come.
    """
    residual = (windows.loss_good - reference.loss_good) - np.nan_to_num(
        windows.estimate_good - reference.estimate_good
    )
    sampling = _good_variance(windows)
    use = np.isfinite(residual) & np.isfinite(sampling) & (windows.good >= least)
    number = int(use.sum())
    if number <= 1:
        return 0.0
    excess = float(np.mean(residual[use] ** 2) - np.mean(sampling[use]))
    return max(excess, 0.0) * (1 + 1 / number)


def shrunk(value: Floats, variance: Floats) -> Floats:
    """`value` (m,) times max(0, 1 - variance / value²)."""
    square = value * value
    share = 1 - np.divide(np.nan_to_num(variance), square, out=np.ones_like(square), where=square > 0)
    kept: Floats = value * np.maximum(share, 0.0)
    return kept


def bad_excess(bad: Floats, loss: Floats, side: Side) -> Floats:
    """(F,) what rows of each feature add to b (l₁ - l₀), by the feature of a row's first bad cell.

    `bad` (F,) are such labelled rows, `loss` the sums of their losses; `side` is that of all rows (m = 1).
    """
    labels = side.good[0] + side.bad[0]
    off = (loss - bad * np.nan_to_num(side.loss_good[0])) / max(labels, 1.0)
    return np.where(bad > 0, off, 0.0)


def _quality(window: Side, reference: Side, kept: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """(m,) the term and its variance; where too few rows were read right (not `kept`) all of the change."""
    ours, ours_variance = _excess(window)
    theirs, theirs_variance = _excess(reference)
    whole = window.loss - reference.loss
    all_variance = _variance(window) + _variance(reference)
    value, variance = (
        np.where(kept, ours - theirs, whole),
        np.where(kept, ours_variance + theirs_variance, all_variance),
    )
    return value, variance


def _excess(side: Side) -> tuple[Floats, Floats]:
    """(m,) b (l₁ - l₀) and its sampling variance."""
    share, rows = _share(side.good, side.bad), np.maximum(side.good + side.bad, 1.0)
    off = np.nan_to_num(side.loss_bad - side.loss_good)
    of_means = np.nan_to_num(side.variance_bad) / np.maximum(side.bad, 1.0) + _good_variance(side)
    variance = share * share * np.nan_to_num(of_means) + off * off * share * (1 - share) / rows
    return share * off, variance


def _variance(side: Side) -> Floats:
    """(m,) sampling variance of the mean loss of all labelled rows."""
    share, rows = _share(side.good, side.bad), np.maximum(side.good + side.bad, 1.0)
    within = (1 - share) * np.nan_to_num(side.variance_good) + share * np.nan_to_num(side.variance_bad)
    off = np.nan_to_num(side.loss_bad - side.loss_good)
    total: Floats = (within + share * (1 - share) * off * off) / rows
    return total


def _good_variance(side: Side) -> Floats:
    """(m,) sampling variance of the mean loss of rows without a bad cell."""
    variance: Floats = np.nan_to_num(side.variance_good) / np.maximum(side.good, 1.0)
    return variance


def _share(good: Floats, bad: Floats) -> Floats:
    rows = good + bad
    share: Floats = np.divide(bad, rows, out=np.zeros_like(rows), where=rows > 0)
    return share


def _at_least(side: Side, least: float) -> NDArray[np.bool_]:
    enough: NDArray[np.bool_] = (side.good >= least) & np.isfinite(side.loss_good)
    return enough
