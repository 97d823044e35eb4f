"""Counts of labelled predictions, stacked: all rows, the values of a dimension, or the windows of a reference alike.

Labels of weighted rows are counted for what they are worth (`profile.counts.worth`): every metric is a quotient of
counts and stays what it is, intervals are those of so many independent labels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.counts import Counts, worth
from exporter.profile.layout import Layout
from exporter.profile.vectors import Vectors

T = TypeVar("T")

AT_ONCE = 256
"""Profiles that are computed side by side: what they take stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Some profiles side by side, one a row of the leading axis, so that one formula serves them all at once.

    Attributes:
        layout: says which parts there are.
        read: part's name → (m, *shape) counts.
        memo: what several metrics share, computed once: use `once`.
    """

    layout: Layout
    read: Callable[[str], Floats]
    memo: dict[str, Any] = field(default_factory=dict, compare=False)

    def once(self, key: str, compute: Callable[["Parts"], T]) -> T:
        """`compute(self)`, computed the first time only."""
        if key not in self.memo:
            self.memo[key] = compute(self)
        result: T = self.memo[key]
        return result

    def __getitem__(self, part: str) -> Floats:
        """(m, *shape) counts of a part.

        Raises:
            NoData: profiles of this layout do not keep it.
        """
        if not self.layout.has(part):
            raise NoData
        return self.once(f"part {part}", lambda parts: parts.read(part))

    @property
    def labels(self) -> Floats:
        """(m,) labelled predictions; of weighted rows how many independent ones they are worth."""
        labels: Floats = self.read("labels")[:, 0]
        return labels


def of_counts(counts: Counts) -> Parts:
    """One profile: m = 1."""
    return _worth(counts.layout, lambda part: counts[part][None])


def of_slices(counts: Counts, dimension: str) -> Parts:
    """Values of a dimension: m = slots, in the vocabulary's order."""
    layout = counts.layout

    def read(part: str) -> Floats:
        if part not in layout.slice_spans:
            raise NoData
        return counts.sliced(dimension, part)

    return _worth(layout, read)


def of_vectors(layout: Layout, vectors: Vectors) -> Parts:
    """Profiles (m, layout.width), such as windows of a reference."""
    return _worth(layout, lambda part: vectors.columns(layout.spans[part]).reshape(len(vectors), *layout.shapes[part]))


def in_chunks(layout: Layout, vectors: Vectors) -> Iterator[Parts]:
    """Some of the profiles at a time, in order: as plain numbers a year of hours would take hundreds of megabytes."""
    for start in range(0, len(vectors), AT_ONCE):
        some = np.zeros(len(vectors), dtype=np.bool_)
        some[start : start + AT_ONCE] = True
        yield of_vectors(layout, vectors.rows(some))


def _worth(layout: Layout, counted: Callable[[str], Floats]) -> Parts:
    if not layout.has("label_weight_squares"):
        return Parts(layout, counted)
    factor = worth(counted("labels")[:, 0], counted("label_weight_squares")[:, 0])
    if (factor == 1.0).all():
        return Parts(layout, counted)

    def read(part: str) -> Floats:
        found = counted(part)
        return found * factor.reshape(-1, *(1,) * (found.ndim - 1))

    return Parts(layout, read)


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Quotients; NaN, which is *undefined*, where the denominator is 0."""
    quotient: Floats = np.divide(
        numerator, denominator, out=np.full(np.broadcast(numerator, denominator).shape, np.nan), where=denominator != 0
    )
    return quotient
