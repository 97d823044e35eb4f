"""Rows as logged → plain arrays of what counts need. What cannot be used is set aside with its reason."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exporter.batch import Batch
from exporter.profile.bins import MISSING, CategoryBins, Codes, FeatureBins, Floats, NumericBins, to_unit
from exporter.profile.cells import (
    INVALID_NAME,
    NO_TIME,
    Bools,
    Names,
    constant,
    find_column,
    joint_names,
    read_names,
    read_numbers,
    read_times,
    recode,
)
from exporter.profile.class_names import class_table, other_class
from exporter.profile.coarse import Coded, coarse_codes
from exporter.profile.columns import SECONDS_OF_UNIT, Columns
from exporter.profile.ids import Hashes, Key, hash_ids
from exporter.profile.layout import Layout
from exporter.profile.refused import Refused

UNVERSIONED = "unversioned"
_WEIGHT_UNIT = 2.0**-20
_HOPELESS = 50
"""Rows that cannot be decoded one by one, after which the rest of their piece is not tried any more."""


@dataclass(slots=True)
class Rows:
    """Predictions ready to be counted; every array is (n,) unless said.

    Attributes:
        time: microseconds since the epoch.
        ids, has_id: keyed hashes, and where there is an id.
        latency: seconds, NaN where unknown.
        error: names of error classes, -1 where the prediction succeeded.
        score: probability of the positive class, NaN where missing; `score_bad` where it is no number in [0, 1].
        prediction: class code (C = other, NaN = none) or number.
        scores: (n, C) class probabilities, None where the log has none.
        slices: dimension → names.
        features: feature → (codes (n,), values (n,) or None for categories).
        weight: None = each row counts once.
        label, label_time: the truth where it stands in the row (NaN, NO_TIME = none yet); None = no such column.
        place: number of the row in its batch, from 0.
        coded: coarse codes of the features, where truth is counted by them; None where no truth is to come.
    """

    time: NDArray[np.int64]
    version: Names
    error: Names
    latency: Floats
    score: Floats
    score_bad: Bools
    prediction: Floats
    place: NDArray[np.int64]
    ids: Hashes | None = None
    has_id: Bools | None = None
    scores: Floats | None = None
    slices: dict[str, Names] = field(default_factory=dict)
    features: dict[str, tuple[Codes, Floats | None]] = field(default_factory=dict)
    weight: Floats | None = None
    label: Floats | None = None
    label_time: NDArray[np.int64] | None = None
    coded: Coded | None = None

    def __len__(self) -> int:
        return len(self.time)

    def take(self, keep: NDArray[np.intp] | Bools) -> "Rows":
        """Some of the rows."""
        return Rows(
            time=self.time[keep],
            version=Names(self.version.codes[keep], self.version.names),
            error=Names(self.error.codes[keep], self.error.names),
            latency=self.latency[keep],
            score=self.score[keep],
            score_bad=self.score_bad[keep],
            prediction=self.prediction[keep],
            place=self.place[keep],
            ids=None if self.ids is None else self.ids[keep],
            has_id=None if self.has_id is None else self.has_id[keep],
            scores=None if self.scores is None else self.scores[keep],
            slices={name: Names(column.codes[keep], column.names) for name, column in self.slices.items()},
            features={
                name: (codes[keep], None if values is None else values[keep])
                for name, (codes, values) in self.features.items()
            },
            weight=None if self.weight is None else self.weight[keep],
            label=None if self.label is None else self.label[keep],
            label_time=None if self.label_time is None else self.label_time[keep],
            coded=None if self.coded is None else self.coded.take(keep),
        )


@dataclass(slots=True)
class LabelRows:
    """Labels ready to be joined: hashed id, value (class code or number), when it was learned (NO_TIME = unknown).

    `place` is the row's number in its batch, from 0.
    """

    ids: Hashes
    value: Floats
    time: NDArray[np.int64]
    place: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model's logs are read: roles, task, key of id hashes; `awaited`: labels to come are counted by feature."""

    columns: Columns
    layout: Layout
    decision_threshold: float = 0.5
    key: Key = (0, 0)
    keep_rows: bool = False
    awaited: bool = False


def decode_predictions(batch: Batch, reading: Reading) -> tuple[Rows, Refused]:
    """Rows that can be counted, and those that cannot: no time, or neither an error nor a prediction."""
    return _decode(batch, reading, _decode_predictions)


def decode_labels(batch: Batch, reading: Reading) -> tuple[LabelRows, Refused]:
    """Labels that can be joined, and rows without an id or with a value that cannot be read."""
    return _decode(batch, reading, _decode_labels)


Decoded = TypeVar("Decoded", Rows, LabelRows)
_NO_ROWS = pa.RecordBatch.from_arrays([], schema=pa.schema([]))
"""Without columns: one that cannot be read cannot be read where it has no rows either."""


def _decode(
    batch: Batch, reading: Reading, decode: Callable[[Batch, Reading], tuple[Decoded, Refused]]
) -> tuple[Decoded, Refused]:
    """What `decode` makes of the batch, less rows that no part of the program can make anything of.

    That there are such rows is a mistake of ours. It must cost the row, not the log behind it.
    """
    try:
        return decode(batch, reading)
    except Exception:  # noqa: BLE001 - the border between what others wrote and what is counted
        good = np.zeros(batch.rows.num_rows, dtype=np.bool_)
        _try_pieces(batch, 0, _HOPELESS, good, lambda piece: decode(piece, reading))
    rest = batch.filter(pa.array(good)) if good.any() else replace(batch, rows=_NO_ROWS)
    decoded, refused = decode(rest, reading)
    decoded.place = np.flatnonzero(good)[decoded.place]
    refused.add(batch, np.flatnonzero(~good), "unreadable", keep_rows=reading.keep_rows)
    return decoded, refused


def _try_pieces(batch: Batch, start: int, left: int, good: Bools, attempt: Callable[[Batch], object]) -> int:
    """Marks in `good` the rows of a piece (from row `start` on) that can be read; how many more failures are borne."""
    n = batch.rows.num_rows
    try:
        attempt(batch)
    except Exception:  # noqa: BLE001 - see above
        if n == 1 or left <= 0:
            return left - 1
    else:
        good[start : start + n] = True
        return left
    half = n // 2
    for begin, size in ((0, half), (half, n - half)):
        left = _try_pieces(replace(batch, rows=batch.rows.slice(begin, size)), start + begin, left, good, attempt)
    return left


def _decode_predictions(batch: Batch, reading: Reading) -> tuple[Rows, Refused]:
    columns, layout, rows = reading.columns, reading.layout, batch.rows
    n = rows.num_rows
    time = _times(rows, columns.time, columns.timezone)
    score, score_bad = _score(rows, columns, n)
    error = _errors(rows, columns.error, n)
    decoded = Rows(
        time=time,
        version=read_versions(rows, columns.version),
        error=error,
        latency=_latency(rows, columns, n),
        score=score,
        score_bad=score_bad,
        prediction=_prediction(rows, reading, score, n),
        place=np.arange(n),
        scores=_class_scores(rows, columns, layout, n),
        slices={name: joint_names([_names(rows, each, n) for each in named]) for name, named in columns.slices.items()},
        features={name: _feature(rows, columns, name, bins, n) for name, bins in layout.features.items()},
        weight=_weight(rows, columns.weight),
    )
    if columns.id is not None:
        decoded.ids, decoded.has_id = _ids(rows, columns.id, reading.key, n)
    if columns.label is not None:
        decoded.label = _labels(rows, columns.label, layout, n)
        decoded.label_time = _times(rows, columns.label_time, columns.timezone)
    if (columns.label is not None or reading.awaited) and layout.has("feature_truth"):
        plain = ((merged, decoded.features[name][0]) for name, merged in layout.coarse.items())
        decoded.coded = Coded.of(layout.coarse_id, coarse_codes(plain))
    if decoded.scores is not None and columns.prediction is None:
        decoded.prediction = np.where(np.isnan(decoded.scores).all(axis=1), np.nan, _argmax(decoded.scores))
    bad_time = time == NO_TIME
    silent = ~bad_time & (error.codes < 0) & np.isnan(decoded.prediction) & np.isnan(score) & ~score_bad
    refused = Refused()
    refused.add(batch, np.flatnonzero(bad_time), "bad_time", keep_rows=reading.keep_rows)
    refused.add(batch, np.flatnonzero(silent), "bad_prediction", keep_rows=reading.keep_rows)
    bad = bad_time | silent
    return (decoded.take(~bad) if bad.any() else decoded), refused


def _decode_labels(batch: Batch, reading: Reading) -> tuple[LabelRows, Refused]:
    columns, n = reading.columns, batch.rows.num_rows
    ids, has_id = _ids(batch.rows, columns.id or "", reading.key, n)
    value = _labels(batch.rows, columns.label or "", reading.layout, n)
    time = _times(batch.rows, columns.label_time or columns.time, columns.timezone)
    bad_label = has_id & np.isnan(value)
    refused = Refused()
    refused.add(batch, np.flatnonzero(~has_id), "bad_id", keep_rows=reading.keep_rows)
    refused.add(batch, np.flatnonzero(bad_label), "bad_label", keep_rows=reading.keep_rows)
    good = has_id & ~bad_label
    return LabelRows(ids[good], value[good], time[good], np.flatnonzero(good)), refused


def _argmax(scores: Floats) -> Floats:
    best: Floats = np.argmax(np.nan_to_num(scores, nan=-np.inf), axis=1).astype(np.float64)
    return best


def _times(rows: pa.RecordBatch, name: str | None, timezone: str) -> NDArray[np.int64]:
    column = None if name is None else find_column(rows, name)
    return np.full(rows.num_rows, NO_TIME, dtype=np.int64) if column is None else read_times(column, timezone)


def _names(rows: pa.RecordBatch, name: str | None, n: int) -> Names:
    column = None if name is None else find_column(rows, name)
    return Names(np.full(n, -1, dtype=np.int64), ()) if column is None else read_names(column)


def _errors(rows: pa.RecordBatch, name: str | None, n: int) -> Names:
    """Classes of errors. A flag says `error` where it is true; the number 0 is a code of success."""
    column = None if name is None else find_column(rows, name)
    if column is not None and pa.types.is_boolean(column.type):
        column = pc.if_else(column, "error", None)
    elif column is not None and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        if pa.types.is_float16(column.type):
            column = column.cast(pa.float32())  # pyarrow compares no others
        column = pc.if_else(pc.equal(column, pa.scalar(0, column.type)), None, column)
    return Names(np.full(n, -1, dtype=np.int64), ()) if column is None else read_names(column)


def read_versions(rows: pa.RecordBatch, name: str | None) -> Names:
    """(n,) the version of each row; UNVERSIONED where the log says none."""
    n = rows.num_rows
    found = _names(rows, name, n)
    if not len(found.names):
        return constant(UNVERSIONED, n)
    if (found.codes >= 0).all():
        return found
    names = (*found.names, UNVERSIONED)
    return Names(np.where(found.codes < 0, len(found.names), found.codes), names)


def _numbers(rows: pa.RecordBatch, name: str | None, n: int) -> tuple[Floats, Bools]:
    column = None if name is None else find_column(rows, name)
    if column is None:
        return np.full(n, np.nan), np.zeros(n, dtype=np.bool_)
    return read_numbers(column)


def _score(rows: pa.RecordBatch, columns: Columns, n: int) -> tuple[Floats, Bools]:
    score, bad = _numbers(rows, columns.score, n)
    with np.errstate(invalid="ignore"):
        bad = bad | (score < 0) | (score > 1)
    return np.where(bad, np.nan, score), bad


def _latency(rows: pa.RecordBatch, columns: Columns, n: int) -> Floats:
    seconds, _ = _numbers(rows, columns.latency, n)
    seconds = seconds * SECONDS_OF_UNIT[columns.latency_unit]
    with np.errstate(invalid="ignore"):
        return np.where((seconds >= 0) & np.isfinite(seconds), seconds, np.nan)


def _prediction(rows: pa.RecordBatch, reading: Reading, score: Floats, n: int) -> Floats:
    name, layout = reading.columns.prediction, reading.layout
    if layout.task == "regression":
        values, _ = _numbers(rows, name, n)
        return np.where(np.isfinite(values), values, np.nan)
    if name is None:
        with np.errstate(invalid="ignore"):
            return np.where(np.isnan(score), np.nan, (score >= reading.decision_threshold).astype(np.float64))
    return _classes(rows, name, layout, n)


def _classes(rows: pa.RecordBatch, name: str, layout: Layout, n: int) -> Floats:
    names = _names(rows, name, n)
    codes = recode(names, class_table(layout.classes), other=other_class(layout), none=-1).astype(np.float64)
    return np.where(codes < 0, np.nan, codes)


def _labels(rows: pa.RecordBatch, name: str, layout: Layout, n: int) -> Floats:
    if layout.task != "regression":
        return _classes(rows, name, layout, n)
    values, _ = _numbers(rows, name, n)
    return np.where(np.isfinite(values), values, np.nan)


def _class_scores(rows: pa.RecordBatch, columns: Columns, layout: Layout, n: int) -> Floats | None:
    if not layout.class_scores or not columns.scores:
        return None
    scores = np.full((n, len(layout.classes)), np.nan)
    for code, name in enumerate(layout.classes):
        values, _ = _numbers(rows, columns.scores.get(name), n)
        with np.errstate(invalid="ignore"):
            scores[:, code] = np.where((values >= 0) & (values <= 1), values, np.nan)
    return scores


def feature_column(columns: Columns, name: str) -> str:
    """The log's column of a feature."""
    return name if columns.features is None else columns.features.get(name, name)


def _feature(
    rows: pa.RecordBatch, columns: Columns, name: str, bins: FeatureBins, n: int
) -> tuple[Codes, Floats | None]:
    column = find_column(rows, feature_column(columns, name))
    if column is None:
        return np.full(n, MISSING, dtype=np.uint8), np.zeros(n) if isinstance(bins, NumericBins) else None
    if isinstance(bins, NumericBins):
        values, invalid = read_numbers(column)
        return bins.codes(values, invalid), values
    return category_codes(read_names(column), bins), None


def category_codes(column: Names, bins: CategoryBins) -> Codes:
    """(n,) codes of a category; lists and objects are invalid."""
    table = {name: code for code, name in enumerate(bins.values, start=2)}
    table[INVALID_NAME] = 1
    if bins.rare:
        for name in column.names:
            if name not in table and rare_hash(name) in bins.rare:
                table[name] = bins.other
    return recode(column, table, other=bins.unseen, none=MISSING).astype(np.uint8)


def rare_hash(name: str) -> int:
    """48 bits of a rare category's name: enough to know it again, not to read it."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6, person=b"ml-exporter-rare").digest(), "big")


def _weight(rows: pa.RecordBatch, name: str | None) -> Floats | None:
    if name is None:
        return None
    values, _ = _numbers(rows, name, rows.num_rows)
    with np.errstate(invalid="ignore"):
        return to_unit(np.where(np.isfinite(values) & (values >= 0), values, 1.0), _WEIGHT_UNIT)


def _ids(rows: pa.RecordBatch, name: str, key: Key, n: int) -> tuple[Hashes, Bools]:
    column = find_column(rows, name)
    if column is None or pa.types.is_null(column.type) or pa.types.is_nested(column.type):
        return np.zeros(n, dtype=np.uint64), np.zeros(n, dtype=np.bool_)
    hashes, has_id = hash_ids(column, key)
    if pa.types.is_string(column.type):
        # Among text, an object or a list has this name; it is no more an id than in a column of its own.
        has_id &= ~np.asarray(pc.fill_null(pc.equal(column, INVALID_NAME), False))
    return hashes, has_id
