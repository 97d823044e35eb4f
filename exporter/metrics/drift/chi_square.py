"""Pearson's χ² test of homogeneity. Its p-value takes rows to be independent, so it is no verdict: see verdict.py."""

import numpy as np
from scipy.special import chdtrc

from exporter.metrics.drift.pair import Pair
from exporter.profile.bins import Floats


def statistic(pair: Pair) -> tuple[Floats, Floats]:
    """(F,) χ² of the table {window, reference} × bins and its degrees of freedom; bins empty in both are left out."""
    total = pair.window + pair.reference
    n, m = pair.n[:, None], pair.m[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        # Σ (O − E)²/E over both rows of the table, the rows' deviations being each other's negative.
        gaps = (pair.window - total * n / (n + m)) ** 2
        terms = np.where(total > 0, gaps * (n + m) ** 2 / (n * m * total), 0.0)
    freedom: Floats = (total > 0).sum(axis=1) - 1.0
    value: Floats = terms.sum(axis=1)
    return value, freedom


def pvalue(pair: Pair) -> Floats:
    """(F,) probability of a χ² at least so large if both are of one distribution; NaN with less than two bins."""
    value, freedom = statistic(pair)
    p: Floats = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1.0), value), np.nan)
    return p
