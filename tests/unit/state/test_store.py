"""All or nothing, and never a word over what another program wrote."""

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from exporter.batch import Reject
from exporter.errors import StateError
from exporter.profile.layout import Layout
from exporter.state.runs import sorted_run
from exporter.state.schema import STATE_VERSION
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
    store.drop_additions(number for number, _, _ in store.additions())
    store.put_additions([(number, KEY, b"%d" % number)])
    store.put_total("v", b"%d" % number)
    store.put_facts({"watermarks": {"": number}})
    store.put_run("waiting", sorted_run(number, 7, np.array([2, 1], np.uint64), {"time": np.array([20, 10])}))
    store.put_rejects("predictions", [Reject("log", number, "bad_time", "00")])


def content(store: Store) -> tuple:
    runs = [
        (run.number, run.bucket, run.hashes.tolist(), run.columns["time"].tolist()) for run in store.runs("waiting")
    ]
    return (
        store.cursor("predictions"), store.panes(), store.additions(), store.totals(), store.facts(), runs, store.rejects(),
        {key: layout.to_json() for key, layout in store.layouts().items()},
    )  # fmt: skip


def test_what_was_written_is_read_back(path: Path) -> None:
    store = Store(path)
    with store.transaction():
        write_everything(store, 1)
    expected = (
        b"1", [(KEY, b"1")], [(1, KEY, b"1")], {"v": b"1"}, {"watermarks": {"": 1}}, [(1, 7, [1, 2], [10, 20])],
        [("predictions", Reject("log", 1, "bad_time", "00"))], {LAYOUT.id: LAYOUT.to_json()},
    )  # fmt: skip
    assert content(store) == expected
    key = store.key
    store.close()
    again = Store(path)
    assert (content(again), again.key) == (expected, key)
    with again.transaction():
        again.drop_pane(KEY)
        again.drop_additions([1])
        again.drop_run(1)
        again.drop_total("v")
    assert (again.panes(), again.additions(), again.runs("waiting"), again.totals()) == ([], [], [], {})


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
    with (
        pytest.raises(StateError, match=r"m\.sqlite: database or disk is full; make room, and it goes on by itself"),
        store.transaction(),
    ):
        store.put_cursor("predictions", bytes(1 << 20))
    assert content(store) == before
    store._db.execute(f"PRAGMA max_page_count = {pages * 1000}")
    with store.transaction():
        write_everything(store, 2)
    assert store.cursor("predictions") == b"2"


def files_of(path: Path) -> dict[str, bytes]:
    """The state as it lies there; what SQLite shares between processes, and an empty journal, say nothing."""
    files = (each for each in path.parent.iterdir() if each.is_file() and not each.name.endswith("-shm"))
    return {each.name: each.read_bytes() for each in files if each.stat().st_size or each == path}


@pytest.mark.parametrize(
    ("version", "told"),
    [
        (
            str(STATE_VERSION + 1),
            f"state of version {STATE_VERSION + 1}, written by a newer ml-exporter; this one reads",
        ),
        ("0", "state of version 0, written by an older ml-exporter"),
        ("", "state of version , written by another ml-exporter"),
        (None, "state of version None, written by another ml-exporter"),
    ],
)
def test_state_of_another_version_is_refused_and_left_alone(path: Path, version: str | None, told: str) -> None:
    """Also what stands in its journal, which closing it would move."""
    writer = Store(path)
    if version is None:
        writer._db.execute("DELETE FROM meta WHERE key = 'version'")
    else:
        writer._db.execute("UPDATE meta SET value = ? WHERE key = 'version'", (version,))
    (other := path.parent / "other").mkdir()
    for file in files_of(path):
        shutil.copy(path.parent / file, other)
    before = files_of(other / path.name)
    with pytest.raises(StateError, match=rf"m\.sqlite: {told}.*; use the other one, or name a new state_dir"):
        Store(other / path.name)
    assert files_of(other / path.name) == before
    assert "m.sqlite-wal" in before


def damaged(path: Path, how: str) -> None:
    """Does to a closed state what disks, editors and people do."""
    data = bytearray(path.read_bytes())
    if how == "text in its place":
        data = bytearray(b"not a database at all\n" * 1000)
    elif how == "cut off":
        data = data[: len(data) // 3]
    elif how == "empty":
        data = bytearray()
    elif how == "random bytes":
        data[len(data) // 4 : len(data) // 2] = random.Random(1).randbytes(len(data) // 2 - len(data) // 4)
    elif how == "another program's":
        path.unlink()
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE bookmarks (url TEXT)")
        return
    elif how == "gone, but for its journal":
        path.with_name(path.name + "-wal").write_bytes(bytes(data))
        path.unlink()
        return
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("text in its place", "the file is damaged, or no state: bring back a copy, or name a new state_dir"),
        ("cut off", "the file is damaged: bring back a copy, or name a new state_dir"),
        ("empty", "empty, which a state never is; bring back a copy, or remove it"),
        ("random bytes", "bring back a copy, or name a new state_dir"),
        ("another program's", "no such table: meta; the file may be damaged: bring back a copy"),
        ("gone, but for its journal", "m.sqlite-wal is there; bring back a copy, or remove that too"),
    ],
)
def test_damaged_state_is_told_in_one_line_and_left_alone(path: Path, how: str, told: str) -> None:
    store = Store(path)
    with store.transaction():
        write_everything(store, 1)
        store.put_cursor("labels", bytes(100_000))
    store.close()
    damaged(path, how)
    before = files_of(path)

    def read() -> None:
        opened = Store(path)
        try:
            content(opened)
            opened.cursor("labels")
        finally:
            opened.close()

    with pytest.raises(StateError) as error:
        read()
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith(told)
    assert "\n" not in str(error.value)
    assert files_of(path) == before


def test_a_single_bit_is_noticed(path: Path) -> None:
    """SQLite looks at the shape of its pages; what stands in them is ours to check."""
    store = Store(path)
    with store.transaction():
        write_everything(store, 1)
        store.put_cursor("labels", b"\x5a" * 100_000)
    store.close()
    data = bytearray(path.read_bytes())
    place = data.index(b"\x5a" * 16_000) + 8000
    data[place] ^= 1
    path.write_bytes(data)
    again = Store(path)
    with pytest.raises(StateError, match=r"m\.sqlite: damaged \(cursor: its checksum is wrong\); bring back a copy"):
        again.cursor("labels")
    again.close()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9, 0.999])
def test_a_torn_journal_gives_the_last_whole_commit(path: Path, share: float) -> None:
    """What a crash of the machine leaves: the journal's end is missing, or was never written."""
    store = Store(path)
    for number in range(1, 30):
        with store.transaction():
            store.put_cursor("predictions", b"%d" % number)
            store.put_total("v", b"%d" % number)
    (torn := path.parent / "torn").mkdir()
    shutil.copy(path, torn)
    journal = path.with_name("m.sqlite-wal").read_bytes()
    cut = int(share * len(journal))
    (torn / "m.sqlite-wal").write_bytes(journal[:cut] + random.Random(2).randbytes(len(journal) - cut))
    again = Store(torn / path.name)
    cursor, total = again.cursor("predictions"), again.totals().get("v")
    assert cursor == total
    assert int(cursor or 0) == pytest.approx(29 * share, abs=2)
    again.close()
    store.close()


VERSION_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE layouts (id TEXT PRIMARY KEY, layout TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE cursors (stream TEXT PRIMARY KEY, cursor BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE panes (
    version TEXT NOT NULL, start INTEGER NOT NULL, width INTEGER NOT NULL, layout TEXT NOT NULL, counts BLOB NOT NULL,
    PRIMARY KEY (version, start, width, layout)
) WITHOUT ROWID;
CREATE TABLE totals (version TEXT PRIMARY KEY, counts BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, bucket INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rejects (
    number INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, origin TEXT NOT NULL, row INTEGER NOT NULL,
    reason TEXT NOT NULL, digest TEXT NOT NULL, content TEXT
);
INSERT INTO meta VALUES ('version', '1'), ('key', '[3, 4]');
INSERT INTO cursors VALUES ('predictions', x'31');
INSERT INTO panes VALUES ('v', 300, 300, 'LAYOUT', x'31');
INSERT INTO totals VALUES ('v', x'31');
INSERT INTO facts VALUES ('watermarks', '{"": 1}');
INSERT INTO runs VALUES (1, 'waiting', 7, x'RUN');
INSERT INTO rejects VALUES (1, 'predictions', 'log', 1, 'bad_time', '00', NULL);
"""
"""A state as version 1 of it was written; a run of its version 2 in it."""
RUN_2 = (
    "4d4c5852022e0000007b22686173686573223a205b223c7538222c205b325d5d2c202274696d65223a205b223c6938222c20"
    "5b325d5d7d28b52ffd2020ad000070010002000a001400000000000000035402000301"
)


@pytest.mark.parametrize("version", [1, 2])
def test_state_of_an_older_version_is_read_and_made_one_of_this(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(VERSION_1.replace("LAYOUT", LAYOUT.id).replace("RUN", RUN_2))
        db.execute("INSERT INTO layouts VALUES (?, ?)", (LAYOUT.id, json.dumps(LAYOUT.to_json())))
        if version == 2:
            for table in ("layouts", "cursors", "panes", "totals", "runs", "facts"):
                db.execute(f"ALTER TABLE {table} ADD COLUMN sum INTEGER")
            db.execute("UPDATE cursors SET sum = ?", (zlib.crc32(b"1"),))
            db.execute("UPDATE meta SET value = '2' WHERE key = 'version'")
        db.commit()
    for _ in range(2):
        store = Store(path)
        assert store.key == (3, 4)
        assert content(store) == (
            b"1", [(KEY, b"1")], [], {"v": b"1"}, {"watermarks": {"": 1}}, [(1, 7, [1, 2], [10, 20])],
            [("predictions", Reject("log", 1, "bad_time", "00"))], {LAYOUT.id: LAYOUT.to_json()},
        )  # fmt: skip
        assert Store._meta(store._db)["version"] == str(STATE_VERSION)
        store.close()


@pytest.mark.parametrize(
    ("table", "column", "value", "told"),
    [
        (
            "layouts",
            "layout",
            '{"version": 99}',
            "layout of version 99, written by a newer ml-exporter; this one reads",
        ),
        ("layouts", "layout", '{"version": 0}', "layout of version 0, written by an older ml-exporter"),
        ("layouts", "layout", "{", "damaged"),
        ("facts", "value", "{", "damaged"),
        ("runs", "data", b"MLXR\x63\x00\x00\x00\x00", "run of version 99, written by a newer ml-exporter"),
        ("runs", "data", b"MLX", "damaged"),
        ("meta", "value", "[1", "damaged"),
    ],
)
def test_content_that_is_not_ours_is_told(path: Path, table: str, column: str, value: str | bytes, told: str) -> None:
    store = Store(path)
    with store.transaction():
        write_everything(store, 1)
    store.close()
    with closing(sqlite3.connect(path)) as db:
        if table == "meta":
            db.execute("UPDATE meta SET value = ? WHERE key = 'key'", (value,))
        else:
            db.execute(f"UPDATE {table} SET {column} = ?, sum = NULL", (value,))
        db.commit()
    with pytest.raises(StateError, match=rf"m\.sqlite: {told}"):
        content(Store(path))


def test_a_state_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """Whatever statement its making is killed at, the next start has a state."""
    script = (
        "import os, sys; from pathlib import Path; import exporter.state.store as module\n"
        "connected = module._connected\n"
        "def make(path, left):\n"
        "    def count(_):\n"
        "        nonlocal left; left -= 1\n"
        "        if left == 0: os.kill(os.getpid(), 9)\n"
        "    def traced(*a):\n"
        "        db = connected(*a); db.set_trace_callback(count); return db\n"
        "    module._connected = traced; path.mkdir(); module.Store(path / 'm.sqlite').close(); os._exit(0)\n"
        "for n in range(1, 1000):\n"
        "    child = os.fork()\n"
        "    if not child: make(Path(sys.argv[1]) / str(n), n)\n"
        "    if os.waitpid(child, 0)[1] == 0: break\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    folders = list(tmp_path.iterdir())
    assert len(folders) > 10
    for folder in folders:
        store = Store(folder / "m.sqlite")
        assert content(store) == (None, [], [], {}, {}, [], [], {})
        store.close()
        assert [each.name for each in folder.iterdir()] == ["m.sqlite"]


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
    with pytest.raises(StateError, match=r"m\.sqlite: is no file; remove it, or name a new state_dir"):
        Store(tmp_path / "m.sqlite")


def test_read_only_file_is_told(path: Path) -> None:
    store = Store(path)
    store._db.execute("PRAGMA query_only = 1")
    with pytest.raises(StateError, match="readonly database; make it writable"), store.transaction():
        store.put_cursor("predictions", b"1")
