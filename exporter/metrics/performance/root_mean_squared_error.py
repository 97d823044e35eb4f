"""Root mean squared error: how far predictions are off, large misses weighing more."""

import numpy as np

from exporter.metrics.performance.errors import error_cells, errors, fourth_moment
from exporter.metrics.performance.estimate import Estimate, mean_variance, positive, unknown
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide


def root_mean_squared_error(parts: Parts) -> Estimate:
    """√(Σe² / n). Variance by the delta method from Σe⁴, which is read off the error cells."""
    sums = errors(parts)
    value = np.sqrt(divide(sums.squared, sums.n))
    if parts.layout.error_bins is None:
        return unknown(value)
    cells, bins = error_cells(parts)
    of_square = mean_variance(sums.squared, fourth_moment(cells, bins, sums.squared), sums.n)
    return positive(value, divide(of_square, 4 * value * value))


ROOT_MEAN_SQUARED_ERROR = PerformanceMetric(
    name="root_mean_squared_error",
    tasks=("regression",),
    better="lower",
    title="Root mean squared error",
    formula="√(Σe² / n), e = prediction - actual",
    source="exact sums; interval: delta method with the fourth moment of the error cells, on the scale of logarithms",
    compute=root_mean_squared_error,
    high=None,
    sliced=True,
)
