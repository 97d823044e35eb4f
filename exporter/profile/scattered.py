"""Counts of a few rows that fall into many panes: what is not zero alone, and where it stands."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats, to_unit
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.outcomes import Ints

_PLACE = np.dtype("<u4")
_VALUE = np.dtype("<f8")


def add_at(counts: Counts, places: Ints, values: Floats) -> None:
    """Adds `values` (n,) in place at `places` (n,): those of `all`, then those of `by_slice` row by row."""
    of_all = places < counts.layout.width
    np.add.at(counts.all, places[of_all], values[of_all])
    np.add.at(counts.by_slice.reshape(-1), places[~of_all] - counts.layout.width, values[~of_all])


def pack_places(places: Ints, values: Floats) -> bytes:
    """Places and values as bytes, from which `unpack_places` makes them again, bit for bit."""
    return places.astype(_PLACE).tobytes() + values.astype(_VALUE).tobytes()


def unpack_places(data: bytes, layout: Layout) -> tuple[Ints, Floats]:
    """What `pack_places` made bytes of.

    Raises:
        ValueError: they are not, or not of this layout.
    """
    count, rest = divmod(len(data), _PLACE.itemsize + _VALUE.itemsize)
    places = np.frombuffer(data, _PLACE, count).astype(np.int64)
    if rest or (places >= layout.width + layout.slice_rows * layout.slice_width).any():
        raise ValueError("scattered counts are damaged")
    return places, np.frombuffer(data, _VALUE, count, places.size * _PLACE.itemsize)


@dataclass(frozen=True, slots=True)
class Scattered:
    """Additive counts of panes of one layout.

    Attributes:
        layout: says what stands where.
        cells: (c + 1,) where each pane's places begin; the last one is their end.
        places: (n,) as in `add_at`, rising within a pane.
        values: (n,) what is added there; none is zero.
    """

    layout: Layout
    cells: Ints
    places: Ints
    values: Floats

    def each(self) -> Iterator[tuple[Ints, Floats]]:
        """Places and values of one pane after the other."""
        for begin, end in zip(self.cells[:-1].tolist(), self.cells[1:].tolist(), strict=True):
            yield self.places[begin:end], self.values[begin:end]

    def add_to(self, counts: Counts, chosen: NDArray[np.bool_] | None = None) -> None:
        """Adds the panes that `chosen` (c,) marks, or all of them, to counts of the same layout."""
        if chosen is None or chosen.all():
            add_at(counts, self.places, self.values)
        elif chosen.any():
            inside = np.repeat(chosen, np.diff(self.cells))
            add_at(counts, self.places[inside], self.values[inside])


class ScatteredTable:
    """Collects what rows add to their cells, part by part: a count's `_Table` that no zero takes room in."""

    def __init__(self, layout: Layout, cells: int, cell: Ints, slots: Ints, weight: Floats) -> None:
        self.layout = layout
        self._cells = cells
        self._weight = weight
        self._size = layout.width + layout.slice_rows * layout.slice_width
        self._begin = cell * self._size
        self._slots = [
            (slots[:, place] >= 0, self._begin + layout.width + (rows.start + slots[:, place]) * layout.slice_width)
            for place, rows in enumerate(layout.slice_span.values())
        ]
        self._places: list[Ints] = []
        self._values: list[Floats] = []

    def add(
        self,
        part: str,
        code: Ints,
        *,
        keep: NDArray[np.bool_] | None = None,
        values: Floats | None = None,
        unit: float = 1.0,
    ) -> None:
        """Adds 1 (or `values`, in multiples of `unit`) at `code` (n,) of a part, for the rows that `keep` marks."""
        weights = self._weight if values is None else to_unit(values * self._weight, unit)
        rows = np.ones(len(code), dtype=np.bool_) if keep is None else keep
        self._collect(self._begin + self.layout.spans[part].start + code, weights, rows)
        span = self.layout.slice_spans.get(part)
        if span is not None:
            for known, begin in self._slots:
                self._collect(begin + span.start + code, weights, rows & known)

    def _collect(self, places: Ints, weights: Floats, rows: NDArray[np.bool_]) -> None:
        self._places.append(places[rows])
        self._values.append(weights[rows])

    def counts(self) -> Scattered:
        """All that was added."""
        joint, values = np.concatenate(self._places), np.concatenate(self._values)
        order = np.argsort(joint, kind="stable")
        joint, values = joint[order], values[order]
        first = np.flatnonzero(np.append(True, joint[1:] != joint[:-1])[: len(joint)])
        joint, values = joint[first], np.add.reduceat(values, first) if len(first) else values
        joint, values = joint[values != 0], values[values != 0]
        cells = np.searchsorted(joint, np.arange(self._cells + 1) * self._size)
        return Scattered(self.layout, cells, joint % self._size, values)
