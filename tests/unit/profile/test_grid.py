"""A grid puts every number into the cell that a search finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from exporter.profile.bins import NumericBins, quantile_edges
from exporter.profile.grid import UNSURE, grid_of

SHAPES = {
    "normal": lambda rng: rng.normal(size=20_000),
    "skewed": lambda rng: rng.lognormal(0, 2, size=20_000),
    "whole numbers": lambda rng: rng.poisson(3, 20_000).astype(float),
    "mostly zero": lambda rng: np.where(rng.random(20_000) < 0.8, 0.0, rng.lognormal(size=20_000)),
    "two far clusters": lambda rng: np.concatenate((rng.normal(size=10_000), 1e6 + rng.normal(size=10_000))),
    "huge": lambda rng: rng.normal(size=20_000) * 1e300,
    "denormal": lambda rng: rng.normal(size=20_000) * 1e-310,
    "constant": lambda _: np.full(20_000, 7.0),
}


def around(edges):
    """Every edge, its neighbours, and what is no number or next to none."""
    strange = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 1e19, -1e19, 5e-324]
    return np.concatenate((edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf), strange))


def searched(edges, values):
    """Codes by a search, one value at a time."""
    found = np.searchsorted(edges, values, side="left") + 2
    return np.where(np.isnan(values), 0, np.where(np.isinf(values), 1, found))


@pytest.mark.parametrize("bins", [2, 10, 64, 240])
@pytest.mark.parametrize("shape", SHAPES)
def test_codes_are_those_of_a_search(shape, bins):
    """Whatever the values' shape, also where they have moved away from the edges."""
    sample = SHAPES[shape](np.random.default_rng(5))
    edges = quantile_edges(sample, bins)
    for values in (sample, sample * 3 + 1, around(edges)):
        np.testing.assert_array_equal(NumericBins(edges).codes(values), searched(edges, values))


@given(
    hnp.arrays(np.float64, st.integers(2, 20), elements=st.floats(-1e307, 1e307), unique=True),
    hnp.arrays(np.float64, st.integers(0, 40)),
)
def test_codes_of_any_edges_are_those_of_a_search(edges, values):
    """Edges as odd as floats can be."""
    edges = np.sort(edges)
    values = np.concatenate((values, around(edges)))
    np.testing.assert_array_equal(NumericBins(edges).codes(values), searched(edges, values))


@pytest.mark.parametrize("shape", ["normal", "skewed", "whole numbers", "mostly zero"])
def test_a_grid_is_sure_of_nearly_all_values(shape):
    """It is there for speed: of plain numbers hardly any is searched for."""
    sample = SHAPES[shape](np.random.default_rng(5))
    grid = grid_of(quantile_edges(sample, 64), 2)
    assert grid is not None
    assert (grid.codes(sample) == UNSURE).mean() < 0.05
