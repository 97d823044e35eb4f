"""Lines that are alike give the same rows as a JSON parser makes of them; any others are left to it."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.sources.formats import flat_lines
from exporter.sources.formats.flat_lines import flat_table
from exporter.sources.formats.jsonl import JsonLines
from exporter.sources.formats.lines import Block, Parsed

LIKE = '{"t":"2024-01-01T00:00:00Z","a":1,"x":0.5,"b":true,"n":null}'


def parsed(content: bytes, *, flat: bool) -> Parsed:
    return JsonLines(keep_rows=True, flat_lines=1 if flat else 1 << 60).parse(Block(content, "log.jsonl", 1))


def flat(content: bytes) -> pa.Table | None:
    return flat_table(content)


def same(content: bytes) -> None:
    """Rows, types and rejects do not depend on the way."""
    one, other = parsed(content, flat=True), parsed(content, flat=False)
    assert one.rejects == other.rejects
    assert (one.batch is None) == (other.batch is None)
    if one.batch is not None and other.batch is not None:
        assert one.batch.rows.schema == other.batch.rows.schema
        assert str(one.batch.rows.to_pydict()) == str(other.batch.rows.to_pydict())  # NaN is NaN, -0.0 is not 0.0


def log(rows: int, seed: int = 0) -> list[str]:
    """Lines of all kinds of columns; nulls in some."""
    rng = np.random.default_rng(seed)
    lines = []
    for number in range(rows):
        row: dict[str, Any] = {
            "time": f"2024-01-01T00:00:{number % 60:02}Z",
            "whole": int(rng.integers(-(2**62), 2**62)),
            "real": rng.normal() * 10.0 ** rng.integers(-20, 10),
            "late": rng.normal() if rng.random() < 0.1 else None,
            "truth": bool(rng.random() < 0.5),
            "maybe": [True, False, None][number % 3],
            "kind": ["ä", "", "b c", None][rng.integers(4)],
            "nothing": None,
        }
        lines.append(json.dumps(row, ensure_ascii=False))
    return lines


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" , ", ":  ")])
def test_a_log_is_read_in_pieces_as_it_is_in_one(separators: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat_lines, "_PIECE_BYTES", 1 << 16)
    lines = [json.dumps(json.loads(line), separators=separators, ensure_ascii=False) for line in log(9_000)]
    content = ("\n".join(lines) + "\n").encode()
    table = flat(content)
    assert table is not None
    assert [str(kind) for kind in table.schema.types] == [
        *("string", "int64", "double", "double", "bool", "bool", "string", "null")
    ]
    assert table.to_pylist() == [json.loads(line) for line in lines]
    same(content)


@pytest.mark.parametrize(
    "line",
    [
        LIKE.replace("1,", "01,"),
        LIKE.replace("1,", "-01,"),
        LIKE.replace("1,", "00,"),
        LIKE.replace("1,", "0x1,"),
        LIKE.replace("1,", "+1,"),
        LIKE.replace("1,", "-,"),
        LIKE.replace("1,", ","),
        LIKE.replace("1,", "1 2,"),
        LIKE.replace("1,", "1_0,"),
        LIKE.replace("1,", " 1,"),
        LIKE.replace("1,", "1 ,"),
        LIKE.replace("1,", "True,"),
        LIKE.replace("1,", "nul,"),
        LIKE.replace("1,", '"1",'),
        LIKE.replace("1,", "9223372036854775808,"),
        LIKE.replace("1,", "[1],"),
        LIKE.replace("1,", '{"y":1},'),
        LIKE.replace("1,", "1\r,"),
        LIKE.replace("0.5", "00.5"),
        LIKE.replace("0.5", "-00.5"),
        LIKE.replace("0.5", ".5"),
        LIKE.replace("0.5", "-.5"),
        LIKE.replace("0.5", "5."),
        LIKE.replace("0.5", "5.e1"),
        LIKE.replace("0.5", "-5.E1"),
        LIKE.replace("0.5", "-0"),
        LIKE.replace("1,", "-0,"),
        LIKE.replace('"x"', '"y"'),
        LIKE.replace('"x":', '"x" :'),
        LIKE.replace('"x"', '":x"'),
        LIKE.replace('"x"', '"x\x1f"'),
        LIKE.replace('"x"', '"' + "x" * 200 + '"'),
        LIKE.replace('"2024-01-01T00:00:00Z"', '":"'),
        LIKE.replace('"2024-01-01T00:00:00Z"', '"a\x1fb"'),
        LIKE.replace("0.5", "5e"),
        LIKE.replace("0.5", "1e5.5"),
        LIKE.replace("0.5", "NaN"),
        LIKE.replace("0.5", "nan"),
        LIKE.replace("0.5", "Infinity"),
        LIKE.replace("0.5", "-inf"),
        LIKE.replace("0.5", "1e400"),
        LIKE.replace("0.5", "9007199254740993"),
        LIKE.replace("0.5", "1e16"),
        LIKE.replace('"2024-01-01T00:00:00Z"', '"'),
        LIKE.replace('"2024-01-01T00:00:00Z"', '"a"b"'),
        LIKE.replace('"2024-01-01T00:00:00Z"', '"a,b"'),
        LIKE.replace('"2024-01-01T00:00:00Z"', r'"a\"b"'),
        LIKE.replace('"2024-01-01T00:00:00Z"', r'"\ud800"'),
        LIKE.replace('"2024-01-01T00:00:00Z"', '"a\tb"'),
        LIKE.replace('"2024-01-01T00:00:00Z"', '"a\0b"'),
        LIKE.replace('"2024-01-01T00:00:00Z"', "7"),
        LIKE.replace("true", "null"),
        LIKE.replace("true", '"true"'),
        LIKE.replace("true", "truefalse"),
        LIKE.replace('"n":null', '"n":nullnull'),
        LIKE.replace('"n":null', '"a":null'),
        LIKE.replace('"n":null', '"m":null'),
        LIKE.replace('"n":null', '"n":"n":null'),
        LIKE.replace('"x":0.5,"b":true', '"b":true,"x":0.5'),
        LIKE.replace('"x":0.5,', ""),
        LIKE.replace('"x":0.5,', '"x":0.5,"x":0.5,'),
        LIKE.replace('"x":0.5,', '"x":0.5,,'),
        LIKE.replace("{", "{{"),
        LIKE.replace("}", "}}"),
        LIKE.replace("}", ""),
        LIKE[1:],
        LIKE + "\r",
        LIKE + " ",
        "\ufeff" + LIKE,
        "",
        " ",
        "{}",
        "garbage",
    ],
)
def test_whatever_stands_among_them_changes_nothing_of_how_it_is_read(line: str) -> None:
    like = [LIKE] * 8
    for at in (0, 4, 8):
        same(("\n".join([*like[:at], line, *like[at:]]) + "\n").encode())
    same(("\n".join([line] * 9) + "\n").encode())


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n{}\n", b'{"a":1}', b'{"a":1}\n{"a":2}', b'{"a":"\xff"}\n'])
def test_what_is_no_whole_lines_of_text_is_left_to_others(content: bytes) -> None:
    assert flat(content) is None
    same(content)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("length", range(1, 20))
def test_names_may_be_longer_than_lines_are_beside_them(length: int, rows: int) -> None:
    content = f'{{"{"x" * length}":1}}\n'.encode() * rows
    table = flat(content)
    assert table is not None
    assert table.to_pylist() == [{"x" * length: 1}] * rows


def test_whole_numbers_of_64_bits_stay_what_they_are() -> None:
    numbers = [2**63 - 1, -(2**63), 2**53 + 1, 0, 7]
    table = flat("".join(f'{{"a":{number}}}\n' for number in numbers).encode())
    assert table is not None
    assert table["a"].to_pylist() == numbers


@pytest.mark.parametrize(
    ("early", "late", "kind"),
    [
        ("1", "0.5", "double"),
        ("0.5", "1", "double"),
        ("null", "1", "int64"),
        ("null", "true", "bool"),
        ('"a"', "null", "string"),
        ("9007199254740991", "0.5", "double"),
        ("9007199254740992", "0.5", None),
        ("-9007199254740992", "0.5", None),
        ("1", '"a"', None),
        ("1", "true", None),
        ("true", '"a"', None),
    ],
)
def test_pieces_of_unlike_types_are_one_block(
    early: str, late: str, kind: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flat_lines, "_PIECE_BYTES", 1 << 10)
    content = "".join(f'{{"a":{early if line < 1500 else late},"b":1}}\n' for line in range(3000)).encode()
    table = flat(content)
    assert (None if table is None else str(table.schema.field("a").type)) == kind
    same(content)


@pytest.mark.parametrize(
    "line",
    [
        LIKE.replace("2024-01-01T00:00:00Z", "a, b"),
        LIKE.replace("2024-01-01T00:00:00Z", "{a: 1}, [1.e5] \x7f \u2028"),
        LIKE.replace("2024-01-01T00:00:00Z", "grüße, 漢字, 🙂"),
        LIKE.replace("2024-01-01T00:00:00Z", ""),
        LIKE.replace("2024-01-01T00:00:00Z", "null,"),
        LIKE.replace('"x"', '"a longer name, with a comma: x.e1"'),
        LIKE.replace('"x"', '"größe"'),
        LIKE.replace("0.5", "1E-5").replace("1,", "-9223372036854775808,"),
        LIKE.replace(",", " ,  ").replace("{", " { "),
    ],
)
def test_what_stands_in_texts_and_names_is_no_hindrance(line: str) -> None:
    content = f"{line}\n".encode() * 8
    assert flat(content) is not None
    same(content)


@pytest.mark.parametrize("place", [0, 1])
def test_every_character_counts(place: int) -> None:
    """Any one character of a line replaced by another: the same rows, or left to others."""
    lines = [LIKE] * 7
    for index in range(len(LIKE)):
        for character in '"{}:,e.-+0n \t\r':
            changed = LIKE[:index] + character + LIKE[index + 1 :]
            same("".join(one + "\n" for one in [*lines[:place], changed, *lines[place:]]).encode())


def test_after_lines_that_are_not_alike_it_is_tried_again() -> None:
    reader = JsonLines(flat_lines=1)
    irregular, alike = b'{"a":1}\n{"b":1}\n', b'{"a":1}\n{"a":2}\n'
    tried = []
    for content in [irregular, *[alike] * 12]:
        batch = reader.parse(Block(content, "log.jsonl", 1)).batch
        assert batch is not None
        assert batch.rows["a"].to_pylist() == [json.loads(line).get("a") for line in content.splitlines()]
        tried.append(reader._not_tried == 0)
    assert tried == [*[False] * 8, *[True] * 5]


PIECES = ["0", "1", "-", "+", ".", "e", "E", '"', "a", ":", ",", "{", "}", " ", "\t", "\\", "null", "true", "N", "x"]


@settings(max_examples=400, deadline=None)
@given(
    values=st.lists(
        st.one_of(
            st.lists(st.sampled_from(PIECES), max_size=5).map("".join),
            st.floats(allow_nan=False).map(json.dumps),
            st.integers(-(2**70), 2**70).map(json.dumps),
            st.text(max_size=4).map(lambda text: json.dumps(text, ensure_ascii=False)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_values_are_read_as_a_json_parser_does(values: list[str]) -> None:
    same("".join(f'{{"a":{value},"b":0}}\n' for value in values).encode("utf-8", "replace"))
    same("".join(f'{{"b":0.5,"a":{value}}}\n' for value in values).encode("utf-8", "replace"))
