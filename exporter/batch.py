"""What sources hand over: rows as they were logged, and what could not be read of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import pyarrow as pa

RejectReason = Literal[
    "unreadable", "too_long", "bad_time", "future", "too_old", "bad_id", "bad_prediction", "bad_label", "duplicate",
    "conflict", "orphan", "bad_run",
]  # fmt: skip
"""Why a row was not counted; the closed list behind `ml_exporter_rows_rejected_total{reason}`."""


@dataclass(frozen=True, slots=True)
class ReasonMeaning:
    """What a reason says of a row, for people, and in which logs of a model it can come up."""

    says: str
    logs: tuple[str, ...]


_BOTH = ("predictions", "labels")
_ALL = (*_BOTH, "runs")
REJECT_REASONS: Mapping[RejectReason, ReasonMeaning] = {
    "unreadable": ReasonMeaning("a line or a row that its format cannot read", _ALL),
    "too_long": ReasonMeaning("a line over the limit of the source", _ALL),
    "bad_time": ReasonMeaning("no time, or one that cannot be read", ("predictions",)),
    "future": ReasonMeaning(
        "a time beyond `max_future` (wall clock) or `max_jump` (watermark)", ("predictions", "runs")
    ),
    "too_old": ReasonMeaning("a time before `retention.daily`: its counts are gone", ("predictions",)),
    "bad_prediction": ReasonMeaning("neither an error nor a prediction or score that can be read", ("predictions",)),
    "bad_id": ReasonMeaning("no id, so that no prediction can be found", ("labels",)),
    "bad_label": ReasonMeaning("a label that cannot be read", ("labels",)),
    "duplicate": ReasonMeaning("an id that was counted before; a label that says again what is known", _BOTH),
    "conflict": ReasonMeaning("a label that says otherwise than one before; `labels.conflict` rules", ("labels",)),
    "orphan": ReasonMeaning(
        "a label whose prediction never came: it is waited for as long as ids are remembered (`labels.wait` or "
        "`dedupe`, whichever is longer), and counted here within a twelfth of that more (two hours at least)",
        ("labels",),
    ),
    "bad_run": ReasonMeaning("no run, no time, or a status that nobody knows; see `batch.statuses`", ("runs",)),
}
"""Every reason, in the order in which a row meets them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows as logged: an Arrow record batch with the log's own column names."""

    rows: pa.RecordBatch
    origin: str
    """Where they come from, as a person would look for it: a file's path, a table's name."""
    first_row: int
    """Place of the first row in its origin, from 1: the line in text, else the row."""
    partition: str = ""
    """What is in order by itself (a Kafka partition); event time advances by the slowest active one."""
    places: pa.Int64Array | None = None
    """Place of each row where they do not follow one on another (lines were left out between them)."""

    def place(self, index: int) -> int:
        """Where row `index` of this batch stands in its origin, from 1."""
        return self.first_row + index if self.places is None else int(self.places[index].as_py())

    def filter(self, keep: pa.BooleanArray) -> "Batch":
        """Some of the rows; each knows its place still."""
        places = self.places
        if places is None:
            places = pa.array(range(self.first_row, self.first_row + self.rows.num_rows), pa.int64())
        return replace(self, rows=self.rows.filter(keep), places=places.filter(keep))


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not counted: where it stands, why, and a hash of it. Never its content, unless told to keep it."""

    origin: str
    row: int
    reason: RejectReason
    digest: str
    """First 16 hex digits of the content's SHA-256; empty where the content cannot be had."""
    content: str | None = None


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll of a source gave."""

    batches: tuple[Batch, ...]
    rejects: tuple[Reject, ...]
    cursor: bytes
    """Where to go on; opaque to all but the source; committed together with what these batches count."""
    exhausted: bool
    """True if nothing more is there at the moment."""
    backlog_bytes: int | None = None
    """What is known to be there and still unread, in bytes; None where that cannot be known."""
    problems: tuple[str, ...] = ()
    """What could not be read now while the rest could (a file without permission): one line each, for the log."""
    unnoted: Mapping[RejectReason, int] = field(default_factory=dict)
    """Rows that were set aside beside those in `rejects`, where one of these stands for many alike."""
