"""What is known of a regression's errors e = prediction - actual: exact sums, and cells."""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.performance.parts import Parts, divide
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats, NumericBins


@dataclass(frozen=True, slots=True)
class Errors:
    """Sums over labelled rows of m profiles, (m,) each: places of the part `error_terms`."""

    n: Floats
    absolute: Floats
    squared: Floats
    signed: Floats
    relative: Floats
    relative_n: Floats
    actual: Floats
    actual_squared: Floats


def errors(parts: Parts) -> Errors:
    """The error sums of `parts`; NoData where the task is no regression."""
    terms = parts["error_terms"]
    return Errors(*(terms[:, place] for place in range(terms.shape[1])))


def fourth_moment(cells: Floats, bins: NumericBins, squared: Floats, centre: Floats | float = 0.0) -> Floats:
    """(m,) Σ (x - centre)⁴ of values of which the cells (m, K) and the exact Σ (x - centre)² (m,) are known.

    Within a cell values are taken to be spread evenly. What the cells lack of Σ (x - centre)² lies in the open cells at
    both ends, where values are taken to lie exponentially beyond the outermost edge: that gives its scale, and its
    fourth moment with it. Where the cells hold no open ends, the whole is rescaled to the exact sum.
    """
    shifted = bins.edges[None, :] - np.asarray(centre, dtype=np.float64).reshape(-1, 1)
    low, high = shifted[:, :-1], shifted[:, 1:]
    inner = cells[:, 1:-1]
    second = (inner * (low * low + low * high + high * high) / 3).sum(axis=1)
    fourth = (inner * (high**4 + high**3 * low + high**2 * low**2 + high * low**3 + low**4) / 5).sum(axis=1)
    out = cells[:, 0] + cells[:, -1]
    edge = divide(cells[:, 0] * np.abs(shifted[:, 0]) + cells[:, -1] * np.abs(shifted[:, -1]), out)
    mean_square = np.maximum(divide(squared - second, out), edge * edge)
    excess = (np.sqrt(np.maximum(2 * mean_square - edge * edge, 0.0)) - edge) / 2
    beyond = edge**4 + 4 * edge**3 * excess + 12 * edge**2 * excess**2 + 24 * edge * excess**3 + 24 * excess**4
    whole = np.where(out > 0, second + out * np.nan_to_num(mean_square), second)
    scale = divide(squared, whole)
    total: Floats = (fourth + np.nan_to_num(out * beyond)) * scale * scale
    return total


def error_cells(parts: Parts) -> tuple[Floats, NumericBins]:
    """(m, K) cells of the signed error and their bins; NoData where the profile keeps none."""
    bins = parts.layout.error_bins
    if bins is None:
        raise NoData
    return parts["error_cells"], bins
