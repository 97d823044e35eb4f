"""Blocks are parsed while the next one is read; nobody can tell from what comes out."""

from pathlib import Path

import pytest

from exporter.sources import file_reader
from exporter.sources.files import FilesConfig
from exporter.sources.formats.jsonl import JsonLines
from exporter.sources.formats.lines import Block, Parsed

LONGEST = 1 << 18


def log() -> list[bytes]:
    """Lines of about 3 MB: some are no JSON, some are too long."""
    lines = [b'{"a":%d,"b":"%s"}' % (number, b"x" * 1000) for number in range(3_000)]
    lines[500] = lines[501] = lines[1_200] = b"broken"
    lines[1_201] = lines[2_900] = b"y" * (LONGEST + 1)
    return lines


def test_rows_and_rejects_come_in_the_order_of_their_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small blocks, large ones that are parsed apart, and lines that no block holds take turns."""
    lines = log()
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    expected = [number for number, line in enumerate(lines, 1) if line.startswith(b"{")]
    for apart in (1, 1 << 17, 1 << 30):
        monkeypatch.setattr(file_reader, "_APART_BYTES", apart)
        source = FilesConfig(type="files", path=str(path), max_line_bytes=LONGEST).open()
        poll = source.poll(None, 1_000_000)
        source.close()
        places = [batch.place(row) for batch in poll.batches for row in range(batch.rows.num_rows)]
        assert places == expected
        assert [value for batch in poll.batches for value in batch.rows["a"].to_pylist()] == [
            number - 1 for number in expected
        ]
        assert [(one.row, one.reason) for one in poll.rejects] == [
            *((row, "unreadable") for row in (501, 502, 1_201)),
            *((row, "too_long") for row in (1_202, 2_901)),
        ]


def test_an_error_while_a_block_is_parsed_apart_is_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised, not swallowed with the thread: the cursor would go on over lines that nobody has seen."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a":1}\n' * 10)
    monkeypatch.setattr(file_reader, "_APART_BYTES", 1)

    def parse(_: JsonLines, __: Block) -> Parsed:
        raise MemoryError

    monkeypatch.setattr(JsonLines, "parse", parse)
    source = FilesConfig(type="files", path=str(path)).open()
    with pytest.raises(MemoryError):
        source.poll(None, 1_000_000)
    source.close()
