"""Predictions whose truth is known."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats
from exporter.profile.cells import NO_TIME
from exporter.profile.coarse import Coded, joined_codes
from exporter.profile.rows import Rows

Ints = NDArray[np.int64]


@dataclass(slots=True)
class Outcomes:
    """Predictions whose truth is known, ready to be counted; every array is (n,).

    Attributes:
        version: index into `versions`.
        time: of the prediction, microseconds.
        actual: class code or number; `prediction` and `score` as in Rows.
        delay: seconds from prediction to label, 0 where the label was there first, NaN where unknown.
        slots: (n, D) slice slot of each dimension, in the layout's order; -1 = none.
        sign: weight of the row; negative takes an earlier label back.
        coded: coarse codes of the features; None where nothing is counted by them.
    """

    versions: tuple[str, ...]
    version: Ints
    time: Ints
    prediction: Floats
    score: Floats
    actual: Floats
    delay: Floats
    slots: Ints
    sign: Floats
    scores: Floats | None = None
    coded: Coded | None = None

    def __len__(self) -> int:
        return len(self.time)

    def take(self, keep: NDArray[np.intp] | NDArray[np.bool_]) -> "Outcomes":
        """Some of them."""
        # Rows are taken several times as fast by their numbers.
        rows = np.flatnonzero(keep) if keep.dtype == np.bool_ else keep
        return Outcomes(
            versions=self.versions,
            scores=None if self.scores is None else self.scores.take(rows, axis=0),
            coded=None if self.coded is None else self.coded.take(rows),
            **{name: getattr(self, name).take(rows, axis=0) for name in _COLUMNS},
        )


_COLUMNS = ("version", "time", "prediction", "score", "actual", "delay", "slots", "sign")


def row_outcomes(rows: Rows, slots: NDArray[np.int64]) -> Outcomes | None:
    """Outcomes of rows that hold their own label; None if the log has no such column."""
    if rows.label is None:
        return None
    keep = ~np.isnan(rows.label) & (rows.error.codes < 0)
    known = np.zeros(len(rows), dtype=np.bool_) if rows.label_time is None else rows.label_time != NO_TIME
    delay = np.full(len(rows), np.nan)
    if rows.label_time is not None:
        delay[known] = np.maximum(rows.label_time[known] - rows.time[known], 0) / 1e6
    weight = np.ones(len(rows)) if rows.weight is None else rows.weight
    return Outcomes(
        versions=rows.version.names,
        version=rows.version.codes[keep],
        time=rows.time[keep],
        prediction=rows.prediction[keep],
        score=rows.score[keep],
        actual=rows.label[keep],
        delay=delay[keep],
        slots=slots[keep],
        sign=weight[keep],
        scores=None if rows.scores is None else rows.scores[keep],
        coded=None if rows.coded is None else rows.coded.take(keep),
    )


def concatenate(first: Outcomes, *rest: Outcomes) -> Outcomes:
    """All one after the other; all number versions alike."""
    full = [part for part in (first, *rest) if len(part)]
    if len(full) <= 1:
        return full[0] if full else first

    def joined(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in full])

    return Outcomes(
        versions=max((part.versions for part in full), key=len),
        scores=None if any(part.scores is None for part in full) else joined("scores"),
        coded=joined_codes([(len(part), part.coded) for part in full]),
        **{name: joined(name) for name in _COLUMNS},
    )
