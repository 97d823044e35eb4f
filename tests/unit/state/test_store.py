"""All or nothing, and never a word over what another program wrote."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exporter.batch import Reject
from exporter.errors import StateError
from exporter.profile.layout import Layout
from exporter.state.runs import sorted_run
from exporter.state.store import REJECTS_KEPT, PaneKey, StateLock, Store

LAYOUT = Layout(task="regression", slices={"a": 3})
KEY = PaneKey("v", 300, 300, LAYOUT.id)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.sqlite"


def write_everything(store: Store, number: int) -> None:
    store.put_layout(LAYOUT)
    store.put_cursor("predictions", b"%d" % number)
    store.put_pane(KEY, b"%d" % number)
    store.put_total("v", b"%d" % number)
    store.put_facts({"watermarks": {"": number}})
    store.put_run("waiting", sorted_run(number, 7, np.array([2, 1], np.uint64), {"time": np.array([20, 10])}))
    store.put_rejects("predictions", [Reject("log", number, "bad_time", "00")])


def content(store: Store) -> tuple:
    runs = [
        (run.number, run.bucket, run.hashes.tolist(), run.columns["time"].tolist()) for run in store.runs("waiting")
    ]
    return (
        store.cursor("predictions"), store.panes(), store.totals(), store.facts(), runs, store.rejects(),
        {key: layout.to_json() for key, layout in store.layouts().items()},
    )  # fmt: skip


def test_what_was_written_is_read_back(path: Path) -> None:
    store = Store(path)
    with store.transaction():
        write_everything(store, 1)
    expected = (
        b"1", [(KEY, b"1")], {"v": b"1"}, {"watermarks": {"": 1}}, [(1, 7, [1, 2], [10, 20])],
        [("predictions", Reject("log", 1, "bad_time", "00"))], {LAYOUT.id: LAYOUT.to_json()},
    )  # fmt: skip
    assert content(store) == expected
    key = store.key
    store.close()
    again = Store(path)
    assert (content(again), again.key) == (expected, key)
    with again.transaction():
        again.drop_pane(KEY)
        again.drop_run(1)
        again.drop_total("v")
    assert (again.panes(), again.runs("waiting"), again.totals()) == ([], [], {})


@pytest.mark.parametrize("failure", [ZeroDivisionError, KeyboardInterrupt, sqlite3.OperationalError])
def test_transaction_is_all_or_nothing(path: Path, failure: type[BaseException]) -> None:
    store = Store(path)
    with store.transaction():
        write_everything(store, 1)
    before = content(store)

    def fail() -> None:
        with store.transaction():
            write_everything(store, 2)
            raise failure

    with pytest.raises(StateError if failure is sqlite3.OperationalError else failure):
        fail()
    assert content(store) == before
    with store.transaction():
        write_everything(store, 3)
    assert store.cursor("predictions") == b"3"


def test_process_that_dies_leaves_the_last_commit(path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from exporter.state.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "with store.transaction(): store.put_cursor('predictions', b'1')\n"
        "with store.transaction():\n"
        "    store.put_cursor('predictions', b'2'); os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == 9
    assert Store(path).cursor("predictions") == b"1"


def test_disk_that_is_full(path: Path) -> None:
    """A clear error, nothing written, and the store works again when there is room."""
    store = Store(path)
    with store.transaction():
        write_everything(store, 1)
    before = content(store)
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateError, match=r"m\.sqlite: database or disk is full"), store.transaction():
        store.put_cursor("predictions", bytes(1 << 20))
    assert content(store) == before
    store._db.execute(f"PRAGMA max_page_count = {pages * 1000}")
    with store.transaction():
        write_everything(store, 2)
    assert store.cursor("predictions") == b"2"


@pytest.mark.parametrize("version", ["2", "0", "", None])
def test_state_of_another_version_is_refused_and_left_alone(path: Path, version: str | None) -> None:
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'version'" if version is not None else
                   "DELETE FROM meta WHERE key = 'version'", (version,) if version is not None else ())  # fmt: skip
    db.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match=r"written by another version of ml-exporter .*; use that version, or name"):
        Store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["garbage", "cut", "flipped"])
def test_damaged_file_is_told_in_one_line(path: Path, damage: str) -> None:
    store = Store(path)
    with store.transaction():
        write_everything(store, 1)
        store.put_cursor("labels", bytes(100_000))
    store.close()
    data = bytearray(path.read_bytes())
    if damage == "garbage":
        data = bytearray(b"not a database at all" * 1000)
    elif damage == "cut":
        data = data[: len(data) // 3]
    else:
        data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)

    def read() -> None:
        opened = Store(path)
        content(opened)
        opened.cursor("labels")

    with pytest.raises(StateError) as error:
        read()
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("layouts", "layout", '{"version": 99}'),
        ("layouts", "layout", "{"),
        ("facts", "value", "{"),
        ("runs", "data", b"MLXR\x03\x00\x00\x00\x00"),
        ("runs", "data", b"MLX"),
        ("meta", "value", "[1"),
    ],
)
def test_content_that_is_not_ours_is_told(path: Path, table: str, column: str, value: object) -> None:
    store = Store(path)
    with store.transaction():
        write_everything(store, 1)
    store.close()
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE {table} SET {column} = ?" + (" WHERE key = 'key'" if table == "meta" else ""), (value,))
    db.close()
    with pytest.raises(StateError, match=r"m\.sqlite: damaged, or of a newer ml-exporter"):
        content(Store(path))


def test_rejects_are_bounded(path: Path) -> None:
    store = Store(path)
    for start in range(0, 3 * REJECTS_KEPT, 700):
        with store.transaction():
            store.put_rejects("labels", [Reject("log", start + i, "bad_id", "00") for i in range(700)])
    kept = store.rejects(10**6)
    assert len(kept) == REJECTS_KEPT
    assert kept[0][1].row == max(reject.row for _, reject in kept)


def test_size_on_disk_is_told(path: Path) -> None:
    store = Store(path)
    before = store.bytes_on_disk
    with store.transaction():
        store.put_cursor("predictions", bytes(1 << 20))
    assert store.bytes_on_disk > before + (1 << 20) - 1


# The directory


def test_second_process_is_refused(tmp_path: Path) -> None:
    """While the lock is held, and no longer."""
    script = (
        "import sys; from pathlib import Path; from exporter.errors import StateError; "
        "from exporter.state.store import StateLock\n"
        "try: StateLock(Path(sys.argv[1]))\n"
        "except StateError as error: print(error); sys.exit(3)\n"
    )

    def second() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], check=False, capture_output=True, text=True
        )

    lock = StateLock(tmp_path / "")
    told = second()
    assert (told.returncode, told.stdout.count("\n")) == (3, 1)
    assert f"state_dir {tmp_path}: in use by another ml-exporter; stop it or" in told.stdout
    lock.release()
    assert second().returncode == 0


def test_directory_that_cannot_be_made_or_written(tmp_path: Path) -> None:
    """Also where the tests run as root: under a file there is no directory, and a directory is no database."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"state_dir .*file/state: .*; make it writable or name another"):
        StateLock(tmp_path / "file" / "state")
    with pytest.raises(StateError, match="state_dir"):
        StateLock(Path("/proc/ml-exporter"))
    (tmp_path / "m.sqlite").mkdir()
    with pytest.raises(StateError, match=r"m\.sqlite: unable to open database file"):
        Store(tmp_path / "m.sqlite")


def test_read_only_file_is_told(path: Path) -> None:
    store = Store(path)
    store._db.execute("PRAGMA query_only = 1")
    with (
        pytest.raises(StateError, match="readonly database; free space or permissions may be missing"),
        store.transaction(),
    ):
        store.put_cursor("predictions", b"1")
