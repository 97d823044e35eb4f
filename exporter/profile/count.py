"""Rows → counts, by (version, pane). No Python per row: codes, then `bincount`."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import FIRST_CELL, INVALID, Floats, NumericBins, to_unit
from exporter.profile.cells import Bools, Names
from exporter.profile.counts import Counts
from exporter.profile.feature_truth import NO_CELL, LabelledRows, add_by_feature, first_bad_of_values, labelled_rows
from exporter.profile.layout import CLASS_SCORE_CELLS, Layout
from exporter.profile.loss.counting import pair_sums
from exporter.profile.outcomes import Ints, Outcomes
from exporter.profile.output import output_codes
from exporter.profile.rows import Rows
from exporter.profile.scattered import Scattered, ScatteredTable
from exporter.profile.truth import PROBABILITY_UNIT, SQUARED_WEIGHT_UNIT, cell_codes, class_score_cells, count_truth
from exporter.profile.vocabulary import Vocabulary

SECONDS_UNIT = 2.0**-20
_CELLS_AT_ONCE = 64
"""(version, pane) cells counted together at most; more would cost memory, not time."""
_BYTES_AT_ONCE = 32 << 20
_FEW = 8192
"""Outcomes that are counted scattered at most: with more, what is not zero takes more memory than what is."""
_FEW_A_CELL = 32
"""Outcomes a cell beyond which its pane is opened and written anew: each takes some ten places by itself."""

CellKey = tuple[str, int]
"""Version and the pane's start in Unix seconds."""


def slice_slots(rows: Rows, layout: Layout, vocabulary: Vocabulary) -> Ints:
    """(n, D) slot of each row in each dimension; new values get slots in the order of the rows. -1 = no value."""
    slots = np.full((len(rows), len(layout.slices)), -1, dtype=np.int64)
    for place, dimension in enumerate(layout.slices):
        slots[:, place] = _slots(rows.slices.get(dimension), dimension, vocabulary, len(rows))
    return slots


def _slots(column: Names | None, kind: str, vocabulary: Vocabulary, n: int) -> Ints:
    if column is None or not len(column.names):
        return np.full(n, -1, dtype=np.int64)
    order = np.flatnonzero(np.bincount(column.codes + 1, minlength=len(column.names) + 1)[1:])
    if not vocabulary.knows(kind, [column.names[code] for code in order]):
        used, first = np.unique(column.codes, return_index=True)
        order = used[np.argsort(first)]
        order = order[order >= 0]
    table = np.full(len(column.names) + 1, -1, dtype=np.int64)
    table[order] = vocabulary.slots(kind, [column.names[code] for code in order])
    return table[column.codes]


def count_rows(
    rows: Rows, slots: Ints, layout: Layout, vocabulary: Vocabulary, pane: int
) -> Iterator[dict[CellKey, Counts]]:
    """Counts of predictions by (version, pane start), some cells at a time, each cell once."""
    return count_prepared(rows, slots, error_slots(rows, vocabulary), layout, pane)


def error_slots(rows: Rows, vocabulary: Vocabulary) -> Ints:
    """(n,) slot of each row's class of error; -1 = none."""
    return _slots(rows.error, "error", vocabulary, len(rows))


def count_prepared(rows: Rows, slots: Ints, errors: Ints, layout: Layout, pane: int) -> Iterator[dict[CellKey, Counts]]:
    """`count_rows` where all names have their slots already: reads and writes nothing that threads share."""
    for keys, members, cell in _cells(rows.version, rows.time, pane, _cells_at_once(layout)):
        part = rows if members is None else rows.take(members)
        chosen = slots if members is None else slots[members]
        failed = errors if members is None else errors[members]
        table = _Table(layout, len(keys), cell, chosen, part.weight)
        _count_traffic(table, part, failed)
        _count_features(table, part)
        _count_pairs(table, part, _count_bad_cells(table, part))
        _count_outputs(table, part)
        yield dict(zip(keys, table.counts(), strict=True))


def count_outcomes(outcomes: Outcomes, layout: Layout, pane: int) -> Iterator[dict[CellKey, Counts]]:
    """Counts of joined labels by (version, pane start) of their predictions, some cells at a time, each cell once."""
    version = Names(outcomes.version, outcomes.versions)
    for keys, members, cell in _cells(version, outcomes.time, pane, _cells_at_once(layout)):
        part = outcomes if members is None else outcomes.take(members)
        table = _Table(layout, len(keys), cell, part.slots, None if (part.sign == 1.0).all() else part.sign)
        count_truth(table, part)
        labelled = labelled_rows(layout, part)
        if labelled is not None:
            table.add_by_feature(*labelled)
        yield dict(zip(keys, table.counts(), strict=True))


def is_scattered(outcomes: Outcomes, pane: int) -> bool:
    """True if outcomes are so few in so many cells that `scatter_outcomes` is the cheaper way to count them."""
    names = Names(outcomes.version, outcomes.versions)
    return len(outcomes) <= _FEW and len(outcomes) < _FEW_A_CELL * cell_count(names, outcomes.time, pane)


def scatter_outcomes(outcomes: Outcomes, layout: Layout, pane: int) -> tuple[list[CellKey], Scattered]:
    """`count_outcomes` of a few outcomes in many cells: the cells and what each of them gets, bit by bit the same."""
    joint, low, wide = _joint(Names(outcomes.version, outcomes.versions), outcomes.time // (pane * 1_000_000))
    used, cell = _numbered(joint)
    table = ScatteredTable(layout, len(used), cell, outcomes.slots, outcomes.sign)
    count_truth(table, outcomes)
    labelled = labelled_rows(layout, outcomes)
    if labelled is not None:
        table.add_by_feature(*labelled)
    return _keys(used, outcomes.versions, low, wide, pane), table.counts()


def _cells_at_once(layout: Layout) -> int:
    size = 8 * (layout.width + layout.slice_rows * layout.slice_width)
    return int(np.clip(_BYTES_AT_ONCE // size, 1, _CELLS_AT_ONCE))


def cell_count(version: Names, time: Ints, pane: int) -> int:
    """How many (version, pane) cells rows fall into."""
    return 0 if len(time) == 0 else len(_numbered(_joint(version, time // (pane * 1_000_000))[0])[0])


def _joint(version: Names, panes: Ints) -> tuple[Ints, int, int]:
    """One number for version and pane, with the lowest pane and how many panes there may be."""
    low = int(panes.min())
    wide = int(panes.max()) - low + 1
    return version.codes * wide + (panes - low), low, wide


def _numbered(values: Ints) -> tuple[Ints, Ints]:
    """The values there are, rising, and which of them each row has: as `np.unique`, faster where they are few."""
    most = int(values.max()) + 1
    if most > 4 * len(values):
        used, place = np.unique(values, return_inverse=True)
        return used, place
    used = np.flatnonzero(np.bincount(values, minlength=most))
    table = np.zeros(most, dtype=np.int64)
    table[used] = np.arange(len(used))
    return used, table[values]


def _cells(
    version: Names, time: Ints, pane: int, at_once: int
) -> Iterator[tuple[list[CellKey], NDArray[np.intp] | None, Ints]]:
    """Rows by (version, pane): the keys of some cells, which rows they hold (None = all) and each row's cell."""
    if len(time) == 0:
        return
    joint, low, wide = _joint(version, time // (pane * 1_000_000))
    used, cell = _numbered(joint)
    keys = _keys(used, version.names, low, wide, pane)
    if len(keys) <= at_once:
        yield keys, None, cell
        return
    order = np.argsort(cell, kind="stable")
    ordered = cell[order]
    for start in range(0, len(keys), at_once):
        stop = start + at_once
        members = order[np.searchsorted(ordered, start) : np.searchsorted(ordered, stop)]
        yield keys[start:stop], members, cell[members] - start


def _keys(used: Ints, versions: Sequence[str], low: int, wide: int, pane: int) -> list[CellKey]:
    return [(versions[code // wide], (code % wide + low) * pane) for code in used.tolist()]


class _Table:
    """Counts of several cells at once; adds a part to all rows and to every dimension's slices."""

    def __init__(self, layout: Layout, cells: int, cell: Ints, slots: Ints, weight: Floats | None) -> None:
        self.layout = layout
        self.cells = cells
        self.cell = cell
        self.weight = weight
        self._all = np.zeros((cells, layout.width))
        self._slices = np.zeros((cells, layout.slice_rows, layout.slice_width))
        self._rows: list[tuple[int, NDArray[np.bool_] | None, Ints]] = []
        for place, span in enumerate(layout.slice_span.values()):
            chosen = slots[:, place]
            width = span.stop - span.start
            keep = chosen >= 0
            whole = None if keep.all() else keep
            index = cell * width + chosen
            self._rows.append((span.start, whole, index if whole is None else index[keep]))

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
        if keep is not None and keep.all():
            keep = None
        elif keep is not None and not keep.any():
            return
        weights = self.weight if values is None else self.weighted(values, unit)
        width = self.layout.spans[part].stop - self.layout.spans[part].start
        self._all[:, self.layout.spans[part]] += _bincount(self.cell, code, self.cells, width, weights, keep)
        span = self.layout.slice_spans.get(part)
        if span is None:
            return
        for (start, whole, index), rows in zip(self._rows, self.layout.slice_span.values(), strict=True):
            slots = rows.stop - rows.start
            chosen = keep if whole is None else (whole if keep is None else whole & keep)
            # `index` already lacks the rows without a slot.
            inner = None if keep is None else (keep if whole is None else keep[whole])
            picked = index if inner is None else index[inner]
            counted = _bincount_picked(
                picked,
                code if chosen is None else code[chosen],
                self.cells * slots,
                width,
                None if weights is None else (weights if chosen is None else weights[chosen]),
            )
            self._slices[:, start : start + slots, span] += counted.reshape(self.cells, slots, width)

    def add_squares(self, counted: str, part: str) -> None:
        """Adds the square of each row's weight; `counted` is the part that has the weights."""
        if self.weight is not None:
            squares = np.abs(self.weight)
            self.add(part, np.zeros(len(squares), dtype=np.int64), values=squares, unit=SQUARED_WEIGHT_UNIT)
            return
        self._all[:, self.layout.spans[part]] = self._all[:, self.layout.spans[counted]]
        self._slices[..., self.layout.slice_spans[part]] = self._slices[..., self.layout.slice_spans[counted]]

    def add_by_feature(self, keep: Bools, rows: LabelledRows) -> None:
        """Adds labelled rows, those that `keep` (n,) marks, by feature."""
        add_by_feature(self.layout, self._all, self.cell if keep.all() else self.cell[keep], rows)

    def weighted(self, values: Floats, unit: float) -> Floats:
        """`values` times the rows' weights, as what can be summed exactly."""
        return to_unit(values if self.weight is None else values * self.weight, unit)

    def counts(self) -> list[Counts]:
        return [Counts(self.layout, self._all[i], self._slices[i]) for i in range(self.cells)]


def _bincount(  # noqa: PLR0917 - one call a part, read as a line
    cell: Ints,
    code: NDArray[np.integer],
    cells: int,
    width: int,
    weights: Floats | None,
    keep: NDArray[np.bool_] | None,
) -> Floats:
    if keep is not None:
        cell, code = cell[keep], code[keep]
        weights = None if weights is None else weights[keep]
    return _bincount_picked(cell, code, cells, width, weights).reshape(cells, width)


def _bincount_picked(cell: Ints, code: NDArray[np.integer], cells: int, width: int, weights: Floats | None) -> Floats:
    if cells == 1:
        index: NDArray[np.integer] = code
    else:
        # A part of one count has no codes but 0.
        index = cell if width == 1 else cell * width + code
    return np.bincount(index, weights, minlength=cells * width).astype(np.float64, copy=False)


def _count_traffic(table: _Table, rows: Rows, errors: Ints) -> None:
    zero = np.zeros(len(rows), dtype=np.int64)
    table.add("rows", zero)
    if table.layout.has("weight_squares"):
        table.add_squares("rows", "weight_squares")
    if (errors >= 0).any():
        table.add("errors", np.maximum(errors, 0), keep=errors >= 0)
    # How long a failure took says nothing of how fast answers are, and an objective must not count it twice.
    known = ~np.isnan(rows.latency) & (errors < 0)
    if known.any():
        latency = np.where(known, rows.latency, 0.0)
        bounds = np.array(table.layout.latency_bounds)
        table.add("latency", np.searchsorted(bounds, latency, side="left"), keep=known)
        table.add("latency_sum", zero, values=latency, unit=SECONDS_UNIT, keep=known)


def _count_features(table: _Table, rows: Rows) -> None:
    layout = table.layout
    counts = table._all[:, layout.spans["features"]]  # noqa: SLF001 - one module, and no slices to serve
    sums = table._all[:, layout.spans["feature_sums"]]  # noqa: SLF001
    # Most features have as many bins as the next one: where their cells begin is told once.
    begin: dict[int, Ints] = {}
    for name, (codes, values) in rows.features.items():
        span, bins = layout.feature_span[name], layout.features[name]
        index: NDArray[np.integer] = codes
        if table.cells > 1:
            if bins.width not in begin:
                begin[bins.width] = table.cell * bins.width
            index = begin[bins.width] + codes
        size = table.cells * bins.width
        counts[:, span] = np.bincount(index, table.weight, minlength=size).reshape(table.cells, bins.width)
        if values is not None and isinstance(bins, NumericBins):
            finite = np.where(codes > INVALID, values, 0.0) if (codes == INVALID).any() else values
            summed = np.bincount(index, table.weighted(finite, bins.unit), minlength=size)
            sums[:, span] = summed.reshape(table.cells, bins.width)
            # What is missing is NaN, and adds up to no number.
            sums[:, span.start : span.start + FIRST_CELL] = 0.0


def _count_bad_cells(table: _Table, rows: Rows) -> Bools:
    """(n,) the rows with a bad cell."""
    if not table.layout.has("bad_cells"):
        return np.zeros(len(rows), dtype=np.bool_)
    first = first_bad_of_values(table.layout, {name: codes for name, (codes, _) in rows.features.items()})
    bad: Bools = np.asarray(first != NO_CELL)
    if bad.any():
        table.add("bad_cells", first.astype(np.int64), keep=bad)
        cell = np.full(len(rows), -1)
        cell[bad] = output_codes(table.layout, rows, bad).astype(np.int64) - FIRST_CELL
        table.add("bad_output", cell, keep=cell >= 0)
    return bad


def _count_pairs(table: _Table, rows: Rows, bad: Bools) -> None:
    layout = table.layout
    if layout.has("pair_terms"):
        sums = pair_sums(layout, rows, table.cell, table.cells, bad)
        for part, each in zip(("pair_terms", "bad_pair_terms"), sums, strict=True):
            if layout.has(part):
                table._all[:, layout.spans[part]] = each.reshape(table.cells, -1)  # noqa: SLF001 - as features


def _count_outputs(table: _Table, rows: Rows) -> None:
    layout = table.layout
    zero = np.zeros(len(rows), dtype=np.int64)
    given = ~np.isnan(rows.prediction)
    if layout.task != "regression":
        table.add("predicted", np.where(given, rows.prediction, 0).astype(np.int64), keep=given)
    elif layout.prediction_bins is not None:
        table.add("prediction", cell_codes(layout.prediction_bins, rows.prediction), keep=given)
        unit = layout.prediction_bins.unit
        table.add("prediction_sum", zero, values=np.where(given, rows.prediction, 0), unit=unit, keep=given)
    if layout.score_bins is not None and layout.has("score"):
        known = ~np.isnan(rows.score)
        cells = cell_codes(layout.score_bins, rows.score)
        table.add("score", cells, keep=known)
        if layout.has("score_positive"):
            table.add("score_positive", cells, keep=known & (rows.prediction == 1))
        table.add("score_sum", zero, values=np.where(known, rows.score, 0), unit=PROBABILITY_UNIT, keep=known)
        failed = rows.error.codes >= 0
        table.add("score_bad", rows.score_bad.astype(np.int64), keep=~known & ~failed)
    if rows.scores is not None and layout.has("class_score"):
        whole: Bools = np.asarray(~np.isnan(rows.scores).any(axis=1))
        cells = class_score_cells(np.where(whole[:, None], rows.scores, 0.0))
        for index in range(len(layout.classes)):
            place = (index * CLASS_SCORE_CELLS + cells[:, index]) * 2 + (rows.prediction == index)
            table.add("class_score", place, keep=whole)
