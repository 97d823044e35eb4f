"""JSON lines: what is text stays text, and a line that cannot be read never takes its neighbours along."""

import json
import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.sources.formats.jsonl import DEEPEST, MOST_NAMES, PIECE_BYTES, JsonLines
from exporter.sources.formats.lines import Block, Parsed


def parse(content: bytes, reader: JsonLines | None = None) -> Parsed:
    return (reader or JsonLines()).parse(Block(content, "log.jsonl", 1))


def rows(parsed: Parsed) -> list[dict[str, Any]]:
    return [] if parsed.batch is None else parsed.batch.rows.to_pylist()


def places(parsed: Parsed) -> list[int]:
    return [] if parsed.batch is None else [parsed.batch.place(row) for row in range(parsed.batch.rows.num_rows)]


def type_of(content: bytes, column: str = "a", reader: JsonLines | None = None) -> pa.DataType:
    batch = parse(content, reader).batch
    assert batch is not None
    return batch.rows.schema.field(column).type


@pytest.mark.parametrize(
    "bad",
    [
        b"garbage",
        b'{"a":1',
        b'{"a":1}}',
        b'{"a":1}{"a":2}',
        b'{"a":01}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"a":"x\x00y"}',
        b'{"a":' + b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1) + b"}",
        b'{"a":' * 100_000,
        b"[1]",
        b"1",
        b"null",
        b'{"a":"open',
    ],
    ids=range(14),
)
def test_a_bad_line_is_set_aside_alone(bad: bytes) -> None:
    parsed = parse(b'{"a":1}\n' + bad + b'\n{"a":2}\n')
    assert rows(parsed) == [{"a": 1}, {"a": 2}]
    assert places(parsed) == [1, 3]
    assert [(one.row, one.reason, one.content) for one in parsed.rejects] == [(2, "unreadable", None)]


def test_an_object_over_two_lines_is_two_bad_lines() -> None:
    """Also where the numbers of objects and of lines happen to agree."""
    parsed = parse(b'{"a":1,\n"b":2}{"c":3}\n{"a":4}\n')
    assert (rows(parsed), [one.row for one in parsed.rejects]) == ([{"a": 4}], [1, 2])


def test_a_reject_tells_its_content_only_when_told_to() -> None:
    assert [one.content for one in parse(b"secret\n").rejects] == [None]
    assert [one.content for one in parse(b"secret\r\n", JsonLines(keep_rows=True)).rejects] == ["secret"]
    assert (
        parse(b"secret\n").rejects[0].digest
        == parse(b"secret\r\n").rejects[0].digest
        != parse(b"other\n").rejects[0].digest
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a":1}\n{"a":2.5}\n', [1.0, 2.5]),
        (b'{"a":1}\n{"a":"x"}\n', ["1", "x"]),
        (b'{"a":true}\n{"a":1.5}\n{"a":null}\n', ["true", "1.5", None]),
        (b'{"a":{"x":1}}\n{"a":3}\n{"a":[]}\n', ["<invalid>", "3", "<invalid>"]),
        (b'{"a":1.0}\n{"a":"x"}\n{"a":NaN}\n{"a":1e18}\n{"a":0.5}\n', ["1", "x", None, "1000000000000000000", "0.5"]),
        (b'{"a":18446744073709551615}\n{"a":7}\n', ["18446744073709551615", "7"]),
        (b'{"a":123456789012345678901234567890}\n', ["123456789012345678901234567890"]),
        (b'{"a":9007199254740993}\n{"a":0.5}\n', ["9007199254740993", "0.5"]),
        (b'{"a":1e300}\n{"a":2}\n', [1e300, 2.0]),
        (b'{"a":"2013-01-01"}\n{"a":"2013-01-01T10:00:00"}\n', ["2013-01-01", "2013-01-01T10:00:00"]),
        (b'{"a":1,"a":2}\n', [2]),
        (b'{"a":Infinity}\n{"a":-Infinity}\n', [math.inf, -math.inf]),
        (b'{"a":null}\n{}\n', [None, None]),
        (b'\xef\xbb\xbf{"a":1}\r\n{"a":2}', [1, 2]),
        (b'\0\0\0{"a":1}\n\n  \n {"a":2} \n', [1, 2]),
        (b'{"a":"x\\u0000\\u00e9"}\n', ["x\0é"]),
        (b'{"a":[1,"x"]}\n', [["1", "x"]]),
        (b'{"a":{"x":1}}\n{"a":{"x":"s"}}\n', [{"x": "1"}, {"x": "s"}]),
    ],
    ids=range(18),
)
def test_values_keep_what_they_say(content: bytes, expected: list[Any]) -> None:
    parsed = parse(content)
    assert [row["a"] for row in rows(parsed)] == expected
    assert parsed.rejects == ()


def test_not_a_number_is_read_beside_a_bad_line_as_well() -> None:
    for line in (b'{"a":NaN}', b'{"a":Inf}', b'{"a":-NaN}'):
        assert [repr(row) for row in rows(parse(line + b"\n"))] == [repr(row) for row in rows(parse(line + b"\nbad\n"))]


def test_nested_texts_that_look_like_times_stay_texts() -> None:
    content = b'{"a":{"t":"2013-01-01","n":1},"l":["2013-01-01"]}\n'
    assert rows(parse(content)) == [{"a": {"t": "2013-01-01", "n": 1}, "l": ["2013-01-01"]}]


def test_what_a_reader_saw_before_does_not_change_what_it_reads() -> None:
    """Columns that were times once are told to pyarrow as text; where they are missing, numbers or null, nothing differs."""
    for content in (
        b'{"b":1}\n',
        b'{"a":5}\n',
        b'{"a":null}\n',
        b'{"a":{"t":1}}\n',
        b'{"a":"x"}\n',
        b'{"a":{"b":"c"}}\n',
        b'{"a":"2013-01-01T10:00:00Z","b":"2013-01-01"}\n',
        b'{"a":{"t":"2013-01-01T10:00:00Z","u":"2013-01-01"}}\n',
        b'{"a":["2013-01-01T10:00:00Z"],"b":["2013-01-01"]}\n',
    ):
        for seen in (b'{"a":"2013-01-01"}\n', b'{"a":{"t":"2013-01-01"}}\n', b'{"a":["2013-01-01"]}\n'):
            reader = JsonLines()
            reader.parse(Block(seen, "log.jsonl", 1))
            assert parse(content, reader) == parse(content)


def test_types_do_not_depend_on_a_bad_neighbour() -> None:
    content = b'{"a":1,"b":"2013-01-01","c":{"x":1.5},"d":[1]}\n'
    assert parse(content + b"bad\n").batch == parse(content).batch


def test_rows_without_any_needed_column_are_still_rows() -> None:
    """They are told as rows that lack a column, not forgotten."""
    parsed = parse(b'{"a":1}\n{"a":2}\n', JsonLines(columns=("b",)))
    assert rows(parsed) == [{}, {}]


def test_columns_are_asked_for_by_top_level_or_dotted_name() -> None:
    content = b'{"a":{"x":1},"a.y":2,"b":3,"ab":4}\n'
    assert list(rows(parse(content, JsonLines(columns=("a.x",))))[0]) == ["a"]
    assert list(rows(parse(content, JsonLines(columns=("a",))))[0]) == ["a", "a.y"]


@pytest.mark.parametrize("columns", [None, ("a", "k9999")])
def test_names_that_are_data_do_not_become_columns(columns: tuple[str, ...] | None) -> None:
    """A column for each of ten thousand users would take gigabytes; the columns that all rows have are there."""
    content = b"".join(b'{"a":%d,"k%d":1}\n' % (number, number) for number in range(10_000))
    found = parse(content, JsonLines(columns)).batch.rows
    assert found.column("a").to_pylist() == list(range(10_000))
    assert found.num_columns == (MOST_NAMES if columns is None else 2)


def test_a_wide_schema_is_read_whole() -> None:
    """Also beside a bad line, and where each row has some of its columns only."""
    rows = [{f"c{number}": number for number in range(start, 3_000, 3)} for start in (0, 1, 2)] * 20
    content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    for extra in (b"", b"bad\n"):
        assert parse(content + extra).batch.rows.num_columns == 3_000


def test_a_block_of_many_pieces_with_a_line_longer_than_one() -> None:
    lines = [json.dumps({"a": number, "b": "x" * 100}) for number in range(15_000)]
    lines[7_000] = json.dumps({"a": 7_000, "b": "y" * (PIECE_BYTES + 10)})
    parsed = parse("\n".join(lines).encode() + b"\n")
    assert [row["a"] for row in rows(parsed)] == list(range(15_000))


def test_many_small_lists_are_not_deep() -> None:
    content = json.dumps({"a": [[number] for number in range(2 * DEEPEST)]}).encode() + b"\n"
    assert type_of(content) == pa.list_(pa.list_(pa.int64()))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=2),
    max_leaves=4,
)
good_lines = st.dictionaries(st.sampled_from("abc"), values, max_size=3).map(lambda row: json.dumps(row).encode())
bad_lines = st.binary(max_size=12).filter(
    lambda line: b"\n" not in line and not line.strip(b"\0 \t\r\x0b\x0c").startswith(b"{")
)


@settings(max_examples=150, deadline=None)
@given(lines=st.lists(good_lines | bad_lines, max_size=8))
def test_the_same_lines_are_rows_alone_and_together(lines: list[bytes]) -> None:
    """Whether a line is a row depends on itself alone; so the way a log is cut into blocks does not matter."""
    together = parse(b"".join(line + b"\n" for line in lines))
    alone = [parse(line + b"\n") for line in lines]
    assert places(together) == [number for number, one in enumerate(alone, 1) if rows(one)]
    assert [one.row for one in together.rejects] == [number for number, one in enumerate(alone, 1) if one.rejects]
