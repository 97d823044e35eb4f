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
def _tables() -> tuple[Floats, Floats]:
    """Gains of a Poisson bin by rate: (3, 120) of its JS² term's cumulants, (120,) of its Hellinger term's mean."""
    rates = np.exp(_LOG_RATES)[:, None]
    count = np.arange(1500.0)
    weight = np.exp(count * np.log(rates) - rates - gammaln(count + 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (count + rates) / 2
        term = (np.where(count > 0, count * np.log2(count / middle), 0.0) + rates * np.log2(rates / middle)) / 2
    mean = (weight * term).sum(axis=1, keepdims=True)
    cumulants = [mean[:, 0]] + [(weight * (term - mean) ** power).sum(axis=1) for power in (2, 3)]
    # Cumulants of UNIT · χ²₁.
    gains = np.array(cumulants) / np.array([UNIT, 2 * UNIT**2, 8 * UNIT**3])[:, None]
    root = (np.sqrt(count) - np.sqrt(rates)) ** 2 / (2 * np.log(2))
    return gains, (weight * root).sum(axis=1) / UNIT


def gains(expected: Floats) -> Floats:
    """(3, …) gains of mean, variance and third cumulant of JS² for bins with `expected` rows."""
    tables, _ = _tables()
    at = np.log(np.maximum(expected, 1e-9))
    return np.stack([np.interp(at, _LOG_RATES, table) for table in tables])


def root_gain(expected: Floats) -> Floats:
    """Gain of the mean of the squared difference of roots of shares for bins with `expected` rows."""
    _, table = _tables()
    gain: Floats = np.interp(np.log(np.maximum(expected, 1e-9)), _LOG_RATES, table)
    return gain
