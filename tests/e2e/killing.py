"""Exporters to be killed, logs that somebody writes meanwhile, and what can be seen of a state that was left behind."""

import contextlib
import gzip
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
_JOURNAL_HEAD, _FRAME_HEAD = 32, 24
"""Bytes before the first page of a write-ahead log, and before each."""


class Child:
    """A process that was ordered; `kill` ends it as nothing else can."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def wait(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Returns once the process is gone."""
        end = time.monotonic() + seconds
        while self.alive:
            assert time.monotonic() < end, f"process {self.pid} is still there after {seconds} s"
            time.sleep(0.002)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait()


class Nursery:
    """Starts exporters within milliseconds (nursery.py); ends with all of them."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.nursery"],
            cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()
        self._process.kill()
        self._process.communicate()

    def start(
        self,
        arguments: Sequence[str | Path],
        log: Path,
        *,
        poll_rows: int = 1 << 17,
        die_at: int | None = None,
        file_bytes: int = -1,
    ) -> Child:
        """Becomes `ml-exporter ARGUMENTS`, which writes to `log`; see nursery.py."""
        order = {
            "log": str(log),
            "poll_rows": poll_rows,
            "die_at": die_at,
            "file_bytes": file_bytes,
            "arguments": [str(a) for a in arguments],
        }
        log.touch()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        child = Child(int(self._process.stdout.readline()))
        self._children = [each for each in self._children if each.alive] + [child]
        return child


def torn(state: Path) -> bool:
    """True if the journal of a state ends within a commit (sqlite.org/fileformat2.html#walformat)."""
    path = state.with_name(state.name + "-wal")
    data = path.read_bytes() if path.exists() else b""
    if len(data) < _JOURNAL_HEAD:
        return False
    page, salts = struct.unpack_from(">I", data, 8)[0], data[16:24]
    place, committed = _JOURNAL_HEAD, True
    while place + _FRAME_HEAD <= len(data) and data[place + 8 : place + 16] == salts:
        # The last page of a commit tells the size of the whole file, the others 0.
        committed = struct.unpack_from(">I", data, place + 4)[0] != 0
        place += _FRAME_HEAD + page
    return not committed


class Writer:
    """A program that logs rows, and logrotate: every row is written once, now and then in two pieces."""

    def __init__(self, folder: Path, name: str, rows: Sequence[Sequence[Mapping[str, Any] | str]], seed: int) -> None:
        """`rows`: some at a time, which always stand in one file."""
        self._random = random.Random(seed)
        self._file = folder / name
        self._lines = [
            "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in together) for together in rows
        ]
        self.lines = sum(map(len, rows))
        """How many there will have been once it is done."""
        self._half = ""
        self._rotations = 0
        folder.mkdir(exist_ok=True)
        self.append(1)

    @property
    def done(self) -> bool:
        return not self._lines and not self._half

    def append(self, count: int, *, half: bool = False) -> None:
        """Writes so many lines; with `half` the last one without its end."""
        lines, self._lines = self._lines[:count], self._lines[count:]
        text = self._half + "".join(lines)
        cut = len(text) - self._random.randint(1, min(20, len(text))) if half and text else len(text)
        self._half = text[cut:]
        with self._file.open("a") as file:
            file.write(text[:cut])

    def step(self, count: int) -> None:
        """Does the next thing: mostly goes on writing, now and then rotates."""
        what = self._random.random()
        if what < 0.7:
            self.append(self._random.randint(1, count))
        elif what < 0.85:
            self.append(self._random.randint(1, count), half=True)
        elif what < 0.91:
            self.rotate(copy=False)
        elif what < 0.97:
            self.rotate(copy=True)
        else:
            self.compress()

    def rotate(self, *, copy: bool) -> None:
        """log → log.1 → log.2 …, by renaming, or by copying and truncating."""
        self.append(0)
        for number in range(self._rotations, 0, -1):
            for suffix in ("", ".gz"):
                old = self._file.with_name(f"{self._file.name}.{number}{suffix}")
                if old.exists():
                    old.rename(self._file.with_name(f"{self._file.name}.{number + 1}{suffix}"))
        self._rotations += 1
        one = self._file.with_name(f"{self._file.name}.1")
        if copy:
            shutil.copy(self._file, one)
            os.truncate(self._file, 0)
        else:
            self._file.rename(one)
        self.append(1)

    def compress(self) -> None:
        """log.1 becomes log.1.gz, as gzip does it: both are there for a moment."""
        one = self._file.with_name(f"{self._file.name}.1")
        if one.exists():
            with gzip.open(f"{one}.gz", "wb") as file:
                file.write(one.read_bytes())
            one.unlink()


def configured(folder: Path) -> Path:
    """A configuration for the command line: a short cycle, any port."""
    path = folder / "ml-exporter.yml"
    text = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**text, "cycle": 0.02, "server": {"listen": "127.0.0.1:0"}}))
    return path


def page_of(log: Path) -> str:
    """What the exporter that began last serves; empty until it listens."""
    urls = re.findall(r"event=listening url=(\S+)", log.read_text())
    try:
        with urllib.request.urlopen(f"{urls[-1]}metrics", timeout=10) as answer:
            return str(answer.read().decode())
    except (IndexError, OSError):
        return ""


def totals(page: str) -> dict[str, list[float]]:
    """Counter → its values, in order of size."""
    families = text_string_to_metric_families(page)
    return {f"{f.name}_total": sorted(s.value for s in f.samples) for f in families if f.type == "counter"}


def all_read(writers: Iterable[Any], log: Path) -> dict[str, list[float]]:
    """Counters of the exporter that began last, once it has read every line that was written."""
    lines, end = sorted(float(writer.lines) for writer in writers), time.monotonic() + PATIENCE_SECONDS
    while totals(page := page_of(log)).get("ml_exporter_rows_total") != lines:
        assert time.monotonic() < end, f"{lines} lines were written; {page or log.read_text()}"
        time.sleep(0.02)
    read_at = time.time()
    # The snapshot beside it is as old as its cycle.
    while last_cycle(page := page_of(log)) <= read_at:
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.02)
    return totals(page)


def last_cycle(page: str) -> float:
    """When the cycle ended that is shown; 0 where there is none yet."""
    found = re.findall(r"^ml_exporter_last_cycle_timestamp_seconds (\S+)", page, re.MULTILINE)
    return float(found[0]) if found else 0.0
