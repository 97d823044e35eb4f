"""Whether a window's features are what they should be: present, of their type, in range, known, and in their unit."""

from exporter.metrics.quality.gauges import GAUGES
from exporter.metrics.spec import Metric

QUALITY: tuple[Metric, ...] = GAUGES

__all__ = ["QUALITY"]
