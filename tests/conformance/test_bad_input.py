"""Bad input, each kind alone between good rows: it is counted by reason and set aside with its place, they are counted."""

import bz2
import gzip
import io
import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.exporters import BINARY, DAY, NOW, Exporter, reference_rows, row, truth

FORMATS = ("jsonl", "csv", "parquet")
COLUMNS = ("ts", "id", "late", "p", "x", "carrier")
NO_ROWS = 0.0


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    exporter = Exporter(tmp_path_factory.mktemp("fit"))
    exporter.fit(reference_rows(500))
    return (exporter.folder / "m.mlref").read_bytes()


@pytest.fixture
def started(tmp_path: Path, fitted: bytes) -> Iterator[Callable[..., Exporter]]:
    """An exporter of logs/*.<format>*, whatever the format."""
    made: list[Exporter] = []

    def start(kind: str = "jsonl", **changes: Any) -> Exporter:
        def log(folder: str) -> dict[str, Any]:
            return {"source": {"type": "files", "path": f"{folder}/*.{kind}*"}}

        folder = tmp_path / str(len(made))
        model = {
            **BINARY,
            "predictions": {**BINARY["predictions"], **log("logs")},
            "labels": {**BINARY["labels"], **log("labels")},
        }
        made.append(Exporter(folder, model, **changes))
        (folder / "m.mlref").write_bytes(fitted)
        return made[-1]

    yield start
    for each in made:
        each.close()


def content(kind: str, rows: Sequence[dict[str, Any]], columns: Sequence[str] = COLUMNS) -> bytes:
    """The rows as a file of the format; in Parquet a column of several kinds is text."""
    if kind == "jsonl":
        return b"".join(json.dumps(each).encode() + b"\n" for each in rows)
    if kind == "csv":
        lines = [",".join("" if each.get(name) is None else str(each[name]) for name in columns) for each in rows]
        return "\n".join([",".join(columns), *lines, ""]).encode()
    arrays = {}
    for name in columns:
        values = [each.get(name) for each in rows]
        try:
            arrays[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            arrays[name] = pa.array([None if value is None else str(value) for value in values])
    out = io.BytesIO()
    pq.write_table(pa.table(arrays), out)
    return out.getvalue()


def read(exporter: Exporter, file: str, written: bytes) -> Exporter:
    """Reads a log, and holds that what was told is lines, not tracebacks."""
    (exporter.folder / file).write_bytes(written)
    exporter.read()
    told_in_lines(exporter)
    return exporter


def told_in_lines(exporter: Exporter) -> None:
    for event in exporter.logged:
        assert "exc_info" not in event, event
        assert not any("\n" in str(value) for value in event.values()), event


def problems(exporter: Exporter) -> list[str]:
    """What was told of files that could not be read."""
    return [event["problem"] for event in exporter.logged if "problem" in event]


def counted(exporter: Exporter) -> float:
    return sum(exporter.window(DAY, version).rows for version in exporter.book.versions.last)


def places(exporter: Exporter) -> list[tuple[int, str]]:
    return sorted((reject.row, reject.reason) for reject in exporter.rejects())


# Values


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"ts": None}, "bad_time"),
        ({"ts": "soon"}, "bad_time"),
        ({"ts": "0000-01-01T00:00:00Z"}, "bad_time"),
        ({"ts": 2**70}, "bad_time"),
        ({"ts": float("nan")}, "bad_time"),
        ({"ts": float("inf")}, "bad_time"),
        ({"ts": 0}, "too_old"),
        ({"ts": -1.0}, "too_old"),
        ({"ts": "0001-01-01T00:00:00+14:00"}, "bad_time"),
        ({"ts": "0001-01-02T00:00:00Z"}, "too_old"),
        ({"ts": "2038-01-19T03:14:08Z"}, "future"),
        ({"ts": "9999-12-31T23:59:59Z"}, "future"),
        ({"ts": "9999-12-31T23:59:59-14:00"}, "bad_time"),
        ({"ts": NOW + 3600}, "future"),
        ({"late": None, "p": None}, "bad_prediction"),
        ({"id": "i1"}, "duplicate"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_row_that_cannot_be_counted(started: Any, kind: str, bad: dict[str, Any], reason: str) -> None:
    """It has its reason and its place, and its neighbours are counted; of one id the first row counts."""
    rows = [row(1), {**row(2), **bad}, row(3)]
    exporter = read(started(kind), f"logs/a.{kind}", content(kind, rows))
    assert (counted(exporter), exporter.rejected(), exporter.rows_read()) == (2.0, {reason: 1.0}, 3.0)
    assert places(exporter) == [(3 if kind == "csv" else 2, reason)]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_unix_times_in_any_unit_are_the_same_time(started: Any, kind: str, scale: int) -> None:
    """Also in a log that mixes seconds, milliseconds, microseconds and nanoseconds."""
    rows = [row(1), {**row(2), "ts": int(NOW - 60) * scale}, row(3)]
    exporter = read(started(kind), f"logs/a.{kind}", content(kind, rows))
    assert (exporter.window(3600).rows, exporter.rejected()) == (3.0, {})


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, 0), (float("nan"), 0), ("", 0), ("NaN", 0), (float("inf"), 1), (float("-inf"), 1), ("1e999", 1), ("a lot", 1),
        ("12,5", 1), ("0x10", 1), ("10.0", "valid"), (" 10 ", "valid"), ("1e1", "valid"), (2**70, "above"), (-(2**70), "below"),
        (1.7e308, "above"), (-1.7e308, "below"),
    ],
    ids=str,
)  # fmt: skip
def test_number_of_a_feature(started: Any, kind: str, value: Any, code: Any) -> None:
    """The row counts whatever the number is: missing, invalid, in range or out of it; sums stay finite."""
    rows = [row(1), {**row(2), "x": value}, row(3, x=None)]
    written = content(kind, rows) if not (kind == "csv" and "," in str(value)) else b""
    if not written:
        written = content(kind, [row(1), row(2, x='"12,5"'), row(3, x=None)])
    exporter = read(started(kind), f"logs/a.{kind}", written)
    cells = exporter.window().feature("x").copy()
    assert counted(exporter) == 3.0
    cells[0] -= 1.0
    valid = exporter.worker.references.layout("").features["x"].codes(np.array([10.0]))[0]
    cells[valid] -= 1.0
    expected = {"valid": valid, "above": len(cells) - 1, "below": 2}.get(code, code)
    assert np.flatnonzero(cells).tolist() == [expected]
    assert np.isfinite(exporter.window().all).all()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "value", [2**70, -(2**63), "7" * 100_000, "\x01\x02", "é" * 9, 1.5, True], ids=lambda v: str(v)[:20]
)
def test_id_of_any_kind_joins_its_label(started: Any, kind: str, value: Any) -> None:
    exporter = started(kind)
    (exporter.folder / f"logs/a.{kind}").write_bytes(content(kind, [row(1), {**row(2), "id": value}, row(3)]))
    read(exporter, f"labels/a.{kind}", content(kind, [truth(1), {**truth(2), "id": value}], ("id", "late", "at")))
    assert (counted(exporter), exporter.window().labels, exporter.rejected("labels")) == (3.0, 2.0, {})


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"id": None}, "bad_id"), ({"id": ""}, "bad_id"), ({"late": None}, "bad_label"), ({"late": ""}, "bad_label"),
        ({"late": float("nan")}, "bad_label"), ({"id": "i1"}, "duplicate"), ({"id": "i1", "late": 0}, "conflict"),
    ],
    ids=str,
)  # fmt: skip
def test_label_that_cannot_be_used(started: Any, kind: str, bad: dict[str, Any], reason: str) -> None:
    exporter = started(kind)
    (exporter.folder / f"logs/a.{kind}").write_bytes(content(kind, [row(1), row(2), row(3)]))
    labels = [truth(1), {**truth(2), **bad}, truth(3)]
    read(exporter, f"labels/a.{kind}", content(kind, labels, ("id", "late", "at")))
    assert (exporter.window().labels, exporter.rejected("labels")) == (2.0, {reason: 1.0})
    assert places(exporter) == [(3 if kind == "csv" else 2, reason)]


@pytest.mark.parametrize("at", [0, -1e10, NOW + 1e6, "9999-12-31T00:00:00Z", "soon", None, 2**70, "23:59:60"], ids=str)
def test_label_learned_at_a_time_that_cannot_be(started: Any, at: Any) -> None:
    """The label counts; its time, which some clock got wrong, is no delay below zero and no label of the future."""
    exporter = started()
    exporter.predict(row(1), row(2))
    read(exporter, "labels/a.jsonl", content("jsonl", [truth(1), {**truth(2), "at": at}]))
    samples = exporter.samples()
    assert exporter.window().labels == 2.0
    *_, delays = samples["ml_label_delay_seconds"]["unversioned",]
    assert 30.0 <= delays <= 60.0
    assert samples["ml_last_label_timestamp_seconds"]["unversioned",] <= NOW


# Mixed kinds


def test_kinds_that_differ_from_row_to_row_and_file_to_file(started: Any) -> None:
    """A value means the same whatever kinds stand beside it, in its file or another."""
    kinds = [1, 1.0, "1", " 1 ", True, None, [1], {"a": 1}, "one", 1e300, 2**70]
    rows = [row(i, x=value, carrier=value) for i, value in enumerate(kinds)]
    together, apart = started(), started()
    read(together, "logs/a.jsonl", content("jsonl", rows))
    for each in rows:
        read(apart, f"logs/{each['id']}.jsonl", content("jsonl", [each]))
    assert counted(together) == counted(apart) == len(kinds)
    for feature in ("carrier",):
        assert together.window().feature(feature).tolist() == apart.window().feature(feature).tolist()


def test_schemas_that_differ_from_file_to_file(started: Any) -> None:
    """Numbers here, text there, a feature missing in one file of many, columns that nobody knows."""
    exporter = started("parquet")
    files = [
        [row(1, x="10.0"), row(2, x="12")], [row(3), row(4)], [row(5, id=7), row(6, id=8)],
        [{name: value for name, value in row(9).items() if name != "x"}], [row(10, new=1, **{'"odd\n': 2, "n" * 10_000: 3})],
    ]  # fmt: skip
    for number, rows in enumerate(files):
        columns = [name for name in rows[0]]  # noqa: C416 -- in their order
        read(exporter, f"logs/{number}.parquet", content("parquet", rows, columns))
    assert (counted(exporter), exporter.rejected()) == (8.0, {})
    assert exporter.window().feature("x")[0] == 1.0


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("missing", "reason"), [("ts", "bad_time"), ("late", None), ("x", None), ("id", None)])
def test_column_that_is_missing(started: Any, kind: str, missing: str, reason: str | None) -> None:
    """A needed one costs its rows, with their reason; a feature's cells are missing; the other file is counted."""
    exporter = started(kind)
    rows = [{name: value for name, value in row(i).items() if name != missing} for i in (1, 2)]
    left = [name for name in COLUMNS if name != missing]
    read(exporter, f"logs/a.{kind}", content(kind, rows, left))
    read(exporter, f"logs/b.{kind}", content(kind, [row(3)]))
    assert counted(exporter) == (1.0 if reason else 3.0)
    assert exporter.rejected() == ({reason: 2.0} if reason else {})


@pytest.mark.parametrize("kind", FORMATS)
def test_wrong_schema(started: Any, kind: str) -> None:
    """A log of something else: every row is told, none is counted."""
    exporter = read(started(kind), f"logs/a.{kind}", content(kind, [{"user": 1}, {"user": 2}], ["user"]))
    assert (counted(exporter), exporter.rejected()) == (NO_ROWS, {"bad_time": 2.0})


# Bytes


GOOD = {kind: [row(1), row(2), row(3)] for kind in ("jsonl", "csv")}
BYTES: dict[str, tuple[bytes, str]] = {
    "no text": (b'{"ts": 1, "id": "\xff\xfe"}', "unreadable"),
    "NUL within": (b'{"ts": 1, "id": "a\0b"}', "unreadable"),
    "no object": (b"[1, 2]", "unreadable"),
    "half an object": (b'{"ts": 1, "id"', "unreadable"),
    "two objects": (b'{"ts": 1}{"ts": 2}', "unreadable"),
    "nested 100,000 times": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "unreadable"),
    "lists 100,000 times": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "unreadable"),
    "10 MB": (b'{"ts": 1, "id": "' + b"y" * 10_000_000 + b'"}', "too_long"),
    "10 MB of no text": (b"\xff" * 10_000_000, "too_long"),
}


@pytest.mark.parametrize("name", sorted(BYTES))
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_line_that_cannot_be_read(started: Any, kind: str, name: str) -> None:
    line, reason = BYTES[name]
    if kind == "csv" and name == "NUL within":
        line = b"1,2\0,3"
    first, second, third = (content(kind, [each]).splitlines(keepends=True)[-1] for each in GOOD[kind])
    header = content(kind, [])
    exporter = read(started(kind), f"logs/a.{kind}", header + first + line + b"\n" + second + third)
    assert (counted(exporter), exporter.rejected(), exporter.rows_read()) == (3.0, {reason: 1.0}, 4.0)
    assert places(exporter) == [(3 if kind == "csv" else 2, reason)]


def test_duplicate_keys(started: Any) -> None:
    """Of a name that stands twice, the last one: as every JSON reader has it."""
    twice = json.dumps(row(2))[:-1].encode() + b', "x": null}\n'
    exporter = read(started(), "logs/a.jsonl", content("jsonl", [row(1)]) + twice + content("jsonl", [row(3)]))
    assert (counted(exporter), exporter.window().feature("x")[0]) == (3.0, 1.0)


@pytest.mark.parametrize("kind", FORMATS)
def test_empty_file(started: Any, kind: str) -> None:
    """It has no rows, and the file beside it is read."""
    exporter = started(kind)
    (exporter.folder / f"logs/a.{kind}").touch()
    read(exporter, f"logs/b.{kind}", content(kind, [row(1)]))
    assert (counted(exporter), exporter.rejected()) == (1.0, {})
    assert exporter.health.value("ml_exporter_source_up", ("m", "predictions")) == 1.0


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
    "lz4": lambda data: pa.Codec("lz4").compress(data, asbytes=True),
}


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("extension", sorted(COMPRESS))
def test_compressed_file_that_is_cut_off(started: Any, kind: str, extension: str) -> None:
    """It is told, what can be read is counted, and the rest when it is there."""
    exporter = started(kind)
    rows = [row(i, x=float(np.random.default_rng(i).normal(10))) for i in range(2000)]
    whole = COMPRESS[extension](content(kind, rows))
    name = f"logs/a.{kind}.{extension}"
    read(exporter, name, whole[: len(whole) * 3 // 4])
    assert 0 < counted(exporter) < 2000 or extension in ("bz2", "zst")
    assert any("ends within its compressed stream" in told for told in problems(exporter)) or (
        counted(exporter) == NO_ROWS
    )
    exporter.clock.advance(60)
    read(exporter, name, whole)
    exporter.clock.advance(60)
    read(exporter, f"logs/b.{kind}", content(kind, [row(3000)]))
    assert (exporter.total().rows, exporter.rejected()) == (2001.0, {})


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("extension", sorted(COMPRESS))
def test_compressed_file_that_is_none(started: Any, kind: str, extension: str) -> None:
    exporter = started(kind)
    (exporter.folder / f"logs/a.{kind}.{extension}").write_bytes(b"nothing of the kind" * 20)
    read(exporter, f"logs/b.{kind}", content(kind, [row(1)]))
    assert counted(exporter) == 1.0
    assert ["cannot be decompressed" in told for told in problems(exporter)] == [True]


# Parquet


def groups(rows: int, damage: int | None = None) -> bytes:
    """A file with a row group for every 100 rows, of which one may be damaged."""
    table = pa.Table.from_pylist([row(i) for i in range(rows)])
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=100, use_dictionary=False, compression="none")
    data = bytearray(out.getvalue())
    if damage is not None:
        start = pq.ParquetFile(out).metadata.row_group(damage).column(table.schema.names.index("x")).data_page_offset
        data[start : start + 20] = b"\xff" * 20
    return bytes(data)


def test_damaged_row_group_costs_its_rows_alone(started: Any) -> None:
    """Once, also after a restart: it is told where they stand, and the other rows are counted."""
    exporter = read(started("parquet"), "logs/a.parquet", groups(500, damage=2))
    assert (counted(exporter), exporter.rejected(), exporter.rows_read()) == (400.0, {"unreadable": 100.0}, 500.0)
    assert places(exporter) == [(201, "unreadable")]
    (told,) = problems(exporter)
    assert "a.parquet: rows 201 to 300 cannot be read and are set aside" in told
    exporter.restart()
    exporter.read()
    assert (exporter.total().rows, exporter.rejected()) == (400.0, {"unreadable": 100.0})


@pytest.mark.parametrize("cut", [0, 3, 4, 8, 100, -30, -1])
def test_truncated_parquet_waits(started: Any, cut: int) -> None:
    """It may still be being written: nothing is set aside, it is told, and read when it is whole."""
    exporter = started("parquet")
    (exporter.folder / "logs/b.parquet").write_bytes(content("parquet", [row(1000)]))
    read(exporter, "logs/a.parquet", groups(200)[:cut])
    assert (counted(exporter), exporter.rejected()) == (1.0, {})
    assert "not a complete Parquet file yet" in problems(exporter)[0]
    read(exporter, "logs/a.parquet", groups(200))
    assert (counted(exporter), exporter.rejected()) == (201.0, {})


ODD: dict[str, Callable[[pa.Table], pa.Table]] = {
    "dictionaries": lambda table: table.set_column(5, "carrier", table["carrier"].dictionary_encode()),
    "nested": lambda table: table.set_column(4, "x", pa.array([{"a": 1}] * 3)),
    "lists": lambda table: table.set_column(4, "x", pa.array([[1.0]] * 3)),
    "a map": lambda table: table.set_column(4, "x", pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int64()))),
    "decimals": lambda table: table.set_column(0, "ts", pa.array([int(NOW) - 60] * 3).cast(pa.decimal128(20, 0))),
    "nanoseconds": lambda table: table.set_column(0, "ts", pa.array([(int(NOW) - 60) * 10**9] * 3, pa.timestamp("ns", "Asia/Kolkata"))),
    "seconds": lambda table: table.set_column(0, "ts", pa.array([int(NOW) - 60] * 3, pa.timestamp("s"))),
    "a date": lambda table: table.set_column(0, "ts", pa.array([int(NOW) // DAY - 1] * 3, pa.date32())),
    "truth values": lambda table: table.set_column(5, "carrier", pa.array([True, False, None])),
    "half floats": lambda table: table.set_column(3, "p", pa.array([0.5] * 3, pa.float16())),
    "half float names": lambda table: table.set_column(5, "carrier", pa.array([0.5] * 3, pa.float16())),
    "large text": lambda table: table.set_column(1, "id", table["id"].cast(pa.large_string())),
    "views of text": lambda table: table.set_column(1, "id", table["id"].cast(pa.string_view())),
    "bytes": lambda table: table.set_column(1, "id", pa.array([b"a", b"\xff", b"c"])),
    "unsigned": lambda table: table.set_column(1, "id", pa.array([2**64 - 1, 1, 2], pa.uint64())),
    "nulls": lambda table: table.set_column(4, "x", pa.nulls(3)),
    "equal names": lambda table: table.append_column("x", table["x"]),
    "odd names": lambda table: table.append_column('"\n{', table["x"]).append_column("", table["x"]),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ODD))
def test_odd_parquet_is_counted(started: Any, name: str) -> None:
    table = ODD[name](pa.Table.from_pylist([row(i) for i in range(3)]).select(COLUMNS))
    out = io.BytesIO()
    pq.write_table(table, out)
    exporter = read(started("parquet"), "logs/a.parquet", out.getvalue())
    assert (counted(exporter), exporter.rejected()) == (3.0, {})
    if name in ("nested", "lists", "a map"):
        assert exporter.window().feature("x")[1] == 3.0


@pytest.mark.parametrize("table", [pa.table({}), pa.table({"ts": pa.array([], pa.float64())})], ids=["columns", "rows"])
def test_parquet_without(started: Any, table: pa.Table) -> None:
    out = io.BytesIO()
    pq.write_table(table, out)
    exporter = read(started("parquet"), "logs/a.parquet", out.getvalue())
    assert (exporter.rows_read(), exporter.rejected(), problems(exporter)) == (NO_ROWS, {}, [])


# Files


def test_what_is_no_file_is_passed_by(started: Any) -> None:
    """A directory, a pipe that nobody writes to, a socket, links in circles: none of them holds anybody up."""
    exporter = started()
    logs = exporter.folder / "logs"
    (logs / "directory.jsonl").mkdir()
    os.mkfifo(logs / "pipe.jsonl")
    (logs / "self.jsonl").symlink_to("self.jsonl")
    (logs / "gone.jsonl").symlink_to("nowhere")
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(logs)  # a socket's name is short
        listening.bind("socket.jsonl")
        os.chdir(here)
        read(exporter, "logs/a.jsonl", content("jsonl", [row(1)]))
    assert counted(exporter) == 1.0
    assert any("Too many levels of symbolic links" in told for told in problems(exporter))


def test_file_that_shrinks(started: Any) -> None:
    """It was truncated and written anew: its rows are new ones."""
    exporter = read(started(), "logs/a.jsonl", content("jsonl", [row(i) for i in range(5)]))
    read(exporter, "logs/a.jsonl", content("jsonl", [row(10), row(11)]))
    assert (counted(exporter), exporter.rejected()) == (7.0, {})


# Very many


@pytest.mark.parametrize("column", ["carrier", "version", "error", "late", "id"])
def test_very_many_values(started: Any, column: str) -> None:
    """A column that is an id by mistake: all rows are counted, and what is kept of its values is little."""
    exporter, n = started(), 20_000
    read(exporter, "logs/a.jsonl", content("jsonl", [row(i, **{column: f"value-{i}"}) for i in range(n)]))
    assert (counted(exporter), exporter.rejected()) == (n, {})
    book = exporter.book
    assert sum(map(len, book.vocabulary.names.values())) <= 100
    assert len(book.versions.last) <= 101


def test_a_million_categories(started: Any) -> None:
    """Every row has a category, a slice value, an error class and an id of its own: peak memory of it all is bounded."""
    n = 1_000_000
    exporter = started("parquet", slices=["carrier"])
    names = pa.array([f"value-{i}" for i in range(n)])
    rows = {"ts": pa.array(np.full(n, NOW - 60)), "id": names, "carrier": names, "error": names}
    pq.write_table(pa.table(rows), exporter.folder / "logs/a.parquet", row_group_size=1 << 17)
    with Path("/proc/self/clear_refs").open("w") as peak:
        peak.write("5")  # the peak is of what follows
    before = _status_bytes("VmRSS")
    exporter.read()
    told_in_lines(exporter)
    assert (counted(exporter), exporter.rejected()) == (n, {})
    assert _status_bytes("VmHWM") - before < 500e6
    assert sum(map(len, exporter.book.vocabulary.names.values())) <= 200


def _status_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
