"""How well the model does, where the truth is known by now."""

from exporter.metrics.performance.gauges import GAUGES
from exporter.metrics.performance.power import POWER
from exporter.metrics.performance.registry import PERFORMANCE_METRICS
from exporter.metrics.spec import Metric

PERFORMANCE: tuple[Metric, ...] = (*GAUGES, *POWER)

__all__ = ["PERFORMANCE", "PERFORMANCE_METRICS"]
