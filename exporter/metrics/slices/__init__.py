"""Slices in which a model does worse than elsewhere: values of configured dimensions and bins of features alike."""

from exporter.metrics.slices.gauges import GAUGES as SLICES

__all__ = ["SLICES"]
