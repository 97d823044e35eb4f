"""R²: the share of the target's variance that predictions explain."""

import numpy as np

from exporter.metrics.performance.errors import Errors, error_cells, errors, fourth_moment
from exporter.metrics.performance.estimate import Estimate, mean_variance, normal, unknown
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide
from exporter.profile.bins import Floats

_ROUNDING = 1e-12
"""A variance this small against Σy² is what rounding left of a constant."""


def r2(parts: Parts) -> Estimate:
    """1 - Σe² / (Σy² - (Σy)² / n); undefined under two labels or where the actual value is constant.

    Variance by the delta method from the fourth moments of e and y, read off their cells. What the counts lack is how
    e² and (y - mean)² go together: as for a model whose errors do not depend on its predictions, the covariance is the
    variance of e² (it cannot be more than the geometric mean of both variances). The variance is taken to be that for
    normal values, 4 R² (1 - R²)² / n, at least.
    """
    sums = errors(parts)
    spread = sums.actual_squared - divide(sums.actual * sums.actual, sums.n)
    spread = np.where(spread > _ROUNDING * sums.actual_squared, spread, 0.0)
    ratio = divide(sums.squared, spread)
    if parts.layout.error_bins is None or parts.layout.actual_bins is None:
        return unknown(1 - ratio)
    return normal(1 - ratio, _variance(parts, sums, spread, ratio), -np.inf, 1.0)


def _variance(parts: Parts, sums: Errors, spread: Floats, ratio: Floats) -> Floats:
    cells, bins = error_cells(parts)
    of_error = mean_variance(sums.squared, fourth_moment(cells, bins, sums.squared), sums.n)
    actual, actual_bins = parts["actual"], parts.layout.actual_bins
    if actual_bins is None:
        raise AssertionError
    fourth = fourth_moment(actual, actual_bins, spread, divide(sums.actual, sums.n))
    of_spread = mean_variance(spread, fourth, sums.n)
    n = np.maximum(sums.n, 1)
    mean_error, mean_spread = sums.squared / n, spread / n
    together = np.minimum(of_error, np.sqrt(of_error * of_spread))
    relative = (
        divide(of_error, mean_error**2)
        + divide(of_spread, mean_spread**2)
        - 2 * divide(together, mean_error * mean_spread)
    )
    least = 4 * np.maximum(1 - ratio, 0) * ratio**2 / n
    return np.maximum(ratio * ratio * relative, least)


R2 = PerformanceMetric(
    name="r2",
    tasks=("regression",),
    better="higher",
    title="R²",
    formula="1 - Σe² / Σ(y - mean y)²",
    source="exact sums; interval: delta method with fourth moments of the cells",
    compute=r2,
    low=None,
)
