"""The truth of a label log put beside the rows of reference data, so that logs can be fitted from as they are."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exporter.batch import Batch
from exporter.profile.cells import NO_TIME, Bools, find_column, read_names, read_numbers, read_times
from exporter.profile.columns import Columns
from exporter.profile.ids import Hashes, hash_ids

_KEY = (0, 0)
"""Of hashes that are kept nowhere."""
_UTC = pa.timestamp("us", "UTC")


@dataclass(frozen=True, slots=True)
class Default:
    """The label of predictions that nobody labelled.

    Attributes:
        label: class or number.
        until: Unix seconds; of predictions made later, labels may still come.
    """

    label: str | float
    until: float


def lacks_truth(rows: pa.RecordBatch, columns: Columns) -> bool:
    """True where the label's column is not there, and an id to find labels by is."""
    return (
        columns.label is not None
        and find_column(rows, columns.label) is None
        and columns.id is not None
        and find_column(rows, columns.id) is not None
    )


class LateTruth:
    """A label log by the ids of its predictions."""

    def __init__(
        self,
        batches: Iterable[Batch],
        columns: Columns,
        *,
        numeric: bool,
        conflict: Literal["first", "last"] = "last",
        default: Default | None = None,
    ) -> None:
        """Reads a label log.

        Args:
            batches: all of it.
            columns: its roles: id, label, label_time.
            numeric: the truth is a number; else it is a class by name.
            conflict: which of two labels of one prediction holds.
            default: what predictions without a label have.
        """
        self._kind = pa.float64() if numeric else pa.string()
        read = [self._read(batch.rows, columns, numeric=numeric) for batch in batches]
        hashes = np.concatenate([np.empty(0, np.uint64), *(each[0] for each in read)])
        times = np.concatenate([np.empty(0, np.int64), *(each[2] for each in read)])
        truths = pa.concat_arrays([pa.array([], self._kind), *(each[1] for each in read)])
        self._hashes, place = np.unique(hashes if conflict == "first" else hashes[::-1], return_index=True)
        kept = place if conflict == "first" else len(hashes) - 1 - place
        self._truths, self._times, self._default = truths.take(pa.array(kept)), times[kept], default

    def _read(
        self, rows: pa.RecordBatch, columns: Columns, *, numeric: bool
    ) -> tuple[Hashes, pa.Array, NDArray[np.int64]]:
        """Hashes, truths and times of the rows that have an id and a truth."""
        hashes, good = _ids(rows, columns)
        label = None if columns.label is None else find_column(rows, columns.label)
        if label is None:
            return hashes[:0], pa.array([], self._kind), np.empty(0, np.int64)
        if numeric:
            values, _ = read_numbers(label)
            good = good & np.isfinite(values)
            truths = pa.array(values[good], self._kind)
        else:
            names = read_names(label)
            good = good & (names.codes >= 0)
            truths = pa.array(names.names, self._kind).take(pa.array(names.codes[good]))
        when = None if columns.label_time is None else find_column(rows, columns.label_time)
        times = np.full(len(hashes), NO_TIME) if when is None else read_times(when, columns.timezone)
        return hashes[good], truths, times[good]

    def beside(self, batch: Batch, columns: Columns) -> Batch:
        """The batch with the columns that `columns` names for the label and its time; as it is where it has its own."""
        rows = batch.rows
        if columns.label is None or not lacks_truth(rows, columns):
            return batch
        hashes, present = _ids(rows, columns)
        place = np.searchsorted(self._hashes, hashes)
        known = present & (place < len(self._hashes))
        known[known] = self._hashes[place[known]] == hashes[known]
        truth = self._truths.take(pa.array(place, mask=~known))
        if self._default is not None:
            assumed = pa.nulls(len(truth), self._kind).fill_null(self._default.label)
            truth = pc.if_else(pa.array(~known & _made_until(rows, columns, self._default.until)), assumed, truth)
        labelled = rows.append_column(columns.label, truth)
        if columns.label_time is not None and find_column(rows, columns.label_time) is None:
            micros = np.full(len(place), NO_TIME)
            micros[known] = self._times[place[known]]
            labelled = labelled.append_column(columns.label_time, pa.array(micros, _UTC, mask=micros == NO_TIME))
        return replace(batch, rows=labelled)


def _ids(rows: pa.RecordBatch, columns: Columns) -> tuple[Hashes, Bools]:
    column = None if columns.id is None else find_column(rows, columns.id)
    if column is None or pa.types.is_null(column.type) or pa.types.is_nested(column.type):
        return np.zeros(rows.num_rows, dtype=np.uint64), np.zeros(rows.num_rows, dtype=np.bool_)
    return hash_ids(column, _KEY)


def _made_until(rows: pa.RecordBatch, columns: Columns, until: float) -> Bools:
    """(n,) whether a prediction was made by then; all were where no time says otherwise."""
    column = None if columns.time is None else find_column(rows, columns.time)
    if column is None:
        return np.ones(rows.num_rows, dtype=np.bool_)
    early: Bools = read_times(column, columns.timezone) <= until * 1e6
    return early
