"""Is a share of bad values higher than chance explains, given how much it varies in the reference?

Null: the window's rate is drawn from a Beta distribution, and each row is bad with that rate. Its mean is the
reference's rate (X + ½) / (N + 1), so that a reference without a bad value still allows for some; its variance is

    (1 + 1/K) between + rate (1 - rate) / N

with `between` the variance of the rates of the reference's K windows of this length in excess of binomial noise
(quality/variation.py). Where the reference has too few windows of the length, those half as long are asked, which vary
at least as much; where there are too few of any length, or there is no time, rates are taken to vary by 15 % of
themselves at least.

A Beta distribution has no storms (a sensor that is dark for a day). So p is at least what metrics/furthest.py allows a
rate that is further above the mean than any of the reference's windows was.

But where most values are bad that hardly ever were, somebody wants to know, be it the storm of the century: there p is
at most the chance of so many bad rows among n of which each is bad as often as in the worst window of twenty, or one in
four times.

p = P(at least so many bad rows) = ∫ P(Binomial(n, θ) ≥ x) dBeta(θ), summed over strata of the Beta distribution that
get finer towards its upper tail (see `_LEVELS`): within a tenth of the exact Beta-binomial tail down to 1e-8.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincinv

from exporter.metrics.furthest import Furthest
from exporter.metrics.quality.table import Rates, Table
from exporter.metrics.quality.variation import variation
from exporter.profile.bins import Floats
from exporter.profile.reference import Reference

_UNKNOWN_VARIATION = 0.15
"""Relative standard deviation of a rate between windows where the reference cannot tell."""
_USUAL = 0.95
_MOST = 0.5
"""Share of bad values from which they are told, however bad a single window of the reference was."""
_LEVELS = np.concatenate(
    (np.linspace(1.0, 0.1, 10), 10.0 ** -np.arange(1.125, 4.0, 0.125), 10.0 ** -np.arange(4.0, 10.0, 0.25), [0.0])
)
"""Upper tail probabilities between which the Beta distribution is cut into strata."""
_WEIGHTS = -np.diff(_LEVELS)
_MIDDLES = np.sqrt(_LEVELS[:-1] * np.maximum(_LEVELS[1:], 1e-11))
_MIDDLES[:9] = (_LEVELS[:9] + _LEVELS[1:10]) / 2


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reference leads one to expect of rates in windows of some length.

    Attributes:
        ratio: (F, 4) the reference's rates; NaN where the check does not apply.
        strata: (F, 4, S) rates, each standing for a stratum of `_LEVELS`.
        windows: reference windows that say how rates vary; 0: none do.
        furthest: (F, 4) how far above `ratio` they came; None where there are no windows.
        usual: (F, 4) the rate that all but one window in twenty stay within.
    """

    ratio: Floats
    strata: Floats
    windows: int
    furthest: Furthest | None = None
    usual: Floats | None = None


def expected(reference: Reference, table: Table, seconds: int, min_blocks: int) -> Expected:
    """What to expect of windows of `seconds`; learned once for a reference."""
    key = ("quality rates", seconds, min_blocks)
    return reference.once(key, lambda learned_from: _learn(learned_from, table, seconds, min_blocks))


def _learn(reference: Reference, table: Table, seconds: int, min_blocks: int) -> Expected:
    worth = reference.total.worth()
    total = table.rates(reference.total["features"][None]).worth(worth)
    bad, rows = total.bad[0], total.rows[0]
    windows = reference.windows(seconds)
    while len(windows) < min_blocks and reference.block_seconds is not None and seconds // 2 >= reference.block_seconds:
        seconds //= 2
        windows = reference.windows(seconds)
    enough = len(windows) >= max(min_blocks, 2)
    rate = (bad + 0.5) / (rows + 1)
    between, furthest, usual = np.zeros_like(rate), None, None
    if len(windows) > 2:  # noqa: PLR2004 - a variance of less means nothing
        rates = table.rates_of(windows, reference.layout.spans["features"].start).worth(worth)
        between, furthest = variation(rates)
        usual = np.quantile(np.nan_to_num(rates.ratio), _USUAL, axis=0)
    if not enough:
        between = np.maximum(between, (_UNKNOWN_VARIATION * rate) ** 2)
    variance = between + rate * (1 - rate) / (rows + 1)
    strength = np.maximum(rate * (1 - rate) / variance - 1, 1e-3)
    strata = _strata(rate * strength, (1 - rate) * strength)
    return Expected(total.ratio[0], strata, len(windows) if enough else 0, furthest, usual)


def _strata(a: Floats, b: Floats) -> Floats:
    """(F, 4, S) quantiles of the Beta distributions with `a` and `b` (F, 4), many of which are the same."""
    different, which = np.unique(np.stack((a.ravel(), b.ravel())), axis=1, return_inverse=True)
    quantiles: Floats = betaincinv(different[0][:, None], different[1][:, None], 1 - _MIDDLES)
    return quantiles[which.reshape(a.shape)]


def p_values(window: Rates, expectation: Expected) -> Floats:
    """(F, 4) probability of at least as many bad rows in a window (m = 1) while all is well; NaN where not tested.

    Windows whose rate is not above the reference's are not computed: their p is given as 1.
    """
    bad, rows, ratio = window.bad[0], window.rows[0], window.ratio[0]
    result = np.where((rows > 0) & ~np.isnan(expectation.ratio), 1.0, np.nan)
    up = (bad > 0) & (ratio > np.nan_to_num(expectation.ratio, nan=np.inf))
    x, n = bad[up][:, None], rows[up][:, None]
    # P(Binomial(n, θ) ≥ x) = I_θ(x, n - x + 1)
    result[up] = np.minimum(betainc(x, n - x + 1, expectation.strata[up]) @ _WEIGHTS, 1.0)
    if expectation.furthest is not None:
        held_back = expectation.furthest.pvalue(ratio - expectation.ratio)
        result[up] = np.maximum(result[up], held_back[up])
    if expectation.usual is not None:
        most = up & (ratio >= _MOST) & (ratio > 2 * expectation.usual)
        worst = np.maximum(expectation.usual[most], _MOST / 2)
        result[most] = np.minimum(result[most], betainc(bad[most], rows[most] - bad[most] + 1, worst))
    return result
