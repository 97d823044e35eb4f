"""Kullback-Leibler divergence of the window from the reference, in nats."""

import numpy as np

from exporter.metrics.drift.distance import Distance
from exporter.metrics.drift.pair import Pair
from exporter.profile.bins import Floats


def divergence(p: Floats, q: Floats) -> Floats:
    """(F,) Σ p ln(p/q) of shares (F, B); infinite where the window has mass and the reference none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / q), np.where(np.isnan(p), np.nan, 0.0))
    total: Floats = terms.sum(axis=1)
    return total


def compute(pair: Pair) -> Floats:
    """(F,) the divergence with ½ added to every bin on both sides."""
    return divergence(pair.smooth_p, pair.smooth_q)


KULLBACK_LEIBLER = Distance(
    name="kullback_leibler",
    title="Kullback-Leibler divergence",
    formula="Σ p ln(p/q), p = (count + ½)/(n + B/2), q likewise",
    source="Kullback & Leibler, On information and sufficiency, 1951",
    compute=compute,
)
