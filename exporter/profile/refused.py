"""Rows that are not counted: how many for which reason, and where the last of them stand."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from exporter.batch import Batch, Reject, RejectReason
from exporter.profile.cells import is_text

_NOTED = 100
"""Rows set aside of a batch whose place is noted, for each reason; the others are counted only."""


@dataclass(slots=True)
class Refused:
    """Rows that were set aside: all are counted, the last ones of each batch and reason are noted."""

    tally: Counter[RejectReason] = field(default_factory=Counter)
    notes: list[Reject] = field(default_factory=list)

    def add(self, batch: Batch, rows: NDArray[np.integer], reason: RejectReason, *, keep_rows: bool) -> None:
        """Sets rows (by their number in the batch) aside."""
        if len(rows):
            self.tally[reason] += len(rows)
            self.notes += [reject_row(batch, int(row), reason, keep=keep_rows) for row in rows[-_NOTED:]]

    def extend(self, other: "Refused") -> None:
        """Adds what `other` set aside."""
        self.tally.update(other.tally)
        self.notes += other.notes


def reject_row(batch: Batch, row: int, reason: RejectReason, *, keep: bool) -> Reject:
    """What is noted of a row that was not counted: its place, the reason and a hash of its content."""
    rows = batch.rows
    content = repr({name: _content(rows.column(i), row) for i, name in enumerate(rows.schema.names)})
    digest = hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:16]
    return Reject(batch.origin, batch.place(row), reason, digest, content if keep else None)


def _content(column: pa.Array, row: int) -> object:
    """A value for people. Not every one has a Python object: nanoseconds, years beyond 9999, text that is no UTF-8."""
    try:
        return column[row].cast(pa.string()).as_py() if pa.types.is_temporal(column.type) else column[row].as_py()
    except (ValueError, OverflowError, pa.ArrowException):
        return repr(column.slice(row, 1).to_string()) if is_text(column.type) else f"<{column.type}>"
