"""Coarse bins are unions of fine ones, few enough to keep outcomes by them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.profile.bins import FIRST_CELL, INVALID, MISSING, CategoryBins, NumericBins, nesting
from exporter.profile.coarse import MOST_CELLS, MOST_CODES, coarse


@given(st.integers(2, 250))
def test_bins_of_a_number_are_merged_along_their_nesting(edges) -> None:
    """Every pair, quadruple … of neighbours is one cell, as drift merges them; no further than needed."""
    bins = NumericBins(np.arange(float(edges)))
    merged = coarse(bins)
    assert len(merged.table) == bins.width
    assert merged.table[[MISSING, INVALID]].tolist() == [MISSING, INVALID]
    cells = merged.table[FIRST_CELL:].astype(int) - FIRST_CELL
    assert any(np.array_equal(cells, level) for level in nesting(bins.cells, range(9)))
    inner, fine = len(np.unique(cells[1:-1])), bins.cells - 2
    assert inner <= MOST_CELLS
    assert inner == fine or inner > MOST_CELLS // 2
    assert np.count_nonzero(cells == cells[0]) == np.count_nonzero(cells == cells[-1]) == 1
    assert merged.width == FIRST_CELL + inner + 2 == merged.table.max() + 1 <= MOST_CODES


@given(st.integers(0, 248))
def test_rare_categories_join_other(known) -> None:
    bins = CategoryBins(tuple(map(str, range(known))))
    merged = coarse(bins)
    kept = min(known, MOST_CELLS)
    fine = range(FIRST_CELL + kept)
    assert merged.table[: FIRST_CELL + kept].tolist() == list(fine)
    assert set(merged.table[FIRST_CELL + kept : bins.unseen].tolist()) == {FIRST_CELL + kept}
    assert merged.table[bins.unseen] == merged.width - 1 == FIRST_CELL + kept + 1
    assert merged.labels == (*map(str, range(kept)), "__other__", "__unseen__")
    assert merged.width <= MOST_CODES


@pytest.mark.parametrize("size", [5, 64, 200])
def test_a_cell_is_named_by_its_upper_edge(size) -> None:
    bins = NumericBins(np.arange(size + 1.0))
    merged = coarse(bins)
    values = np.arange(size + 1.0)
    upper = [float(merged.labels[code - FIRST_CELL]) for code in merged.table[bins.codes(values)]]
    assert np.all(np.array(upper) >= values)
    assert set(upper) == {float(label) for label in merged.labels[:-1]}
    assert merged.labels[-1] == "+Inf"
