"""Bins of scores whose truth is known."""

import numpy as np
import pytest

from exporter.profile.bins import MAX_EDGES, NumericBins, quantile_edges
from exporter.profile.layout import Layout
from exporter.profile.ranking import ranked_bins

RARE = NumericBins(quantile_edges(np.random.default_rng(1).beta(1, 60, 20_000), 128))
EVEN = NumericBins(np.concatenate(([-1e-300], np.linspace(0.0, 1.0, 129)[1:])))
FEW = NumericBins(np.array([0.1, 0.2, 0.9]))
CONSTANT = NumericBins(np.array([0.3, 0.3000001]))
CERTAIN = NumericBins(np.array([np.nextafter(0.0, -1.0), 0.0, 1.0]))


@pytest.mark.parametrize("bins", [RARE, EVEN, FEW, CONSTANT, CERTAIN])
def test_cells_are_those_of_the_bins_or_parts_of_them(bins):
    edges = ranked_bins(bins).edges
    assert np.isin(bins.edges, edges).all()
    assert (np.diff(edges) > 0).all()
    assert len(edges) <= MAX_EDGES


def test_scores_beyond_the_reference_are_told_apart():
    scores = np.array([0.3, 0.5, 0.7, 0.9, 0.99, 0.999])
    assert len(set(RARE.codes(scores))) == 1
    assert len(set(ranked_bins(RARE).codes(scores))) == len(scores)


def test_scores_without_room_beyond_them_get_no_edges():
    assert ranked_bins(CERTAIN).edges.tolist() == CERTAIN.edges.tolist()


def test_a_layout_counts_labelled_scores_in_them():
    layout = Layout(task="binary", classes=("0", "1"), score_bins=RARE)
    assert layout.shapes["score_actual"] == (ranked_bins(RARE).cells, 2)
    assert layout.shapes["score"] == (RARE.cells,)
