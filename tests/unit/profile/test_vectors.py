"""Vectors kept small are the same numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from exporter.profile.vectors import Vectors

NUMBERS = st.one_of(
    st.just(0.0),
    st.integers(0, 300).map(float),
    st.integers(0, 2**40).map(float),
    st.floats(-1e9, 1e9).map(lambda number: round(number * 64) / 64 + 0.0),
    st.sampled_from([np.nan, np.inf, 65535.0, 65536.0, 2.0**32 - 1, 2.0**32]),
)
COLUMNS = st.tuples(st.integers(0, 7), st.integers(1, 9))


@st.composite
def matrices(draw):
    """Columns of one sort of numbers each, as counts are."""
    rows, width = draw(COLUMNS)
    columns = [
        draw(arrays(np.float64, rows, elements=draw(st.sampled_from([NUMBERS, st.just(0.0)])))) for _ in range(width)
    ]
    return np.stack(columns, axis=1)


@given(matrices(), st.data())
def test_what_is_taken_out_is_what_was_put_in(dense, data):
    vectors = Vectors.of(dense)
    assert np.array_equal(vectors.dense(), dense, equal_nan=True)
    places = np.array(
        data.draw(st.lists(st.lists(st.integers(0, dense.shape[1] - 1), min_size=2, max_size=2), min_size=1))
    )
    assert np.array_equal(vectors.columns(places), dense[:, places], equal_nan=True)
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(dense), max_size=len(dense))), dtype=bool)
    assert np.array_equal(vectors.rows(kept).dense(), dense[kept], equal_nan=True)


@given(matrices().filter(len), st.data())
def test_sums_are_those_of_plain_numbers(dense, data):
    first = np.array(sorted({0, *data.draw(st.lists(st.integers(0, len(dense) - 1)))}))
    assert np.array_equal(Vectors.of(dense).sums(first).dense(), np.add.reduceat(dense, first, axis=0), equal_nan=True)


@given(matrices(), st.data())
def test_columns_move(dense, data):
    order = data.draw(st.permutations(range(dense.shape[1])))
    sources = np.array([place if data.draw(st.booleans()) else -1 for place in order])
    moved = Vectors.of(dense).moved(sources)
    expected = np.where(sources >= 0, dense[:, np.maximum(sources, 0)], 0.0)
    assert np.array_equal(moved.dense(), expected, equal_nan=True)
    assert np.array_equal(moved.columns(np.arange(len(sources))[::-1]), expected[:, ::-1], equal_nan=True)


def test_a_year_of_hourly_blocks_is_small():
    """Eight bytes a number were thirteen times as much."""
    rng = np.random.default_rng(1)
    dense = np.zeros((400, 3500))
    dense[:, :1700] = rng.poisson(80, (400, 1700))
    dense[:, 1700:1710] = rng.random((400, 10))
    vectors = Vectors.of(dense)
    assert vectors.nbytes == 400 * (1700 + 10 * 8)
    assert vectors.sums(np.arange(400)) is vectors
    assert vectors.rows(np.ones(400, dtype=bool)) is vectors


@pytest.mark.parametrize("width", [0, 5])
def test_none(width):
    assert Vectors.of([], width).dense().shape == (0, width)
