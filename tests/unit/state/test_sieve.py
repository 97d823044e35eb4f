"""What a sieve lacks is no member; the order of hashes is that of a plain sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.state.order import rising
from exporter.state.sieve import Sieve


def hashes(count, seed):
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


def test_a_sieve_shows_every_member_and_little_else():
    """Also after it grew many times, and after most members have gone."""
    members = []
    sieve = Sieve(lambda: members)
    for step in range(60):
        members.append(np.sort(hashes(1000, step)))
        sieve.add(members[-1])
    for kept in (60, 3):
        sieve.forget(sum(map(len, members[kept:])))
        del members[kept:]
        assert all(sieve.may_hold(part).all() for part in members)
        assert sieve.may_hold(hashes(20_000, 999)).mean() < 0.06


def test_an_empty_sieve_shows_nothing():
    assert not Sieve(list).may_hold(hashes(100, 1)).any()


@pytest.mark.parametrize("kind", ["even", "few different", "alike in their highest bits", "small numbers"])
def test_order_is_that_of_a_stable_sort(kind):
    """Whatever the hashes, the same ones among them stay in their order."""
    drawn = hashes(50_000, 3)
    values = {
        "even": drawn,
        "few different": drawn % np.uint64(97),
        "alike in their highest bits": drawn & np.uint64(0xFFFF_0000_FFFF_FFFF),
        "small numbers": drawn >> np.uint64(40),
    }[kind]
    np.testing.assert_array_equal(rising(values), np.argsort(values, kind="stable"))


@given(st.integers(0, 2**32), st.integers(4000, 6000), st.integers(1, 64))
def test_order_of_unlucky_neighbours(seed, count, bits):
    """Where many share the bits that are sorted by, the others decide."""
    values = hashes(count, seed) >> np.uint64(64 - bits) << np.uint64(64 - bits)
    values ^= np.arange(count, dtype=np.uint64)[::-1] & np.uint64(3)
    np.testing.assert_array_equal(rising(values), np.argsort(values, kind="stable"))
