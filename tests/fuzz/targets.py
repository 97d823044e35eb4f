"""What is fuzzed: each target takes bytes, and an AssertionError or any error that is none of ours is a finding.

Beside "no crash" each holds the laws of its part: no line gets lost, a line means the same alone and among others,
however a log is cut; and what Python's own readers make of a line is what we make of it.
"""

import contextlib
import csv as python_csv
import gzip
import json
import math
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from exporter.batch import Batch, Poll
from exporter.errors import ProfileMismatch, ReferenceFileError, SourceError
from exporter.profile import codec
from exporter.profile.cells import read_names, read_numbers, read_times
from exporter.profile.count import count_prepared, error_slots, slice_slots
from exporter.profile.ids import hash_ids
from exporter.profile.reference import Reference
from exporter.profile.rows import Reading, decode_predictions
from exporter.profile.vocabulary import Vocabulary
from exporter.sources.file_content import BrokenContent, Window
from exporter.sources.file_cursor import decode
from exporter.sources.files import FilesConfig
from exporter.sources.formats.csv import Csv, header_of
from exporter.sources.formats.jsonl import DEEPEST, JsonLines
from exporter.sources.formats.lines import Block, Parsed, numbered
from exporter.sources.formats.objects import deeper_than
from exporter.sources.formats.parquet import Gap, ParquetRows
from tests.laws.rows import TASKS, columns, layout

LONGEST = 64
"""Of a line, where a source is polled: so that small inputs have lines that are too long."""
_MOST = 1 << 18
Place = int
Cells = dict[Place, dict[str, str]]


def jsonl(data: bytes) -> None:
    """JSON lines: rows and rejects are the lines; cut anywhere, and split at commas where they are alike, the same.

    Where json.loads reads an object, so do we.
    """
    whole = _parsed(JsonLines(), data)
    _no_line_is_lost(whole, data)
    cells = _cells(whole)
    for cut in _cuts(data):
        reader = JsonLines(flat_lines=1)
        first = data[:cut]
        parts = (_parsed(reader, first), _parsed(reader, data[cut:], 1 + first.count(b"\n")))
        assert cells == {**_cells(parts[0]), **_cells(parts[1])}, cut
    for number, line in numbered(Block(data, "", 1)):
        expected = _json_object(line)
        assert expected is None or number in cells, line
        if expected is not None and number in cells:
            said = {name: _said(value) for name, value in expected.items()}
            assert {name: text for name, text in said.items() if text} == cells[number], line


def csv(data: bytes) -> None:
    """CSV: rows and rejects are the lines; cut anywhere, the same; Python's reader finds the same fields."""
    line, _, content = data.partition(b"\n")
    try:
        header = header_of(line, None)
    except BrokenContent:
        return
    reader = Csv(header, ("", "NA"))
    whole = _parsed(reader, content)
    _no_line_is_lost(whole, content, header.line)
    rows = _rows(whole)
    for cut in _cuts(content):
        first = content[:cut]
        parts = (_parsed(reader, first), _parsed(reader, content[cut:], 1 + first.count(b"\n")))
        assert rows == {**_rows(parts[0]), **_rows(parts[1])}, cut
    lines = dict(numbered(Block(content, "", 1)))
    for number, row in rows.items():
        fields = next(python_csv.reader([lines[number].decode()], delimiter=header.delimiter))
        assert [None if field in ("", "NA") else field for field in fields] == [
            None if value in ("", "NA") else value for value in row.values()
        ], lines[number]


def gzipped(data: bytes) -> None:
    """A gzip file gives the same bytes in pieces of any size, as many as stand before a break; Python's where it is whole.

    zlib refuses headers with bits that RFC 1952 reserves, as that has it; Python's own reader passes over them.
    """
    content, whole = _in_pieces(data, "gzip")
    with contextlib.suppress(OSError, EOFError, zlib.error):
        assert content == gzip.decompress(data) or not whole


def zstandard(data: bytes) -> None:
    """Likewise of the compressions that pyarrow reads."""
    for compression in ("zstd", "bz2", "lz4"):
        _in_pieces(data, compression)


def source(data: bytes) -> None:
    """A directory of files: every line is read once, whatever the limits of polls and wherever a restart falls."""
    name, _, content = data.partition(b"\n")
    files = ("a.jsonl", "a.csv", "a.jsonl.gz", "a.csv.zst", "a.log", "a.parquet")
    kind = files[(name[0] if name else 0) % len(files)]
    limit = 1 + (name[1] if len(name) > 1 else 0) % 5
    if kind.endswith(".gz"):
        content = gzip.compress(content) if len(name) % 2 else content
    with _file(content, kind) as path:
        one, other = (_read_all(path, most, restarts=restarts) for most, restarts in ((1 << 20, False), (limit, True)))
        assert one == other, kind


def cursor(data: bytes) -> None:
    """A cursor is refused, or a source goes on from it, wherever that is."""
    try:
        decode(data)
    except SourceError:
        return
    with _file(b'{"id": 1}\n{"id": 2}\n', "a.jsonl") as path:
        opened = FilesConfig(type="files", path=path).open()
        with contextlib.suppress(SourceError), contextlib.closing(opened):
            opened.poll(data, 10)


def counts(data: bytes) -> None:
    """Packed counts are refused or are counts of the layout."""
    shape = layout(TASKS[len(data) % len(TASKS)])
    forged = codec._COUNTS.pack(b"MLXC", 2, shape.id.encode(), shape.width, len(data) % 3, shape.slice_width)
    for packed in (data, forged + data, forged + data[:8] + codec._compress(data[8:])):
        with contextlib.suppress(ProfileMismatch):
            assert codec.unpack(packed, shape).all.shape == (shape.width,)


def reference(data: bytes) -> None:
    """A reference file is refused in one line, or is a reference; also where its digest is right."""
    header, _, body = data.partition(b"\0")
    packed = codec._compress(header)
    forged = len(header).to_bytes(4, "little") + packed + codec._compress(body)
    digest = codec.hashlib.sha256(forged).digest()
    whole = codec._REFERENCE.pack(b"MLREF", codec.REFERENCE_VERSION, len(packed), len(forged), digest) + forged
    for file in (data, whole):
        told = ""
        try:
            assert isinstance(codec.unpack_reference(file, "f"), Reference)
        except ReferenceFileError as error:
            told = str(error)
        assert "\n" not in told


def times(data: bytes) -> None:
    """A time means the same alone and among others, lies in the years 1 to 9999, and is told as one or is none."""
    texts = data.decode("utf-8", "replace").split("\n")[:50]
    for zone in ("UTC", "America/New_York", "Australia/Lord_Howe"):
        together = read_times(pa.array(texts, pa.string()), zone)
        alone = [int(read_times(pa.array([text], pa.string()), zone)[0]) for text in texts]
        assert alone == together.tolist(), texts


def values(data: bytes) -> None:
    """Numbers, names and ids mean the same alone and among others."""
    texts = data.decode("utf-8", "replace").split("\n")[:50]
    column = pa.array(texts, pa.string())
    alone = [pa.array([text], pa.string()) for text in texts]
    numbers, bad = read_numbers(column)
    single = [read_numbers(each) for each in alone]
    np.testing.assert_array_equal(numbers, [float(one[0][0]) for one in single])
    assert bad.tolist() == [bool(one[1][0]) for one in single]
    assert _names(column) == [_names(each)[0] for each in alone]
    hashes, present = hash_ids(column, (1, 2))
    assert hashes.tolist() == [int(hash_ids(each, (1, 2))[0][0]) for each in alone]
    assert present.tolist() == [bool(hash_ids(each, (1, 2))[1][0]) for each in alone]


def rows(data: bytes) -> None:
    """Rows of any types: each is counted or set aside, none by a mistake of ours; counts are finite and add up."""
    drawn = _Drawn(data)
    batch = drawn.batch()
    for task in TASKS:
        shape = layout(task)
        reading = Reading(columns(task), shape)
        decoded, refused = decode_predictions(batch, reading)
        assert refused.tally["unreadable"] == 0
        assert len(decoded) + refused.tally.total() == batch.rows.num_rows
        words = Vocabulary({"site": 4, "error": 16})
        total = np.zeros(shape.width)
        for counted in count_prepared(
            decoded, slice_slots(decoded, shape, words), error_slots(decoded, words), shape, 300
        ):
            for each in counted.values():
                total += each.all
        assert np.isfinite(total).all()
        assert total[shape.spans["rows"]].sum() >= 0.0


def parquet(data: bytes) -> None:
    """A damaged Parquet file is refused, or each of its rows is read or lies in a gap."""
    with _file(data, "a.parquet") as path:
        try:
            reader = ParquetRows(path, 0, None)
        except (BrokenContent, OSError):
            return
        with contextlib.closing(reader), contextlib.suppress(BrokenContent):
            found = 0
            while found < 10_000 and (batch := reader.read(7)) is not None:
                found += batch.rows if isinstance(batch, Gap) else batch.num_rows
                assert found == reader.position


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (jsonl, csv, gzipped, zstandard, source, cursor, counts, reference, times, values, rows, parquet)
}


# What lines say


def _parsed(reader: JsonLines | Csv, content: bytes, first: int = 1) -> Parsed:
    parsed = reader.parse(Block(content, "log", first)) if content else Parsed(None, ())
    if parsed.batch is not None:
        parsed.batch.rows.validate(full=True)
    return parsed


def _places(parsed: Parsed) -> list[Place]:
    return [] if parsed.batch is None else [parsed.batch.place(row) for row in range(parsed.batch.rows.num_rows)]


def _no_line_is_lost(parsed: Parsed, content: bytes, header: bytes | None = None) -> None:
    lines = [number for number, line in numbered(Block(content, "", 1)) if line != header]
    assert sorted([*_places(parsed), *(one.row for one in parsed.rejects)]) == lines


def _cuts(content: bytes) -> list[int]:
    """Places behind some newlines."""
    ends = [place + 1 for place, byte in enumerate(content) if byte == ord("\n")]
    return ends[:: max(1, len(ends) // 3)]


def _rows(parsed: Parsed) -> dict[Place, dict[str, Any]]:
    if parsed.batch is None:
        return {}
    return dict(zip(_places(parsed), parsed.batch.rows.to_pylist(), strict=True))


def _cells(parsed: Parsed) -> Cells:
    """What each row says by column, as names: that does not depend on the type a column happens to have."""
    if parsed.batch is None:
        return {}
    table = parsed.batch.rows
    named = {name: _names(table.column(place)) for place, name in enumerate(table.schema.names)}
    return {
        place: {name: said for name, column in named.items() if (said := column[row])}
        for row, place in enumerate(_places(parsed))
    }


def _names(column: pa.Array) -> list[str]:
    found = read_names(column)
    return ["" if code < 0 else found.names[code] for code in found.codes.tolist()]


def _json_object(line: bytes) -> dict[str, Any] | None:
    """The object in a line, by the standard library; None where it has none, or one that no row can hold."""
    try:
        value = json.loads(line.decode())
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or deeper_than(value, DEEPEST) or b"\0" in line:
        return None
    return value


def _said(value: Any) -> str:
    """A value as `read_names` has it."""
    return _names(pa.array([value] if not isinstance(value, int) or abs(value) < 2**63 else [str(value)]))[0]


# Files


@contextlib.contextmanager
def _file(content: bytes, name: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        (Path(folder) / name).write_bytes(content)
        yield f"{folder}/{name}"


def _in_pieces(data: bytes, compression: str) -> tuple[bytes, bool]:
    """The decompressed content, and whether it does not break; of a broken one, pieces of one size may give less than those of another."""
    with _file(data, "a") as path:
        (large, whole), (small, _) = (_content(path, size, compression) for size in (1 << 20, 1 + len(data) % 977))
    assert large == small if whole else small.startswith(large) or large.startswith(small)
    return large, whole


def _content(path: str, size: int, compression: str) -> tuple[bytes, bool]:
    window, content = Window(path, compression, 0), b""
    with contextlib.closing(window):
        while len(content) < _MOST and (piece := window.peek(size)):
            content += piece
            window.advance(len(piece))
    return content[:_MOST], not window.broken


def _read_all(path: str, limit: int, *, restarts: bool) -> tuple[list[Any], list[Any]]:
    """Cells of all rows and all rejects, in order."""
    config = FilesConfig(type="files", path=path, max_line_bytes=LONGEST)
    opened, cursor, found, rejected = config.open(complete=True), None, list[Any](), list[Any]()
    told = ""
    for _ in range(10_000):
        try:
            poll: Poll = opened.poll(cursor, limit)
        except SourceError as error:
            told = str(error)
            break
        for batch in poll.batches:
            found += sorted(_cells(Parsed(batch, ())).items())
        rejected += [(one.row, one.reason, one.digest) for one in poll.rejects]
        cursor = poll.cursor
        if poll.exhausted:
            break
        if restarts:
            opened.close()
            opened = config.open(complete=True)
    else:
        raise AssertionError("never exhausted")
    opened.close()
    assert "\n" not in told
    return found, rejected


# Rows


class _Drawn:
    """Arrow columns drawn from bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data or b"\0", 0

    def byte(self) -> int:
        self._place += 1
        return self._data[self._place % len(self._data)] ^ (self._place // len(self._data) & 0xFF)

    def one(self, of: Sequence[Any]) -> Any:
        return of[self.byte() % len(of)]

    def text(self) -> str:
        return bytes(self.byte() for _ in range(self.byte() % 6)).decode("utf-8", "replace")

    def batch(self) -> Batch:
        names = ["ts", "version", "error", "prediction", "score", "p_a", "p_b", "latency", "weight", "label", "known",
                 "site", "x", "c"]  # fmt: skip
        count = 1 + self.byte() % 6
        chosen = [name for name in names if self.byte() % 8]
        return Batch(
            pa.RecordBatch.from_arrays([self._column(count) for _ in chosen], names=chosen)
            if chosen
            else pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([]))),
            "log",
            1,
        )

    def _column(self, count: int) -> pa.Array:
        kind = self.one(_kinds())
        return pa.array([self._value(kind) if self.byte() % 6 else None for _ in range(count)], kind)

    def _value(self, kind: pa.DataType) -> Any:
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_boolean(kind):
            return bool(self.byte() % 2)
        if pa.types.is_integer(kind):
            bits, low = kind.bit_width, 0 if pa.types.is_unsigned_integer(kind) else -(2 ** (kind.bit_width - 1))
            return self.one([0, 1, low, low + 2**bits - 1, self.byte() % 100])
        if pa.types.is_floating(kind):
            return np.float16(self.byte() / 7) if kind == pa.float16() else self.one([*_FLOATS, self.byte() / 7])
        if pa.types.is_temporal(kind):
            number = self.one([0, 1, -1, 86_400_000, 1_700_000_000, 2**31 - 1, -(2**31)])
            return pa.scalar(number, pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind)
        if pa.types.is_list(kind):
            return [self.byte()]
        if pa.types.is_struct(kind):
            return {"a": self.byte()}
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return bytes([self.byte(), self.byte()])
        if pa.types.is_decimal(kind):
            return self.one([0, 1, -5])
        return None if pa.types.is_null(kind) else self.one([*_TEXTS, self.text()])


_FLOATS = (
    0.0,
    -0.0,
    0.5,
    1.0,
    -1.0,
    math.nan,
    math.inf,
    -math.inf,
    5e-324,
    1.7e308,
    -1.7e308,
    2.0**53,
    1_700_000_000.0,
)
_TEXTS = ("", "0", "1", "a", "b", "x", "NaN", "inf", "1e999", "-1", " 7 ", "true", "2023-11-14T23:59:60Z", "2023-11-05 01:30",
          "1700000000", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "\0", "é" * 9)  # fmt: skip


@cache
def _kinds() -> tuple[pa.DataType, ...]:
    return (
        pa.string(), pa.string(), pa.string(), pa.float64(), pa.float64(), pa.int64(), pa.bool_(), pa.uint64(), pa.int8(),
        pa.float16(), pa.float32(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(),
        pa.dictionary(pa.int8(), pa.string()), pa.timestamp("s"), pa.timestamp("ns", "America/New_York"),
        pa.timestamp("us"), pa.date32(), pa.time32("s"), pa.duration("s"), pa.decimal128(20, 3), pa.list_(pa.int64()),
        pa.struct([("a", pa.int64())]), pa.null(),
    )  # fmt: skip
