"""How well the model does where the truth is not known yet."""

from exporter.metrics.estimated.gauges import GAUGES
from exporter.metrics.spec import Metric

ESTIMATED: tuple[Metric, ...] = GAUGES

__all__ = ["ESTIMATED"]
