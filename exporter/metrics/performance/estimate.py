"""A value with what is known of its sampling error, for many profiles at once."""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.performance.parts import divide
from exporter.profile.bins import Floats

Z = 1.959963984540054
"""Two-sided 95 %."""
FOUR_OF_FIVE = 0.8416212335729143
"""One-sided 80 %: the power that is asked for."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Values of one metric.

    Attributes:
        value: (m,) NaN where undefined.
        variance: (m,) sampling variance of each value; NaN where the counts do not tell.
        lower, upper: (m,) ends of the 95 % interval; NaN where the counts do not tell.
        bias: (m,) by how much noise alone lifts the value on average; 0 for nearly all metrics.
    """

    value: Floats
    variance: Floats
    lower: Floats
    upper: Floats
    bias: Floats


def proportion(successes: Floats, trials: Floats) -> Estimate:
    """`successes` in `trials`, with Wilson's score interval.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927). The
    variance is taken at the interval's centre, so that it is not 0 where all or none succeeded.
    """
    value = divide(successes, trials)
    lower, upper, centre = wilson(value, trials)
    return Estimate(value, divide(centre * (1 - centre), trials), lower, upper, np.zeros(len(value)))


def wilson(share: Floats, trials: Floats) -> tuple[Floats, Floats, Floats]:
    """Ends and centre of Wilson's 95 % interval of a share."""
    z2n = divide(np.full(len(share), Z * Z), trials)
    centre = (share + z2n / 2) / (1 + z2n)
    half = np.sqrt(np.maximum(share * (1 - share) * z2n + z2n * z2n / 4, 0)) / (1 + z2n)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1), centre


def normal(value: Floats, variance: Floats, low: float = -np.inf, high: float = np.inf) -> Estimate:
    """`value` ± 1.96 standard errors, within [low, high]."""
    half = Z * np.sqrt(variance)
    lower, upper = np.clip(value - half, low, high), np.clip(value + half, low, high)
    return Estimate(value, variance, lower, upper, np.zeros(len(value)))


def positive(value: Floats, variance: Floats) -> Estimate:
    """Normal on the scale of logarithms, for means and roots that cannot be negative: skewed where n is small."""
    relative = divide(np.sqrt(variance), value)
    factor = np.exp(Z * np.minimum(relative, 50.0))
    none = np.where(value == 0, 0.0, np.nan)
    lower, upper = np.where(value > 0, value / factor, none), np.where(value > 0, value * factor, none)
    return Estimate(value, variance, lower, upper, np.zeros(len(value)))


def unknown(value: Floats) -> Estimate:
    """`value` of which the counts do not say how far chance moves it."""
    nothing = np.full(len(value), np.nan)
    return Estimate(value, nothing, nothing, nothing, np.zeros(len(value)))


def mean_variance(total: Floats, squares: Floats, n: Floats) -> Floats:
    """Variance of a mean of n values from Σx and Σx²: s² / n; NaN under two values."""
    mean = divide(total, n)
    spread: Floats = np.maximum(divide(squares - n * mean * mean, np.where(n > 1, n - 1, 0.0)), 0.0)
    return divide(spread, n)


def logistic(value: Floats, variance: Floats, about: Floats) -> Estimate:
    """Normal on the scale of logits, for areas in [0, 1]; `about` is `value` moved off the ends."""
    half = Z * divide(np.sqrt(variance), about * (1 - about))
    logit = np.log(about / (1 - about))
    lower, upper = 1 / (1 + np.exp(np.minimum(half - logit, 500))), 1 / (1 + np.exp(np.minimum(-half - logit, 500)))
    return Estimate(value, variance, np.minimum(lower, value), np.maximum(upper, value), np.zeros(len(value)))


def fisher(value: Floats, variance: Floats, about: Floats) -> Estimate:
    """Normal on the scale of Fisher's z, for correlations in [-1, 1]; `about` is `value` moved off the ends."""
    half = Z * np.sqrt(variance) / (1 - about * about)
    centre = np.arctanh(about)
    lower, upper = np.tanh(centre - half), np.tanh(centre + half)
    return Estimate(value, variance, np.minimum(lower, value), np.maximum(upper, value), np.zeros(len(value)))
