"""Cursors survive being written and read, and nothing else is taken for one."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import SourceError
from exporter.sources.file_cursor import Mark, decode, encode

numbers = st.integers(0, 2**63 - 1)
marks = st.builds(
    Mark,
    path=st.text(max_size=20),
    device=numbers,
    inode=numbers,
    head=st.text(max_size=16),
    head_bytes=st.integers(0, 1024),
    tail=st.text(max_size=16),
    offset=numbers,
    line=numbers,
    skipping=st.booleans(),
    drained=st.booleans(),
    size=numbers,
    mtime=numbers,
)


@given(written=st.lists(marks, max_size=4))
def test_a_cursor_says_what_was_written(written: list[Mark]) -> None:
    assert decode(encode(written)) == tuple(written)


def test_no_cursor_is_the_start() -> None:
    assert decode(None) == ()


@pytest.mark.parametrize(
    "cursor",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"version":1,"files":[[1]]}',
        b'{"version":2,"files":[]}',
        b'{"version":1}',
        b'{"version":1,"files":[["/a",1,2,"",0,"","1",1,false,true,1,1]]}',
        b"7",
        b'{"version":1,"files":[{}]}',
    ],
    ids=range(10),
)
def test_anything_else_is_fatal(cursor: bytes) -> None:
    with pytest.raises(SourceError) as told:
        decode(cursor)
    assert told.value.fatal


def test_every_attribute_is_written() -> None:
    assert len(fields(Mark)) == 12
