"""The state directory is full, read-only, damaged, of another version or in use: one clear line, and no count is lost."""

import contextlib
import os
import random
import re
import resource
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from exporter.state.schema import STATE_VERSION
from tests.e2e.killing import Child, Nursery, Writer, all_read, configured, page_of, totals
from tests.e2e.patience import PATIENCE_SECONDS
from tests.exporters import BINARY, Exporter
from tests.states import seen, undisturbed, unlike

MODEL = {**BINARY, "max_counter_age": "30d", "reference": {}}


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as one:
        yield one


class Disk:
    """A small disk at `folder`. Who may not mount one gets files that may not grow instead."""

    def __init__(self, folder: Path, size: str | None) -> None:
        """`size` None: as where nothing may be mounted."""
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        self.folder = folder
        self.mounted = size is not None and subprocess.run(command, check=False, capture_output=True).returncode == 0
        self._ballast = folder / "ballast"

    def fill(self, child: Child) -> None:
        """Nothing more can be written."""
        if not self.mounted:
            # More than the exporter says, less than the journal of its state is long already.
            resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (1 << 16, resource.RLIM_INFINITY))
            return
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)

    def make_room(self, child: Child) -> None:
        if self.mounted:
            self._ballast.unlink()
        else:
            resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def read_only(self) -> None:
        """Nobody may write: by the mount, or for who is not root by the folder's permissions."""
        if self.mounted:
            subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)
        else:
            self.folder.chmod(0o500)

    def gone(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
        else:
            self.folder.chmod(0o700)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., Disk]]:
    made: list[Disk] = []

    def make(size: str | None) -> Disk:
        made.append(Disk(tmp_path / "state", size))
        return made[-1]

    yield make
    for each in made:
        each.gone()


def rows(count: int, first: int, now: float) -> list[list[dict[str, Any]]]:
    draw = random.Random(first)
    return [
        [{"ts": now - 60 - 3 * n, "id": f"i{first + n}", "late": n % 2, "p": round(draw.random(), 4), "x": draw.random(),
          "carrier": draw.choice(["AA", "UA"]), "seconds": 0.25}]
        for n in range(count)
    ]  # fmt: skip


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def last_words(log: Path, child: Child) -> str:
    """What an exporter says in the end, which is one line, and its exit code: 1."""
    child.wait()
    said = log.read_text()
    assert "Traceback" not in said
    *_, words, code = said.splitlines()
    assert code == "exit code 1"
    return words


@pytest.mark.parametrize("size", ["2m", None])
def test_a_full_disk_loses_nothing(
    tmp_path: Path, nursery: Nursery, disk: Callable[..., Disk], size: str | None
) -> None:
    """What it serves stays there; one line and a metric say why nothing new comes; with room again it goes on.

    Also where it is killed and started again meanwhile.
    """
    small, log = disk(size), tmp_path / "log"
    now = float(int(time.time()) // 900 * 900)
    exporter = Exporter(tmp_path, MODEL, now=now)
    config = configured(tmp_path)
    writers = [Writer(tmp_path / name, "a.jsonl", rows(900, 0, now), 1) for name in ("logs", "labels")]
    for writer in writers:
        writer.append(300)
    child = nursery.start(["run", "-c", config], log)
    until(lambda: sum(totals(page_of(log)).get("ml_predictions_total", [])) == 301, "the first rows are read")
    small.fill(child)
    while "cycle failed" not in log.read_text():
        for writer in writers:
            writer.append(1)
        until(lambda: _idle(log) or "cycle failed" in log.read_text(), "it reads, or it fails")
        assert not writers[0].done, "the disk never was full"
    told = re.findall(r'event="cycle failed" model=m error="(.*)"', log.read_text())
    assert [re.sub(r"^.*m\.sqlite: ", "", line) for line in told] == [told[0].split("m.sqlite: ")[1]]
    assert re.search(
        r"(disk is full; make room, and it goes on by itself|disk I/O error; look for room on the disk)", told[0]
    )
    served = totals(page_of(log))
    assert served["ml_exporter_cycle_failures_total"][0] >= 1
    assert sum(served["ml_predictions_total"]) >= 301
    for writer in writers:
        writer.append(200)
    if small.mounted:
        child.kill()
        child = nursery.start(["run", "-c", config], log)
        until(lambda: not child.alive or "cycle failed" in log.read_text().split("listening")[-1], "it fails again")
    small.make_room(child)
    if not child.alive:
        assert "disk" in log.read_text().splitlines()[-2]
        child = nursery.start(["run", "-c", config], log)
    for writer in writers:
        writer.append(900)
    all_read(writers, log)
    child.kill()
    exporter.read()
    assert unlike(seen(exporter, "first"), undisturbed(exporter, "first")) == {}


def _idle(log: Path) -> bool:
    """True once all that was written is read."""
    found = re.findall(r"^ml_exporter_source_backlog_bytes\{[^}]*\} (\S+)", page_of(log), re.MULTILINE)
    return bool(found) and set(found) == {"0"}


def test_a_disk_that_is_full_at_the_first_start(tmp_path: Path, nursery: Nursery, disk: Callable[..., Disk]) -> None:
    """It says so and ends; with room it starts, and nothing half-made is in its way."""
    small = disk("96k")
    Exporter(tmp_path, MODEL, now=time.time())
    Writer(tmp_path / "logs", "a.jsonl", rows(10, 0, time.time()), 1).append(10)
    config, log = configured(tmp_path), tmp_path / "log"
    if small.mounted:
        child = nursery.start(["run", "-c", config], log)
    else:
        child = nursery.start(["run", "-c", config], log, file_bytes=1 << 15)
    assert re.match(
        rf"{tmp_path}/state/m.sqlite: .*(disk is full; make room|disk I/O error; look for room)", last_words(log, child)
    )
    assert not (tmp_path / "state" / "m.sqlite").exists()
    if small.mounted:
        subprocess.run(["mount", "-o", "remount,size=4m", str(small.folder)], check=True)
    child = nursery.start(["run", "-c", config], log)
    until(lambda: totals(page_of(log)).get("ml_predictions_total") == [10], "it has read the log")
    child.kill()


def test_a_read_only_state_directory(tmp_path: Path, nursery: Nursery, disk: Callable[..., Disk]) -> None:
    Exporter(tmp_path, MODEL, now=time.time())
    small = disk("1m")
    small.read_only()
    config, log = configured(tmp_path), tmp_path / "log"
    words = last_words(log, nursery.start(["run", "-c", config], log))
    why = "Read-only file system" if small.mounted else "Permission denied"
    assert words == f"state_dir {tmp_path}/state: {why}; make it writable or name another"


def cut(state: Path) -> None:
    os.truncate(state, state.stat().st_size // 2)


def scribbled(state: Path) -> None:
    with state.open("r+b") as file:
        file.seek(state.stat().st_size // 3)
        file.write(random.Random(1).randbytes(60_000))


def of_version(number: int) -> Callable[[Path], None]:
    def change(state: Path) -> None:
        with closing(sqlite3.connect(state)) as db:
            db.execute("UPDATE meta SET value = ? WHERE key = 'version'", (str(number),))
            db.commit()

    return change


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (cut, "bring back a copy, or name a new state_dir"),
        (scribbled, "bring back a copy, or name a new state_dir"),
        (lambda state: state.write_bytes(b""), "empty, which a state never is; bring back a copy, or remove it"),
        (
            lambda state: state.write_text("my notes\n" * 9999),
            "or no state: bring back a copy, or name a new state_dir",
        ),
        (of_version(STATE_VERSION + 1), "written by a newer ml-exporter; this one reads version"),
        (of_version(0), "written by an older ml-exporter; this one reads version"),
    ],
    ids=["cut", "scribbled", "empty", "text", "newer", "older"],
)
def test_a_state_that_cannot_be_used_is_left_alone(
    tmp_path: Path, nursery: Nursery, harm: Callable[[Path], None], told: str
) -> None:
    """One line that says where, what and what to do; exit code 1; not a byte is changed."""
    now = time.time()
    exporter = Exporter(tmp_path, MODEL, now=now)
    Writer(tmp_path / "logs", "a.jsonl", rows(500, 0, now), 1).append(500)
    exporter.read()
    exporter.close()
    state = tmp_path / "state" / "m.sqlite"
    harm(state)
    before = state.read_bytes()
    config, log = configured(tmp_path), tmp_path / "log"
    for _ in range(2):
        words = last_words(log, nursery.start(["run", "-c", config], log))
        assert words.startswith(f"{state}: ")
        assert told in words
        assert state.read_bytes() == before


def test_two_exporters_on_one_state_directory(tmp_path: Path, nursery: Nursery) -> None:
    """The second one refuses, also by another path to it; the first one goes on; killed, it leaves no lock behind."""
    now = time.time()
    Exporter(tmp_path, MODEL, now=now)
    writer = Writer(tmp_path / "logs", "a.jsonl", rows(100, 0, now), 1)
    config, log = configured(tmp_path), tmp_path / "log"
    first = nursery.start(["run", "-c", config], log)
    until(lambda: page_of(log) != "", "the first one listens")
    (tmp_path / "link").symlink_to("state")
    for number, state_dir in enumerate(("state", "link")):
        other = tmp_path / f"other{number}.yml"
        other.write_text(config.read_text().replace("state_dir: state", f"state_dir: {state_dir}"))
        said = tmp_path / f"said{number}"
        words = last_words(said, nursery.start(["run", "-c", other], said))
        assert words == (
            f"state_dir {tmp_path}/{state_dir}: in use by another ml-exporter; "
            "stop it or give this one a state_dir of its own"
        )
    writer.append(99)
    until(lambda: totals(page_of(log)).get("ml_predictions_total") == [100], "the first one goes on")
    first.kill()
    assert (tmp_path / "state" / "lock").exists()
    again = nursery.start(["run", "-c", config], log)
    until(lambda: totals(page_of(log)).get("ml_predictions_total") == [100], "the next one starts")
    again.kill()
