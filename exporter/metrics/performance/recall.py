"""Recall: how many of the positives were found."""

from exporter.metrics.performance.estimate import Estimate, proportion
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.outcomes import POSITIVE, outcomes
from exporter.metrics.performance.parts import Parts


def recall(parts: Parts) -> Estimate:
    """TP / (TP + FN); undefined where nothing was positive."""
    found = outcomes(parts)
    return proportion(found.hits[:, POSITIVE], found.actual[:, POSITIVE])


RECALL = PerformanceMetric(
    name="recall",
    tasks=("binary",),
    better="higher",
    title="Recall",
    formula="TP / (TP + FN)",
    source="exact from outcomes; interval: Wilson 1927",
    compute=recall,
    sliced=True,
)
