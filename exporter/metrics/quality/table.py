"""Where the bad codes of every feature stand, so that all features are judged at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import FIRST_CELL, INVALID, MISSING, CategoryBins, Floats
from exporter.profile.layout import Layout
from exporter.profile.vectors import Vectors

RATE_CHECKS = ("missing", "invalid", "out_of_range", "unseen")
"""What is a rate of bad values, in the order of the axis of checks."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Bad rows and rows to judge, for m profiles: (m, F, 4) each by feature and check of `RATE_CHECKS`.

    *missing* and *invalid* are shares of all rows; *out_of_range* (below the lowest or above the highest edge of a
    number) and *unseen* (a category that the reference never had) are shares of the rows with a valid value. A check
    that does not apply to a feature has no rows.
    """

    bad: Floats
    rows: Floats

    def worth(self, factor: float) -> "Rates":
        """The same of rows that are worth so many independent ones each, see `profile.counts.worth`."""
        return self if factor == 1.0 else Rates(self.bad * factor, self.rows * factor)

    @property
    def ratio(self) -> Floats:
        """(m, F, 4) shares; NaN where there are no rows."""
        ratio: Floats = np.divide(self.bad, self.rows, out=np.full_like(self.bad, np.nan), where=self.rows > 0)
        return ratio


@dataclass(frozen=True, slots=True)
class Table:
    """Places of codes in the part `features` of a layout.

    Attributes:
        names: (F,) features.
        starts: (F,) first code of each.
        ends: (F,) last code of each.
        category: (F,) true for categories.
    """

    names: tuple[str, ...]
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    category: NDArray[np.bool_]

    @classmethod
    def of(cls, layout: Layout) -> "Table":
        spans = [layout.feature_span[name] for name in layout.features]
        return cls(
            names=tuple(layout.features),
            starts=np.array([span.start for span in spans], dtype=np.intp),
            ends=np.array([span.stop - 1 for span in spans], dtype=np.intp),
            category=np.array([isinstance(bins, CategoryBins) for bins in layout.features.values()], dtype=np.bool_),
        )

    def rates(self, features: Floats) -> Rates:
        """Rates of counts (m, ΣW) laid out as the part `features`."""
        if not self.names:
            return Rates(np.zeros((len(features), 0, len(RATE_CHECKS))), np.zeros((len(features), 0, len(RATE_CHECKS))))
        return self._rates(np.add.reduceat(features, self.starts, axis=1), lambda codes: features[:, codes])

    def rates_of(self, windows: Vectors, start: int) -> Rates:
        """The same of vectors in which the part `features` begins at `start`, a feature at a time."""
        spans = [slice(start + first, start + last + 1) for first, last in zip(self.starts, self.ends, strict=True)]
        rows = np.array([windows.columns(span).sum(axis=1) for span in spans]).reshape(len(spans), len(windows)).T
        return self._rates(rows, lambda codes: windows.columns(start + codes))

    def _rates(self, rows: Floats, counts: Callable[[NDArray[np.intp]], Floats]) -> Rates:
        """Rates of features with `rows` (m, F), by the `counts` (m, F) of some codes."""
        missing, invalid = counts(self.starts + MISSING), counts(self.starts + INVALID)
        last = counts(self.ends)
        outside = np.where(self.category, 0.0, counts(self.starts + FIRST_CELL) + last)
        unseen = np.where(self.category, last, 0.0)
        valid = rows - missing - invalid
        return Rates(
            bad=np.stack((missing, invalid, outside, unseen), axis=2),
            rows=np.stack(
                (rows, rows, np.where(self.category, 0.0, valid), np.where(self.category, valid, 0.0)), axis=2
            ),
        )
