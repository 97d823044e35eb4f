"""Jensen-Shannon distance: the primary method, because it is bounded, symmetric and defined for empty bins."""

import numpy as np

from exporter.metrics.drift.distance import Distance
from exporter.metrics.drift.pair import Pair
from exporter.profile.bins import Floats


def divergence(p: Floats, q: Floats) -> Floats:
    """(F,) ½ Σ p log₂(p/m) + ½ Σ q log₂(q/m), m = (p+q)/2, of shares (F, B): bits, in [0, 1]."""
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log2(p / middle), 0.0) + np.where(q > 0, q * np.log2(q / middle), 0.0)
    value = np.clip(terms.sum(axis=1) / 2, 0.0, 1.0)
    undefined = np.isnan(p).any(axis=1) | np.isnan(q).any(axis=1)
    result: Floats = np.where(undefined, np.nan, value)
    return result


def compute(pair: Pair) -> Floats:
    """(F,) the square root of the divergence, in [0, 1]."""
    root: Floats = np.sqrt(divergence(pair.p, pair.q))
    return root


JENSEN_SHANNON = Distance(
    name="jensen_shannon",
    title="Jensen-Shannon distance",
    formula="√(½ Σ p log₂(p/m) + ½ Σ q log₂(q/m)), m = (p+q)/2",
    source="Lin, Divergence measures based on the Shannon entropy, 1991; the root: Endres & Schindelin, 2003",
    compute=compute,
)
