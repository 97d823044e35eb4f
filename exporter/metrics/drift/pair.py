"""Two samples of the same variables in the same bins, side by side: what every distance is computed from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats

Mask = NDArray[np.bool_]

PSEUDO_COUNT = 0.5
"""Added to every bin on both sides where a distance takes logarithms of single shares (Jeffreys' prior)."""


@dataclass(frozen=True)
class Pair:
    """Counts of F variables in at most B bins each; rows shorter than B are padded at the end.

    Attributes:
        window: (F, B) counts of the window, 0 in padding.
        reference: (F, B) counts of the reference, 0 in padding.
        used: (F, B) True where a variable has a bin.
        ordered: (F,) True where the bins have an order (numbers).
        window_at: (F, B) where the window's mass lies inside a bin (its mean), NaN where it has none there.
        reference_at: (F, B) the same of the reference.
        deviation: (F,) standard deviation of the reference's raw values, NaN where it is not known.
        bounds: (2, F, B) lower and upper end of each bin, infinite at both ends; NaN for categories and in padding.
    """

    window: Floats
    reference: Floats
    used: Mask
    ordered: Mask
    window_at: Floats | None = None
    reference_at: Floats | None = None
    deviation: Floats | None = None
    bounds: Floats | None = None

    @classmethod
    def of(
        cls,
        window: Floats,
        reference: Floats,
        *,
        window_at: Floats | None = None,
        reference_at: Floats | None = None,
        deviation: float | None = None,
        edges: Floats | None = None,
    ) -> "Pair":
        """One ordered variable from two vectors (B,) of counts, between `edges` (B-1,) where those are known."""
        row = np.atleast_2d(np.asarray(window, dtype=np.float64))
        return cls(
            window=row,
            reference=np.atleast_2d(np.asarray(reference, dtype=np.float64)),
            used=np.ones(row.shape, dtype=bool),
            ordered=np.ones(len(row), dtype=bool),
            window_at=None if window_at is None else np.atleast_2d(window_at),
            reference_at=None if reference_at is None else np.atleast_2d(reference_at),
            deviation=None if deviation is None else np.array([deviation]),
            bounds=None if edges is None else bounds_of(edges)[:, None],
        )

    @cached_property
    def n(self) -> Floats:
        """(F,) size of the window."""
        size: Floats = self.window.sum(axis=1)
        return size

    @cached_property
    def m(self) -> Floats:
        """(F,) size of the reference."""
        size: Floats = self.reference.sum(axis=1)
        return size

    @cached_property
    def p(self) -> Floats:
        """(F, B) shares of the window; NaN rows where it is empty."""
        return _shares(self.window, self.n)

    @cached_property
    def q(self) -> Floats:
        """(F, B) shares of the reference; NaN rows where it is empty."""
        return _shares(self.reference, self.m)

    @cached_property
    def smooth_p(self) -> Floats:
        """(F, B) shares of the window with PSEUDO_COUNT added to every bin; 0 in padding."""
        return self._smooth(self.window, self.p)

    @cached_property
    def smooth_q(self) -> Floats:
        """(F, B) shares of the reference with PSEUDO_COUNT added to every bin; 0 in padding."""
        return self._smooth(self.reference, self.q)

    def _smooth(self, counts: Floats, shares: Floats) -> Floats:
        padded = np.where(self.used, counts + PSEUDO_COUNT, 0.0)
        # An empty sample has no shares: smoothing must not invent some.
        smooth: Floats = np.where(np.isnan(shares), np.nan, padded / padded.sum(axis=1, keepdims=True))
        return smooth


def bounds_of(edges: Floats) -> Floats:
    """(2, B) lower and upper ends of the cells between `edges` (B-1,)."""
    ends = np.concatenate(([-np.inf], edges, [np.inf]))
    return np.stack((ends[:-1], ends[1:]))


def _shares(counts: Floats, size: Floats) -> Floats:
    filled = np.where(size > 0, size, np.nan)[:, None]
    shares: Floats = counts / filled
    return shares
