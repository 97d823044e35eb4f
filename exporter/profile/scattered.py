"""Counts of a few rows that fall into many panes: what is not zero alone, and where it stands."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Codes, Floats, to_unit
from exporter.profile.cells import Bools
from exporter.profile.counts import Counts
from exporter.profile.feature_truth import LabelledRows, add_rows
from exporter.profile.layout import Layout
from exporter.profile.outcomes import Ints
from exporter.profile.truth import SQUARED_WEIGHT_UNIT

_PLACE = np.dtype("<u4")
_VALUE = np.dtype("<f8")
_HEAD = struct.Struct("<II")
_DAMAGED = "scattered counts are damaged"


@dataclass(frozen=True, slots=True)
class Addition:
    """What is to be added to one pane: counts that are not zero, and where they stand; and rows that count by feature.

    A labelled row adds to so many places by feature that the row itself is the shorter.

    Attributes:
        places: (n,) those of `all`, then those of `by_slice` row by row.
        values: (n,) what is added there.
        codes: (m, F) coarse codes of labelled rows; F is 0 in layouts that count nothing by them.
        terms: (m, T) their truth terms.
    """

    places: NDArray[np.integer]
    values: Floats
    codes: Codes
    terms: Floats

    def add_to(self, counts: Counts) -> None:
        """Adds it in place."""
        of_all = self.places < counts.layout.width
        np.add.at(counts.all, self.places[of_all], self.values[of_all])
        np.add.at(counts.by_slice.reshape(-1), self.places[~of_all] - counts.layout.width, self.values[~of_all])
        if len(self.codes):
            add_rows(counts, self.codes, self.terms)

    def pack(self) -> bytes:
        """It as bytes, from which `unpack` makes it again, bit for bit."""
        places, values = self.places.astype(_PLACE, copy=False).tobytes(), self.values.tobytes()
        if not self.codes.shape[1]:
            return places + values
        head = _HEAD.pack(len(self.places), len(self.codes))
        return b"".join((head, places, values, self.codes.tobytes(), self.terms.tobytes()))

    @classmethod
    def unpack(cls, data: bytes, layout: Layout) -> "Addition":
        """What `pack` made bytes of.

        Raises:
            ValueError: they are not, or not of this layout.
        """
        features, terms = _row_shape(layout)
        if features:
            if len(data) < _HEAD.size:
                raise ValueError(_DAMAGED)
            (places, rows), start = _HEAD.unpack_from(data), _HEAD.size
        else:
            places, rows, start = len(data) // (_PLACE.itemsize + _VALUE.itemsize), 0, 0
        size = places * (_PLACE.itemsize + _VALUE.itemsize) + rows * (features + terms * _VALUE.itemsize)
        if len(data) != start + size:
            raise ValueError(_DAMAGED)
        at = start + places * _PLACE.itemsize
        end = at + places * _VALUE.itemsize
        found = cls(
            np.frombuffer(data, _PLACE, places, start),
            np.frombuffer(data, _VALUE, places, at),
            np.frombuffer(data, np.uint8, rows * features, end).reshape(rows, features),
            np.frombuffer(data, _VALUE, rows * terms, end + rows * features).reshape(rows, terms),
        )
        widths = np.array([each.width for each in layout.coarse.values()] if features else [])
        if (found.places >= layout.width + layout.slice_rows * layout.slice_width).any() or (
            found.codes >= widths
        ).any():
            raise ValueError(_DAMAGED)
        return found


def _row_shape(layout: Layout) -> tuple[int, int]:
    """How many codes and terms a labelled row has that counts by feature; (0, 0) where none does."""
    return (len(layout.features), len(layout.truth_terms)) if layout.has("feature_truth") else (0, 0)


def together(additions: Sequence[Addition]) -> Addition:
    """Additions to one pane, at least one, as one."""
    return Addition(*(np.concatenate([getattr(each, part.name) for each in additions]) for part in fields(Addition)))


@dataclass(frozen=True, slots=True)
class Scattered:
    """Additive counts of panes of one layout.

    Attributes:
        layout: says what stands where.
        cells: (c + 1,) where each pane's places begin; the last one is their end.
        rows: (c + 1,) the same of its labelled rows.
        whole: the places of all panes, rising within each, none of which is zero; and their rows.
    """

    layout: Layout
    cells: Ints
    rows: Ints
    whole: Addition

    def each(self) -> Iterator[Addition]:
        """What is to be added to one pane after the other."""
        bounds = zip(
            *(pair for ends in (self.cells, self.rows) for pair in (ends[:-1].tolist(), ends[1:].tolist())), strict=True
        )
        for begin, end, first, last in bounds:
            yield Addition(
                self.whole.places[begin:end],
                self.whole.values[begin:end],
                self.whole.codes[first:last],
                self.whole.terms[first:last],
            )

    def add_to(self, counts: Counts, chosen: NDArray[np.bool_] | None = None) -> None:
        """Adds the panes that `chosen` (c,) marks, or all of them, to counts of the same layout."""
        if chosen is None or chosen.all():
            self.whole.add_to(counts)
        elif chosen.any():
            inside, among = np.repeat(chosen, np.diff(self.cells)), np.repeat(chosen, np.diff(self.rows))
            whole = self.whole
            Addition(whole.places[inside], whole.values[inside], whole.codes[among], whole.terms[among]).add_to(counts)


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
        features, terms = _row_shape(layout)
        self._cell = cell
        self._labelled = np.empty(0, dtype=np.int64), np.empty((0, features), dtype=np.uint8), np.empty((0, terms))

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

    def add_squares(self, counted: str, part: str) -> None:  # noqa: ARG002 - as a table that has them side by side
        """Adds the square of each row's weight."""
        self.add(
            part, np.zeros(len(self._weight), dtype=np.int64), values=np.abs(self._weight), unit=SQUARED_WEIGHT_UNIT
        )

    def add_by_feature(self, keep: Bools, rows: LabelledRows) -> None:
        """Adds labelled rows, those that `keep` (n,) marks, by feature."""
        order = np.argsort(self._cell[keep], kind="stable")
        self._labelled = self._cell[keep][order], rows.codes[order], rows.terms()[order]

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
        numbers = np.arange(self._cells + 1)
        cell, codes, terms = self._labelled
        return Scattered(
            self.layout,
            np.searchsorted(joint, numbers * self._size),
            np.searchsorted(cell, numbers),
            Addition((joint % self._size).astype(_PLACE), values, codes, terms),
        )
