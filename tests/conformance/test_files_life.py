"""Whatever is done to log files between polls, every row is read once."""

import contextlib
import gzip
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.sources.file_cursor import decode
from exporter.sources.file_identity import same_content
from exporter.sources.file_survey import log_file
from exporter.sources.files import FilesConfig
from exporter.sources.source import Source

Step = Literal["append", "half", "rename", "rename outside", "copy and truncate", "compress", "another file", "restart"]
STEPS: tuple[Step, ...] = Step.__args__  # type: ignore[attr-defined]


class LogDirectory:
    """A directory as a program and logrotate treat it; time is counted in steps."""

    def __init__(self, directory: Path, extension: str) -> None:
        self.directory = directory
        self.extension = extension
        self.current = directory / f"app.{extension}"
        self.steps = self.written = self.rotations = 0
        self.half = ""

    def touch(self, path: Path) -> None:
        self.steps += 1
        os.utime(path, ns=(self.steps * 10**9, self.steps * 10**9))

    def line(self) -> str:
        self.written += 1
        row = {"id": f"{self.written:05}", "text": "x" * (self.written % 7 * 100)}
        return json.dumps(row) + "\n" if self.extension == "jsonl" else f"{row['id']},{row['text']}\n"

    def write(self, path: Path, text: str) -> None:
        with path.open("a") as file:
            if self.extension == "csv" and not file.tell():
                file.write("id,text\n")
            file.write(text)
        self.touch(path)

    def append(self, count: int) -> None:
        self.write(self.current, self.half + "".join(self.line() for _ in range(count)))
        self.half = ""

    def append_half(self) -> None:
        line = self.half or self.line()
        if len(line) > 4:
            self.write(self.current, line[: len(line) // 2])
            self.half = line[len(line) // 2 :]

    def shift(self, suffixes: tuple[str, ...]) -> Path:
        """app.1 becomes app.2 and so on; app.1 is free then."""
        for number in range(self.rotations, 0, -1):
            for suffix in suffixes:
                old = self.directory / f"{self.current.name}.{number}{suffix}"
                if old.exists():
                    old.rename(self.directory / f"{self.current.name}.{number + 1}{suffix}")
        self.rotations += 1
        return self.directory / f"{self.current.name}.1"

    def finish_half(self) -> None:
        if self.half:
            self.write(self.current, self.half)
            self.half = ""

    def do(self, step: Step, count: int) -> None:
        if not self.current.exists():
            self.append(1)
        if step == "append":
            self.append(count)
        elif step == "half":
            self.append_half()
        elif step in ("rename", "copy and truncate"):
            self.finish_half()
            rotated = self.shift(("", ".gz"))
            if step == "rename":
                self.current.rename(rotated)
                self.append(count)
            else:
                shutil.copy(self.current, rotated)
                self.touch(rotated)
                os.truncate(self.current, 0)
                self.touch(self.current)
        elif step == "rename outside":
            self.finish_half()
            self.current.rename(self.directory / f"old-{self.steps}.{self.extension}")
            self.append(count)
        elif step == "compress":
            rotated = self.directory / f"{self.current.name}.1"
            if rotated.exists():
                with gzip.open(f"{rotated}.gz", "wb") as file:
                    file.write(rotated.read_bytes())
                self.touch(Path(f"{rotated}.gz"))
                rotated.unlink()
        elif step == "another file":
            self.write(
                self.directory / f"app-{self.steps}.{self.extension}", "".join(self.line() for _ in range(count))
            )

    def pattern(self) -> str:
        return str(self.directory / f"app*.{self.extension}*")


def begun(path: Path, cursor: bytes | None) -> bool:
    """True where some of what the file holds now was read."""
    file = log_file(str(path), None)
    return file is not None and any(
        mark.identity == file.identity and same_content(file, mark) for mark in decode(cursor)
    )


def read(source: Source, cursor: bytes | None, limit: int) -> tuple[bytes, list[str], bool]:
    poll = source.poll(cursor, limit)
    assert poll.rejects == ()
    return poll.cursor, [one for batch in poll.batches for one in batch.rows.column("id").to_pylist()], poll.exhausted


@settings(max_examples=150, deadline=None)
@given(
    extension=st.sampled_from(["jsonl", "csv"]),
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 4), st.integers(0, 6)), min_size=1, max_size=10),
)
def test_every_row_is_read_once_whatever_happens_to_the_files(
    extension: str, steps: list[tuple[Step, int, int]]
) -> None:
    """Appends, half lines, rotation by renaming (within and out of the glob), by copying, compression, new files, restarts."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as opened:
        logs = LogDirectory(Path(name), extension)
        config = FilesConfig(type="files", path=logs.pattern())
        source = opened.enter_context(contextlib.closing(config.open()))
        cursor, seen, exhausted = None, [], False
        for step, count, limit in steps:
            if step == "rename outside" and not begun(logs.current, cursor):
                continue  # only what was read before can be found again outside of the glob
            if step == "restart":
                source = opened.enter_context(contextlib.closing(config.open()))
            logs.do(step, count)
            if limit:
                cursor, ids, _ = read(source, cursor, limit)
                seen += ids
        logs.do("append", 1)
        while not exhausted:
            cursor, ids, exhausted = read(source, cursor, 5)
            seen += ids
        assert [f"{number:05}" for number in range(1, logs.written + 1)] == sorted(seen)
