"""Frozen bins: which cell of a small table a value falls into.

Every feature has the same first two codes, so that what is not a value is never mixed with what is rare:

    0 MISSING    null, NaN, an empty cell
    1 INVALID    text where a number is due, an infinity
    2 ...        the cells

Cells of numbers: *below* (left of the first edge), the bins, *above* (right of the last edge). A bin holds its upper
edge, as Prometheus' `le` does. Cells of categories: the known ones by falling frequency, then OTHER (known to the
reference, but rare), then UNSEEN (never seen by it).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exporter.profile.grid import Grid, grid_of

MISSING = 0
INVALID = 1
FIRST_CELL = 2

FLOAT = np.float64
Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]

MAX_EDGES = 250
"""Codes are bytes: two reserved codes, *below*, *above* and the bins between must fit."""

_LARGEST = float(np.finfo(np.float64).max)
_FEW = 3000
"""Values below which NumPy compares slower than it searches."""
_BLOCK = 8192
"""Rows compared at once: edges × block stays in the second-level cache."""


@dataclass(frozen=True, slots=True)
class NumericBins:
    """Bins of a number.

    Attributes:
        edges: strictly rising, at least 2. Cell 0 is *below* (x ≤ edges[0]), cell i is (edges[i-1], edges[i]],
            the last cell is *above* (x > edges[-1]). `edges[0]` lies just under the lowest value that is in range.
        unit: sums of x are kept in whole multiples of this power of two, so that adding them up is exact in any order.
        kind: `integer` where every reference value was whole.
        deviation: standard deviation of all reference values, finer than bins tell; None if it is not known.
    """

    edges: Floats
    unit: float = 2.0**-20
    kind: Literal["float", "integer"] = "float"
    deviation: float | None = None

    type: Literal["numeric"] = field(default="numeric", init=False)
    _grid: Grid | Literal["unknown"] | None = field(default="unknown", init=False, repr=False, compare=False)

    @property
    def cells(self) -> int:
        """How many cells: bins and both ends."""
        return len(self.edges) + 1

    @property
    def width(self) -> int:
        """How many codes: cells, *missing* and *invalid*."""
        return self.cells + FIRST_CELL

    @property
    def labels(self) -> tuple[str, ...]:
        """Upper edges as text, a cell each; the last is `+Inf`."""
        return (*(format_edge(edge) for edge in self.edges), "+Inf")

    def codes(self, values: Floats, invalid: NDArray[np.bool_] | None = None) -> Codes:
        """Codes of `values` (n,); NaN is missing, infinities and what `invalid` marks are invalid."""
        out = self._found(values)
        if invalid is not None:
            out[invalid] = INVALID
        return out

    def _found(self, values: Floats) -> Codes:
        grid = self._grid
        if grid == "unknown":
            grid = grid_of(self.edges, FIRST_CELL)
            object.__setattr__(self, "_grid", grid)  # known from the edges: the bins stay what they are
        if grid is None:
            return self._compared(values) if len(values) >= _FEW else self._searched(values)
        out = grid.codes(values)
        if out.max(initial=0) >= self.width:
            rest = np.flatnonzero(out >= self.width)
            out[rest] = self._searched(values[rest]) if len(rest) < _FEW else self._compared(values[rest])
        return out

    def _searched(self, values: Floats) -> Codes:
        """A search a value."""
        out = np.searchsorted(self.edges, values, side="left").astype(np.uint8)
        out += FIRST_CELL
        strange = ~np.isfinite(values)
        out[strange] = np.where(np.isnan(values[strange]), MISSING, INVALID)
        return out

    def _compared(self, values: Floats) -> Codes:
        """Every value against every edge: no branch to guess, and much at once."""
        n = len(values)
        out = np.empty(n, dtype=np.uint8)
        column = np.concatenate(([-np.inf], self.edges, [_LARGEST]))[:, None]
        above = np.empty((len(column), min(n, _BLOCK)), dtype=np.bool_)
        for start in range(0, n, _BLOCK):
            block = values[start : start + _BLOCK]
            part = above[:, : len(block)]
            np.less(column, block, out=part)
            # NaN is less than nothing: it gives 0 by itself, a value at or under the first edge gives 1 and so on.
            np.add.reduce(part.view(np.uint8), axis=0, dtype=np.uint8, out=out[start : start + _BLOCK])
        out += 1
        # What is no finite number has a code that no other value has.
        strange = (out == INVALID) | (out == self.width)
        if strange.any():
            out[strange] = np.where(np.isnan(values[strange]), MISSING, INVALID)
        return out


@dataclass(frozen=True, slots=True)
class CategoryBins:
    """Cells of a category: the `values` that the reference knows, by falling frequency, then OTHER, then UNSEEN.

    `rare` holds hashes of the values that were merged into OTHER (too rare to be named without pointing at somebody),
    so that they are told from those never seen.
    """

    values: tuple[str, ...]
    rare: frozenset[int] = frozenset()

    type: Literal["category"] = field(default="category", init=False)

    @property
    def cells(self) -> int:
        return len(self.values) + 2

    @property
    def width(self) -> int:
        return self.cells + FIRST_CELL

    @property
    def other(self) -> int:
        """Code of OTHER."""
        return FIRST_CELL + len(self.values)

    @property
    def unseen(self) -> int:
        """Code of UNSEEN."""
        return self.other + 1

    @property
    def labels(self) -> tuple[str, ...]:
        return (*self.values, "__other__", "__unseen__")


FeatureBins = NumericBins | CategoryBins


def format_edge(edge: float) -> str:
    """The shortest text of an edge that is still told from its neighbours for a reader: 6 significant digits."""
    return "+Inf" if edge == np.inf else f"{edge:.6g}"


def quantile_edges(sample: Floats, bins: int, *, low: float = 0.001, high: float = 0.999) -> Floats:
    """Edges of at most `bins` bins of equal share between two extreme quantiles of `sample` (n,), n ≥ 1, all finite.

    Ties give fewer bins, a constant gives one; a few distinct values get a bin each. The result is strictly rising
    and its first edge lies just under the lowest value in range.
    """
    values, counts = np.unique(sample, return_counts=True)
    if len(values) <= bins:
        edges = values
    else:
        edges = weighted_quantiles(values, counts.astype(FLOAT), np.linspace(0.0, 1.0, bins + 1), low=low, high=high)
    lowest = np.nextafter(edges[0], -np.inf)
    # The first quantile is the floor of the first bin, unless so much lies on it that it is a bin of its own.
    upper = edges if len(values) <= bins or edges[0] == edges[1] else edges[1:]
    return np.unique(np.concatenate(([lowest], upper)))


def weighted_quantiles(values: Floats, weights: Floats, at: Floats, *, low: float = 0.0, high: float = 1.0) -> Floats:
    """Inverted-CDF quantiles of `values` (sorted) at `at`, each clipped to the quantiles `low` and `high`."""
    cumulative = np.cumsum(weights)
    targets = np.clip(at, low, high) * cumulative[-1]
    picked: Floats = values[np.clip(np.searchsorted(cumulative, targets, side="left"), 0, len(values) - 1)]
    return picked


def sum_unit(scale: float) -> float:
    """A power of two that keeps values of about `scale` to 30 bits, so that sums of 8 million of them stay exact."""
    if not np.isfinite(scale) or scale <= 0:
        return 2.0**-30
    # Squares have units too, and must not leave the range of floats.
    return float(2.0 ** np.clip(np.ceil(np.log2(scale)) - 30, -400, 400))


def to_unit(values: Floats, unit: float) -> Floats:
    """`values` rounded to whole multiples of `unit`: what sums are made of. NaN stays NaN.

    Their sums are exact in any order while they stay under 2⁵³ units. Values beyond 2⁶⁰ units, a thousand million
    times what the unit was made for, are cut there: one of them would swallow all others of its sum for good.
    """
    most = max(float(np.fmax.reduce(values, initial=0.0)), -float(np.fmin.reduce(values, initial=0.0)))
    if most < unit * 2.0**51:
        # Adding what has `unit` as its last bit rounds to it, and costs half of dividing and multiplying.
        shift = unit * 1.5 * 2.0**52
        rounded: Floats = values + shift
        rounded -= shift
        return rounded
    limit = unit * 2.0**60
    # Beyond 2⁵² units every float is a whole multiple already.
    cut = np.clip(values, -limit, limit)
    return np.where(np.abs(cut) < unit * 2.0**52, np.round(cut / unit) * unit, cut)


def nesting(cells: int, sizes: Sequence[int] = (64, 32, 16, 8)) -> tuple[NDArray[np.intp], ...]:
    """Groups of the cells of a numeric feature at ever coarser levels.

    Level 0 is the identity. At each further level neighbouring bins are merged two by two; *below* and *above*
    (cells 0 and `cells - 1`) keep groups of their own.

    Returns:
        One array (cells,) a level, of group numbers from 0.
    """
    levels = [np.arange(cells, dtype=np.intp)]
    inner = np.arange(max(cells - 2, 0), dtype=np.intp)
    for step in range(1, len(sizes)):
        merged = inner >> step
        groups = int(merged.max()) + 1 if len(merged) else 0
        levels.append(np.concatenate(([0], merged + 1, [groups + 1])).astype(np.intp))
    return tuple(levels)
