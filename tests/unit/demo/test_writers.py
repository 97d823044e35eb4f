from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demo.replay import midnight
from demo.writers import LineLog, ParquetLog, days_before, delete_before

MIDNIGHT = int(midnight("2013-04-02"))


def rows(*names: str) -> pa.Table:
    return pa.table({"name": pa.array(names, pa.string()), "n": pa.array(range(len(names)), pa.int64())})


def test_lines_go_to_the_file_of_their_day(tmp_path: Path) -> None:
    log = LineLog(tmp_path, "predictions", "jsonl")
    log.write(rows("a", "b"), np.array([MIDNIGHT - 1, MIDNIGHT]))
    log.write(rows("c"), np.array([MIDNIGHT + 60]))
    assert (tmp_path / "predictions-2013-04-01.jsonl").read_text() == '{"name":"a","n":0}\n'
    assert (tmp_path / "predictions-2013-04-02.jsonl").read_text() == '{"name":"b","n":1}\n{"name":"c","n":0}\n'


def test_a_csv_file_has_one_header(tmp_path: Path) -> None:
    log = LineLog(tmp_path, "labels", "csv")
    for name in ("a", "b"):
        log.write(rows(name), np.array([MIDNIGHT]))
    assert (tmp_path / "labels-2013-04-02.csv").read_text() == '"name","n"\n"a",0\n"b",0\n'


def test_a_parquet_file_appears_once_its_stretch_is_over(tmp_path: Path) -> None:
    log = ParquetLog(tmp_path, "predictions", 3 * 3600)
    start = MIDNIGHT + 2 * 3600  # 02:00 New York is 06:00 UTC, where a stretch of three hours begins
    log.write(rows("a", "b"), np.array([start, start + 3 * 3600]), now=start + 3 * 3600 - 1)
    assert list(tmp_path.iterdir()) == []
    log.write(rows(), np.array([], dtype=np.int64), now=start + 3 * 3600)
    assert [path.name for path in tmp_path.glob("*.parquet")] == ["predictions-2013-04-02T02.parquet"]
    assert pq.read_table(tmp_path / "predictions-2013-04-02T02.parquet")["name"].to_pylist() == ["a"]
    log.write(rows(), np.array([], dtype=np.int64), now=start + 6 * 3600)
    assert pq.read_table(tmp_path / "predictions-2013-04-02T05.parquet")["name"].to_pylist() == ["b"]


def test_an_hour_that_comes_twice_has_two_files(tmp_path: Path) -> None:
    """On 3 November 2013 New York's clocks went back from 2:00 to 1:00."""
    log = ParquetLog(tmp_path, "predictions", 3600)
    first = int(midnight("2013-11-03")) + 3600
    for start in (first, first + 3600):
        log.write(rows("a"), np.array([start]), now=start + 3600)
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == [
        "predictions-2013-11-03T01.parquet",
        "predictions-2013-11-03T01b.parquet",
    ]


def test_old_files_are_deleted_and_others_stay(tmp_path: Path) -> None:
    for name in (
        "predictions-2013-04-01.jsonl",
        "labels-2013-04-02.csv",
        "predictions-2013-03-31T21.parquet",
        "notes.txt",
    ):
        (tmp_path / name).touch()
    delete_before(tmp_path, "2013-04-02")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels-2013-04-02.csv", "notes.txt"]


def test_days_before() -> None:
    assert days_before("2013-03-01", 2) == "2013-02-27"
