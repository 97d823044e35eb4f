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
