"""Precision: how many of those called positive are."""

from exporter.metrics.performance.estimate import Estimate, proportion
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.outcomes import POSITIVE, outcomes
from exporter.metrics.performance.parts import Parts


def precision(parts: Parts) -> Estimate:
    """TP / (TP + FP); undefined where nothing was called positive."""
    found = outcomes(parts)
    return proportion(found.hits[:, POSITIVE], found.predicted[:, POSITIVE])


PRECISION = PerformanceMetric(
    name="precision",
    tasks=("binary",),
    better="higher",
    title="Precision",
    formula="TP / (TP + FP)",
    source="exact from outcomes; interval: Wilson 1927",
    compute=precision,
    sliced=True,
)
