"""Kolmogorov-Smirnov distance of numbers, from bins: never above the one of the raw values, below it by 1/B at most."""

import numpy as np
from scipy.special import kolmogorov

from exporter.metrics.drift.distance import Distance
from exporter.metrics.drift.pair import Pair
from exporter.profile.bins import Floats


def compute(pair: Pair) -> Floats:
    """(F,) the greatest difference of the two cumulative shares at a bin's upper edge; NaN for categories."""
    gaps = np.abs(np.cumsum(pair.p - pair.q, axis=1))
    result: Floats = np.where(pair.ordered, gaps.max(axis=1), np.nan)
    return result


def pvalue(pair: Pair) -> Floats:
    """(F,) asymptotic two-sample p-value: Q(√(nm/(n+m)) D), Q of Kolmogorov 1933.

    Rows are taken to be independent, and bins make it larger than the one of the raw values.
    """
    size = pair.n * pair.m / (pair.n + pair.m)
    p: Floats = kolmogorov(np.sqrt(size) * compute(pair))
    return p


KOLMOGOROV_SMIRNOV = Distance(
    name="kolmogorov_smirnov",
    title="Kolmogorov-Smirnov distance",
    formula="max over edges x of |P(x) − Q(x)|, P and Q cumulative shares",
    source="Smirnov, Table for estimating the goodness of fit of empirical distributions, 1948",
    compute=compute,
    ordered=True,
)
