"""Accuracy: the share of predictions that came true."""

from exporter.metrics.performance.estimate import Estimate, proportion
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.outcomes import outcomes
from exporter.metrics.performance.parts import Parts


def accuracy(parts: Parts) -> Estimate:
    """Σ_k n_kk / n. A prediction or an outcome of a class without a name counts as wrong."""
    found = outcomes(parts)
    return proportion(found.hits.sum(axis=1), found.n)


ACCURACY = PerformanceMetric(
    name="accuracy",
    tasks=("binary", "multiclass"),
    better="higher",
    title="Accuracy",
    formula="rightly predicted / labelled",
    source="exact from outcomes; interval: Wilson 1927",
    compute=accuracy,
    sliced=True,
)
