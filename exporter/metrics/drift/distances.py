"""The registry of distances: what `thresholds.methods` may name."""

from exporter.metrics.drift.distance import Distance
from exporter.metrics.drift.hellinger import HELLINGER
from exporter.metrics.drift.jensen_shannon import JENSEN_SHANNON
from exporter.metrics.drift.kolmogorov_smirnov import KOLMOGOROV_SMIRNOV
from exporter.metrics.drift.kullback_leibler import KULLBACK_LEIBLER
from exporter.metrics.drift.l_infinity import L_INFINITY
from exporter.metrics.drift.population_stability_index import POPULATION_STABILITY_INDEX
from exporter.metrics.drift.total_variation import TOTAL_VARIATION
from exporter.metrics.drift.wasserstein import WASSERSTEIN

DISTANCES: tuple[Distance, ...] = (
    JENSEN_SHANNON,
    POPULATION_STABILITY_INDEX,
    KULLBACK_LEIBLER,
    KOLMOGOROV_SMIRNOV,
    WASSERSTEIN,
    HELLINGER,
    TOTAL_VARIATION,
    L_INFINITY,
)
"""The first one is the primary method: the verdict is about it."""

BY_NAME = {distance.name: distance for distance in DISTANCES}
