"""Which cell a value falls into, and how edges are chosen."""

from bisect import bisect_left
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.profile.bins import INVALID, MISSING, NumericBins, format_edge, nesting, quantile_edges, sum_unit

FINITE = st.floats(-1e12, 1e12)


@given(st.lists(FINITE, min_size=2, max_size=250, unique=True), st.lists(FINITE | st.just(float("nan")), max_size=60))
def test_code_is_the_first_edge_that_is_not_below(edges, values) -> None:
    """Equal to bisect; NaN is missing, on an edge is under it."""
    bins = NumericBins(np.array(sorted(edges)))
    values = [*values, *edges[:5]]
    expected = [MISSING if v != v else 2 + bisect_left(sorted(edges), v) for v in values]  # noqa: PLR0124 - NaN
    assert bins.codes(np.array(values)).tolist() == expected
    assert max(expected, default=0) < bins.width == len(edges) + 3


def test_infinities_and_marked_values_are_invalid() -> None:
    bins = NumericBins(np.array([0.0, 1.0]))
    values = np.array([np.inf, -np.inf, 0.5, np.nan, np.nan])
    assert bins.codes(values, np.array([False, False, False, False, True])).tolist() == [
        INVALID,
        INVALID,
        3,
        MISSING,
        INVALID,
    ]


def test_codes_do_not_depend_on_blocks() -> None:
    values = np.random.default_rng(0).normal(size=40_000)
    bins = NumericBins(quantile_edges(values, 64))
    values[::97], values[5], values[6] = np.nan, np.inf, -np.inf
    for parts in (7, 40):
        split = [bins.codes(part) for part in np.array_split(values, parts)]
        assert np.array_equal(bins.codes(values), np.concatenate(split))
    assert bins.codes(values)[[0, 5, 6]].tolist() == [MISSING, INVALID, INVALID]


def test_bins_hold_equal_shares() -> None:
    values = np.random.default_rng(0).lognormal(size=64_000)
    counts = np.bincount(NumericBins(quantile_edges(values, 64)).codes(values), minlength=67)[2:]
    assert counts[1:-1].min() > 800
    assert (counts[0], counts[-1]) == (pytest.approx(64, abs=65), pytest.approx(64, abs=65))


@pytest.mark.parametrize(
    ("sample", "cells"),
    [
        ([5.0] * 100, {5.0: 1}),
        ([0.0] * 90 + [1.0] * 10, {0.0: 1, 1.0: 2}),
        ([0.0] * 9000 + list(range(1, 1001)), {0.0: 1}),
        ([-1e300, 0.0, 1e300], {-1e300: 1, 0.0: 2, 1e300: 3}),
        ([0.0, 5e-324], {0.0: 1, 5e-324: 2}),
    ],
)
def test_ties_constants_and_extremes(sample: list[float], cells: dict[float, int]) -> None:
    """Edges rise strictly, and what is common has a bin of its own."""
    bins = NumericBins(quantile_edges(np.array(sample, dtype=float), 64))
    assert (np.diff(bins.edges) > 0).all()
    assert {value: int(bins.codes(np.array([value]))[0]) - 2 for value in cells} == cells
    assert len(bins.edges) <= 66


@pytest.mark.parametrize("cells", [2, 3, 7, 66, 67])
def test_nesting(cells: int) -> None:
    """Each level merges whole groups of the one before, and the ends keep to themselves."""
    levels = nesting(cells)
    assert levels[0].tolist() == list(range(cells))
    for finer, coarser in pairwise(levels):
        assert len({(a, b) for a, b in zip(finer, coarser, strict=True)}) == finer.max() + 1
        assert (coarser == 0).sum() == (coarser == coarser[-1]).sum() == 1


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 5e-324, 1e-300, 1.0, 3.7, 1e300])
def test_unit_is_a_power_of_two(scale: float) -> None:
    unit = sum_unit(scale)
    assert np.frexp(unit)[0] == 0.5
    assert unit * unit > 0.0
    if 1e-100 < scale < 1e100:
        assert 2.0**29 < scale / unit <= 2.0**30


def test_labels_of_edges_are_told_apart() -> None:
    assert NumericBins(np.array([0.5, 1.0])).labels == ("0.5", "1", "+Inf")
    assert format_edge(123456.789) == "123457"
