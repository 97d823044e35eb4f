"""What JS² does in windows without drift: its mean, its 99 % quantile, and the probability of more than was seen.

All on the scale D = −ln(1 − JS²), which is JS² where that is small (see between.py). Two samples of one distribution,
n and m rows, in B bins: D ≈ c·χ²(B−1), c = UNIT·(1/n + 1/m). Where windows differ beyond that: D ≈ Σ (λ_j + c)·χ²₁.
Such a weighted sum is a shifted, scaled χ² with the same first three cumulants to good accuracy, far into its tail.
As the λ are estimated, an F takes the place of the χ². With one λ and K windows that is Student's prediction interval.

All that supposes that windows are moved normally. Weather is not: most days are alike, some are storms. So no window is
called further out than K windows can tell of one that was never seen: for distances Δ (D less the noise of drawing
rows) whose power Δ^θ is exponential, one more exceeds c times the largest of κ with probability
Γ(1+c) Γ(1+κ) / Γ(1+κ+c), whatever their scale. θ is 1 for normal windows, and less the longer the tail of the
reference's distances; as many of the K windows count as κ. The larger of both p-values holds.

Source: Imhof, Computing the distribution of quadratic forms in normal variables, 1961 (three moments: Pearson, 1959).
Spacings of the exponential: Rényi, On the theory of order statistics, 1953.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri, digamma, fdtrc, fdtri, gammaln

from exporter.metrics.drift.sparse import UNIT, gains
from exporter.profile.bins import Floats

FLOOR_QUANTILE = 0.99
_MARGIN = 1.2
"""p-values are multiplied by it: *at most* so many false alarms are promised, and the far tail is an approximation."""
_MARGIN_EXACT = 2.0
"""The same where rows are independent: there p is exact, so that one window in a hundred would be called drifted."""
_MARGIN_FEW = 2.5
"""The same by 1/rows expected in a group: at 6 rows a group p came out 1.4 times too small (measured)."""
_MANY = 1e6
"""Degrees of freedom from which an F is its χ²."""
_LEAST_POWER = 0.4
"""θ of the stormiest: the size of a storm, √D, has a tail a little longer than an exponential one."""
_FEWEST = 2.0
_NEWTON_STEPS = 8


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
class Storms:
    """How far out a window may lie that is a storm: (F,) each.

    Attributes:
        noise: D of drawing rows.
        furthest: Δ of the furthest window of the reference; 0 where nothing is known, and nothing held back.
        power: θ.
        count: κ.
        share: of the reference's windows that count.
    """

    noise: Floats
    furthest: Floats
    power: Floats
    count: Floats
    share: Floats

    def pvalue(self, distance: Floats) -> Floats:
        """(F,) probability of at least `distance`; 0 where nothing is known."""
        known = self.furthest > 0
        ratio = np.maximum(distance - self.noise, 0.0) / np.where(known, self.furthest, 1.0)
        times = np.minimum(ratio, 1e12) ** self.power
        p: Floats = np.where(known, self.share * np.exp(_exceed(times, self.count)), 0.0)
        return p

    def floor(self, level: float) -> Floats:
        """(F,) the distance that is exceeded with probability `level`, by Newton's method on a convex function."""
        times = np.zeros_like(self.count)
        for _ in range(_NEWTON_STEPS):
            slope = digamma(1 + times) - digamma(1 + self.count + times)
            times = np.maximum(times - (_exceed(times, self.count) - np.log(level / self.share)) / slope, 0.0)
        height: Floats = np.where(self.furthest > 0, self.noise + self.furthest * times ** (1 / self.power), 0.0)
        return height


def _exceed(times: Floats, count: Floats) -> Floats:
    """Logarithm of the probability that one more of `count` exponential values is `times` as large as the largest."""
    log: Floats = gammaln(1 + times) + gammaln(1 + count) - gammaln(1 + count + times)
    return log


@dataclass(frozen=True, slots=True)
class Null:
    """D without drift is `shift + scale · χ²(freedom)`, the scale being known to `uncertainty` degrees of freedom.

    Or further out: see `Storms`.

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
    storms: Storms

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
        raised: Floats = np.minimum(np.maximum(p, self.storms.pvalue(distance)) * self.caution, 1.0)
        return raised

    def floor(self, level: float) -> Floats:
        """(F,) the plug-in distance, √JS², that windows without drift stay under with probability `level`."""
        known = self.uncertainty >= _MANY
        bounded = np.where(known, _MANY, self.uncertainty)
        height = np.where(known, chdtri(self.freedom, 1 - level), self.freedom * fdtri(self.freedom, bounded, level))
        highest = np.maximum(self.shift + self.scale * height, self.storms.floor(level))
        value: Floats = np.sqrt(-np.expm1(-np.maximum(highest, 0.0)))
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
        hidden = 2 * (mean + 2 * np.sqrt(moments.spread)) ** 2 / moments.spread
    uncertainty = np.minimum(freedom * moments.freedom, hidden)
    margin = np.where(moments.windows > 0, _MARGIN, _MARGIN_EXACT)
    few = (weight / np.maximum(expected, 1.0)).sum(axis=1)
    storms = _storms(moments, noise * rank * gain[0])
    return Null(mean, mean - scale * freedom, scale, freedom, uncertainty, margin + _MARGIN_FEW * few, storms)


def _storms(moments: NullMoments, noise: Floats) -> Storms:
    windows = np.maximum(moments.windows, _FEWEST)
    count = np.maximum(np.minimum(moments.freedom + 1, windows) * moments.calmness, _FEWEST)
    power = np.maximum(moments.calmness, _LEAST_POWER)
    return Storms(noise=noise, furthest=moments.furthest, power=power, count=count, share=count / windows)
