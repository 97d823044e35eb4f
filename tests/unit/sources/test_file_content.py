"""Bytes of a file, decompressed, from any place on."""

import gzip
import tracemalloc
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from exporter.sources.file_content import PRINT_BYTES, BrokenContent, Window, digest, first_line, head_of, sniffed

TEXT = b"".join(b"%d,%s\n" % (number, b"x" * (number % 50)) for number in range(20_000))


def compressed(content: bytes, compression: str | None) -> bytes:
    if compression is None:
        return content
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, compression) as stream:
        stream.write(content)
    return out.getvalue().to_pybytes()


@pytest.fixture(params=[None, "gzip", "zstd", "bz2", "lz4"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str | None]:
    path = tmp_path / "log"
    path.write_bytes(compressed(TEXT, request.param))
    return str(path), request.param


@pytest.mark.parametrize("seed", range(3))
def test_whole_lines_are_peeked_wherever_one_stands(file: tuple[str, str | None], seed: int) -> None:
    """Mixed with peeks of other sizes, and with moves that do not go as far as what was peeked at."""
    random = Random(seed)
    window = Window(*file, 0)
    while window.position < len(TEXT):
        size = random.choice([1, 30, 1000, 70_000, 300_000])
        content = TEXT[window.position : window.position + size]
        lines = content[: content.rfind(b"\n") + 1] or content
        peeked = window.peek_lines(size) if random.random() < 0.7 else window.peek(size)
        assert peeked in (lines, content)
        assert window.peek_lines(size) == lines
        window.advance(random.choice([len(lines), len(lines), random.randrange(len(lines) + 1)]))
        assert window.tail == digest(TEXT[max(0, window.position - PRINT_BYTES) : window.position])
    window.close()


@pytest.mark.parametrize("position", [0, 1, 1023, 1024, 200_000, len(TEXT)])
def test_a_window_opens_anywhere(file: tuple[str, str | None], position: int) -> None:
    window = Window(*file, position)
    moved = Window(*file, 0)
    moved.peek(position)
    moved.advance(position)
    assert (window.position, window.peek(50), window.tail) == (position, TEXT[position : position + 50], moved.tail)
    window.close()
    moved.close()


def test_a_window_beyond_the_end_stands_at_the_end(file: tuple[str, str | None]) -> None:
    window = Window(*file, len(TEXT) + 5)
    assert window.position == len(TEXT)
    window.close()


def test_only_a_compressed_file_says_that_it_is_whole(file: tuple[str, str | None]) -> None:
    window = Window(*file, 0)
    assert window.peek(len(TEXT) + 1) == TEXT
    assert window.whole is (file[1] is not None)
    window.close()


@pytest.mark.parametrize("compression", ["gzip", "zstd", "lz4"])
def test_what_is_cut_off_gives_what_is_there_and_is_not_whole(compression: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    content = compressed(TEXT, compression)
    path.write_bytes(content[: -len(content) // 3])
    window = Window(str(path), compression, 0)
    found = window.peek(len(TEXT))
    assert found == TEXT[: len(found)]
    assert 0 < len(found) < len(TEXT)
    assert (window.whole, window.broken) == (False, "")
    window.close()


def test_gzip_goes_on_while_it_grows_and_over_its_members(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    content = gzip.compress(b"first\n") + b"\0" * 20 + gzip.compress(b"second\n")
    path.write_bytes(b"")
    window = Window(str(path), "gzip", 0)
    found = b""
    for byte in content:
        with path.open("ab") as file:
            file.write(bytes([byte]))
        found += window.peek(100)[: 100 - len(found)]
        window.advance(len(window.peek(100)))
    assert (found, window.whole) == (b"first\nsecond\n", True)
    window.close()


def test_what_is_broken_says_so_after_what_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(b"first\n") + b"no gzip")
    window = Window(str(path), "gzip", 0)
    assert window.peek(100) == b"first\n"
    assert window.broken
    window.close()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,2\n", (b"a,b", 4, 1)),
        (b"\n\r\n a,b\r\n1", (b"a,b\r", 9, 3)),
        (b"a,b", None),
        (b"\n\n", None),
        (b"", None),
        (b"x" * 100_000 + b"\ny", (b"x" * 100_000, 100_001, 1)),
        (b"\xef\xbb\xbf\n\xef\xbb\xbfa,b\n", (b"\xef\xbb\xbfa,b", 11, 2)),
    ],
    ids=range(7),
)
def test_the_first_line_that_holds_something(
    content: bytes, expected: tuple[bytes, int, int] | None, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    assert first_line(str(path), None, 200_000) == expected


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_all_of_a_stream_that_is_cut_off_is_read(compression: str, tmp_path: Path) -> None:
    """To the byte, not but for the piece in which it ends."""
    path = tmp_path / "log"
    with pa.OSFile(str(path), "wb") as out, pa.CompressedOutputStream(out, compression) as file:
        for number in range(100):
            file.write(b"%06d\n" % number)
            file.flush()
        content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    window = Window(str(path), compression, 0)
    found = window.peek(10_000)
    window.close()
    assert 40 < len(found) // 7 < 60
    assert found == b"".join(b"%06d\n" % number for number in range(100))[: len(found)]


def test_a_first_line_that_never_comes_is_told(tmp_path: Path) -> None:
    """Too long, or in what cannot be decompressed: waiting would not bring it."""
    (tmp_path / "long").write_bytes(b"x" * 300_000 + b"\ny")
    with pytest.raises(BrokenContent, match=r"first line, which names the columns, is longer than 200000 bytes"):
        first_line(str(tmp_path / "long"), None, 200_000)
    (tmp_path / "no.gz").write_bytes(b"no gzip\n")
    for read in (lambda path: first_line(path, "gzip", 200_000), lambda path: sniffed(path, "gzip")):
        with pytest.raises(BrokenContent, match=r"cannot be decompressed"):
            read(str(tmp_path / "no.gz"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b' {"a":1}', "jsonl"),
        (b"\xef\xbb\xbf{", "jsonl"),
        (b"a,b\n", "csv"),
        (b"PAR1...", "parquet"),
        (b"\n", None),
        (b"", None),
    ],
    ids=range(6),
)
def test_first_bytes_tell_the_format(content: bytes, expected: str | None, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    assert sniffed(str(path), None) == expected


def test_a_head_is_that_of_the_content_whatever_the_compression(file: tuple[str, str | None], tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(TEXT[:100])
    assert head_of(*file, 100) == head_of(str(plain), None, 100) == head_of(str(plain), None, 200)
    assert head_of(*file, 101) != head_of(*file, 100)


@pytest.mark.parametrize("compression", ["zstd", "bz2", "lz4"])
def test_what_is_broken_takes_no_memory_each_time_it_is_read(compression: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"nothing of the kind" * 100)

    def read(times: int) -> None:
        for _ in range(times):
            window = Window(str(path), compression, 0)
            assert (window.peek(1 << 20), bool(window.broken)) == (b"", True)
            window.close()

    read(2)
    tracemalloc.start()
    try:
        read(100)
        assert tracemalloc.get_traced_memory()[0] < 1 << 18
    finally:
        tracemalloc.stop()


def test_a_zstandard_frame_that_needs_gigabytes_of_memory_is_refused(tmp_path: Path) -> None:
    """A frame may say that it refers 2 GiB back; so does what `zstd --long=31` writes."""
    path = tmp_path / "log"
    block = ((64 << 3) | (1 << 1) | 1).to_bytes(3, "little") + b"x"  # the last one: 64 times the same byte
    for exponent, content, broken in ((17, b"x" * 64, ""), (21, b"", "too much memory")):
        path.write_bytes(bytes.fromhex("28b52ffd00") + bytes([exponent << 3]) + block)
        window = Window(str(path), "zstd", 0)
        assert window.peek(100) == content
        assert broken in window.broken
        assert bool(broken) == bool(window.broken)
        window.close()
