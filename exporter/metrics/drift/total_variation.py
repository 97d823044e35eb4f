"""Total variation distance: the share of rows that would have to change bins."""

import numpy as np

from exporter.metrics.drift.distance import Distance
from exporter.metrics.drift.pair import Pair
from exporter.profile.bins import Floats


def compute(pair: Pair) -> Floats:
    """(F,) ½ Σ |p − q|, in [0, 1]."""
    result: Floats = np.abs(pair.p - pair.q).sum(axis=1) / 2
    return result


TOTAL_VARIATION = Distance(
    name="total_variation",
    title="Total variation distance",
    formula="½ Σ |p − q|",
    source="Levin, Peres & Wilmer, Markov Chains and Mixing Times, 2009, chapter 4",
    compute=compute,
)
