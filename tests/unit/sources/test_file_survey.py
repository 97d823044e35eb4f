"""Names tell formats; neighbours tell whether a file is finished."""

from pathlib import Path

import pytest

from exporter.sources.file_identity import LogFile, stems_from
from exporter.sources.file_survey import SETTLED_NANOSECONDS, Known, finished, format_of, survey


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jsonl", (None, "jsonl")),
        ("a.NDJSON", (None, "jsonl")),
        ("a.json.gz", ("gzip", "jsonl")),
        ("a.csv.zst", ("zstd", "csv")),
        ("a.tsv.bz2", ("bz2", "csv")),
        ("a.parquet", (None, "parquet")),
        ("a.csv.1", (None, "csv")),
        ("a.csv.12.gz", ("gzip", "csv")),
        ("a.csv-20240131.gz", ("gzip", "csv")),
        ("a.jsonl.2024-01-31T10-00", (None, "jsonl")),
        ("a.jsonl.1706659200", (None, "jsonl")),
        ("a.log", (None, None)),
        ("a.log.1.zst", ("zstd", None)),
        ("a", (None, None)),
        ("part-00001.parquet", (None, "parquet")),
    ],
)
def test_a_name_tells_compression_and_format(name: str, expected: tuple[str | None, str | None]) -> None:
    assert format_of(f"/logs.csv/{name}") == expected


def file(path: str, inode: int, mtime: int, size: int = 10) -> LogFile:
    return LogFile(path, 1, inode, size, mtime, None, "jsonl")


@pytest.mark.parametrize(
    ("moved", "other", "expected"),
    [
        (False, file("b.jsonl", 2, 1 + SETTLED_NANOSECONDS), True),
        (False, file("b.jsonl", 2, SETTLED_NANOSECONDS), False),
        (True, file("b.jsonl", 2, 2), True),
        (True, file("b.jsonl", 2, 2, size=0), False),
        (True, file("b.jsonl", 2, 1), False),
        (False, file("a.jsonl", 2, 2), True),
        (False, file("a.jsonl.1.gz", 2, 2), False),
        (True, file("a.jsonl.1", 1, 2), False),
    ],
    ids=range(8),
)
def test_a_file_is_finished_when_others_went_on(moved: bool, other: LogFile, expected: bool) -> None:
    """Its successor where it was renamed or has the successor's name and more; any other one a minute later."""
    assert finished(Known(file("a.jsonl.1", 1, 1), None, moved=moved), [other]) is expected


def test_only_a_longer_name_stems_from_another() -> None:
    assert stems_from("x/app.log.1", "y/app.log")
    assert not stems_from("app.log", "app.log")
    assert not stems_from("app.log", "app.log.1")


def test_a_file_with_many_names_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text("{}\n")
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "b.jsonl")
    (tmp_path / "c.jsonl").hardlink_to(tmp_path / "b.jsonl")
    (tmp_path / "broken.jsonl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "directory.jsonl").mkdir()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "d.jsonl").write_text("{}\n")
    found = survey([str(tmp_path / "*.jsonl"), str(tmp_path / "**" / "*.jsonl")], (), None)
    assert sorted(Path(known.file.path).name for known in found.known) == ["a.jsonl", "d.jsonl"]
    assert found.problems == ()


def test_what_cannot_be_looked_at_is_told(tmp_path: Path) -> None:
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    Path(bytes(tmp_path / "a").decode() + "\udcff.jsonl").write_text("{}\n")
    found = survey([str(tmp_path / "*.jsonl")], (), None)
    assert found.known == ()
    assert [problem.removeprefix(f"{tmp_path}/") for problem in found.problems] == [
        "a?.jsonl: its name is not UTF-8; rename it",
        "loop.jsonl: Too many levels of symbolic links",
    ]
