"""Bytes that are not ours, damaged or newer are refused in one line."""

import struct

import numpy as np
import pyarrow as pa
import pytest

from exporter.batch import Batch
from exporter.errors import ProfileMismatch, ReferenceFileError
from exporter.profile.codec import REFERENCE_VERSION, pack, pack_reference, packed_layout, unpack, unpack_reference
from exporter.profile.columns import Columns
from exporter.profile.counts import Counts
from exporter.profile.fit import FitSpec, fit
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference

LAYOUT = Layout("regression", slices={"a": 3})


def counts() -> Counts:
    made = Counts.zero(LAYOUT)
    made.all[:] = np.random.default_rng(0).integers(0, 9, len(made.all))
    return made


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"", "not packed counts"),
        (lambda data: b"XXXX" + data[4:], "not packed counts"),
        (lambda data: data[:4] + b"\x03" + data[5:], "counts of version 3; this program reads versions up to 2"),
        (lambda data: data[:-20], "damaged"),
        (lambda data: data[:33] + b"\xff" * (len(data) - 33), "damaged"),
        (lambda data: data[:21] + b"\x01\x00\x00\x00" + data[25:], "damaged"),
    ],
)
def test_packed_counts_that_are_not(change, message: str) -> None:
    with pytest.raises(ProfileMismatch, match=message):
        unpack(change(pack(counts())), LAYOUT)


def test_counts_of_version_1() -> None:
    """They held every slot."""
    made = counts()
    made.by_slice[1] = 7.0
    head = struct.pack("<4sB16sIII", b"MLXC", 1, LAYOUT.id.encode(), len(made.all), *made.by_slice.shape)
    payload = np.concatenate((made.all, made.by_slice.reshape(-1))).tobytes()
    again = unpack(head + pa.Codec("zstd").compress(payload, asbytes=True), LAYOUT)
    assert np.array_equal(again.all, made.all)
    assert np.array_equal(again.by_slice, made.by_slice)
    assert np.array_equal(unpack(pack(made), LAYOUT).by_slice, made.by_slice)


def test_counts_of_other_bins() -> None:
    other = Layout("regression", slices={"a": 4})
    assert packed_layout(pack(counts())) == LAYOUT.id
    with pytest.raises(ProfileMismatch, match=f"counts with bins {LAYOUT.id}, expected {other.id}"):
        unpack(pack(counts()), other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"PK\x03\x04", "f: not a reference file; make one with `ml-exporter reference fit`"),
        (
            lambda data: data[:5] + bytes([REFERENCE_VERSION + 1]) + data[6:],
            f"f: reference of version {REFERENCE_VERSION + 1}, this program reads versions up to {REFERENCE_VERSION}",
        ),
        (lambda data: data[:-1], "f: damaged or cut off; fit it again"),
        (lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:], "f: damaged or cut off; fit it again"),
    ],
)
def test_reference_files_that_are_not(change, message: str) -> None:
    data = pack_reference(Reference(LAYOUT, counts(), "m"))
    assert np.array_equal(unpack_reference(data, "f").total.all, counts().all)
    with pytest.raises(ReferenceFileError, match=message) as error:
        unpack_reference(change(data), "f")
    assert "\n" not in str(error.value)


def test_no_raw_value_is_in_a_reference_file(tmp_path) -> None:
    """Rare categories are hashes, and outer edges are quantiles, not extremes."""
    values = np.append(np.random.default_rng(0).normal(size=5000), 987654.321)
    names = ["common"] * 5000 + ["mrs-smith-of-elm-street"]
    rows = pa.record_batch({"ts": np.arange(5001.0), "late": [1] * 5001, "x": values, "c": names})
    made = fit(lambda: [Batch(rows, "r", 1)], FitSpec("m", "binary", Columns(time="ts", prediction="late")), 0.0)
    again = unpack_reference(pack_reference(made.reference), "f")
    assert "mrs-smith-of-elm-street" not in str(again.layout.to_json())
    assert "987654" not in str(again.layout.to_json())
