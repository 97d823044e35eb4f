"""Specificity: how many of the negatives were left alone."""

from exporter.metrics.performance.estimate import Estimate, proportion
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.outcomes import NEGATIVE, outcomes
from exporter.metrics.performance.parts import Parts


def specificity(parts: Parts) -> Estimate:
    """TN / (TN + FP): the recall of the negative class; undefined where nothing was negative."""
    found = outcomes(parts)
    return proportion(found.hits[:, NEGATIVE], found.actual[:, NEGATIVE])


SPECIFICITY = PerformanceMetric(
    name="specificity",
    tasks=("binary",),
    better="higher",
    title="Specificity",
    formula="TN / (TN + FP)",
    source="exact from outcomes; interval: Wilson 1927",
    compute=specificity,
)
