"""Quantiles of the absolute error: what half, and nine in ten, of the predictions keep within."""

from collections.abc import Callable

import numpy as np

from exporter.metrics.performance.errors import error_cells, errors
from exporter.metrics.performance.estimate import Estimate, Z
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts
from exporter.profile.bins import Floats


def quantile(share: float) -> Callable[[Parts], Estimate]:
    """The metric that is the `share` quantile of |e|."""

    def compute(parts: Parts) -> Estimate:
        """The value that `share` of |e| keep within.

        Errors are taken to be spread evenly within their cell, those in the open cells at both ends up to twice their
        mean excess beyond the edge, which follows from the exact Σ|e|. Interval: the quantiles at
        share ± 1.96 √(share (1 - share) / n); variance: a quarter of its width, squared.
        """
        cells, bins = error_cells(parts)
        sums = errors(parts)
        found = np.full((3, len(cells)), np.nan)
        for row in np.flatnonzero(cells.sum(axis=1) > 0):
            half = Z * np.sqrt(share * (1 - share) / cells[row].sum())
            at = np.clip([share - half, share, share + half], 0.0, 1.0)
            found[:, row] = _quantiles(cells[row], bins.edges, float(sums.absolute[row]), at)
        lower, value, upper = found
        return Estimate(value, ((upper - lower) / (2 * Z)) ** 2, lower, upper, np.zeros(len(value)))

    return compute


def _quantiles(cells: Floats, edges: Floats, absolute: float, at: Floats) -> Floats:
    """Quantiles `at` of |e| from the cells (K,) of e, their edges and Σ|e|."""
    low, high = edges[:-1], edges[1:]
    crossing = (low < 0) & (high > 0)
    middle = np.where(
        crossing, (low * low + high * high) / (2 * np.where(crossing, high - low, 1.0)), np.abs(low + high) / 2
    )
    out = cells[0] + cells[-1]
    beyond = absolute - cells[1:-1] @ middle - cells[0] * abs(edges[0]) - cells[-1] * abs(edges[-1])
    reach = 2 * max(beyond / out, 0.0) if out > 0 else 0.0
    ends = np.concatenate(([edges[0] - reach], edges, [edges[-1] + reach]))
    share = np.concatenate(([0.0], np.cumsum(cells))) / cells.sum()
    if reach == 0:  # nothing lies beyond, or no further than the edge itself
        ends, share = ends[1:-1], np.concatenate(([0.0], share[2:-2], [1.0]))
    grid = np.unique(np.concatenate(([0.0], np.abs(ends))))
    within = np.interp(grid, ends, share, left=0.0, right=1.0) - np.interp(-grid, ends, share, left=0.0, right=1.0)
    within = np.maximum.accumulate(within)
    first = np.clip(np.searchsorted(within, at, side="left"), 1, len(grid) - 1)
    step = within[first] - within[first - 1]
    part = np.divide(at - within[first - 1], step, out=np.zeros_like(at), where=step > 0)
    result: Floats = grid[first - 1] + np.clip(part, 0.0, 1.0) * (grid[first] - grid[first - 1])
    return result


MEDIAN_ABSOLUTE_ERROR = PerformanceMetric(
    name="median_absolute_error",
    tasks=("regression",),
    better="lower",
    title="Median absolute error",
    formula="median of |e|, e = prediction - actual",
    source="interpolated in error cells; interval: normal approximation of the order statistic's rank",
    compute=quantile(0.5),
    high=None,
)
ABSOLUTE_ERROR_P90 = PerformanceMetric(
    name="absolute_error_p90",
    tasks=("regression",),
    better="lower",
    title="90 % quantile of the absolute error",
    formula="value that 90 % of |e| keep within, e = prediction - actual",
    source="interpolated in error cells; interval: normal approximation of the order statistic's rank",
    compute=quantile(0.9),
    high=None,
)
