"""Seeds of every target, and small changes to them: what a fuzzer starts from, and all it is in the default suite."""

import bz2
import gzip
import io
import json
import random
from collections.abc import Mapping
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq

from exporter.profile.codec import pack, pack_reference
from exporter.profile.counts import Counts
from exporter.profile.reference import Reference
from exporter.sources.file_cursor import Mark, encode
from tests.laws.rows import TASKS, layout

_JSON = (
    b'{"a":1,"b":"x","c":null}\n{"a":2.5,"b":"2023-11-14T22:13:20Z"}\n{"a":"1","b":true,"c":{"d":[1,2]}}\n',
    b'{"a":18446744073709551616}\n{"a":9007199254740993}\n{"a":1e400}\n{"a":NaN}\n{"a":-Infinity}\n{"a":Inf}\n',
    b'{"a":1,"a":2}\n{"a":"\\ud83d\\ude00"}\n{"a":"\\ud800"}\n{"a":"\xff"}\n{"a":"\\u0000"}\n\0\0{"a":1}\n',
    b'\xef\xbb\xbf{"a":1}\r\n\r\n {"a":2} \n[1]\nnull\n{"a":01}\n{"a":1}{"b":2}\n{"a":1,\n"b":2}\n{"a":',
    b'{"a":1.0}\n{"a":"t"}\n{"a":false}\n{"a":[]}\n{"a":{}}\n{}\n',
    b'{"a":' + b"[" * 250 + b"]" * 250 + b"}\n" + b'{"a":' * 250 + b"1" + b"}" * 250 + b'\n{"a":3}\n',
)
_CSV = (
    b'a,b\n1,2\n"x,y","say ""hi"""\n3\n4,5,6\n"open,7\n,NA\n"",8\n',
    b'a;b;c\r\n1;2;3\r\na;b;c\r\n4;5" disk;\xff\r\n',
    b"\xef\xbb\xbfa\tb\n\n1\t2\n\0\0003\t4\r5\t6\n",
    b'only\n1\n""\n\n"a"b\n',
)
_TIMES = (
    b"2023-11-14T23:59:60Z\n2023-11-05 01:30:00\n2023-03-12T02:30\n20231114\n1700000000\n1700000000000\n1e9\n-1\n",
    b"0000-01-01\n9999-12-31T23:59:59-14:00\n0001-01-01T00:00:00+14:00\n2038-01-19T03:14:08Z\n2023-W46-2\n 12 \n",
    b"2023-11-14T22:13:20.123456789Z\n2023-11-14 22:13\ninf\nnan\n\n1970-01-01T00:00:00+00:00\n2023-11-14T22:13:20+0530\n",
)
_VALUES = (
    b"1\n1.0\n 1 \n1e3\n1_000\n0x10\n1,5\nNaN\nnull\nN/A\ninf\n-Infinity\n1e999\n",
    "é\n\0\ntrue\nFalse\n٣\n-0\n0.1\n123456789012345678901234567890\n".encode(),
)
TOKENS = (
    b"\n", b"\r\n", b"\0", b'"', b'""', b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"NaN", b"1e400", b"-", b"\\u",
    b"\\ud800", b"\xff", b"\xef\xbb\xbf", b"9223372036854775808", b"2038-01-19", b"23:59:60", b'{"a":1}\n', b"PAR1", b"0" * 70,
)  # fmt: skip


@cache
def seeds() -> Mapping[str, tuple[bytes, ...]]:
    """Inputs of each target that reach into it."""
    compressed = {"zstd": io.BytesIO(), "lz4": io.BytesIO()}
    for name, out in compressed.items():
        with pa.CompressedOutputStream(pa.PythonFile(out), name) as stream:
            stream.write(_JSON[0] * 3)
            stream.flush()
            compressed[name] = io.BytesIO(out.getvalue())
    zipped = gzip.compress(_JSON[0] * 20, mtime=0)
    texts = [
        bytes((0 if content in _JSON else 1, limit)) + b"\n" + content
        for content in (*_JSON, *_CSV)
        for limit in (0, 3)
    ]
    return {
        "jsonl": _JSON,
        "csv": _CSV,
        "gzipped": (zipped, zipped + zipped, zipped + b"\0" * 9, zipped[:-5], zipped[:30] + b"\xff" * 3 + zipped[33:]),
        "zstandard": (*(out.getvalue() for out in compressed.values()), bz2.compress(_JSON[0])),
        "source": (*texts, b"\x02\n" + zipped, b"\x02xx\n" + _JSON[3], b"\x05\n" + _parquet(), b"\x04\n" + _CSV[0]),
        "cursor": (
            encode([_MARK]),
            encode([]),
            b"{}",
            b'{"version":1,"files":[["/a",1,2,"","0","",1.5,true,0,0,0,[]]]}',
        ),
        "counts": tuple(pack(Counts(shape, _ramp(shape), Counts.zero(shape).by_slice)) for shape in map(layout, TASKS)),
        "reference": tuple(map(_reference, (0, 1, 2))),
        "times": _TIMES,
        "values": _VALUES,
        "rows": tuple(bytes(random.Random(number).randbytes(200)) for number in range(20)),
        "parquet": (_parquet(),),
    }


_MARK = Mark("/a.jsonl", 1, 2, "00ff", 20, "ff00", 20, 2, skipping=False, drained=True, size=20, mtime=5)


def _ramp(shape: object) -> object:
    counts = Counts.zero(shape)  # type: ignore[arg-type]
    counts.all[:] = range(len(counts.all))
    return counts.all


def _reference(task: int) -> bytes:
    """A header, NUL, and values, as the target packs them."""
    shape = layout(TASKS[task])
    fitted = Reference(layout=shape, total=Counts.zero(shape), model="m")
    assert pack_reference(fitted)
    header = {
        "layout": shape.to_json(), "model": "m", "version": "", "created": 0.0, "timezone": "UTC", "block_seconds": None,
        "block_starts": [], "names": {"site": ["x"]},
    }  # fmt: skip
    values = Counts.zero(shape)
    return json.dumps(header).encode() + b"\0" + values.all.tobytes() + values.by_slice.tobytes()


def _parquet() -> bytes:
    out = io.BytesIO()
    table = pa.table({"a": list(range(20)), "b": ["x", None] * 10, "c": [{"d": 1.5}] * 20})
    pq.write_table(table, out, row_group_size=7, compression="none")
    return out.getvalue()


def mutated(draw: random.Random, pool: tuple[bytes, ...]) -> bytes:
    """A seed with some small changes: bytes, tokens, stretches cut, doubled or taken from another seed."""
    data = bytearray(draw.choice(pool))
    for _ in range(draw.choice((1, 1, 2, 4, 8))):
        place, stretch = draw.randrange(len(data) + 1), draw.choice((1, 2, 8, 40))
        change = draw.randrange(6)
        if change == 0 and data:
            data[place % len(data)] = draw.randrange(256)
        elif change == 1:
            data[place:place] = draw.choice(TOKENS)
        elif change == 2:
            del data[place : place + stretch]
        elif change == 3:
            data[place:place] = data[place : place + stretch]
        elif change == 4:
            other = draw.choice(pool)
            start = draw.randrange(len(other) + 1)
            data[place:place] = other[start : start + stretch]
        else:
            data[place : place + len(token)] = (token := draw.choice(TOKENS))
    return bytes(data[: 1 << 14])
