"""Mean absolute percentage error, as a ratio."""

from exporter.metrics.performance.errors import errors
from exporter.metrics.performance.estimate import Estimate, unknown
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide


def mean_absolute_percentage_error(parts: Parts) -> Estimate:
    """Σ|e / y| / n over rows whose actual value y is not 0; its spread was not counted, so it has no interval."""
    sums = errors(parts)
    return unknown(divide(sums.relative, sums.relative_n))


MEAN_ABSOLUTE_PERCENTAGE_ERROR = PerformanceMetric(
    name="mean_absolute_percentage_error",
    tasks=("regression",),
    better="lower",
    title="Mean absolute percentage error",
    formula="Σ|e / y| / n over rows with y ≠ 0; a ratio, 0.1 is 10 %",
    source="exact sums; no interval",
    compute=mean_absolute_percentage_error,
    high=None,
)
