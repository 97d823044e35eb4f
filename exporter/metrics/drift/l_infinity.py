"""L-infinity distance: the bin that changed most."""

import numpy as np

from exporter.metrics.drift.distance import Distance
from exporter.metrics.drift.pair import Pair
from exporter.profile.bins import Floats


def compute(pair: Pair) -> Floats:
    """(F,) max |p − q|, in [0, 1]."""
    result: Floats = np.abs(pair.p - pair.q).max(axis=1)
    return result


L_INFINITY = Distance(
    name="l_infinity",
    title="L-infinity distance",
    formula="max |p − q|",
    source="Chebyshev distance of the two vectors of shares",
    compute=compute,
)
