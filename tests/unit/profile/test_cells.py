"""Columns as they come: what they say is read, what says nothing is marked, and neighbours in a batch change nothing."""

import datetime as dt
import decimal

import numpy as np
import pyarrow as pa
import pytest

from exporter.profile.cells import (
    NO_TIME,
    Names,
    find_column,
    joint_names,
    read_names,
    read_numbers,
    read_times,
    recode,
)

MOMENT = 1_704_164_645_123_456
"""2024-01-02 03:04:05.123456 UTC."""
SECOND = 1_704_164_645_000_000
BAD_TEXT = pa.array([b"\xff\xfe", b"ok", None]).view(pa.string())


def times(column: pa.Array, timezone: str = "UTC") -> list[int | None]:
    return [None if t == NO_TIME else int(t) for t in read_times(column, timezone)]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([MOMENT, None], pa.timestamp("us")), [MOMENT, None]),
        (pa.array([MOMENT * 1000 + 789], pa.timestamp("ns", "UTC")), [MOMENT]),
        (pa.array([SECOND // 10**6], pa.timestamp("s", "America/New_York")), [SECOND]),
        (pa.array([SECOND // 1000], pa.timestamp("ms")), [SECOND]),
        (pa.array([2**60, -(2**60)], pa.timestamp("s")), [None, None]),
        (pa.array([2**60], pa.timestamp("us")), [None]),
        (pa.array([dt.date(2024, 1, 2), None]), [1_704_153_600_000_000, None]),
        (pa.array([2**31 - 1], pa.int32()).cast(pa.date32()), [None]),
        (pa.array([1_704_153_600_000], pa.int64()).cast(pa.date64()), [1_704_153_600_000_000]),
        (pa.array([SECOND // 10**6, SECOND // 1000, SECOND, SECOND * 1000]), [SECOND] * 4),
        (pa.array([SECOND * 1000 + 123_456_789]), [SECOND + 123_457]),
        (pa.array([SECOND / 1e6 + 0.5, float("nan"), float("inf"), 1e40, None]), [SECOND + 500_000, *[None] * 4]),
        (pa.array([decimal.Decimal("1704164645.25")]), [SECOND + 250_000]),
        (pa.array([-1, 0]), [-1_000_000, 0]),
        (pa.array([2**64 - 1], pa.uint64()), [18_446_744_073_709_552]),
        (pa.nulls(2), [None, None]),
        (pa.array([dt.time(3, 4)]), [None]),
        (pa.array([[1]]), [None]),
        (pa.array(["2024-01-02T03:04:05.123456Z", None, ""]).dictionary_encode(), [MOMENT, None, None]),
        (pa.array([MOMENT], pa.timestamp("us")).dictionary_encode(), [MOMENT]),
        (BAD_TEXT, [None, None, None]),
    ],
)
def test_times_of_every_type(column: pa.Array, expected: list[int | None]) -> None:
    assert times(column) == expected


TEXTS = {
    "2024-01-02T03:04:05Z": SECOND,
    "2024-01-02 03:04:05": SECOND,
    "2024-01-02T03:04:05+00:00": SECOND,
    "2024-01-02T05:34:05+0230": SECOND,
    "2024-01-02T05:04:05+02": SECOND,
    "2024-01-01T22:04:05-05:00": SECOND,
    "2024-01-02T03:04:05.123456Z": MOMENT,
    "2024-01-02T03:04:05.123456789Z": MOMENT,
    "2024-01-02T03:04:05.123456789": MOMENT,
    " 2024-01-02T03:04:05Z ": SECOND,
    "1704164645": SECOND,
    "1704164645000": SECOND,
    "1712123101230": 1_712_123_101_230_000,
    "1.704164645e9": SECOND,
    "20240102": 1_704_153_600_000_000,
    "2024-01-02": 1_704_153_600_000_000,
    "9999-12-31T23:59:59Z": 253_402_300_799_000_000,
    "soon": None,
    "": None,
    "2024-13-01": None,
    "nan": None,
    "24:00": None,
}


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_read_alike_alone_and_among_others(text: str) -> None:
    """Whether the fast or the slow way is taken depends on a row's neighbours; its time does not."""
    assert times(pa.array([text])) == [TEXTS[text]]
    assert times(pa.array([*TEXTS])) == list(TEXTS.values())


@pytest.mark.parametrize(
    "text", ["2024-03-31 02:30:00", "2024-10-27 02:30:00", "2024-07-01 12:00:00", "0001-01-01 00:00:00"]
)
def test_naive_times_are_of_the_zone(text: str) -> None:
    """In the hour that is skipped and in the one that is there twice too, alike in the fast and in the slow way."""
    expected = {
        "2024-03-31 02:30:00": dt.datetime(2024, 3, 31, 1, 0, tzinfo=dt.UTC),
        "2024-10-27 02:30:00": dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC),
        "2024-07-01 12:00:00": dt.datetime(2024, 7, 1, 10, 0, tzinfo=dt.UTC),
    }
    alone = times(pa.array([text]), "Europe/Berlin")
    naive = pa.array([dt.datetime.fromisoformat(text)], pa.timestamp("us"))
    assert alone == times(pa.array([text, "?"]), "Europe/Berlin")[:1] == times(naive, "Europe/Berlin")
    if text in expected:
        assert alone == [int(expected[text].timestamp() * 1e6)]


def numbers(column: pa.Array) -> list[float | str | None]:
    values, bad = read_numbers(column)
    return ["bad" if b else (None if v != v else v) for v, b in zip(values.tolist(), bad, strict=True)]  # noqa: PLR0124


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1.5, None, float("nan"), float("inf")]), [1.5, None, None, float("inf")]),
        (pa.array([1.5], pa.float16()), [1.5]),
        (pa.array([1, None, -(2**40)]), [1.0, None, -(2.0**40)]),
        (pa.array([2**64 - 1], pa.uint64()), [2.0**64]),
        (pa.array([True, False, None]), [1.0, 0.0, None]),
        (pa.array([decimal.Decimal("1.25"), None]), [1.25, None]),
        (pa.nulls(2), [None, None]),
        (pa.array(["1", " 2.5 ", "", None, "-3e2"]), [1.0, 2.5, None, None, -300.0]),
        (pa.array(["1", "x", "NA", "null", "NaN", "N/A", "1e400", "+4"]), [1.0, "bad", None, None, None, None, float("inf"), 4.0]),
        (pa.array(["1", "x", None], pa.large_string()), [1.0, "bad", None]),
        (pa.array(["1", "2"]).dictionary_encode(), [1.0, 2.0]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array([7.0, None])), [7.0, None, None]),
        (pa.array([[1], None]), ["bad", None]),
        (pa.array([{"a": 1}]), ["bad"]),
        (pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None]), ["bad", None]),
        (BAD_TEXT, ["bad", "bad", None]),
        (pa.array(["1"], pa.string_view()), [1.0]),
    ],
)  # fmt: skip
def test_numbers_of_every_type(column: pa.Array, expected: list[float | str | None]) -> None:
    assert numbers(column) == expected
    assert numbers(column.slice(0, 0)) == []


def names(column: pa.Array) -> list[str | None]:
    read = read_names(column)
    return [None if code < 0 else read.names[code] for code in read.codes]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["a", None, "", "b", "a"]), ["a", None, None, "b", "a"]),
        (pa.array([1, 2, None]), ["1", "2", None]),
        (pa.array([1.0, 2.5, float("nan"), None, -0.0]), ["1", "2.5", None, None, "0"]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array([decimal.Decimal("1.50")]), ["1.50"]),
        (pa.array([b"ab", b"\xff"]), ["ab", "\ufffd"]),
        (pa.array([dt.date(2024, 1, 2)]), ["2024-01-02"]),
        (pa.array([1_700_000_000_123_456_789], pa.timestamp("ns")), ["2023-11-14 22:13:20.123456789"]),
        (pa.array([1_700_000_000_123_456_789], pa.timestamp("ns")).dictionary_encode(), ["2023-11-14 22:13:20.123456789"]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None, 3]), pa.array(["a", None, "", "a"])), ["a", None, None, None, "a"]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.uint8()), pa.array([1.0, 2.5])), ["1", "2.5"]),
        (pa.array([[1], None, []]), ["<invalid>", None, "<invalid>"]),
        (pa.nulls(1), [None]),
        (BAD_TEXT, ["\ufffd\ufffd", "ok", None]),
        (pa.array(["a"], pa.string_view()), ["a"]),
    ],
)  # fmt: skip
def test_names_of_every_type(column: pa.Array, expected: list[str | None]) -> None:
    assert names(column) == expected
    assert names(column.slice(0, 0)) == []


def test_joint_names_are_the_combinations_there_are() -> None:
    first, second = read_names(pa.array(["b", "a", None, "b", "a"])), read_names(pa.array([1, 2, 1, None, 2]))
    joint = joint_names([first, second])
    assert [None if code < 0 else joint.names[code] for code in joint.codes] == ["b × 1", "a × 2", None, None, "a × 2"]
    thrice = joint_names([first, second, read_names(pa.array(["x"] * 5))])
    assert set(thrice.names) == {"b × 1 × x", "a × 2 × x"}
    assert joint_names([first]) is first


def test_joint_names_of_a_column_that_is_not_there() -> None:
    absent = Names(np.full(2, -1, dtype=np.int64), ())
    joint = joint_names([read_names(pa.array(["a", "b"])), absent])
    assert (joint.codes.tolist(), joint.names) == ([-1, -1], ())


def test_recode() -> None:
    column = read_names(pa.array(["a", "b", None, "c"]))
    assert recode(column, {"a": 5, "b": 6}, other=9, none=-1).tolist() == [5, 6, -1, 9]


def test_columns_are_found_by_name_and_by_path() -> None:
    nested = pa.array([{"x": {"y": 1}, "a.b": 2}, None])
    batch = pa.record_batch({"in": nested, "in.flat": pa.array([7, 8]), "z": pa.array([1, 2])})
    found = {
        name: find_column(batch, name) for name in ("z", "in.x.y", "in.a.b", "in.flat", "no", "in.no", "z.no", "no.z")
    }
    assert {name: None if column is None else column.to_pylist() for name, column in found.items()} == {
        "z": [1, 2], "in.x.y": [1, None], "in.a.b": [2, None], "in.flat": [7, 8],
        "no": None, "in.no": None, "z.no": None, "no.z": None,
    }  # fmt: skip


def test_extension_types_are_what_they_store() -> None:
    column = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0123456789abcdef"], pa.binary(16)))
    found = find_column(pa.record_batch({"id": column}), "id")
    assert found is not None
    assert found.type == pa.binary(16)
    assert np.asarray(found.is_valid()).tolist() == [True]
