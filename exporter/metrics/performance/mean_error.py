"""Mean error, or bias: whether predictions are too high or too low."""

from exporter.metrics.performance.errors import errors
from exporter.metrics.performance.estimate import Estimate, mean_variance, normal
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide


def mean_error(parts: Parts) -> Estimate:
    """Σe / n: above 0 where predictions are too high; with the exact variance (Σe² / n - mean²) / (n - 1)."""
    sums = errors(parts)
    return normal(divide(sums.signed, sums.n), mean_variance(sums.signed, sums.squared, sums.n))


MEAN_ERROR = PerformanceMetric(
    name="mean_error",
    tasks=("regression",),
    better="zero",
    title="Mean error (bias)",
    formula="Σe / n, e = prediction - actual",
    source="exact sums; interval: second moment",
    compute=mean_error,
    low=None,
    high=None,
    sliced=True,
)
