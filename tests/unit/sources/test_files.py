"""What a files source does with single files; what holds for any history of them is in the conformance suite."""

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel, ValidationError

from exporter.batch import Poll
from exporter.errors import SourceError
from exporter.sources.file_cursor import decode, encode
from exporter.sources.files import FilesConfig, FilesSource
from exporter.sources.registry import SOURCES, SourceConfig
from exporter.sources.source import Source


class Reader:
    """Polls a source of files of one directory and goes on where it stopped."""

    def __init__(self, directory: Path, pattern: str = "*", **options: Any) -> None:
        opened = {name: options.pop(name) for name in ("complete", "keep_rows", "columns") if name in options}
        self.source: Source = FilesConfig(type="files", path=str(directory / pattern), **options).open(**opened)
        self.cursor: bytes | None = None

    def poll(self, limit: int = 1_000_000) -> Poll:
        poll = self.source.poll(self.cursor, limit)
        self.cursor = poll.cursor
        return poll

    def ids(self) -> list[Any]:
        return [one for batch in self.poll().batches for one in batch.rows.column("id").to_pylist()]


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Any]:
    readers: list[Reader] = []

    def reader(pattern: str = "*", **options: Any) -> Reader:
        readers.append(Reader(tmp_path, pattern, **options))
        return readers[-1]

    yield reader
    for one in readers:
        one.source.close()


def at(path: Path, seconds: int) -> Path:
    os.utime(path, ns=(seconds * 10**9, seconds * 10**9))
    return path


def lines(*ids: Any) -> str:
    return "".join(json.dumps({"id": one}) + "\n" for one in ids)


def rejects(poll: Poll) -> list[tuple[int, str]]:
    return [(one.row, one.reason) for one in poll.rejects]


def test_files_are_read_in_the_order_in_which_they_were_written(tmp_path: Path, logs: Any) -> None:
    for name, seconds in (("c", 1), ("a", 3), ("b", 2), ("d", 2)):
        (tmp_path / f"{name}.jsonl").write_text(lines(name))
        at(tmp_path / f"{name}.jsonl", seconds)
    assert logs().ids() == ["c", "b", "d", "a"]


def test_a_half_written_last_line_waits(tmp_path: Path, logs: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(lines(1) + '{"id"')
    reader = logs()
    assert (reader.ids(), reader.poll().backlog_bytes) == ([1], 5)
    with path.open("a") as file:
        file.write(": 2}")
    assert reader.ids() == []
    with path.open("a") as file:
        file.write("\n")
    assert reader.ids() == [2]


def test_a_last_line_without_newline_is_taken_when_others_went_on(tmp_path: Path, logs: Any) -> None:
    at_start = tmp_path / "a.jsonl"
    at_start.write_text('{"id": 1}')
    at(at_start, 100)
    reader = logs()
    assert reader.ids() == []
    (tmp_path / "b.jsonl").write_text(lines(2))
    at(tmp_path / "b.jsonl", 120)
    assert reader.ids() == [2]
    at(tmp_path / "b.jsonl", 160)
    assert reader.ids() == [1]


def test_a_last_line_without_newline_is_taken_of_complete_and_of_compressed_files(tmp_path: Path, logs: Any) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1}')
    (tmp_path / "b.csv").write_text("id,x\n2,3")
    with gzip.open(tmp_path / "c.jsonl.gz", "wt") as file:
        file.write('{"id": 3}')
    assert sorted(logs(complete=True).ids(), key=str) == [1, "2", 3]
    assert logs().ids() == [3]


@pytest.mark.parametrize("longest", [64, 1000, 1 << 20])
def test_a_line_that_is_too_long_is_set_aside_and_what_follows_is_read(tmp_path: Path, logs: Any, longest: int) -> None:
    path = tmp_path / "a.jsonl"
    exact = json.dumps({"id": "x" * (longest - 10)})
    assert len(exact) == longest
    path.write_text(lines(1) + lines("x" * longest) + exact + "\n" + lines(2) + '{"id": "' + "y" * 3 * longest)
    reader = logs(max_line_bytes=longest)
    poll = reader.poll()
    assert [len(str(one)) for batch in poll.batches for one in batch.rows.column("id").to_pylist()] == [
        1,
        longest - 10,
        1,
    ]
    assert rejects(poll) == [(2, "too_long"), (5, "too_long")]
    with path.open("a") as file:
        file.write("y" * 3 * longest)
    assert (rejects(reader.poll()), reader.ids()) == ([], [])
    with path.open("a") as file:
        file.write('"}\n' + lines(3))
    poll = reader.poll()
    assert [(batch.first_row, batch.rows.to_pylist()) for batch in poll.batches] == [(6, [{"id": 3}])]
    assert rejects(poll) == []


def test_two_files_that_are_alike_are_two_files(tmp_path: Path, logs: Any) -> None:
    reader = logs()
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("id\n1\n")
    assert reader.ids() == ["1", "1"]
    for name in "ab":
        with (tmp_path / f"{name}.csv").open("a") as file:
            file.write(f"{name}\n")
    assert sorted(reader.ids()) == ["a", "b"]


def test_files_with_the_same_long_header_are_not_taken_for_each_other(tmp_path: Path, logs: Any) -> None:
    """Neither when one is compressed, nor when one comes after the other is gone, nor when it takes over its inode."""
    header = "id," + ",".join(f"a_long_column_name_{number}" for number in range(200)) + "\n"
    row = "{}" + ",0" * 200 + "\n"
    reader = logs(columns=("id",))
    (tmp_path / "1.csv").write_text(header + row.format(1) + row.format(2))
    assert reader.ids() == ["1", "2"]
    with gzip.open(tmp_path / "0.csv.gz", "wt") as file:
        file.write(header + row.format(3) + row.format(4) + row.format(5))
    assert reader.ids() == ["3", "4", "5"]
    (tmp_path / "1.csv").write_text(header + row.format(6) + row.format(7) + row.format(8))
    assert reader.ids() == ["6", "7", "8"]
    (tmp_path / "1.csv").unlink()
    (tmp_path / "2.csv").write_text(header + row.format(9) + row.format(8) + row.format(8))
    assert reader.ids() == ["9", "8", "8"]


def test_a_compressed_copy_is_left_alone_and_goes_on_when_the_original_is_gone(tmp_path: Path, logs: Any) -> None:
    plain, copy = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    plain.write_text(lines(1, 2))
    reader = logs()
    assert reader.ids() == [1, 2]
    with gzip.open(copy, "wt") as file:
        file.write(lines(1, 2, 3))
    assert reader.ids() == []
    plain.unlink()
    assert reader.ids() == [3]


def test_a_copy_made_before_truncating_is_not_read_twice(tmp_path: Path, logs: Any) -> None:
    """Also where a poll comes in between, once more than 1 KiB was read."""
    path, copy = tmp_path / "a.jsonl", tmp_path / "a.jsonl.1"
    path.write_text(lines(*range(200)))
    reader = logs()
    assert len(reader.ids()) == 200
    copy.write_text(path.read_text() + lines("late"))
    assert reader.ids() == []
    path.write_text(lines("new"))
    assert sorted(reader.ids()) == ["late", "new"]


def test_a_file_that_shrinks_is_read_from_its_start(tmp_path: Path, logs: Any) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n2\n")
    reader = logs()
    assert reader.ids() == ["1", "2"]
    path.write_text("id\n3\n")
    assert reader.ids() == ["3"]


def test_a_file_that_is_rewritten_longer_is_read_from_its_start(tmp_path: Path, logs: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(lines(*range(500)))
    reader = logs()
    assert len(reader.ids()) == 500
    path.write_text(lines(*range(490), *range(1000, 1200)))
    assert len(reader.ids()) == 690


def test_the_tail_of_a_log_that_was_renamed_out_of_the_glob_is_read(tmp_path: Path, logs: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(lines(1))
    reader = logs("a.jsonl")
    assert reader.ids() == [1]
    with path.open("a") as file:
        file.write(lines(2))
    path.rename(tmp_path / "old.log")
    assert reader.ids() == [2]
    path.write_text(lines(3))
    assert reader.ids() == [3]


@pytest.mark.parametrize("compressed", [False, True])
def test_the_tail_of_a_log_that_was_copied_out_of_the_glob_and_truncated_is_read(
    tmp_path: Path, logs: Any, compressed: bool
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(lines(1))
    reader = logs("a.jsonl")
    assert reader.ids() == [1]
    content = lines(1, 2, 3).encode()
    (tmp_path / "a.jsonl.0").write_bytes(lines(7).encode())
    (tmp_path / f"a.jsonl.1{'.gz' * compressed}").write_bytes(gzip.compress(content) if compressed else content)
    path.write_text(lines(4))
    found = [one for _ in range(5) for batch in reader.poll(1).batches for one in batch.rows.column("id").to_pylist()]
    assert sorted(found) == [2, 3, 4]


def test_what_was_half_written_when_it_was_renamed_is_taken_once_its_successor_is_written_to(
    tmp_path: Path, logs: Any
) -> None:
    path, rotated = tmp_path / "a.jsonl", tmp_path / "a.jsonl.1"
    path.write_text(lines(1) + '{"id": 2}')
    at(path, 1)
    reader = logs()
    assert reader.ids() == [1]
    path.rename(rotated)
    assert reader.ids() == []
    path.write_text(lines(3))
    at(path, 2)
    assert reader.ids() == [2, 3]


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.99])
def test_a_gzip_that_is_cut_off_is_told_and_goes_on_when_it_is_whole(tmp_path: Path, logs: Any, cut: float) -> None:
    content = gzip.compress(lines(*range(30_000)).encode())
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(content[: int(len(content) * cut)])
    reader = logs()
    poll = reader.poll()
    found = [one for batch in poll.batches for one in batch.rows.column("id").to_pylist()]
    assert [problem.partition(": ")[2].partition(" after")[0] for problem in poll.problems] == [
        "ends within its compressed stream"
    ]
    path.write_bytes(content)
    assert [*found, *reader.ids()] == list(range(30_000))
    assert reader.poll().problems == ()


def test_a_broken_gzip_gives_what_stands_before_the_break(tmp_path: Path, logs: Any) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(1, 2).encode()) + b"\xff" * 9)
    (tmp_path / "b.jsonl").write_text(lines(3))
    poll = logs().poll()
    assert sum(batch.rows.num_rows for batch in poll.batches) == 3
    assert [problem.partition(": ")[2].partition(" (")[0] for problem in poll.problems] == [
        "cannot be decompressed after line 2"
    ]


def test_a_parquet_file_that_is_being_written_waits(tmp_path: Path, logs: Any) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3]}), path)
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    reader = logs()
    with pytest.raises(SourceError, match=r"a\.parquet: not a complete Parquet file yet") as told:
        reader.poll()
    assert not told.value.fatal
    (tmp_path / "b.jsonl").write_text(lines(9))
    assert len(reader.poll().problems) == 1
    path.write_bytes(content)
    assert reader.ids() == [1, 2, 3]


def test_a_parquet_file_that_is_replaced_is_read_anew(tmp_path: Path, logs: Any) -> None:
    path = tmp_path / "latest.parquet"
    reader = logs()
    for ids in ([1, 2], [3, 4]):
        pq.write_table(pa.table({"id": ids}), path)
        assert reader.ids() == ids
    path.rename(tmp_path / "old.parquet")
    assert reader.ids() == []


def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    tmp_path: Path, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if without permission; tests may run as one who has all."""
    (tmp_path / "a.jsonl").write_text(lines(1))
    (tmp_path / "b.jsonl").write_text(lines(2))
    reader = logs()
    whole = FilesSource._window

    def forbidden(source: Any, file: Any, mark: Any) -> Any:
        if file.path.endswith("a.jsonl"):
            raise PermissionError(13, "Permission denied")
        return whole(source, file, mark)

    with monkeypatch.context() as patched:
        patched.setattr(FilesSource, "_window", forbidden)
        poll = reader.poll()
        assert [batch.rows.to_pylist() for batch in poll.batches] == [[{"id": 2}]]
        assert poll.problems == (f"{tmp_path}/a.jsonl: Permission denied",)
        (tmp_path / "b.jsonl").unlink()
        with pytest.raises(SourceError, match="Permission denied"):
            reader.poll()
    assert reader.ids() == [1]


def test_files_that_were_restored_or_mounted_elsewhere_are_known_by_path_and_content(tmp_path: Path, logs: Any) -> None:
    """Device and inode numbers are all others then; nothing is read again, however few rows a poll takes."""
    for number in range(300):
        path = tmp_path / f"{number:03}.csv"
        path.write_text("id\n1\n")
        at(path, number)
    reader = logs()
    assert len(reader.ids()) == 300
    reader.cursor = encode(
        [replace(mark, device=mark.device + 1, inode=mark.inode + 10**9) for mark in decode(reader.cursor)]
    )
    (tmp_path / "000.csv").write_text("id\n1\n2\n")
    with (tmp_path / "299.csv").open("a") as file:
        file.write("3\n")
    found = []
    for _ in range(5):
        found += [one for batch in reader.poll(1).batches for one in batch.rows.column("id").to_pylist()]
    assert sorted(found) == ["2", "3"]


def test_a_csv_without_header_has_the_configured_names(tmp_path: Path, logs: Any) -> None:
    (tmp_path / "a.csv").write_text("007|x\n")
    assert logs(column_names=["id", "b"], delimiter="|").ids() == ["007"]


def test_a_csv_waits_for_its_header(tmp_path: Path, logs: Any) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,")
    reader = logs()
    assert reader.ids() == []
    with path.open("a") as file:
        file.write("b\n1,2\n")
    assert reader.ids() == ["1"]


def test_the_format_can_be_forced(tmp_path: Path, logs: Any) -> None:
    (tmp_path / "a.txt").write_text("id\n{}\n")
    assert logs(format="csv").ids() == ["{}"]
    assert rejects(logs(format="jsonl").poll()) == [(1, "unreadable")]


def test_a_log_without_a_telling_name_is_read_by_its_first_bytes(tmp_path: Path, logs: Any) -> None:
    (tmp_path / "a.log").write_text(lines(1))
    (tmp_path / "b.log").write_text("id,x\n2,3\n")
    (tmp_path / "c.log").write_text("")
    assert sorted(logs().ids(), key=str) == [1, "2"]


def test_a_json_array_is_told_with_the_remedy(tmp_path: Path, logs: Any) -> None:
    (tmp_path / "a.json").write_text('[{"id": 1},\n{"id": 2}]\n')
    poll = logs().poll()
    assert rejects(poll) == [(1, "unreadable"), (2, "unreadable")]
    assert poll.problems == (
        f"{tmp_path}/a.json: holds a JSON array; write one JSON object a line (jq -c '.[]' converts it)",
    )


def test_nothing_that_matches_is_told_in_one_line(tmp_path: Path, logs: Any) -> None:
    with pytest.raises(SourceError) as told:
        logs("no/*.csv").poll()
    assert str(told.value) == f"files: nothing matches {tmp_path}/no/*.csv; check path, or wait for the first log"


def test_rejected_lines_keep_their_text_only_when_told_to(tmp_path: Path, logs: Any) -> None:
    (tmp_path / "a.jsonl").write_text("secret\n")
    (tmp_path / "b.csv").write_text("id,x\nsecret\n")
    assert [one.content for one in logs().poll().rejects] == [None, None]
    assert [one.content for one in logs(keep_rows=True).poll().rejects] == ["secret", "secret"]


def test_marks_of_files_that_are_gone_are_few(tmp_path: Path, logs: Any) -> None:
    reader = logs()
    for number in range(400):
        path = tmp_path / f"{number:03}.jsonl"
        path.write_text(lines(number))
        at(path, number)
    assert len(reader.ids()) == 400
    for number in range(399):
        (tmp_path / f"{number:03}.jsonl").unlink()
    reader.poll()
    assert len(json.loads(reader.cursor)["files"]) == 257


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": []},
        {"path": ""},
        {"path": ["a", ""]},
        {"format": "xml"},
        {"delimiter": ";;"},
        {"max_line_bytes": 1},
        {"pth": "x"},
    ],
    ids=range(7),
)
def test_a_wrong_configuration_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FilesConfig.model_validate({"type": "files", "path": "a", **wrong})


def test_a_source_is_chosen_by_its_type() -> None:
    class Stream(BaseModel):
        source: SourceConfig

    chosen = Stream.model_validate({"source": {"type": "files", "path": ["a/*.csv", "b"]}}).source
    assert isinstance(chosen, SOURCES)
    assert chosen.describe() == "files a/*.csv, b"
