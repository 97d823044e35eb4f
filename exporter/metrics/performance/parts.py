"""Counts of labelled predictions, stacked: all rows, the values of a dimension, or the windows of a reference alike."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference


@dataclass(frozen=True, slots=True)
class Parts:
    """Some profiles side by side, one a row of the leading axis, so that one formula serves them all at once.

    Attributes:
        layout: says which parts there are.
        read: part's name → (m, *shape) counts.
    """

    layout: Layout
    read: Callable[[str], Floats]

    def __getitem__(self, part: str) -> Floats:
        """(m, *shape) counts of a part.

        Raises:
            NoData: profiles of this layout do not keep it.
        """
        if not self.layout.has(part):
            raise NoData
        return self.read(part)

    @property
    def labels(self) -> Floats:
        """(m,) labelled predictions."""
        labels: Floats = self.read("labels")[:, 0]
        return labels

    def rows(self, kept: NDArray[np.bool_]) -> "Parts":
        """Those profiles of the m that are `kept`."""
        return Parts(self.layout, lambda part: self.read(part)[kept])


def of_counts(counts: Counts) -> Parts:
    """One profile: m = 1."""
    return Parts(counts.layout, lambda part: counts[part][None])


def of_slices(counts: Counts, dimension: str) -> Parts:
    """Values of a dimension: m = slots, in the vocabulary's order."""
    layout = counts.layout

    def read(part: str) -> Floats:
        if part not in layout.slice_spans:
            raise NoData
        return counts.sliced(dimension, part)

    return Parts(layout, read)


def of_windows(reference: Reference, seconds: int) -> Parts:
    """Windows of a reference that are `seconds` long: m = K' of `Reference.windows`."""
    windows = reference.windows(seconds)
    return Parts(reference.layout, lambda part: reference.part(windows, part))


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Quotients; NaN, which is *undefined*, where the denominator is 0."""
    quotient: Floats = np.divide(
        numerator, denominator, out=np.full(np.broadcast(numerator, denominator).shape, np.nan), where=denominator != 0
    )
    return quotient
