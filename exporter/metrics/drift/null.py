"""What JS² does in windows without drift: its mean, its 99 % quantile, and the probability of more than was seen.

Two samples of one distribution, n and m rows, in B bins: JS² ≈ UNIT·(1/n + 1/m)·χ²(B−1). If distributions differ from
window to window by a covariance with eigenvalues λ (see between.py), JS² ≈ Σ (λ_j + UNIT·(1/n + 1/m))·χ²₁. Such a
weighted sum is a shifted, scaled χ² with the same first three cumulants to good accuracy, far into its tail; since the
λ are estimated, an F takes the place of the χ². With one λ and K windows that is Student's exact prediction interval.

Source: Imhof, Computing the distribution of quadratic forms in normal variables, 1961 (three moments: Pearson, 1959).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri, fdtrc, fdtri

from exporter.metrics.drift.sparse import UNIT, gains
from exporter.profile.bins import Floats

FLOOR_QUANTILE = 0.99
_MANY = 1e6
"""Degrees of freedom from which an F is its χ²."""


@dataclass(frozen=True, slots=True)
class NullMoments:
    """Per variable, for windows of one length; between.py says what they mean.

    Attributes:
        shares: (F, G) of the reference in the groups, with ½ a group added, 0 in padding.
        power_sums: (3, F).
        freedom: (F,).
        spread: (F,).
    """

    shares: Floats
    power_sums: Floats
    freedom: Floats
    spread: Floats


@dataclass(frozen=True, slots=True)
class Null:
    """JS² without drift is `shift + scale · χ²(freedom) `, the scale being known to `uncertainty` degrees of freedom.

    Attributes:
        mean: (F,) E₀ JS².
    """

    mean: Floats
    shift: Floats
    scale: Floats
    freedom: Floats
    uncertainty: Floats

    def pvalue(self, divergence: Floats) -> Floats:
        """(F,) probability of a JS² of at least `divergence` (F,) without drift."""
        excess = np.maximum((divergence - self.shift) / self.scale, 0.0)
        known = self.uncertainty >= _MANY
        bounded = np.where(known, _MANY, self.uncertainty)
        p: Floats = np.where(known, chdtrc(self.freedom, excess), fdtrc(self.freedom, bounded, excess / self.freedom))
        return p

    def quantile(self, level: float) -> Floats:
        """(F,) the JS² that windows without drift stay under with probability `level`."""
        known = self.uncertainty >= _MANY
        bounded = np.where(known, _MANY, self.uncertainty)
        height = np.where(known, chdtri(self.freedom, 1 - level), self.freedom * fdtri(self.freedom, bounded, level))
        value: Floats = np.clip(self.shift + self.scale * height, 0.0, 1.0)
        return value


def null(moments: NullMoments, n: Floats, m: Floats) -> Null:
    """The null of windows with n rows (F,) against references with m rows (F,)."""
    rank = np.maximum((moments.shares > 0).sum(axis=1) - 1.0, 1.0)
    noise = UNIT * (1 / n + 1 / m)
    expected = moments.shares * (n * m / (n + m))[:, None]
    weight = np.where(moments.shares > 0, 1 - moments.shares, 0.0)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    gain = (gains(expected) * weight).sum(axis=2)
    first, second, third = moments.power_sums
    mean = first + noise * rank * gain[0]
    square = second + 2 * noise * first + noise**2 * rank * gain[1]
    cube = third + 3 * noise * second + 3 * noise**2 * first + noise**3 * rank * gain[2]
    scale = cube / square
    freedom = square**3 / cube**2
    with np.errstate(divide="ignore"):
        # Where the windows of the reference were much smaller than this one, their noise hides what lies between.
        hidden = 2 * mean**2 / moments.spread
    uncertainty = np.minimum(freedom * moments.freedom, hidden)
    return Null(mean, mean - scale * freedom, scale, freedom, uncertainty)
