"""Did a feature change its unit? Its values are then an affine map of what they were: x' = a x + b.

The reference, mapped, is compared with the window at the reference's own edges,

    D(a, b) = Σ_k w_k |F_window(e_k) - F_reference((e_k - b) / a)| / Σ_k w_k

where F_reference between edges takes each cell's rows to be spread evenly around their mean Σx / n (so that cells that
hold one value, at their upper edge, stay a step), and w_k is the mass of the cells on both sides of an edge, in the
window and in the mapped reference together. Scales of temperature are tried where the reference lies where temperatures
of that scale do. For plain factors the best one is sought near the ratio of the means, and told as the factor between
known units if it fits as well, and no other as well that is as common; else as it was found where that is known to
10 %, under 2/3 or over 3/2. A change is called where

* D of no change is large: over `_FAR`, and over `_MARGIN` times what the reference's own windows show at most;
* D of the change is no larger than what the reference's own windows show at most, or than `_NEAR`, never over `_SURE`,
  and at most a quarter of D of no change;
* no mixture F = (1 - s) F_reference + s F_mapped by a factor further from 1 fits twice as well. Where only a part of
  the rows has changed, a single factor would lie between 1 and the true one: nothing is said until all have.

Where nearly all values fell into one cell, or the reference fills but few, D says little: then it must be no larger
than `_NEAR` and chance make it, the window's mean must be the mapped one to 3 %, and only powers of ten, 60, 24 and
such, and temperatures, are believed, where the mean is known well enough to tell them from other units. There is no
verdict on features that wander by more than `_WANDERING` among the reference's own windows: the month, a day's
temperature.

An ordinary shift is no affine map to that exactness, or its factor is near 1, where no two units are told apart. Growth
by a steady factor that is not would be called a change of unit: the price of telling it at all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.quality.shape import Shape
from exporter.profile.bins import Floats
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors

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
"""How far, as a logarithm, the best factor may lie from that of known units, where it is known that well."""
_SEARCH = np.exp(np.linspace(-0.4, 0.4, 65))
"""Where the best factor is sought, times the ratio of the means."""
_RIVAL = 0.5
"""Two factors whose D differ by less than this / √n are not told apart."""
_TOLD = 0.1
"""A factor that is none of known units is told where it is known to 10 %."""
_AT_ONCE = 32
"""Factors that are computed side by side: what they take stays in the processor's cache."""
_BEYOND = np.linspace(0.05, 1.2, 24)
"""How much further from 1, as a logarithm, the factor of a mixture is sought."""
_MIXED = 2.0
"""How many times smaller the D of a mixture must be to be believed."""
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
        noise = np.array([_furthest(reference, windows, shape, row, mapped[:1]) for row in range(len(cells))])
    lowest, highest = shape.edges[:, 0], np.where(shape.real, shape.edges, -np.inf).max(axis=1)
    sensible = (lowest >= _RANGE[:, :1]) & (highest <= _RANGE[:, 1:])
    return Known(shape, low, high, share, mapped, mean, noise, sensible)


def _furthest(reference: Reference, windows: Vectors, shape: Shape, row: int, unchanged: Floats) -> float:
    """The largest D of no change that feature `row` shows in windows of the reference."""
    one, edges = slice(row, row + 1), int(shape.real[row].sum())
    alone = Shape(shape.places[one], shape.edges[one, :edges], shape.codes[one, : edges + 1], shape.real[one, :edges])
    cells = windows.columns(alone.codes + reference.layout.spans["features"].start)
    return float(_distance(_shares(cells), alone, unchanged[:, one, :edges]).max())


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
    """(G, E) share at or under each edge of rows spread evenly over [low, high], which may be one point.

    Of one feature there may be several, `low` and `high` (C, E+1), beside one `share` (1, E+1): then (C, E).
    """
    low, high = np.minimum(low, high), np.maximum(low, high)
    width = np.maximum(high - low, 1e-12 * np.maximum(np.abs(high), 1e-100))[:, None, :]
    edges = np.where(shape.real, shape.edges, 0.0)[:, :, None]
    inside = edges - high[:, None, :]
    # An edge that lies a rounding error under a step holds it.
    touched = np.abs(inside) <= 1e-9 * np.abs(edges)
    inside /= width
    inside += 1
    np.clip(inside, 0.0, 1.0, out=inside)
    inside[touched] = 1.0
    cumulative: Floats = np.where(shape.real, np.einsum("gek,gk->ge", inside, share), 1.0)
    return cumulative


def _distance(window: Floats, shape: Shape, mapped: Floats) -> Floats:
    """(C, G) D of each map (C, G, E), from the window's shares (G, E+1); or of one map from those of C windows."""
    below = np.cumsum(window, axis=-1)[..., :-1]
    cell = np.diff(mapped, axis=2, prepend=0.0, append=1.0)
    both = window + cell
    weight = np.where(shape.real, both[..., :-1] + both[..., 1:], 0.0)
    total = weight.sum(axis=2)
    off = (np.abs(below - mapped) * weight).sum(axis=2)
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
        return _by_mean(row, cells, mean, learned)
    fixed = _distance(share[None], _only(learned.shape, row), learned.mapped[:, row : row + 1])[:, 0]
    fixed[~learned.sensible[:, row]] = np.inf
    fixed[0] = np.inf
    factor, distance, least = _best_factor(row, cells, mean, learned)
    if fixed.min() <= min(limit, distance):
        return float(MAPS[np.argmin(fixed), 0])
    return factor if distance <= limit and not _is_mixture(row, cells, factor, least, learned) else np.nan


def _is_mixture(row: int, cells: Floats, factor: float, least: float, learned: Known) -> bool:
    """Whether old rows beside rows with a factor further from 1 explain the window much better than D = `least`."""
    shape, share = _only(learned.shape, row), _shares(cells)
    beyond = np.sign(np.log(abs(factor))) * _BEYOND
    old = learned.mapped[0, row]
    new = _scaled(row, factor * np.exp(beyond), learned)
    # The part that changed, by least squares with the weights of D.
    cell = np.diff(old, prepend=0.0, append=1.0)
    weight = np.where(shape.real[0], (share + cell)[:-1] + (share + cell)[1:], 0.0)
    towards, seen = new - old, np.cumsum(share)[:-1] - old
    size = (weight * towards * towards).sum(axis=1)
    part = np.divide((weight * towards * seen).sum(axis=1), size, out=np.zeros_like(size), where=size > 0)
    mixed = old + np.clip(part, 0.0, 1.0)[:, None] * towards
    best = float(_distance(share[None], shape, mixed[:, None]).min())
    return best * _MIXED <= least and best + _RIVAL / np.sqrt(cells.sum()) / _MIXED <= least


def _scaled(row: int, factors: Floats, learned: Known) -> Floats:
    """(C, E) share of the reference's feature `row`, times each of `factors` (C,), at or under each edge."""
    one, shape = slice(row, row + 1), _only(learned.shape, row)
    found = []
    for start in range(0, len(factors), _AT_ONCE):
        some = factors[start : start + _AT_ONCE, None]
        found.append(_cumulative(shape, learned.low[one] * some, learned.high[one] * some, learned.share[one]))
    return np.concatenate(found)


def _by_mean(row: int, cells: Floats, mean: float, learned: Known) -> float:
    """The factor that the means alone tell; NaN if it is not one of those believed, or others could be it too."""
    was = float(learned.mean[row])
    factors = np.concatenate((np.array([*_ROUND]), 1 / np.array([*_ROUND]), MAPS[_SHIFTING, 0]))
    offsets = np.concatenate((np.zeros(2 * len(_ROUND)), MAPS[_SHIFTING, 1]))
    possible = np.concatenate((np.ones(2 * len(_ROUND), dtype=np.bool_), learned.sensible[_SHIFTING, row]))
    expected = factors * was + offsets
    off = np.where(possible & (expected != 0), np.abs(mean - expected) / np.maximum(np.abs(expected), 1e-300), np.inf)
    best = int(np.argmin(off))
    factor, chance = float(factors[best]), 1 / np.sqrt(cells.sum())
    if off[best] > _MEAN_ALONE:
        return np.nan
    one = slice(row, row + 1)
    low, high = (end[one] * factor + offsets[best] for end in (learned.low, learned.high))
    mapped = _cumulative(_only(learned.shape, row), low, high, learned.share[one])
    if float(_distance(_shares(cells)[None], _only(learned.shape, row), mapped[None])[0, 0]) > _NEAR + chance:
        return np.nan
    if offsets[best] == 0:
        known_to = np.log1p(_MEAN_ALONE) + 2 * _uncertainty(row, cells, learned)
        rivals = np.abs(np.log(FACTORS / (mean / was))) <= known_to
        return factor if rivals.sum() == 1 else np.nan
    return factor


def _best_factor(row: int, cells: Floats, mean: float, learned: Known) -> tuple[float, float, float]:
    """The factor told and its D, infinite where none is; and the least D of any factor."""
    was = float(learned.mean[row])
    if was == 0 or mean / was <= 0:
        return np.nan, np.inf, np.inf
    share = _shares(cells)
    tried = np.concatenate((mean / was * _SEARCH, FACTORS))
    reach = max(_NEARBY, 2 * _uncertainty(row, cells, learned))
    near = np.abs(np.log(FACTORS / (mean / was))) <= reach - np.log(_SEARCH[0])
    use = np.concatenate((np.ones(len(_SEARCH), dtype=np.bool_), near))
    distance = np.full(len(tried), np.inf)
    scaled = _scaled(row, tried[use], learned)
    distance[use] = _distance(share[None], _only(learned.shape, row), scaled[:, None])[:, 0]
    best = int(np.argmin(distance[: len(_SEARCH)]))
    of_known = np.where(np.abs(np.log(FACTORS / tried[best])) <= reach, distance[len(_SEARCH) :], np.inf)
    least, slack = float(distance[best]), _RIVAL / np.sqrt(cells.sum())
    as_well = np.flatnonzero(of_known <= of_known.min() + slack)
    if of_known.min() <= least + 2 * slack and (len(as_well) == 1 or as_well[1] >= 2 * len(_COMMON) > as_well[0]):
        return float(FACTORS[as_well[0]]), float(of_known[as_well[0]]), least
    if 2 / 3 < tried[best] < 3 / 2 or 2 * _uncertainty(row, cells, learned) > _TOLD:
        return np.nan, np.inf, least
    return float(tried[best]), least, least


def _uncertainty(row: int, cells: Floats, learned: Known) -> float:
    """Standard error of the ratio of the means, relative, where the window varies as the reference does."""
    middle = (learned.low[row] + learned.high[row]) / 2
    spread = np.sqrt((learned.share[row] * (middle - learned.mean[row]) ** 2).sum())
    return float(spread / abs(learned.mean[row]) / np.sqrt(cells.sum()))


def _only(shape: Shape, row: int) -> Shape:
    one = slice(row, row + 1)
    return Shape(shape.places[one], shape.edges[one], shape.codes[one], shape.real[one])
