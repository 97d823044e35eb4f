"""What a cursor of a table keeps, and how rows are told apart by it."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import SourceError
from exporter.sources.sql_place import NOTHING, Key, Place, Window, among, decode, joined, key_hashes, told_apart

OF = ("at", "id")
HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=20).map(lambda each: np.array(sorted(each), dtype=np.uint64))
MARKS = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
)
NUMBERS = st.builds(lambda near, by: near + by, st.sampled_from([0, 2**53, -(2**53), 2**60]), st.integers(-4, 4))
IDS = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(max_size=8), st.binary(max_size=8)
)


@given(mark=MARKS, row_id=IDS, rows=st.integers(0, 2**53), known=HASHES, since=MARKS)
def test_a_place_survives_its_bytes(mark: Any, row_id: Any, rows: int, known: Any, since: Any) -> None:
    place = Place(OF, Key(mark, row_id), rows, 3, since, known)
    again = decode(place.encode(), OF)
    assert (again.of, again.key, again.rows, again.unplaced, again.since) == (OF, place.key, rows, 3, since)
    assert np.array_equal(again.known, known)
    assert again.encode() == place.encode()


def test_no_cursor_is_the_beginning() -> None:
    assert decode(None, OF).key is None


@pytest.mark.parametrize(
    ("cursor", "says"),
    [
        (b"", "is not one of a SQL source"),
        (b"not a cursor", "is not one of a SQL source"),
        (b'{"version":1}', "is not one of a SQL source"),
        (Place(OF).encode() + b"123", "is not one of a SQL source"),
        (b'{"version":2,"sql":["at","id"]}\n', "is of version 2, this program reads version 1"),
        (Place(("at", "n")).encode(), "was read by watermark `at` and id `n`, the configuration now says `at` and `id`"),
    ],
)  # fmt: skip
def test_a_cursor_of_something_else_is_fatal(cursor: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says) as error:
        decode(cursor, OF)
    assert error.value.fatal


@given(hashes=st.lists(st.integers(0, 5), max_size=40))
def test_rows_of_one_key_are_told_apart_in_any_order(hashes: list[int]) -> None:
    """What is made of each key's rows depends on their number alone, and no two are the same."""
    given_hashes = np.array(hashes, dtype=np.uint64)
    apart = told_apart(given_hashes)
    assert len(set(apart.tolist())) == len(hashes)
    assert Counter(apart.tolist()) == Counter(told_apart(np.sort(given_hashes)[::-1]).tolist())
    first_of_each = [hashes.index(each) for each in set(hashes)]
    assert np.array_equal(apart[first_of_each], given_hashes[first_of_each])


def test_keys_differ_where_watermark_or_id_differ() -> None:
    marks = np.array([1, 1, 1, 1, 2, 2])
    ids = pa.array([None, "", "a", "b", "a", None])
    assert len(set(key_hashes(marks, ids).tolist())) == 6
    assert np.array_equal(key_hashes(marks, ids), key_hashes(marks.astype(np.float64), ids.cast(pa.large_string())))


@given(marks=st.lists(st.one_of(NUMBERS, NUMBERS.map(float)), min_size=1, max_size=20), data=st.data())
def test_watermarks_are_exact_whatever_stands_beside_them(marks: list[Any], data: st.DataObject) -> None:
    """Equal numbers have one hash and others have others; a window is cut as a database compares."""
    alone = [np.array([mark], np.int64 if isinstance(mark, int) else np.float64) for mark in marks]
    together = joined(alone)
    assert together.tolist() == marks
    none = pa.nulls(len(marks), pa.string())
    hashes = key_hashes(together, none).tolist()
    assert hashes == [int(key_hashes(mark, none[:1])[0]) for mark in alone]
    assert len(set(hashes)) == len(set(marks))
    since = data.draw(st.sampled_from([*marks, *(mark - 1 for mark in marks)]))
    kept, _ = Window(together, key_hashes(together, none)).shortened(since)
    assert kept.marks.tolist() == [mark for mark in marks if mark > since]


@given(known=HASHES, asked=HASHES)
def test_known_hashes_are_found(known: Any, asked: Any) -> None:
    assert among(asked, known).tolist() == [each in set(known.tolist()) for each in asked.tolist()]


@pytest.mark.parametrize("marks", [[1, 2, 3, 3, 4], ["a", "b", "c", "c", "d"]])
def test_a_window_keeps_whole_watermarks_of_the_newest(marks: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    kind: Any = np.int64 if isinstance(marks[0], int) else object
    window = Window(np.array(marks, dtype=kind), np.arange(5, dtype=np.uint64))
    assert [(kept.hashes.tolist(), since) for kept, since in [window.shortened(marks[0])]] == [([1, 2, 3, 4], marks[0])]
    monkeypatch.setattr("exporter.sources.sql_place.KNOWN_MOST", 2)
    kept, since = window.shortened(marks[0])
    assert (kept.hashes.tolist(), since) == ([4], marks[2])
    monkeypatch.setattr("exporter.sources.sql_place.KNOWN_MOST", 3)
    kept, since = window.shortened(marks[0])
    assert (kept.hashes.tolist(), since) == ([2, 3, 4], marks[1])
    assert (NOTHING + window) is window is (window + NOTHING)
