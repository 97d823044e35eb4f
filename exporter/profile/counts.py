"""Counts of one (model, version, pane), or of any sum of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from exporter.errors import ProfileMismatch
from exporter.profile.bins import Floats
from exporter.profile.layout import Layout

Counted = Literal["rows", "labels"]
_SQUARES: dict[Counted, str] = {"rows": "weight_squares", "labels": "label_weight_squares"}


def worth(weights: Floats, squares: Floats) -> Floats:
    """How many independent rows each unit of a sum of weights Σw is worth, Σw / Σw²: together (Σw)² / Σw².

    That many rows of weight 1 tell a share as well as these do. It is 1 where rows have no weight, and where nothing
    is known. Source: Kish, Survey Sampling, 1965.
    """
    known = (weights > 0) & (squares > 0)
    return np.divide(weights, squares, out=np.ones_like(weights), where=known)


@dataclass(slots=True)
class Counts:
    """Additive counts of some rows.

    Attributes:
        layout: says what stands where.
        all: (layout.width,) counts of all rows.
        by_slice: (layout.slice_rows, layout.slice_width) counts of each slice value.
    """

    layout: Layout
    all: Floats
    by_slice: Floats

    @classmethod
    def zero(cls, layout: Layout) -> "Counts":
        """Counts of no rows: the identity of `+`."""
        return cls(layout, np.zeros(layout.width), np.zeros((layout.slice_rows, layout.slice_width)))

    def __getitem__(self, part: str) -> Floats:
        """A view of a part in its own shape."""
        return self.all[self.layout.spans[part]].reshape(self.layout.shapes[part])

    def get(self, part: str) -> Floats | None:
        """A view of a part, None if the layout does not keep it."""
        return self[part] if self.layout.has(part) else None

    def feature(self, name: str) -> Floats:
        """(width,) counts by code of a feature: missing, invalid, then its cells."""
        return self["features"][self.layout.feature_span[name]]

    def feature_sums(self, name: str) -> Floats:
        """(width,) Σx by code of a feature."""
        return self["feature_sums"][self.layout.feature_span[name]]

    def sliced(self, dimension: str, part: str) -> Floats:
        """(slots, *shape) counts of a part for every value of a dimension; slot order is the vocabulary's."""
        rows = self.by_slice[self.layout.slice_span[dimension]]
        return rows[:, self.layout.slice_spans[part]].reshape(len(rows), *self.layout.shapes[part])

    @property
    def rows(self) -> float:
        return float(self["rows"][0])

    @property
    def answered(self) -> float:
        """Predictions without an error: those that can have a label."""
        return self.rows - float(self["errors"].sum())

    @property
    def labels(self) -> float:
        return float(self["labels"][0])

    def worth(self, of: Counted = "rows") -> float:
        """Independent rows (or labels) that one counted is worth: n is multiplied by it where it drives a test."""
        squares = self.get(_SQUARES[of])
        return 1.0 if squares is None else float(worth(self[of], squares)[0])

    def slice_worth(self, dimension: str, of: Counted = "rows") -> Floats:
        """(slots,) `worth` of each value of a slice dimension."""
        counted = self.sliced(dimension, of)[:, 0]
        squares = _SQUARES[of]
        return worth(counted, self.sliced(dimension, squares)[:, 0] if self.layout.has(squares) else counted)

    def add(self, other: "Counts") -> None:
        """Adds `other` in place.

        Raises:
            ProfileMismatch: the layouts differ.
        """
        if other.layout is not self.layout and other.layout.id != self.layout.id:
            raise ProfileMismatch(
                f"counts with bins {other.layout.id} cannot be added to counts with bins {self.layout.id}"
            )
        self.all += other.all
        self.by_slice += other.by_slice

    def copy(self) -> "Counts":
        return Counts(self.layout, self.all.copy(), self.by_slice.copy())

    def __add__(self, other: "Counts") -> "Counts":
        total = self.copy()
        total.add(other)
        return total


def total(layout: Layout, counts: Iterable[Counts]) -> Counts:
    """The sum of `counts`; zero of `layout` if there are none."""
    result = Counts.zero(layout)
    for each in counts:
        result.add(each)
    return result
