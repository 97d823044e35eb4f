"""Parquet: rows from a place on, in order, of the needed columns."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.sources.file_content import BrokenContent
from exporter.sources.formats.parquet import Gap, ParquetRows, footer_digest


@pytest.fixture
def path(tmp_path: Path) -> str:
    table = pa.table({"a": list(range(10)), "b": [{"x": 1}] * 10, "c.d": ["t"] * 10})
    pq.write_table(table, tmp_path / "log.parquet", row_group_size=3)
    return str(tmp_path / "log.parquet")


@pytest.mark.parametrize("position", range(11))
@pytest.mark.parametrize("limit", [1, 4, 100])
def test_rows_go_on_at_any_place(path: str, position: int, limit: int) -> None:
    rows = ParquetRows(path, position, None)
    found = []
    while (batch := rows.read(limit)) is not None:
        assert batch.num_rows <= limit
        found += batch.column("a").to_pylist()
    rows.close()
    assert (found, rows.position, rows.rows) == (list(range(position, 10)), 10, 10)


@pytest.mark.parametrize(
    ("columns", "names"),
    [(None, ["a", "b", "c.d"]), (("b", "x"), ["b"]), (("b.x",), ["b"]), (("c.d",), ["c.d"]), (("z",), [])],
)
def test_only_needed_columns_are_read(path: str, columns: tuple[str, ...] | None, names: list[str]) -> None:
    rows = ParquetRows(path, 0, columns)
    batches = list(iter(lambda: rows.read(2), None))
    rows.close()
    assert batches[0].schema.names == names
    assert sum(batch.num_rows for batch in batches) == 10


def test_a_file_that_is_being_written_is_broken_for_now(path: str, tmp_path: Path) -> None:
    half = tmp_path / "half.parquet"
    half.write_bytes(Path(path).read_bytes()[:-20])
    with pytest.raises(BrokenContent, match="not a complete Parquet file yet"):
        ParquetRows(str(half), 0, None)
    assert footer_digest(str(half)) == ""


def test_a_damaged_row_group_costs_its_rows_alone(path: str) -> None:
    """It is told which; what stands before and behind it is read."""
    content = bytearray(Path(path).read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).dictionary_page_offset
    content[start : start + 10] = b"\xff" * 10
    Path(path).write_bytes(content)
    rows = ParquetRows(path, 0, None)
    found = list(iter(lambda: rows.read(2), None))
    rows.close()
    gap = next(one for one in found if isinstance(one, Gap))
    assert (gap.first_row, gap.rows, "\n" in gap.why) == (4, 3, False)
    good = [one for batch in found if not isinstance(batch, Gap) for one in batch.column("a").to_pylist()]
    assert good == [0, 1, 2, 6, 7, 8, 9]


def test_a_disk_that_does_not_answer_is_tried_again(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no damage of the file: no row is set aside."""
    rows = ParquetRows(path, 0, None)
    with monkeypatch.context() as patched:
        patched.setattr(rows, "_next", lambda: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(BrokenContent, match=r"^row 1: .*Input/output error"):
            rows.read(10)
    assert rows.read(10).num_rows == 10
    rows.close()


def test_footers_differ_with_the_rows(path: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": list(range(1, 11))}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"a": list(range(2, 12))}), tmp_path / "c.parquet")
    digests = {footer_digest(str(tmp_path / name)) for name in ("log.parquet", "b.parquet", "c.parquet")}
    assert len(digests) == 3


@pytest.mark.parametrize("kind", ["text", "bytes", "dictionary", "in an object", "in a list", "fixed"])
def test_a_few_bytes_that_stand_for_gigabytes_take_little_memory(kind: str, tmp_path: Path) -> None:
    """One long value in each of many rows, 650 MB in all: Parquet keeps it once."""
    rows, long = 1 << 15, b"x" * 20_000
    values: pa.Array = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([long.decode()]))
    if kind == "bytes":
        values = pa.DictionaryArray.from_arrays(values.indices, pa.array([long]))
    path = tmp_path / "bomb.parquet"
    column = {
        "in an object": lambda: pa.StructArray.from_arrays([values], ["x"]),
        "in a list": lambda: pa.ListArray.from_arrays(pa.array(range(0, rows + 1, 4), pa.int32()), values),
        "fixed": lambda: pa.array([long] * (rows // 8), pa.binary(len(long))),
    }.get(kind, lambda: values)()
    pq.write_table(pa.table({"a": column}), path, store_schema=kind == "dictionary")
    assert path.stat().st_size < 1 << 20
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    try:
        reader, found = ParquetRows(str(path), 0, None), 0
        while (batch := reader.read(1 << 20)) is not None:
            found += batch.num_rows
            if kind == "dictionary":  # what follows needs its values one by one
                batch.column("a").cast(pa.string())
        reader.close()
    finally:
        pa.set_memory_pool(usual)
    assert found == reader.rows
    assert 1 << 24 < pool.max_memory() < 250 << 20


def test_row_groups_of_different_widths_are_each_read_with_as_many_rows_as_fit(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    with pq.ParquetWriter(path, pa.schema({"n": pa.int64(), "s": pa.string()})) as writer:
        for group, text in enumerate(["a", "b", "x" * 100_000, "c"]):
            writer.write_table(pa.table({"n": range(group * 3000, group * 3000 + 3000), "s": [text] * 3000}))
    rows = ParquetRows(str(path), 0, None)
    batches = list(iter(lambda: rows.read(1 << 20), None))
    rows.close()
    sizes = [batch.num_rows for batch in batches]
    assert sizes[0] == 6000
    assert sizes[-1] == 3000
    assert 500 < max(sizes[1:-1]) < 800
    assert [n for batch in batches for n in batch.column("n").to_pylist()] == list(range(12_000))
