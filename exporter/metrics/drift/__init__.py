"""Does what comes in, what is said and what comes true still look like the reference?"""

from exporter.metrics.drift.distances import DISTANCES
from exporter.metrics.drift.distributions import DISTRIBUTION_METRICS
from exporter.metrics.drift.feature_drift import FEATURE_DRIFT_METRICS
from exporter.metrics.drift.output_drift import LABEL_DRIFT_METRICS, PREDICTION_DRIFT_METRICS
from exporter.metrics.spec import Metric

DRIFT: tuple[Metric, ...] = (
    *FEATURE_DRIFT_METRICS,
    *PREDICTION_DRIFT_METRICS,
    *LABEL_DRIFT_METRICS,
    *DISTRIBUTION_METRICS,
)

__all__ = ["DISTANCES", "DRIFT"]
