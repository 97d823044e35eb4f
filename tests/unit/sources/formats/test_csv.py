"""CSV: every value is the text that was logged, and a line that is no row never takes its neighbours along."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.sources.file_content import BrokenContent
from exporter.sources.formats.csv import Csv, header_of
from exporter.sources.formats.lines import Block, Parsed


def parse(content: bytes, header: bytes = b"a,b", **options: Any) -> Parsed:
    return Csv(header_of(header, None), **options).parse(Block(content, "log.csv", 2))


def rows(parsed: Parsed) -> list[tuple[Any, ...]]:
    return [] if parsed.batch is None else [tuple(row.values()) for row in parsed.batch.rows.to_pylist()]


def places(parsed: Parsed) -> list[int]:
    return [] if parsed.batch is None else [parsed.batch.place(row) for row in range(parsed.batch.rows.num_rows)]


@pytest.mark.parametrize("bad", [b"3", b"3,4,5", b'3,"open', b'"3,4', b"3,\xff", b"3\r4,5", b"  "], ids=range(7))
def test_a_bad_line_is_set_aside_alone(bad: bytes) -> None:
    parsed = parse(b"1,2\n" + bad + b'\n5,"6"\n')
    assert rows(parsed) == [("1", "2"), ("5", "6")]
    assert places(parsed) == [2, 4]
    assert [(one.row, one.reason) for one in parsed.rejects] == ([(3, "unreadable")] if bad.strip() else [])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"00123,1e5\n", [("00123", "1e5")]),
        (b"2013-01-01,true\n", [("2013-01-01", "true")]),
        (b'"x,y","say ""hi"""\n', [("x,y", 'say "hi"')]),
        (b'5" disk,a"b\n', [('5" disk', 'a"b')]),
        (b'1,\n"",NA\n', [("1", None), ("", "NA")]),
        (b"1,2\r\n3,4\r\n", [("1", "2"), ("3", "4")]),
        (b"1,2\n\n\r\n3,4", [("1", "2"), ("3", "4")]),
        (b"1,2\na,b\n3,4\na,b\r\n", [("1", "2"), ("3", "4")]),
        (b"\0\0001,2\n", [("1", "2")]),
        ("é,ü\n".encode(), [("é", "ü")]),
        (b"", []),
    ],
    ids=range(11),
)
def test_values_are_texts_as_logged(content: bytes, expected: list[tuple[Any, ...]]) -> None:
    parsed = parse(content)
    assert (rows(parsed), parsed.rejects) == (expected, ())


def test_a_long_field_beside_a_bad_line_is_a_row() -> None:
    long = "x" * 200_000
    assert rows(parse(f'bad\n1,"{long}"\n2,{long}\n'.encode())) == [("1", long), ("2", long)]


def test_texts_that_mean_nothing_are_missing_unless_quoted() -> None:
    assert rows(parse(b'NA,"NA"\n', null_values=("", "NA"))) == [(None, "NA")]


def test_only_needed_columns_are_read() -> None:
    batch = parse(b"1,2\n", columns=("b", "elsewhere")).batch
    assert batch is not None
    assert batch.rows.to_pylist() == [{"b": "2"}]


@pytest.mark.parametrize(
    ("line", "delimiter", "names"),
    [
        (b"a,b", ",", ("a", "b")),
        (b"\xef\xbb\xbfa;b;c,d\r\n", ";", ("a", "b", "c,d")),
        (b"a\tb", "\t", ("a", "b")),
        (b'"a,x",b', ",", ("a,x", "b")),
        (b"a,a, b ,", ",", ("a", "a#2", "b", "")),
        (b"only", ",", ("only",)),
        (b"", ",", ("",)),
        (b"\xef\xbb\xbf", ",", ("",)),
    ],
    ids=range(8),
)
def test_a_header_says_names_and_delimiter(line: bytes, delimiter: str, names: tuple[str, ...]) -> None:
    header = header_of(line, None)
    assert (header.delimiter, header.names) == (delimiter, names)


def test_what_is_no_header_is_told() -> None:
    with pytest.raises(BrokenContent, match="does not name columns; its lines end in carriage returns alone"):
        header_of(b"a,b\r1,2\r3,4", None)


def test_a_header_of_very_many_columns_is_read_at_once() -> None:
    names = header_of(b",".join([b"same"] * 3 + [b"c%d" % number for number in range(100_000)]), None).names
    assert (len(set(names)), names[:3]) == (100_003, ("same", "same#2", "same#3"))


lines = st.text('12,"\r x\0', max_size=8).map(str.encode)


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(lines, max_size=8))
def test_the_same_lines_are_rows_alone_and_together(lines: list[bytes]) -> None:
    """Whether a line is a row, and what it says, depends on itself alone, whatever quotes its neighbours leave open."""
    together = parse(b"".join(line + b"\n" for line in lines))
    alone = [parse(line + b"\n") for line in lines]
    assert rows(together) == [row for one in alone for row in rows(one)]
    assert [one.row for one in together.rejects] == [number for number, one in enumerate(alone, 2) if one.rejects]
