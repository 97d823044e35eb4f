"""How noise of a bin with few rows departs from the χ² that many rows give.

With λ rows expected, a bin adds to JS² on average 1/(8 n ln 2) · gain(λ), gain → 1 for many rows. At λ = 5 it is 1.10,
the variance's is 1.49: enough to double false alarms if it were left out.
"""

from functools import cache

import numpy as np
from scipy.special import gammaln

from exporter.profile.bins import Floats

UNIT = 1.0 / (8.0 * np.log(2.0))
"""JS² of two samples of one distribution is about UNIT · (1/n + 1/m) · χ² with B − 1 degrees of freedom."""

_LOG_RATES = np.linspace(np.log(0.01), np.log(1000.0), 120)


@cache
def _tables() -> Floats:
    """(3, 120) gains of the first three cumulants of a Poisson bin's JS² term, by rate."""
    rates = np.exp(_LOG_RATES)[:, None]
    count = np.arange(1500.0)
    weight = np.exp(count * np.log(rates) - rates - gammaln(count + 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (count + rates) / 2
        term = (np.where(count > 0, count * np.log2(count / middle), 0.0) + rates * np.log2(rates / middle)) / 2
    mean = (weight * term).sum(axis=1, keepdims=True)
    cumulants = [mean[:, 0]] + [(weight * (term - mean) ** power).sum(axis=1) for power in (2, 3)]
    # Cumulants of UNIT · χ²₁.
    gain: Floats = np.array(cumulants) / np.array([UNIT, 2 * UNIT**2, 8 * UNIT**3])[:, None]
    return gain


def gains(expected: Floats) -> Floats:
    """(3, …) gains of mean, variance and third cumulant of JS² for bins with `expected` rows."""
    at = np.log(np.maximum(expected, 1e-9))
    return np.stack([np.interp(at, _LOG_RATES, table) for table in _tables()])


def mean_gain(expected: Floats) -> Floats:
    """(…) the first of `gains`."""
    gain: Floats = np.interp(np.log(np.maximum(expected, 1e-9)), _LOG_RATES, _tables()[0])
    return gain
