"""An id is the same id in whatever type it comes."""

import decimal

import pyarrow as pa
import pytest

from exporter.profile.ids import hash_ids

KEY = (1, 2)
SEVEN = hash_ids(pa.array(["7"]), KEY)[0][0]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([7]),
        pa.array([7], pa.uint8()),
        pa.array([7.0]),
        pa.array([7.0, None, 0.5]),
        pa.array([7.0], pa.float32()),
        pa.array([decimal.Decimal("7.00")]),
        pa.array([b"7"]),
        pa.array([b"7"], pa.binary(1)),
        pa.array(["7"], pa.large_string()),
        pa.array(["7"]).dictionary_encode(),
        pa.array([7]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["7", None])),
    ],
)
def test_seven_is_seven(column: pa.Array) -> None:
    hashes, present = hash_ids(column, KEY)
    assert (hashes[0], bool(present[0])) == (SEVEN, True)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([None, float("nan"), 1.5, 0.0, -0.0], pa.float64()), [False, False, True, True, True]),
        (pa.array([b"", b"\xff", None]), [False, True, False]),
        (pa.array([decimal.Decimal("7.25"), None]), [True, False]),
        (pa.array([bytes(16)], pa.binary(16)), [True]),
        (pa.array([1e300, 2.0**63, -(2.0**60)]), [True, True, True]),
    ],
)
def test_who_has_an_id(column: pa.Array, expected: list) -> None:
    assert hash_ids(column, KEY)[1].tolist() == expected


def test_different_numbers_are_different_ids() -> None:
    values = [7.0, 7.5, 8.0, 1e18, 1e18 + 1024, -7.0, 1e300]
    assert len(set(hash_ids(pa.array(values), KEY)[0].tolist())) == len(values)
