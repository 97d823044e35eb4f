"""Population stability index: what credit risk has used for decades; recomputable in PromQL from window counts."""

import numpy as np

from exporter.metrics.drift.distance import Distance
from exporter.metrics.drift.pair import Pair
from exporter.profile.bins import Floats


def index(p: Floats, q: Floats) -> Floats:
    """(F,) Σ (p − q) ln(p/q) of shares (F, B); bins empty on both sides (padding) add nothing, on one side infinity."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where((p == 0) & (q == 0), 0.0, (p - q) * np.log(p / q))
    total: Floats = terms.sum(axis=1)
    return total


def compute(pair: Pair) -> Floats:
    """(F,) the index with ½ added to every bin on both sides, so that an empty bin does not make it infinite."""
    return index(pair.smooth_p, pair.smooth_q)


POPULATION_STABILITY_INDEX = Distance(
    name="population_stability_index",
    title="Population stability index",
    formula="Σ (p − q) ln(p/q), p = (count + ½)/(n + B/2), q likewise",
    source="Siddiqi, Credit Risk Scorecards, 2006 (Jeffreys' divergence, 1946)",
    compute=compute,
    shown=True,
)
