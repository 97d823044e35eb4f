"""How much was predicted, how fast, with what errors and outcomes: counts that Prometheus can add up by itself."""

from exporter.metrics.spec import Metric
from exporter.metrics.traffic.counters import COUNTERS
from exporter.metrics.traffic.histograms import HISTOGRAMS
from exporter.metrics.traffic.objectives import OBJECTIVES
from exporter.metrics.traffic.slice_traffic import SLICE_TRAFFIC
from exporter.metrics.traffic.timestamps import TIMESTAMPS
from exporter.metrics.traffic.windows import WINDOWS

TRAFFIC: tuple[Metric, ...] = (*WINDOWS, *SLICE_TRAFFIC, *COUNTERS, *HISTOGRAMS, *OBJECTIVES, *TIMESTAMPS)

__all__ = ["TRAFFIC"]
