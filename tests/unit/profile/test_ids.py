"""Ids become keyed hashes, equal to SipHash's published construction."""

import numpy as np
import pyarrow as pa

from exporter.profile.ids import hash_ids

KEY = (0x0706050403020100, 0x0F0E0D0C0B0A0908)


def reference_siphash13(text: bytes, key: tuple[int, int]) -> int:
    """SipHash-1-3 one text at a time, written from the paper's description."""
    mask = 2**64 - 1

    def rotate(x: int, b: int) -> int:
        return ((x << b) | (x >> (64 - b))) & mask

    v = [
        key[0] ^ 0x736F6D6570736575,
        key[1] ^ 0x646F72616E646F6D,
        key[0] ^ 0x6C7967656E657261,
        key[1] ^ 0x7465646279746573,
    ]

    def sip_round() -> None:
        v[0] = (v[0] + v[1]) & mask
        v[2] = (v[2] + v[3]) & mask
        v[1] = rotate(v[1], 13) ^ v[0]
        v[3] = rotate(v[3], 16) ^ v[2]
        v[0] = rotate(v[0], 32)
        v[2] = (v[2] + v[1]) & mask
        v[0] = (v[0] + v[3]) & mask
        v[1] = rotate(v[1], 17) ^ v[2]
        v[3] = rotate(v[3], 21) ^ v[0]
        v[2] = rotate(v[2], 32)

    padded = text + b"\0" * (7 - len(text) % 8) + bytes([len(text) & 0xFF])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i : i + 8], "little")
        v[3] ^= word
        sip_round()
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(3):
        sip_round()
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_hashes_equal_siphash_of_any_length() -> None:
    """Every text hashes as SipHash-1-3 says, whatever else is in the column."""
    texts = [("x" * n + str(n)) for n in range(40)] + ["é中", "a"]
    hashes, present = hash_ids(pa.array(texts), KEY)
    assert [int(h) for h in hashes] == [reference_siphash13(t.encode(), KEY) for t in texts]
    assert present.all()


def test_slices_nulls_and_numbers() -> None:
    """A slice of a column hashes like the column; null and empty are no id; a number is its text."""
    column = pa.array(["a", None, "", "bb", "ccc"])
    hashes, present = hash_ids(column, KEY)
    assert present.tolist() == [True, False, False, True, True]
    part, _ = hash_ids(column.slice(3), KEY)
    assert part.tolist() == hashes[3:].tolist()
    assert hash_ids(pa.array([12]), KEY)[0].tolist() == hash_ids(pa.array(["12"]), KEY)[0].tolist()
    assert hash_ids(pa.array([], pa.string()), KEY)[0].dtype == np.uint64


def test_other_key_other_hash() -> None:
    assert hash_ids(pa.array(["a"]), KEY)[0][0] != hash_ids(pa.array(["a"]), (1, 2))[0][0]


def test_long_ids_are_told_apart_too() -> None:
    """Ids of a megabyte, and as few bytes of memory for them as for their text; alone and among others the same."""
    ids = ["x" * 1024, "x" * 1025, "x" * 1024 + "y", "x" * 1_000_000, None, "short"]
    together, present = hash_ids(pa.array(ids), KEY)
    assert present.tolist() == [True, True, True, True, False, True]
    assert len(set(together[present].tolist())) == 5
    assert together.tolist() == [int(hash_ids(pa.array([each], pa.string()), KEY)[0][0]) for each in ids]
    assert int(hash_ids(pa.array(ids[1:2]), (1, 2))[0][0]) != int(together[1])
