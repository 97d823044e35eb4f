"""Hellinger distance."""

import numpy as np

from exporter.metrics.drift.distance import Distance
from exporter.metrics.drift.pair import Pair
from exporter.profile.bins import Floats


def compute(pair: Pair) -> Floats:
    """(F,) √(½ Σ (√p − √q)²), in [0, 1]."""
    gaps = (np.sqrt(pair.p) - np.sqrt(pair.q)) ** 2
    result: Floats = np.sqrt(gaps.sum(axis=1) / 2)
    return result


HELLINGER = Distance(
    name="hellinger",
    title="Hellinger distance",
    formula="√(½ Σ (√p − √q)²)",
    source="Hellinger, Neue Begründung der Theorie quadratischer Formen, 1909",
    compute=compute,
)
