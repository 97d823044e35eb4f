"""What JS² does in windows without drift: its mean, its 99 % quantile, and the probability of more than was seen.

All on the scale D = −ln(1 − JS²), which is JS² where that is small (see between.py). Two samples of one distribution,
n and m rows, in B bins: D ≈ c·χ²(B−1), c = UNIT·(1/n + 1/m). Where windows differ beyond that: D ≈ Σ (λ_j + c)·χ²₁.
Such a weighted sum is a shifted, scaled χ² with the same first three cumulants to good accuracy, far into its tail.
As the λ are estimated, an F takes the place of the χ². With one λ and K windows that is Student's prediction interval.

All that supposes that windows are moved normally. No window is called further out than the reference's furthest one
allows (metrics/furthest.py, of Δ = D less the noise of drawing rows): the larger of both p-values holds.

Source: Imhof, Computing the distribution of quadratic forms in normal variables, 1961 (three moments: Pearson, 1959).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri, fdtrc, fdtri

from exporter.metrics.drift.sparse import UNIT, gains
from exporter.metrics.furthest import Furthest
from exporter.profile.bins import Floats

FLOOR_QUANTILE = 0.99
_MARGIN = 1.2
"""p-values are multiplied by it: *at most* so many false alarms are promised, and the far tail is an approximation."""
_MARGIN_EXACT = 2.0
"""The same where rows are independent: there p is exact, so that one window in a hundred would be called drifted."""
_MARGIN_FEW = 5.0
"""The same by 1/rows expected in a group: at 6 rows a group p came out 1.4 times too small (measured)."""
_MANY = 1e6
"""Degrees of freedom from which an F is its χ²."""


@dataclass(frozen=True, slots=True)
class NullMoments:
    """Per variable, for windows of one length; between.py says what they mean.

    Attributes:
        shares: (F, G) of the reference in the groups, with ½ a group added, 0 in padding.
        power_sums: (3, F).
        freedom: (F,).
        spread, windows, furthest, calmness: (F,).
    """

    shares: Floats
    power_sums: Floats
    freedom: Floats
    spread: Floats
    windows: Floats
    furthest: Floats
    calmness: Floats


@dataclass(frozen=True, slots=True)
class Null:
    """D without drift is `shift + scale · χ²(freedom)`, the scale being known to `uncertainty` degrees of freedom.

    Or further out: `furthest` is of D less `noise`, that of drawing rows.

    Attributes:
        mean: (F,) E₀ D.
        caution: (F,) what p-values are multiplied by.
    """

    mean: Floats
    shift: Floats
    scale: Floats
    freedom: Floats
    uncertainty: Floats
    caution: Floats
    noise: Floats
    furthest: Furthest

    @property
    def mean_squared(self) -> Floats:
        """(F,) E₀ JS²."""
        mean: Floats = -np.expm1(-self.mean)
        return mean

    def pvalue(self, distance: Floats) -> Floats:
        """(F,) probability of at least `distance` (F,), −ln(1 − JS²), without drift."""
        excess = np.maximum((distance - self.shift) / self.scale, 0.0)
        known = self.uncertainty >= _MANY
        bounded = np.where(known, _MANY, self.uncertainty)
        p = np.where(known, chdtrc(self.freedom, excess), fdtrc(self.freedom, bounded, excess / self.freedom))
        raised: Floats = np.minimum(np.maximum(p, self.furthest.pvalue(distance - self.noise)) * self.caution, 1.0)
        return raised

    def exceeded(self, probability: Floats) -> Floats:
        """(F,) the distance, -ln(1 - JS²), that windows without drift exceed with `probability` (F,)."""
        known = self.uncertainty >= _MANY
        bounded = np.where(known, _MANY, self.uncertainty)
        height = np.where(
            known, chdtri(self.freedom, probability), self.freedom * fdtri(self.freedom, bounded, 1 - probability)
        )
        highest = np.maximum(self.shift + self.scale * height, self.noise + self.furthest.quantile(probability))
        distance: Floats = np.maximum(highest, 0.0)
        return distance

    def floor(self, level: float) -> Floats:
        """(F,) the plug-in distance, √JS², that windows without drift stay under with probability `level`."""
        value: Floats = np.sqrt(-np.expm1(-self.exceeded(np.full(len(self.mean), 1 - level))))
        return value

    def significant(self, probability: float) -> Floats:
        """(F,) the least distance, -ln(1 - JS²), whose p-value is at most `probability`."""
        return self.exceeded(probability / self.caution)


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
        hidden = 2 * (mean + 2 * np.sqrt(moments.spread)) ** 2 / moments.spread
    uncertainty = np.minimum(freedom * moments.freedom, hidden)
    margin = np.where(moments.windows > 0, _MARGIN, _MARGIN_EXACT)
    few = (weight / np.maximum(expected, 1.0)).sum(axis=1)
    furthest = Furthest.of(moments.furthest, moments.calmness, moments.windows, moments.freedom + 1, normal_power=1.0)
    return Null(
        mean=mean,
        shift=mean - scale * freedom,
        scale=scale,
        freedom=freedom,
        uncertainty=uncertainty,
        caution=margin + _MARGIN_FEW * few,
        noise=noise * rank * gain[0],
        furthest=furthest,
    )
