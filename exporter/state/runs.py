"""Sorted runs: columns of arrays, sorted by hashed id; the ledger of what waits for a label is made of them."""

import json
import struct
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from exporter.errors import UnknownVersion
from exporter.profile.ids import Hashes
from exporter.state.order import rising

Column = NDArray[np.generic]


class Run:
    """Rows sorted by `hashes` (n,); `bucket` says when it is over; `number` grows.

    The hashes stay in memory. The columns, (n,) or (n, k), may rest in the state until somebody asks for them.
    """

    __slots__ = ("_columns", "_load", "bucket", "hashes", "names", "number")

    def __init__(self, number: int, bucket: int, hashes: Hashes, columns: Mapping[str, Column]) -> None:
        self.number = number
        self.bucket = bucket
        self.hashes = hashes
        self.names = frozenset(columns)
        self._columns: dict[str, Column] | None = dict(columns)
        self._load: Load | None = None

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def columns(self) -> dict[str, Column]:
        """All columns by name."""
        if self._columns is None:
            assert self._load is not None
            self._columns = self._load(self)
        return self._columns

    @columns.setter
    def columns(self, columns: dict[str, Column]) -> None:
        self._columns = columns

    @property
    def nbytes(self) -> int:
        """Bytes of the columns that are in memory."""
        return sum(_held(column) for column in (self._columns or {}).values())

    def rest(self, load: "Load") -> None:
        """Lets go of the columns; `load` brings them back."""
        self._columns, self._load = None, load

    @property
    def rests(self) -> bool:
        return self._columns is None


Load = Callable[[Run], dict[str, Column]]


def _held(column: Column) -> int:
    return 0 if column.strides[:1] == (0,) else column.nbytes


def sorted_run(
    number: int, bucket: int, hashes: Hashes, columns: Mapping[str, Column], order: NDArray[np.intp] | None = None
) -> Run:
    """A run of rows in any order; of rows with one id the last one is kept. `order`: that of `rising`, where known."""
    if order is None:
        order = rising(hashes)
    ordered = hashes.take(order)
    last = np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)]
    if not last.all():
        order, ordered = order[last], ordered[last]
    return Run(number, bucket, ordered, {name: _taken(column, order) for name, column in columns.items()})


def _taken(column: Column, rows: NDArray[np.intp]) -> Column:
    """Some rows of a column; one that says the same in all rows is kept as one row."""
    if len(rows) and (column.strides[:1] == (0,) or _constant(column)):
        return np.broadcast_to(column[:1], (len(rows), *column.shape[1:]))
    return column.take(rows, axis=0)


def _constant(column: Column) -> bool:
    first = column[:1]
    return bool((column[-1:] == first).all() and (column == first).all())


def merge(number: int, bucket: int, runs: list[Run]) -> Run:
    """One run of several, oldest first; of rows with one id the newest is kept."""
    hashes = np.concatenate([run.hashes for run in runs])
    columns = {name: np.concatenate([run.columns[name] for run in runs]) for name in runs[0].columns}
    return sorted_run(number, bucket, hashes, columns)


def put(column: Column, rows: NDArray[np.intp], values: Column) -> None:
    """Sets `rows` (m,) of a column (n,) or (n, k) to `values` in place."""
    if column.ndim == 1 or column.shape[1] == 0:
        column[rows] = values
        return
    # A row of several is put as one: three times as fast.
    whole = np.dtype((np.void, column.itemsize * column.shape[1]))
    column.view(whole)[:, 0][rows] = np.ascontiguousarray(values).view(whole)[:, 0]


def find(run: Run, hashes: Hashes) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where `hashes` (n,) stand in the run, and which of them do: (n,) and (n,). Rising ones are found faster."""
    if len(run) == 0:
        return np.zeros(len(hashes), dtype=np.intp), np.zeros(len(hashes), dtype=np.bool_)
    place = np.minimum(np.searchsorted(run.hashes, hashes), len(run) - 1)
    return place, run.hashes[place] == hashes


_HEAD = struct.Struct("<4sBI")
_MAGIC = b"MLXR"
_VERSION: Final = 3
"""Version 1 was not compressed; version 2 was; in version 3 each column is as narrow as its values allow."""
_SAMPLE: Final = 64
"""Values that are tried first: most columns that cannot be narrower show it at once."""


def pack_run(run: Run) -> bytes:
    """A run as bytes. Hashes and scores would not get any shorter by compression; all else gets narrower as it is."""
    arrays = {"hashes": run.hashes, **run.columns}
    kinds, stored = {}, []
    for name, array in arrays.items():
        narrow, base = _narrow(array)
        kinds[name] = [array.dtype.str, list(array.shape), narrow.dtype.str, list(narrow.shape), base]
        stored.append(np.ascontiguousarray(narrow).data)
    head = json.dumps(kinds).encode()
    return b"".join((_HEAD.pack(_MAGIC, _VERSION, len(head)), head, *stored))


def _narrow(array: Column) -> tuple[Column, int]:
    """Values from which `array` comes back bit by bit: one row if all are alike, else in a shorter type; and a base."""
    if array.strides[:1] == (0,) and len(array) > 1:
        return array[:1], 0
    if array.dtype == np.float64:
        for kind in (np.float16, np.float32):
            with np.errstate(over="ignore"):
                if _same(array[:_SAMPLE], kind) and _same(array, kind):
                    return array.astype(kind), 0
    if array.dtype.kind == "i" and array.size:
        low, high = int(array.min()), int(array.max())
        for narrow in ("<u1", "<u2", "<u4"):
            if np.dtype(narrow).itemsize < array.dtype.itemsize and high - low <= np.iinfo(narrow).max:
                return (array.astype(np.int64) - low).astype(narrow), low
    return array, 0


def _same(array: Column, kind: type[np.floating]) -> bool:
    """True where the type holds every value, to the last bit and sign."""
    wide = array.astype(kind).astype(np.float64)
    return bool((wide.view(np.int64) == array.view(np.int64)).all()) if array.flags.c_contiguous else False


def unpack_run(number: int, bucket: int, data: bytes, load: Load | None = None) -> Run:
    """The run that `pack_run` made bytes of; with `load` its columns rest, but for those of an older version.

    Raises:
        UnknownVersion: of a newer version.
        ValueError: damaged.
    """
    try:
        return _unpacked(number, bucket, data, load)
    except UnknownVersion:
        raise
    except (struct.error, ValueError, TypeError, KeyError, OSError) as error:
        raise ValueError(f"run {number}: {error}") from error


def _unpacked(number: int, bucket: int, data: bytes, load: Load | None) -> Run:
    magic, version, size = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError("not a run")
    if not 1 <= version <= _VERSION:
        raise UnknownVersion("run of", version, reads=_VERSION)
    start = _HEAD.size + size
    head = json.loads(data[_HEAD.size : start])
    if load is not None and version == _VERSION and next(iter(head)) == "hashes":
        run = Run(number, bucket, _widened({"hashes": head["hashes"]}, data, start)["hashes"].astype(np.uint64), {})
        run.names = frozenset(head) - {"hashes"}
        run.rest(load)
        return run
    arrays = _widened(head, data, start) if version == _VERSION else _as_they_were(head, data, start, version)
    return Run(number, bucket, arrays.pop("hashes").astype(np.uint64, copy=False), arrays)


def _widened(head: dict[str, list[object]], data: bytes, start: int) -> dict[str, Column]:
    arrays: dict[str, Column] = {}
    for name, (kind, shape, narrow, stored, base) in head.items():
        assert isinstance(shape, list)
        assert isinstance(stored, list)
        column = np.frombuffer(data, np.dtype(str(narrow)), int(np.prod(stored)), start).reshape(stored)
        start += column.nbytes
        if stored != shape:
            arrays[name] = np.broadcast_to(column.astype(str(kind)), shape)
        elif kind == narrow:
            # Copied, as what does not lie on its own boundary would be at every search.
            arrays[name] = column.copy()
        elif base:
            arrays[name] = (column.astype(np.int64) + np.int64(str(base))).astype(str(kind))
        else:
            arrays[name] = column.astype(str(kind))
    return arrays


def _as_they_were(head: dict[str, tuple[str, list[int]]], data: bytes, start: int, version: int) -> dict[str, Column]:
    """The columns of versions 1 and 2."""
    arrays: dict[str, Column] = {}
    kinds = {name: (np.dtype(kind), shape) for name, (kind, shape) in head.items()}
    payload = data[start:]
    if version > 1:
        length = sum(kind.itemsize * int(np.prod(shape)) for kind, shape in kinds.values())
        payload = pa.Codec("zstd").decompress(payload, decompressed_size=length, asbytes=True) if length else b""
    start = 0
    for name, (kind, shape) in kinds.items():
        count = int(np.prod(shape))
        arrays[name] = np.frombuffer(payload, dtype=kind, count=count, offset=start).reshape(shape).copy()
        start += arrays[name].nbytes
    return arrays
