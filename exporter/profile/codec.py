"""Counts and references as bytes: a magic word, a version, and what is needed to refuse what does not fit."""

import hashlib
import json
import struct
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from exporter.errors import ProfileMismatch, ReferenceFileError
from exporter.profile.bins import Floats
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.loss.model import LossModel
from exporter.profile.reference import Reference
from exporter.profile.vectors import Group, Vectors

_COUNTS = struct.Struct("<4sB16sIII")
_COUNTS_MAGIC = b"MLXC"
_COUNTS_VERSION = 2
"""Version 1 held every slot of every slice dimension, in order."""

_REFERENCE = struct.Struct("<5sHIQ32s")
_REFERENCE_MAGIC = b"MLREF"
REFERENCE_VERSION = 2
"""Version 1 held every block as plain numbers; it is read."""
_CODEC = "zstd"
_MOST_BYTES = 1 << 36


def pack(counts: Counts) -> bytes:
    """Counts as bytes; `unpack` with the same layout gives them back, bit for bit. Slots without rows take no room."""
    used = np.flatnonzero(counts.by_slice.any(axis=1))
    payload = np.concatenate((counts.all, counts.by_slice[used].reshape(-1))).tobytes()
    layout = counts.layout
    head = _COUNTS.pack(_COUNTS_MAGIC, _COUNTS_VERSION, layout.id.encode(), layout.width, len(used), layout.slice_width)
    return head + used.astype("<u4").tobytes() + _compress(payload)


def packed_layout(data: bytes) -> str:
    """Id of the layout that packed counts have.

    Raises:
        ProfileMismatch: not packed counts, or of a newer version.
    """
    if len(data) < _COUNTS.size or data[:4] != _COUNTS_MAGIC:
        raise ProfileMismatch("not packed counts")
    _, version, layout, *_ = _COUNTS.unpack_from(data)
    if not 1 <= version <= _COUNTS_VERSION:
        raise ProfileMismatch(f"counts of version {version}; this program reads versions up to {_COUNTS_VERSION}")
    return str(layout.decode("ascii", "replace"))


def unpack(data: bytes, layout: Layout) -> Counts:
    """The counts that `pack` made bytes of.

    Raises:
        ProfileMismatch: other bins, not packed counts, or of a newer version.
    """
    values, used, rows = _unpacked(data, layout)
    result = Counts(layout, values.copy(), np.zeros((layout.slice_rows, layout.slice_width)))
    result.by_slice[used] = rows
    return result


def add_packed(data: bytes, total: Counts) -> None:
    """Adds what `unpack` would give to `total`, in place.

    Raises:
        ProfileMismatch: as `unpack`.
    """
    values, used, rows = _unpacked(data, total.layout)
    total.all += values
    total.by_slice[used] += rows


def _unpacked(data: bytes, layout: Layout) -> tuple[Floats, NDArray[np.integer[Any]], Floats]:
    """(width,) counts of all rows, and the slots that have some, each once, with theirs: (n,) and (n, slice_width)."""
    found = packed_layout(data)
    if found != layout.id:
        raise ProfileMismatch(f"counts with bins {found}, expected {layout.id}")
    _, version, _, width, rows, columns = _COUNTS.unpack_from(data)
    start = _COUNTS.size + (0 if version == 1 else 4 * rows)
    if (width, columns) != (layout.width, layout.slice_width) or rows > layout.slice_rows or start > len(data):
        raise ProfileMismatch("packed counts are damaged")
    used = np.arange(rows) if version == 1 else np.frombuffer(data[_COUNTS.size : start], dtype="<u4")
    if (used >= layout.slice_rows).any():
        raise ProfileMismatch("packed counts are damaged")
    try:
        values = _decompress(data[start:], (width + rows * columns) * 8)
    except (ValueError, OSError) as error:
        raise ProfileMismatch("packed counts are damaged") from error
    return values[:width], used, values[width:].reshape(rows, columns)


def _compress(data: bytes) -> bytes:
    return bytes(pa.Codec(_CODEC, 1).compress(data, asbytes=True))


def _decompress(data: bytes, size: int) -> Floats:
    return np.frombuffer(_decompressed(data, size), dtype=np.float64)


def _decompressed(data: bytes, size: int) -> bytes:
    """The bytes that were compressed.

    Raises:
        ValueError, OSError: they are not, or not so many.
    """
    if size == 0:
        return b""
    if not 0 < size < _MOST_BYTES:
        raise ValueError("it says a size that cannot be")
    return bytes(pa.Codec(_CODEC).decompress(data, decompressed_size=size, asbytes=True))


def pack_reference(reference: Reference) -> bytes:
    """A reference as bytes; no raw row is in it, only bins and counts."""
    header: dict[str, Any] = {
        "layout": reference.layout.to_json(),
        "model": reference.model,
        "version": reference.version,
        "created": reference.created,
        "timezone": reference.timezone,
        "block_seconds": reference.block_seconds,
        "block_starts": reference.block_starts.tolist(),
        "names": {kind: list(names) for kind, names in reference.names.items()},
        "losses": None if reference.losses is None else reference.losses.to_json(),
        "groups": [[group.data.dtype.str, len(group.places)] for group in reference.blocks.groups],
    }
    head = _compress(json.dumps(header, separators=(",", ":")).encode())
    size = len(json.dumps(header, separators=(",", ":")).encode())
    total = np.concatenate((reference.total.all, reference.total.by_slice.reshape(-1)))
    parts = [total.tobytes()]
    for group in reference.blocks.groups:
        parts += [group.places.astype("<u4").tobytes(), group.data.tobytes()]
    body = struct.pack("<I", size) + head + _compress(b"".join(parts))
    return (
        _REFERENCE.pack(_REFERENCE_MAGIC, REFERENCE_VERSION, len(head), len(body), hashlib.sha256(body).digest()) + body
    )


def unpack_reference(data: bytes, where: str) -> Reference:
    """The reference that `pack_reference` made bytes of.

    Args:
        data: the file's bytes.
        where: its name, for messages.

    Raises:
        ReferenceFileError: not a reference, damaged, or of another version.
    """
    if len(data) < _REFERENCE.size or data[:5] != _REFERENCE_MAGIC:
        raise ReferenceFileError(f"{where}: not a reference file; make one with `ml-exporter reference fit`")
    _, version, head, length, digest = _REFERENCE.unpack_from(data)
    if not 1 <= version <= REFERENCE_VERSION:
        raise ReferenceFileError(
            f"{where}: reference of version {version}, this program reads versions up to {REFERENCE_VERSION}; "
            "fit it again with `ml-exporter reference fit`"
        )
    body = data[_REFERENCE.size :]
    if len(body) != length or hashlib.sha256(body).digest() != digest:
        raise ReferenceFileError(f"{where}: damaged or cut off; fit it again with `ml-exporter reference fit`")
    try:
        (size,) = struct.unpack_from("<I", body)
        header = json.loads(_decompressed(body[4 : 4 + head], size))
        return _reference(header, body[4 + head :])
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        OSError,
        MemoryError,
        struct.error,
    ) as error:
        raise ReferenceFileError(f"{where}: {error}; fit it again with `ml-exporter reference fit`") from error


def _reference(header: dict[str, Any], body: bytes) -> Reference:
    layout = Layout.from_json(header["layout"])
    starts = np.array(header["block_starts"], dtype=np.int64)
    slices = layout.slice_rows * layout.slice_width
    plain = "groups" not in header and len(starts) > 0
    sizes = [(np.dtype(kind), columns) for kind, columns in header.get("groups", ())]
    size = (layout.width + slices) * 8 + sum(columns * (4 + kind.itemsize * len(starts)) for kind, columns in sizes)
    size += len(starts) * layout.width * 8 if plain else 0
    data = _decompressed(body, size)
    values = np.frombuffer(data, dtype="<f8", count=layout.width + slices)
    total = Counts(
        layout,
        values[: layout.width].copy(),
        values[layout.width :].reshape(layout.slice_rows, layout.slice_width).copy(),
    )
    groups, at = [], values.nbytes
    for kind, columns in sizes:
        places = np.frombuffer(data, dtype="<u4", count=columns, offset=at).astype(np.intp)
        numbers = np.frombuffer(data, dtype=kind, count=columns * len(starts), offset=at + 4 * columns)
        groups.append(Group(places, numbers.reshape(columns, len(starts))))
        at += columns * (4 + kind.itemsize * len(starts))
    blocks = np.frombuffer(data, dtype="<f8", offset=at).reshape(-1, layout.width) if plain else np.empty((0, 0))
    return Reference(
        layout=layout,
        total=total,
        model=header["model"],
        version=header["version"],
        created=header["created"],
        block_seconds=header["block_seconds"],
        block_starts=starts,
        blocks=Vectors.of(blocks, layout.width) if plain else Vectors(len(starts), layout.width, groups),
        names={kind: tuple(names) for kind, names in header["names"].items()},
        timezone=header["timezone"],
        losses=None if header.get("losses") is None else LossModel.from_json(header["losses"]),
    )
