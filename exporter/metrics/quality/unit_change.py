"""Did a feature change its unit? Its values are then an affine map of what they were: x' = a x + b.

The reference, mapped, is compared with the window at the reference's own edges,

    D(a, b) = Σ_k w_k |F_window(e_k) - F_reference((e_k - b) / a)| / Σ_k w_k

where F_reference between edges takes each cell's rows to be spread evenly around their mean Σx / n (so that cells that
hold one value, at their upper edge, stay a step), and w_k is the mass of the cells on both sides of an edge, in the
window and in the mapped reference together. Scales of temperature are tried where the reference lies where temperatures
of that scale do. For plain factors the best one is sought near the ratio of the means, and told as the factor between
known units that is nearest, if one is near; without one it must lie under 2/3 or over 3/2. A change is called where

* D of no change is large: over `_FAR`, and over `_MARGIN` times what the reference's own windows show at most;
* D of the change is no larger than what the reference's own windows show at most, or than `_NEAR`, never over `_SURE`,
  and at most a quarter of D of no change.

Where nearly all values fell into one cell, or the reference fills but few, D says little: then the window's mean must
be the mapped one to 3 %, and only powers of ten, 60, 24 and such, and temperatures, are believed. There is no verdict
on features that wander by more than `_WANDERING` among the reference's own windows: the month, a day's temperature.

An ordinary shift is no affine map to that exactness, or its factor is near 1, where no two units are told apart. Growth
by a steady factor that is not would be called a change of unit: the price of telling it at all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.quality.shape import Shape
from exporter.profile.bins import Floats
from exporter.profile.reference import Reference

_FAR = 0.05
_NEAR = 0.02
_SURE = 0.1
_WANDERING = 0.2
_MARGIN = 1.5
_BETTER = 4.0
_CROWDED = 0.9
"""Share of rows in one cell beyond which the shape of the window is lost."""

_FEW = 8
"""Occupied cells of the reference below which it has no shape to recognise."""
_MEAN_ALONE = 0.03

_COMMON = (1.609344, 3.280839895, 2.2046226218, 2.54)
_DECIMAL = (10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e9)
_TIME = (60.0, 3600.0, 24.0, 86400.0, 1440.0)
_RARER = (
    3.6,
    1.852,
    3.785411784,
    4.184,
    28.349523125,
    33.863886667,
    6.8947572932,
    25.4,
    39.37007874,
    2.2369362921,
)
_ROUND = (*_DECIMAL, *_TIME)
"""Factors that are believed by the mean alone, where the shape is lost."""
_BOTH_WAYS = tuple(factor for a in (*_COMMON, *_ROUND, *_RARER) for factor in (a, 1 / a))
FACTORS: NDArray[np.float64] = np.array([*_BOTH_WAYS])
"""Factors between units, the commonest first: miles and km, feet and metres, pounds and kilograms, inches, ..."""
_NEARBY = 0.12
"""How far, as a logarithm, the best factor may lie from that of known units."""
_SEARCH = np.exp(np.linspace(-0.4, 0.4, 65))
"""Where the best factor is sought, times the ratio of the means."""
_RIVAL = 0.5
"""Two factors whose D differ by less than this / √n are not told apart: the commoner is taken."""
_CELSIUS, _FAHRENHEIT, _KELVIN = (-90.0, 60.0), (-130.0, 140.0), (180.0, 335.0)
_TEMPERATURES = (
    (1.8, 32.0, *_CELSIUS),
    (1.0, 273.15, *_CELSIUS),
    (1 / 1.8, -32 / 1.8, *_FAHRENHEIT),
    (1 / 1.8, 459.67 / 1.8, *_FAHRENHEIT),
    (1.0, -273.15, *_KELVIN),
    (1.8, -459.67, *_KELVIN),
)
MAPS: NDArray[np.float64] = np.array([(1.0, 0.0), (-1.0, 0.0), *((a, b) for a, b, _, _ in _TEMPERATURES)])
"""(C, 2) factor and offset of maps that are tried as they are: none, a sign turned round, scales of temperature."""
_RANGE: NDArray[np.float64] = np.array(
    [(-np.inf, np.inf), (-np.inf, np.inf), *((low, high) for _, _, low, high in _TEMPERATURES)]
)
"""(C, 2) where the reference must lie for the map to make sense."""
_SHIFTING = MAPS[:, 1] != 0


@dataclass(frozen=True, slots=True)
class Known:
    """What a reference says of G numeric features.

    Attributes:
        shape: where their cells stand.
        low, high: (G, E+1) where the rows of each cell lie.
        share: (G, E+1) of the reference's valid rows.
        mapped: (C, G, E) share of the reference, mapped by each of MAPS, at or under each edge.
        mean: (G,) of valid values.
        noise: (G,) D of no change that windows of the reference show at most; NaN where they cannot tell.
        sensible: (C, G) the change makes sense where the reference lies.
    """

    shape: Shape
    low: Floats
    high: Floats
    share: Floats
    mapped: Floats
    mean: Floats
    noise: Floats
    sensible: NDArray[np.bool_]


def known(reference: Reference, seconds: int, min_blocks: int) -> Known:
    """What windows of `seconds` are compared with; learned once for a reference."""
    return reference.once(("quality unit", seconds, min_blocks), lambda learned: _learn(learned, seconds, min_blocks))


def _learn(reference: Reference, seconds: int, min_blocks: int) -> Known:
    shape = Shape.of(reference.layout)
    cells = shape.cells(reference.total["features"][None])[0]
    sums = shape.cells(reference.total["feature_sums"][None])[0]
    low, high = _supports(shape, cells, sums)
    share = _shares(cells)
    mapped = np.stack([_cumulative(shape, low * a + b, high * a + b, share) for a, b in MAPS.tolist()])
    mean = np.divide(sums.sum(axis=1), cells.sum(axis=1), out=np.full(len(cells), np.nan), where=cells.sum(axis=1) > 0)
    windows = reference.windows(seconds)
    while len(windows) < min_blocks and reference.block_seconds is not None and seconds // 2 >= reference.block_seconds:
        seconds //= 2
        windows = reference.windows(seconds)
    noise = np.full(len(cells), np.nan)
    if len(windows) >= max(min_blocks, 2):
        counted = shape.cells(reference.part(windows, "features"))
        noise = np.array([_distance(_shares(each), shape, mapped[:1])[0] for each in counted]).max(axis=0)
    lowest, highest = shape.edges[:, 0], np.where(shape.real, shape.edges, -np.inf).max(axis=1)
    sensible = (lowest >= _RANGE[:, :1]) & (highest <= _RANGE[:, 1:])
    return Known(shape, low, high, share, mapped, mean, noise, sensible)


def _supports(shape: Shape, cells: Floats, sums: Floats) -> tuple[Floats, Floats]:
    """(G, E+1) lower and upper ends of an even spread of each cell's rows that has the cell's own mean."""
    floor = np.concatenate((np.full((len(cells), 1), -np.inf), shape.edges), axis=1)
    ceiling = np.concatenate((shape.edges, np.full((len(cells), 1), np.inf)), axis=1)
    mean = np.divide(sums, cells, out=np.zeros_like(sums), where=cells > 0)
    with np.errstate(invalid="ignore"):
        reach = np.maximum(np.minimum(mean - floor, ceiling - mean), 0.0)
    reach = np.where(np.isfinite(reach), reach, 0.0)
    return mean - reach, mean + reach


def _shares(cells: Floats) -> Floats:
    total = cells.sum(axis=-1, keepdims=True)
    share: Floats = np.divide(cells, total, out=np.zeros_like(cells), where=total > 0)
    return share


def _cumulative(shape: Shape, low: Floats, high: Floats, share: Floats) -> Floats:
    """(G, E) share at or under each edge of rows spread evenly over [low, high], which may be one point."""
    low, high = np.minimum(low, high), np.maximum(low, high)
    width = np.maximum(high - low, 1e-12 * np.maximum(np.abs(high), 1e-100))[:, None, :]
    edges = np.where(shape.real, shape.edges, 0.0)[:, :, None]
    inside = np.clip((edges - high[:, None, :]) / width + 1, 0.0, 1.0)
    # An edge that lies a rounding error under a step holds it.
    inside = np.where(np.abs(edges - high[:, None, :]) <= 1e-9 * np.abs(edges), 1.0, inside)
    cumulative: Floats = np.where(shape.real, np.einsum("gek,gk->ge", inside, share), 1.0)
    return cumulative


def _distance(window: Floats, shape: Shape, mapped: Floats) -> Floats:
    """(C, G) D of each map, from the window's shares (G, E+1)."""
    below = np.cumsum(window, axis=1)[:, :-1]
    cell = np.diff(mapped, axis=2, prepend=0.0, append=1.0)
    both = window[None] + cell
    weight = np.where(shape.real, both[..., :-1] + both[..., 1:], 0.0)
    total = weight.sum(axis=2)
    off = (np.abs(below[None] - mapped) * weight).sum(axis=2)
    result: Floats = np.divide(off, total, out=np.zeros_like(off), where=total > 0)
    return result


def unit_change(features: Floats, sums: Floats, learned: Known, min_rows: int) -> tuple[Floats, Floats]:
    """(G,) factors a of the changes called, NaN where none is, and (G,) whether there is a verdict (1) or not (NaN)."""
    shape = learned.shape
    cells = shape.cells(features[None])[0]
    total = shape.cells(sums[None])[0]
    rows = cells.sum(axis=1)
    share = _shares(cells)
    unchanged = _distance(share, shape, learned.mapped[:1])[0]
    sampling = 1.5 / np.sqrt(np.maximum(rows, 1))
    noise = np.maximum(np.where(np.isnan(learned.noise), sampling, learned.noise), _NEAR)
    judged = (rows >= max(min_rows, 2)) & np.isfinite(learned.mean) & (noise <= _WANDERING)
    moved = judged & (unchanged > np.maximum(_FAR, _MARGIN * noise))
    factor = np.full(len(cells), np.nan)
    for row in np.flatnonzero(moved).tolist():
        mean = float(total[row].sum() / rows[row])
        limit = min(float(noise[row]), _SURE, float(unchanged[row]) / _BETTER)
        factor[row] = _recognise(row, cells[row], mean, learned, limit)
    return factor, np.where(judged, 1.0, np.nan)


def _recognise(row: int, cells: Floats, mean: float, learned: Known, limit: float) -> float:
    """The factor of the change that feature `row` went through; NaN if none is recognised.

    Its window has the cells `cells` (E+1,) and the mean `mean`; a change is believed up to the distance `limit`.
    """
    share = _shares(cells)
    if share.max() > _CROWDED or (learned.share[row] > 0).sum() < _FEW:
        return _by_mean(row, mean, learned)
    fixed = _distance(share[None], _only(learned.shape, row), learned.mapped[:, row : row + 1])[:, 0]
    fixed[~learned.sensible[:, row]] = np.inf
    fixed[0] = np.inf
    factor, distance = _best_factor(row, cells, mean, learned, limit)
    if fixed.min() <= min(limit, distance):
        return float(MAPS[np.argmin(fixed), 0])
    return factor if distance <= limit else np.nan


def _by_mean(row: int, mean: float, learned: Known) -> float:
    """The factor that the means alone tell; NaN if it is not one of those believed."""
    was = float(learned.mean[row])
    factors = np.concatenate((np.array([*_ROUND]), 1 / np.array([*_ROUND]), MAPS[_SHIFTING, 0]))
    offsets = np.concatenate((np.zeros(2 * len(_ROUND)), MAPS[_SHIFTING, 1]))
    possible = np.concatenate((np.ones(2 * len(_ROUND), dtype=np.bool_), learned.sensible[_SHIFTING, row]))
    expected = factors * was + offsets
    off = np.where(possible & (expected != 0), np.abs(mean - expected) / np.maximum(np.abs(expected), 1e-300), np.inf)
    best = int(np.argmin(off))
    return float(factors[best]) if off[best] <= _MEAN_ALONE else np.nan


def _best_factor(row: int, cells: Floats, mean: float, learned: Known, limit: float) -> tuple[float, float]:
    """The factor that fits best and its D, or those of known units if some near it fit too; D is infinite without."""
    was = float(learned.mean[row])
    if was == 0 or mean / was <= 0:
        return np.nan, np.inf
    share, rows = _shares(cells), cells.sum()
    tried = np.concatenate((mean / was * _SEARCH, FACTORS))
    near = np.abs(np.log(FACTORS / (mean / was))) <= _NEARBY - np.log(_SEARCH[0])
    use = np.concatenate((np.ones(len(_SEARCH), dtype=np.bool_), near))
    distance = np.full(len(tried), np.inf)
    one, shape = slice(row, row + 1), _only(learned.shape, row)
    scaled = [_cumulative(shape, learned.low[one] * a, learned.high[one] * a, learned.share[one]) for a in tried[use]]
    distance[use] = _distance(share[None], shape, np.stack(scaled))[:, 0]
    best = int(np.argmin(distance[: len(_SEARCH)]))
    of_known = np.where(np.abs(np.log(FACTORS / tried[best])) <= _NEARBY, distance[len(_SEARCH) :], np.inf)
    slack = _RIVAL / np.sqrt(rows)
    if of_known.min() <= max(limit, float(distance[best]) + slack):
        chosen = int(np.argmax(of_known <= of_known.min() + slack))
        return float(FACTORS[chosen]), float(of_known[chosen])
    if 2 / 3 < tried[best] < 3 / 2:
        return np.nan, np.inf
    return float(tried[best]), float(distance[best])


def _only(shape: Shape, row: int) -> Shape:
    one = slice(row, row + 1)
    return Shape(shape.places[one], shape.edges[one], shape.codes[one], shape.real[one])
