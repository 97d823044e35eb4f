"""What to do: one action for each model, version and window, with its reason and what it is about."""

from exporter.metrics.advice.gauges import ADVICE

__all__ = ["ADVICE"]
