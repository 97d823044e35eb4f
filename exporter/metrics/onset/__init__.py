"""Since when does a window look as it does, and what shape has that: sudden, gradual, recurring, temporary?"""

from exporter.metrics.onset.gauges import GAUGES
from exporter.metrics.spec import Metric

ONSET: tuple[Metric, ...] = GAUGES

__all__ = ["ONSET"]
