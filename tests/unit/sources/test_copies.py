"""A copy that logrotate is still making is no new log: not one of its rows is read a second time."""

import gzip
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from exporter.sources.files import FilesConfig


class Reader:
    """Reads `app.jsonl*` of a folder from where it stopped."""

    def __init__(self, folder: Path) -> None:
        self.source = FilesConfig(type="files", path=str(folder / "app.jsonl*")).open()
        self.cursor: bytes | None = None

    def ids(self) -> list[int]:
        poll = self.source.poll(self.cursor, 10**6)
        assert poll.exhausted
        self.cursor = poll.cursor
        return [n for batch in poll.batches for n in batch.rows.column("id").to_pylist()]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    one = Reader(tmp_path)
    yield one
    one.source.close()


def lines(first: int, count: int) -> str:
    draw = random.Random(first)
    return "".join(json.dumps({"id": n, "text": draw.randbytes(100).hex()}) + "\n" for n in range(first, first + count))


PARTS = (0, 1, 100, 0.02, 0.3, 0.9, 1.0)
"""Bytes, or shares, of a copy that are there when somebody looks."""


def parts(data: bytes) -> Iterator[bytes]:
    for part in PARTS:
        yield data[: part if isinstance(part, int) else int(part * len(data))]


@pytest.mark.parametrize("rows", [3, 2000])
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_log_that_is_being_compressed(tmp_path: Path, reader: Reader, rows: int, compression: str) -> None:
    log, rotated = tmp_path / "app.jsonl", tmp_path / "app.jsonl.1"
    log.write_text(lines(0, rows))
    assert reader.ids() == list(range(rows))
    log.rename(rotated)
    log.write_text(lines(rows, 2))
    assert reader.ids() == [rows, rows + 1]
    content = rotated.read_bytes()
    whole = gzip.compress(content) if compression == "gzip" else pa.Codec("zstd").compress(content, asbytes=True)
    packed = rotated.with_name(f"{rotated.name}.{'gz' if compression == 'gzip' else 'zst'}")
    for part in parts(whole):
        packed.write_bytes(part)
        assert reader.ids() == []
    rotated.unlink()
    assert reader.ids() == []


@pytest.mark.parametrize("rows", [1, 3, 2000])
def test_a_log_that_is_being_copied_and_truncated(tmp_path: Path, reader: Reader, rows: int) -> None:
    """What was written since the last look is read once too, from the log or from its copy."""
    log, copy = tmp_path / "app.jsonl", tmp_path / "app.jsonl.1"
    log.write_text(lines(0, rows))
    seen = reader.ids()
    whole = log.read_bytes() + lines(rows, 2).encode()
    log.write_bytes(whole)
    for part in parts(whole):
        copy.write_bytes(part)
        seen += reader.ids()
    os.truncate(log, 0)
    seen += reader.ids()
    log.write_text(lines(rows + 2, 2))
    assert seen + reader.ids() == list(range(rows + 4))


def test_a_log_that_goes_on_as_another_one_is_read(tmp_path: Path, reader: Reader) -> None:
    """Where the names are alike and the contents were, for a while."""
    (tmp_path / "app.jsonl").write_text(lines(0, 3))
    assert reader.ids() == [0, 1, 2]
    other = tmp_path / "app.jsonl-b"
    other.write_text(lines(0, 3)[:100])
    assert reader.ids() == []
    other.write_text(lines(5, 3))
    assert reader.ids() == [5, 6, 7]
