"""Whether the truth comes in as it should."""

from exporter.metrics.labels.coverage import COVERAGE
from exporter.metrics.labels.maturity import MATURITY
from exporter.metrics.spec import Metric

LABELS_METRICS: tuple[Metric, ...] = (*COVERAGE, *MATURITY)

__all__ = ["LABELS_METRICS"]
