"""Which cell a number falls into, by an evenly spaced grid: a multiplication and two look-ups instead of a search.

Each box of the grid knows the cell of its lower end, and the one edge that lies in it, if any: above that edge the next
cell begins. The place of a value in the grid never falls while the value rises, whatever is lost to rounding, so that
all values of lower boxes are at or under an edge and all of higher ones above it: cells are those of a search, exactly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]

_SIZES = (1 << 11, 1 << 13, 1 << 15)
"""Boxes of a grid; the first size that will do is taken, for small tables stay in the first-level cache."""
_CROWDED = 0.01
"""Share of the cells that a box of two edges or more may touch before a finer grid is tried."""
_HOPELESS = 0.1
"""The same, beyond which the finest grid is none."""
_BLOCK = 16384
"""Values at once: what lies between two steps stays in the second-level cache."""
_LARGEST = float(np.finfo(np.float64).max)
UNSURE = 255
"""Stands for values that must be searched for: of crowded boxes, and what is no number or beyond all boxes."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Boxes over the edges of a variable.

    Attributes:
        origin, scale: x lies in box (x - origin) · scale, cut to a whole number.
        cells: (boxes,) code at a box's lower end, UNSURE where two edges lie in it.
        edges: (boxes,) the edge in the box, infinite where there is none.
        floor: the lowest edge, where it lies in one box with the next: values just under a lowest one that has a cell
            of its own. -∞ where it lies alone.
        first: code of the cell under it.
    """

    origin: float
    scale: float
    cells: Codes
    edges: Floats
    floor: float
    first: int

    def codes(self, values: Floats) -> Codes:
        """(n,) codes of `values`; where the grid cannot tell UNSURE, +∞ the code after the last."""
        n = len(values)
        out = np.empty(n, dtype=np.uint8)
        size = min(n, _BLOCK)
        place, box, above = np.empty(size), np.empty(size, dtype=np.int64), np.empty(size, dtype=np.bool_)
        with np.errstate(invalid="ignore", over="ignore"):
            for start in range(0, n, _BLOCK):
                block, codes = values[start : start + _BLOCK], out[start : start + _BLOCK]
                if len(block) < size:
                    place, box, above = place[: len(block)], box[: len(block)], above[: len(block)]
                np.subtract(block, self.origin, out=place)
                np.multiply(place, self.scale, out=place)
                # NaN, and what is under all that an integer can hold, ends up in the first box, which is UNSURE;
                # on some machines what is above it too.
                np.copyto(box, place, casting="unsafe")
                np.take(self.cells, box, out=codes, mode="clip")
                np.take(self.edges, box, out=place, mode="clip")
                np.greater(block, place, out=above)
                np.add(codes, above.view(np.uint8), out=codes)
                if self.floor > -np.inf and np.less_equal(block, self.floor, out=above).any():
                    codes[above & (codes == self.first + 1)] = self.first
        return out


def grid_of(edges: Floats, first: int) -> Grid | None:
    """The grid of rising `edges`, whose lowest cell has the code `first`; None where no even grid suits them."""
    for size in _SIZES:
        grid, crowded = _grid(edges, first, size)
        if grid is not None and (crowded <= _CROWDED or (size == _SIZES[-1] and crowded <= _HOPELESS)):
            return grid
    return None


def _grid(edges: Floats, first: int, size: int) -> tuple[Grid | None, float]:
    """The grid of a size, and which share of the cells must be searched in all the same."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        scale = (size - 6) / (edges[-1] - edges[0])
        # Two boxes are left free at either end: one for what is under all edges, one for what is nowhere.
        origin = edges[0] - 3 / scale
        place = (edges - origin) * scale
    if not (np.isfinite(scale) and scale > 0 and np.isfinite(place).all() and place[0] >= 2 and place[-1] < size - 2):  # noqa: PLR2004
        return None, 1.0
    box = place.astype(np.int64)
    paired = len(box) > 1 and box[0] == box[1]
    cells = np.searchsorted(box, np.arange(size), side="left") + first
    known = np.full(size, np.inf)
    known[box] = edges
    alone = box[1:] if paired else box
    crowded = np.flatnonzero(np.bincount(alone, minlength=size) > 1)
    if paired:
        cells[box[0]] += 1
    cells[crowded], known[crowded] = UNSURE, np.inf
    cells[0], known[-1] = UNSURE, _LARGEST
    touched = np.isin(alone, crowded).sum() + len(crowded)
    floor = float(edges[0]) if paired else -np.inf
    grid = Grid(float(origin), float(scale), cells.astype(np.uint8), known, floor, first)
    return grid, float(touched / len(edges))
