"""Mean absolute percentage error, as a ratio."""

import numpy as np

from exporter.metrics.performance.errors import errors
from exporter.metrics.performance.estimate import Estimate, mean_variance, positive
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, divide
from exporter.profile.bins import Floats


def mean_absolute_percentage_error(parts: Parts) -> Estimate:
    """Σ|e / y| / n over rows whose actual value y is not 0, with the exact variance (Σ(e/y)² / n - MAPE²) / (n - 1).

    No interval where Σ(e/y)² was not counted for every row: under a reference of an older version.
    """
    sums = errors(parts)
    variance = mean_variance(sums.relative, _squares(parts, sums.relative_n), sums.relative_n)
    return positive(divide(sums.relative, sums.relative_n), variance)


def _squares(parts: Parts, n: Floats) -> Floats:
    if not parts.layout.has("relative_terms"):
        return np.full(len(n), np.nan)
    terms = parts["relative_terms"]
    squares: Floats = np.where(terms[:, 0] == n, terms[:, 1], np.nan)
    return squares


MEAN_ABSOLUTE_PERCENTAGE_ERROR = PerformanceMetric(
    name="mean_absolute_percentage_error",
    tasks=("regression",),
    better="lower",
    title="Mean absolute percentage error",
    formula="Σ|e / y| / n over rows with y ≠ 0; a ratio, 0.1 is 10 %",
    source="exact sums; interval: second moment, on the scale of logarithms",
    compute=mean_absolute_percentage_error,
    high=None,
)
