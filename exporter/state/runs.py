"""Sorted runs: columns of arrays, sorted by hashed id; the ledger of what waits for a label is made of them."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from exporter.profile.ids import Hashes

Column = NDArray[np.generic]


@dataclass(slots=True, eq=False)
class Run:
    """Rows sorted by `hashes` (n,); `columns` are (n,) or (n, k); `bucket` says when it is over; `number` grows."""

    number: int
    bucket: int
    hashes: Hashes
    columns: dict[str, Column]

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def nbytes(self) -> int:
        return self.hashes.nbytes + sum(column.nbytes for column in self.columns.values())


def sorted_run(number: int, bucket: int, hashes: Hashes, columns: Mapping[str, Column]) -> Run:
    """A run of rows in any order; of rows with one id the last one is kept."""
    # Reversed and stable: among equal ids the last row comes first, and `unique` keeps the first.
    _, first = np.unique(hashes[::-1], return_index=True)
    rows = len(hashes) - 1 - first
    return Run(number, bucket, hashes[rows], {name: column[rows] for name, column in columns.items()})


def merge(number: int, bucket: int, runs: list[Run]) -> Run:
    """One run of several, oldest first; of rows with one id the newest is kept."""
    hashes = np.concatenate([run.hashes for run in runs])
    columns = {name: np.concatenate([run.columns[name] for run in runs]) for name in runs[0].columns}
    return sorted_run(number, bucket, hashes, columns)


def find(run: Run, hashes: Hashes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where `hashes` (n,) stand in the run, and which of them do: (n,) and (n,)."""
    if len(run) == 0:
        return np.zeros(len(hashes), dtype=np.intp), np.zeros(len(hashes), dtype=np.bool_)
    place = np.minimum(np.searchsorted(run.hashes, hashes), len(run) - 1)
    return place, run.hashes[place] == hashes


_HEAD = struct.Struct("<4sBI")
_MAGIC = b"MLXR"
_VERSION = 2
"""Version 1 was not compressed."""


def pack_run(run: Run) -> bytes:
    """A run as bytes, compressed: hashes stay as long as they are, the rest halves, and so does the time to write."""
    arrays = {"hashes": run.hashes, **run.columns}
    head = json.dumps({name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}).encode()
    payload = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    packed: bytes = pa.Codec("zstd", 1).compress(payload, asbytes=True)
    return _HEAD.pack(_MAGIC, _VERSION, len(head)) + head + packed


def unpack_run(number: int, bucket: int, data: bytes) -> Run:
    """The run that `pack_run` made bytes of.

    Raises:
        ValueError: damaged, or of a newer version.
    """
    try:
        return _unpacked(number, bucket, data)
    except (struct.error, ValueError, TypeError, KeyError, OSError) as error:
        raise ValueError(f"run {number}: {error}") from error


def _unpacked(number: int, bucket: int, data: bytes) -> Run:
    magic, version, size = _HEAD.unpack_from(data)
    if magic != _MAGIC or not 1 <= version <= _VERSION:
        raise ValueError(f"not one of version {_VERSION} or before")
    arrays: dict[str, Column] = {}
    start = _HEAD.size + size
    kinds = {name: (np.dtype(kind), shape) for name, (kind, shape) in json.loads(data[_HEAD.size : start]).items()}
    payload = data[start:]
    if version > 1:
        length = sum(kind.itemsize * int(np.prod(shape)) for kind, shape in kinds.values())
        payload = pa.Codec("zstd").decompress(payload, decompressed_size=length, asbytes=True) if length else b""
    start = 0
    for name, (kind, shape) in kinds.items():
        # Copied, as what does not lie on its own boundary would be at every search.
        count = int(np.prod(shape))
        arrays[name] = np.frombuffer(payload, dtype=kind, count=count, offset=start).reshape(shape).copy()
        start += arrays[name].nbytes
    return Run(number, bucket, arrays.pop("hashes").astype(np.uint64, copy=False), arrays)
