import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.drift.merging import LEAST_EXPECTED, merge, merged


def test_bins_that_hold_enough_stay_apart():
    assert list(range(66)) == merge(np.full(66, 5.0), ordered=True).tolist()


def test_bins_are_joined_along_their_nesting():
    """64 bins of 3 rows become 32 of 6; both ends hold too little and are a group of their own."""
    groups = merge(np.r_[0.1, np.full(64, 3.0), 0.1], ordered=True)
    assert [32, *np.repeat(np.arange(32), 2).tolist(), 32] == groups.tolist()


def test_neighbours_are_joined_until_all_hold_enough():
    groups = merge(np.array([6.0, 20, 2, 2, 2, 20, 3, 6]), ordered=True)
    assert [merged(np.array([6.0, 20, 2, 2, 2, 20, 3, 6]), groups).min()] >= [5.0]
    assert (np.diff(groups) >= 0).all()


def test_rare_categories_are_one():
    assert merge(np.array([50.0, 20, 4, 3, 0]), ordered=False).tolist() == [0, 1, 2, 2, 2]


def test_other_takes_the_rarest_named_one_if_it_holds_too_little_alone():
    assert merge(np.array([50.0, 20, 1]), ordered=False).tolist() == [0, 1, 1]


@pytest.mark.parametrize("ordered", [True, False])
def test_a_constant_is_held_against_the_rest(ordered):
    groups = merge(np.array([0.0, 100.0, 0.0]), ordered=ordered)
    assert groups[0] == groups[2] != groups[1]


@given(st.lists(st.floats(0, 50), min_size=3, max_size=70), st.booleans())
def test_every_cell_is_in_one_group_and_no_inner_group_holds_too_little(expected, ordered):
    counts = np.array(expected)
    groups = merge(counts, ordered=ordered)
    assert set(range(int(groups.max()) + 1)) == set(groups.tolist())
    total = merged(counts, groups)
    assert counts.sum() == pytest.approx(total.sum())
    inner = total if not ordered else np.delete(total, np.unique(groups[[0, -1]]))
    if groups.max() > 1 and len(inner) > 1:
        assert (inner >= min(LEAST_EXPECTED, counts.sum())).all()
