"""From a log's columns to rows that can be counted; what cannot be is set aside with its place and reason."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from exporter.batch import Batch
from exporter.profile import rows as module
from exporter.profile.bins import CategoryBins, NumericBins
from exporter.profile.class_names import class_code, class_table
from exporter.profile.columns import Columns
from exporter.profile.layout import Layout
from exporter.profile.refused import reject_row
from exporter.profile.rows import (
    Reading,
    category_codes,
    decode_labels,
    decode_predictions,
    rare_hash,
    read_names,
)

COLUMNS = Columns(
    time="ts", prediction="y", score="p", id="id", latency="ms", latency_unit="ms", error="error", weight="w"
)
LAYOUT = Layout(
    "binary",
    ("0", "1"),
    {"x": NumericBins(np.array([0.0, 1.0])), "c": CategoryBins(("a",), frozenset({rare_hash("r")}))},
)
READING = Reading(COLUMNS, LAYOUT)


def batch(**columns: Any) -> Batch:
    n = len(next(iter(columns.values())))
    return Batch(pa.record_batch({"ts": [1.0] * n, **columns}), "log.jsonl", 11)


def decoded(reading: Reading = READING, **columns: Any) -> Any:
    return decode_predictions(batch(**columns), reading)[0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0, 1, None], [0.0, 1.0, None]),
        ([True, False], [1.0, 0.0]),
        (["True", "no", "POSITIVE", "F", "maybe"], [1.0, 0.0, 1.0, 0.0, 2.0]),
        ([0.0, 1.0], [0.0, 1.0]),
    ],
)
def test_classes_are_known_however_they_are_written(given: list, expected: list) -> None:
    found = decoded(y=given, p=[0.5] * len(given)).prediction
    assert [None if v != v else v for v in found.tolist()] == expected  # noqa: PLR0124


def test_class_tables() -> None:
    assert class_table(("on time", "late")) == {"on time": 0, "late": 1}
    assert (
        class_code("late", Layout("binary", ("not late", "late"))),
        class_code("?", Layout("binary", ("not late", "late"))),
    ) == (1, 0)
    assert class_code("?", Layout("multiclass", ("a", "b", "c"))) == 3
    assert class_table(("yes", "no"))["0"] == 1


def test_score_alone_is_a_prediction_by_the_threshold() -> None:
    reading = replace(READING, columns=replace(COLUMNS, prediction=None), decision_threshold=0.7)
    rows = decoded(reading, p=[0.69, 0.7, None, 1.5, float("nan")], error=[None, None, "x", None, "x"])
    assert [None if v != v else v for v in rows.prediction.tolist()] == [0.0, 1.0, None, None, None]  # noqa: PLR0124
    assert rows.score_bad.tolist() == [False, False, False, True, False]


def test_latency_in_its_unit() -> None:
    rows = decoded(y=[1] * 5, ms=[250.0, -1.0, float("inf"), None, 0.0])
    assert [None if v != v else v for v in rows.latency.tolist()] == [0.25, None, None, None, 0.0]  # noqa: PLR0124


def test_features_that_the_log_lacks_are_missing() -> None:
    rows = decoded(y=[1, 1])
    assert {name: codes.tolist() for name, (codes, _) in rows.features.items()} == {"x": [0, 0], "c": [0, 0]}


def test_category_codes() -> None:
    """Known, rare, never seen, missing, and what is no category."""
    column = read_names(pa.array(["a", "r", "z", None, ""]))
    assert category_codes(column, LAYOUT.features["c"]).tolist() == [2, 3, 4, 0, 0]
    assert category_codes(read_names(pa.array([[1]])), LAYOUT.features["c"]).tolist() == [1]


@pytest.mark.parametrize(
    "type_", [pa.int64(), pa.float64(), pa.string(), pa.decimal128(10, 2), pa.dictionary(pa.int8(), pa.int64())]
)
def test_categories_that_arrive_as_numbers(type_: pa.DataType) -> None:
    bins = CategoryBins(("1", "2"))
    column = pa.array([1, 2, 3, None]).cast(
        pa.string() if pa.types.is_decimal(type_) else (type_ if not pa.types.is_dictionary(type_) else pa.int64())
    )
    column = column.dictionary_encode() if pa.types.is_dictionary(type_) else column
    assert category_codes(read_names(column), bins).tolist() == [2, 3, 5, 0]


def test_column_that_is_null_in_one_batch_and_text_in_the_next() -> None:
    empty = decoded(y=[1, 1], x=pa.nulls(2), c=pa.nulls(2), id=pa.nulls(2), error=pa.nulls(2))
    full = decoded(y=[1, 1], x=["0.5", "?"], c=["a", "b"], id=["i", ""], error=["", "down"])
    assert [codes.tolist() for codes, _ in empty.features.values()] == [[0, 0], [0, 0]]
    assert [codes.tolist() for codes, _ in full.features.values()] == [[3, 1], [2, 4]]
    assert (empty.has_id.tolist(), full.has_id.tolist()) == ([False, False], [True, False])
    assert (empty.error.codes.tolist(), full.error.codes.tolist()) == ([-1, -1], [-1, 0])


def test_rejects_say_where() -> None:
    """The place is the line's, also where lines were left out between the rows; the newest hundred of a batch are noted."""
    rows = Batch(pa.record_batch({"ts": [None, 1.0, None], "y": [1, None, 1]}), "log", 1, places=pa.array([5, 9, 40]))
    _, refused = decode_predictions(rows, READING)
    assert dict(refused.tally) == {"bad_time": 2, "bad_prediction": 1}
    assert [(note.row, note.reason) for note in refused.notes] == [
        (5, "bad_time"),
        (40, "bad_time"),
        (9, "bad_prediction"),
    ]
    _, many = decode_predictions(batch(y=[None] * 1000), READING)
    assert (many.tally["bad_prediction"], len(many.notes), many.notes[-1].row) == (1000, 100, 1010)


@pytest.mark.parametrize("keep", [True, False])
def test_content_is_kept_only_where_told(keep: bool) -> None:
    note = reject_row(batch(y=["secret"]), 0, "bad_time", keep=keep)
    assert (note.content is not None and "secret" in note.content) == keep
    assert len(note.digest) == 16


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1_700_000_000_123_456_789], pa.timestamp("ns")),
        pa.array([2**62], pa.timestamp("s")),
        pa.array([2**30], pa.int32()).cast(pa.date32()),
        pa.array([b"\xff"]).view(pa.string()),
        pa.array([[b"\xff"]]).cast(pa.list_(pa.binary())),
        pa.array([{"t": 1}], pa.struct([("t", pa.timestamp("ns"))])),
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)], pa.binary(16))),
    ],
)
def test_any_content_can_be_noted(column: pa.Array, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pandas too, which nanoseconds would need as Python objects."""
    first = reject_row(batch(y=column), 0, "bad_time", keep=True)
    assert first.digest == reject_row(batch(y=column), 0, "bad_time", keep=True).digest
    other = reject_row(batch(y=column, z=[2]), 0, "bad_time", keep=True)
    assert other.digest != first.digest


def test_labels() -> None:
    reading = Reading(Columns(id="id", label="y", label_time="at", features={}), LAYOUT)
    rows = Batch(
        pa.record_batch({"id": ["a", None, "b", "c"], "y": [1, 1, None, 0], "at": [5.0, 1.0, 1.0, None]}), "l", 1
    )
    labels, refused = decode_labels(rows, reading)
    assert (labels.value.tolist(), labels.place.tolist()) == ([1.0, 0.0], [0, 3])
    assert dict(refused.tally) == {"bad_id": 1, "bad_label": 1}


def test_row_that_nothing_can_read_costs_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours in one kind of value must not hold the log up: the rows around it are counted."""
    plain = module.read_numbers

    def read_numbers(column: pa.Array) -> Any:
        if 666 in column.to_pylist():
            raise ZeroDivisionError
        return plain(column)

    monkeypatch.setattr(module, "read_numbers", read_numbers)
    values = [float(i) for i in range(1000)]
    rows, refused = decode_predictions(batch(y=[1] * 1000, x=[*values[:666], 666, *values[667:]]), READING)
    assert len(rows) == 999
    assert rows.place.tolist() == [i for i in range(1000) if i != 666]
    assert [(note.row, note.reason) for note in refused.notes] == [(11 + 666, "unreadable")]
    rows, refused = decode_predictions(batch(y=[1] * 1000, x=[666] * 1000), READING)
    assert (len(rows), dict(refused.tally)) == (0, {"unreadable": 1000})


@pytest.mark.parametrize(
    "error",
    [pa.array([0, 1], pa.float16()), pa.array([0, 2**64 - 1], pa.uint64()), pa.array([0, 1], pa.decimal128(5, 2))],
    ids=str,
)
def test_error_codes_of_every_type_of_number(error: pa.Array) -> None:
    found, refused = decode_predictions(batch(y=[1, 1], error=error), READING)
    assert ((found.error.codes >= 0).tolist()[1], refused.tally.total()) == (True, 0)


def test_half_floats_have_names() -> None:
    found = read_names(pa.array([1.0, 0.5, None], pa.float16()))
    assert [found.names[code] if code >= 0 else None for code in found.codes] == ["1", "0.5", None]


def test_column_that_cannot_be_read_at_all_costs_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that raises where it has no rows: then none of them is read, and the log goes on behind."""

    def refuses(column: pa.Array) -> Any:
        raise pa.ArrowNotImplementedError("no kernel")

    monkeypatch.setattr(module, "read_names", refuses)
    found, refused = decode_predictions(batch(y=[1, 0]), READING)
    assert (len(found), dict(refused.tally)) == (0, {"unreadable": 2})


def test_an_object_among_texts_is_no_id() -> None:
    """As in a column of objects alone: whether a label has an id must not depend on its neighbours."""
    labels = replace(READING, columns=replace(COLUMNS, label="y"))
    for ids, expected in ((["a", "<invalid>", ""], 1), ([{"k": 1}, {"k": 2}, None], 0)):
        found, refused = decode_labels(batch(y=[1, 1, 1], id=ids), labels)
        assert (len(found), refused.tally["bad_id"]) == (expected, 3 - expected)
