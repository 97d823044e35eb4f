"""Mean absolute error: how far a prediction is off, on average."""

from exporter.metrics.performance.errors import errors
from exporter.metrics.performance.estimate import Estimate, mean_variance, positive
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide


def mean_absolute_error(parts: Parts) -> Estimate:
    """Σ|e| / n, with the exact variance (Σe² / n - MAE²) / (n - 1)."""
    sums = errors(parts)
    return positive(divide(sums.absolute, sums.n), mean_variance(sums.absolute, sums.squared, sums.n))


MEAN_ABSOLUTE_ERROR = PerformanceMetric(
    name="mean_absolute_error",
    tasks=("regression",),
    better="lower",
    title="Mean absolute error",
    formula="Σ|e| / n, e = prediction - actual",
    source="exact sums; interval: second moment, on the scale of logarithms",
    compute=mean_absolute_error,
    high=None,
    sliced=True,
)
