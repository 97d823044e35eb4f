"""Sorted runs: the newest row of an id holds, and bytes give back what was packed."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.profile.ids import Hashes
from exporter.state.runs import Run, find, merge, pack_run, sorted_run, unpack_run
from exporter.state.shelf import Shelf
from exporter.state.store import Store

ROWS = st.lists(st.tuples(st.integers(0, 20), st.integers(-(2**62), 2**62)), max_size=40)


def run_of(rows: list[tuple[int, int]], number: int = 1) -> Run:
    ids: Hashes = np.array([i for i, _ in rows], dtype=np.uint64)
    return sorted_run(number, 5, ids, {"value": np.array([v for _, v in rows], dtype=np.int64)})


def as_dict(run: Run) -> dict[int, int]:
    return dict(zip(run.hashes.tolist(), run.columns["value"].tolist(), strict=True))


@given(ROWS)
def test_run_is_a_dictionary_in_order(rows) -> None:
    run = run_of(rows)
    assert as_dict(run) == dict(rows)
    assert run.hashes.tolist() == sorted(dict(rows))


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_merge_keeps_the_newest(parts) -> None:
    expected: dict[int, int] = {}
    for rows in parts:
        expected |= dict(rows)
    assert as_dict(merge(9, 5, [run_of(rows) for rows in parts])) == expected


@given(ROWS, st.lists(st.integers(0, 30), max_size=10))
def test_find_is_look_up(rows, wanted) -> None:
    run = run_of(rows)
    place, here = find(run, np.array(wanted, dtype=np.uint64))
    found = [int(run.columns["value"][at]) if yes else None for at, yes in zip(place, here, strict=True)]
    assert found == [dict(rows).get(i) for i in wanted]


@given(ROWS)
def test_pack_and_unpack(rows) -> None:
    """Every kind of column, one and two dimensions, also none of its rows."""
    run = run_of(rows)
    n = len(run)
    run.columns |= {
        "f": np.linspace(0, 1, n), "wide": np.arange(3 * n, dtype=np.int16).reshape(n, 3), "small": np.ones(n, np.uint8),
    }  # fmt: skip
    again = unpack_run(1, 5, pack_run(run))
    assert (again.number, again.bucket, again.hashes.tolist()) == (1, 5, run.hashes.tolist())
    assert {k: (v.dtype, v.tolist()) for k, v in again.columns.items()} == {
        k: (v.dtype, v.tolist()) for k, v in run.columns.items()
    }
    assert again.hashes.flags.aligned


def test_run_of_version_1() -> None:
    """It was not compressed."""
    hashes, value = np.array([3, 4], np.uint64), np.array([1.5, 2.5])
    head = json.dumps({"hashes": ["<u8", [2]], "value": ["<f8", [2]]}).encode()
    data = struct.pack("<4sBI", b"MLXR", 1, len(head)) + head + hashes.tobytes() + value.tobytes()
    run = unpack_run(1, 5, data)
    assert (run.hashes.tolist(), run.columns["value"].tolist()) == ([3, 4], [1.5, 2.5])


@pytest.mark.parametrize("cut", [0, 5, 20, -1])
def test_cut_off_run_is_refused(cut: int) -> None:
    data = pack_run(run_of([(1, 2), (3, 4)]))
    with pytest.raises(ValueError, match="run 7: "):
        unpack_run(7, 0, data[:cut])


def test_shelf_writes_what_it_holds(tmp_path) -> None:
    """Small runs of a bucket are merged; after each flush the state says what memory says."""
    store = Store(tmp_path / "m.sqlite")
    shelf = Shelf(store, ("a", "b"))
    expected: dict[int, int] = {}
    for step in range(50):
        rows = {step % 7: step, 100 + step: step}
        expected |= rows
        shelf.append("a", 3, np.array(list(rows), np.uint64), {"value": np.array(list(rows.values()))})
        if step % 5 == 0:
            with store.transaction():
                shelf.flush(store)
            again = Shelf(store, ("a", "b"))
            assert sorted(r.number for r in again.runs("a")) == sorted(r.number for r in shelf.runs("a"))
    assert len(shelf.runs("a")) <= 8
    assert as_dict(merge(0, 3, sorted(shelf.runs("a"), key=lambda r: r.number))) == expected
    for run in shelf.runs("a"):
        shelf.move(run, "a", "b")
    changed = shelf.runs("b")[0]
    shelf.rewrite("b", changed, {"value": changed.columns["value"] * 0})
    with store.transaction():
        shelf.flush(store)
    assert store.runs("a") == []
    assert sorted(r.number for r in store.runs("b")) == sorted(r.number for r in shelf.runs("b"))
    assert any(not run.columns["value"].any() for run in store.runs("b"))


def test_columns_beyond_memory_rest_in_the_state(tmp_path, monkeypatch) -> None:
    """They come back to the last bit, whatever happens to their run meanwhile."""
    monkeypatch.setattr("exporter.state.shelf.COLUMN_BYTES", 20_000)
    monkeypatch.setattr("exporter.state.shelf.LARGEST", 0)
    store = Store(tmp_path / "m.sqlite")
    shelf = Shelf(store, ("a", "b"))
    rng = np.random.default_rng(1)
    expected = {}
    for _ in range(20):
        ids = rng.integers(0, 2**64, 500, dtype=np.uint64)
        value, slots = rng.normal(size=500), rng.integers(-1, 9, (500, 2)).astype(np.int16)
        expected |= {int(i): (float(v), s.tolist()) for i, v, s in zip(ids, value, slots, strict=True)}
        shelf.append("a", 3, ids, {"value": value, "slots": slots, "weight": np.broadcast_to(np.ones(1), 500)})
        with store.transaction():
            shelf.flush(store)
    assert sum(run.nbytes for run in shelf.runs("a")) <= 20_000
    for run in shelf.runs("a")[::2]:
        shelf.move(run, "a", "b")
    with store.transaction():
        shelf.flush(store)
    for held in (shelf, Shelf(store, ("a", "b"))):
        found = {}
        for run in held.runs("a", "b"):
            columns = run.columns
            assert columns["weight"].tolist() == [1.0] * len(run)
            rows = zip(run.hashes.tolist(), columns["value"].tolist(), columns["slots"].tolist(), strict=True)
            found |= {i: (v, s) for i, v, s in rows}
        assert found == expected
        assert sum(run.nbytes for run in held.runs("a", "b")) <= 20_000
    assert [len(store.runs(kind)) for kind in ("a", "b")] == [10, 10]


def test_shelf_knows_every_id_at_once(tmp_path) -> None:
    """Also the ids that came last, however many there are, and whichever kind they have by now."""
    shelf = Shelf(Store(tmp_path / "m.sqlite"), ("a", "b"))
    drawn = np.random.default_rng(2).integers(0, 2**64, 60_000, dtype=np.uint64)
    for start in range(0, len(drawn), 1500):
        ids = drawn[start : start + 1500]
        shelf.append("a", start // 6000, ids, {"value": np.arange(len(ids))})
        assert shelf.may_hold(ids, "a", "b").all()
        if start % 9000 == 0:
            shelf.move(shelf.runs("a")[0], "a", "b")
        assert shelf.may_hold(drawn[: start + 1500], "a", "b").all()
