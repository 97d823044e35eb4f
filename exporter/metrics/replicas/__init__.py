"""One replica beside the others, and the machine that it runs on."""

from exporter.metrics.replicas.gauges import REPLICAS

__all__ = ["REPLICAS"]
