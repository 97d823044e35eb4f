"""Why performance is not what it was: a change of a metric as a sum of causes."""

from exporter.metrics.shift.gauges import GAUGES
from exporter.metrics.spec import Metric

SHIFT: tuple[Metric, ...] = GAUGES

__all__ = ["SHIFT"]
