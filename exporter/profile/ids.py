"""Ids as keyed 64-bit hashes: enough to join by, nothing to read.

SipHash-1-3 (Aumasson, Bernstein: SipHash, a fast short-input PRF, 2012; rounds as in Rust's and Python's own hash
tables), computed for many ids at once.
"""

import contextlib
import hashlib
import struct

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Key = tuple[int, int]

_WHOLE_BELOW = 2.0**63
_LONGEST = 1024
"""Bytes of an id that are hashed among others; longer ones, which are none but by mistake, have BLAKE2b one by one."""
_KEY = struct.Struct("<QQ")
_BLOCK = 8192
"""Ids hashed at once: the lanes of a block stay in the first-level cache."""


def hash_ids(ids: pa.Array, key: Key) -> tuple[Hashes, NDArray[np.bool_]]:
    """Keyed hashes of a column of ids.

    Args:
        ids: (n,) text, numbers or bytes; a number hashes as its decimal text, a whole one without decimals however it
            came: a column of whole numbers with gaps often comes as floats.
        key: two 64-bit numbers, secret to this installation.

    Returns:
        (n,) hashes and (n,) whether there is an id: null and empty text are none.
    """
    column = _as_bytes(ids)
    present = np.asarray(pc.fill_null(pc.greater(pc.binary_length(column), 0), False))
    column = pc.fill_null(column, b"")
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    n = len(column)
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int64)[column.offset : column.offset + n + 1]
    data = (
        np.frombuffer(column.buffers()[2], dtype=np.uint8) if column.buffers()[2] is not None else np.empty(0, np.uint8)
    )
    lengths = np.diff(offsets)
    hashes = np.empty(n, dtype=np.uint64)
    for row in np.flatnonzero(lengths > _LONGEST):
        text = data[offsets[row] : offsets[row] + lengths[row]].tobytes()
        hashes[row] = int.from_bytes(hashlib.blake2b(text, digest_size=8, key=_KEY.pack(*key)).digest(), "little")
    for length in np.unique(lengths[lengths <= _LONGEST]):
        rows = np.flatnonzero(lengths == length)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            hashes[block] = _siphash(data, offsets[block], int(length), key)
    return hashes, present


def _as_bytes(ids: pa.Array) -> pa.Array:
    """The column as bytes: text in UTF-8, numbers as decimal text."""
    if pa.types.is_dictionary(ids.type):
        ids = ids.cast(ids.type.value_type)
    kind = ids.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return ids.cast(pa.large_binary())
    if pa.types.is_floating(kind):
        return _floats_as_text(ids.cast(pa.float64())).cast(pa.large_binary())
    if pa.types.is_decimal(kind):
        with contextlib.suppress(pa.ArrowInvalid):
            ids = ids.cast(pa.decimal256(76, 0))
    return ids.cast(pa.large_string()).cast(pa.large_binary())


def _floats_as_text(column: pa.Array) -> pa.Array:
    values = np.asarray(pc.fill_null(column, np.nan), dtype=np.float64)
    whole = (np.abs(values) < _WHOLE_BELOW) & (values == np.floor(values))
    digits = pa.array(np.where(whole, values, 0).astype(np.int64)).cast(pa.large_string())
    text = pc.if_else(pa.array(np.isnan(values)), None, column).cast(pa.large_string())
    return pc.if_else(pa.array(whole), digits, text)


def _siphash(data: NDArray[np.uint8], starts: NDArray[np.int64], length: int, key: Key) -> Hashes:
    """SipHash-1-3 of texts of one length that start at `starts` in `data`."""
    padded = np.zeros((len(starts), (length // 8 + 1) * 8), dtype=np.uint8)
    if length:
        padded[:, :length] = data[starts[:, None] + np.arange(length)]
    padded[:, -1] = length & 0xFF
    words = np.ascontiguousarray(padded.view("<u8").T)
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    shape = len(starts)
    v0 = np.full(shape, k0 ^ np.uint64(0x736F6D6570736575))
    v1 = np.full(shape, k1 ^ np.uint64(0x646F72616E646F6D))
    v2 = np.full(shape, k0 ^ np.uint64(0x6C7967656E657261))
    v3 = np.full(shape, k1 ^ np.uint64(0x7465646279746573))
    for word in words:
        v3 ^= word
        _round(v0, v1, v2, v3)
        v0 ^= word
    v2 ^= np.uint64(0xFF)
    for _ in range(3):
        _round(v0, v1, v2, v3)
    result: Hashes = v0 ^ v1 ^ v2 ^ v3
    return result


def _round(v0: Hashes, v1: Hashes, v2: Hashes, v3: Hashes) -> None:
    """One SipRound, in place; additions wrap around as they must."""
    v0 += v1
    _rotate(v1, 13)
    v1 ^= v0
    _rotate(v0, 32)
    v2 += v3
    _rotate(v3, 16)
    v3 ^= v2
    v0 += v3
    _rotate(v3, 21)
    v3 ^= v0
    v2 += v1
    _rotate(v1, 17)
    v1 ^= v2
    _rotate(v2, 32)


def _rotate(v: Hashes, bits: int) -> None:
    high = v >> np.uint64(64 - bits)
    v <<= np.uint64(bits)
    v |= high
