import numpy as np

from exporter.metrics.drift.variables import variables_of
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.vectors import Vectors
from tests.unit.metrics.drift.simulated import layout, reference, vector


def variables(shape, kind):
    return variables_of(reference(shape, [Counts.zero(shape)]), kind)


def test_features_are_their_valid_cells():
    """Missing, invalid and unseen are quality's."""
    shape = layout()
    counts = Counts.zero(shape)
    counts.feature("x")[:] = np.arange(shape.features["x"].width)
    counts.feature("c")[:] = [7, 7, 1, 2, 3, 4, 9]
    found = variables(shape, "features")
    cells = found.counts(counts.all)
    assert found.cells == (shape.features["x"].cells, 4)
    assert cells[0].tolist() == list(range(2, shape.features["x"].width))
    assert cells[1, :5].tolist() == [1.0, 2.0, 3.0, 4.0, 0.0]
    assert found.counts_of(1, Vectors.of(counts.all[None])).tolist() == [[1.0, 2.0, 3.0, 4.0]]


def test_the_place_of_a_bin_is_its_mean():
    shape = layout()
    counts = vector(shape, np.array([0.5, 0.5, -50.0]), ["a"] * 3)
    found = variables(shape, "features")
    at = found.at(counts.all, found.counts(counts.all))
    assert at[0][~np.isnan(at[0])].tolist() == [-50.0, 0.5]


def test_labels_are_outcomes_added_up_over_what_was_predicted():
    shape = Layout(task="multiclass", classes=("a", "b", "c"))
    counts = Counts.zero(shape)
    counts["outcomes"][:] = np.arange(16).reshape(4, 4)
    found = variables(shape, "labels")
    assert found.counts(counts.all).tolist() == [counts["outcomes"].sum(axis=0).tolist()]
    assert found.labels == (("a", "b", "c", "other"),)


def test_predicted_classes_stand_in_where_there_is_no_score():
    shape = Layout(task="multiclass", classes=("a", "b", "c"))
    counts = Counts.zero(shape)
    counts["predicted"][:] = [1, 2, 3, 4]
    found = variables(shape, "prediction")
    assert found.counts(counts.all).tolist() == [[1.0, 2.0, 3.0, 4.0]]
    assert found.ordered.tolist() == [False]


def test_scores_go_before_classes():
    found = variables(layout(), "prediction")
    assert (found.cells, found.ordered.tolist()) == ((130,), [True])
    assert found.fixed_at[0, 0] == 0.0
    assert found.fixed_at[0, 1] == 1 / 256


def test_what_is_not_kept_is_none():
    empty = Layout(task="regression")
    assert [variables(empty, kind) for kind in ("features", "prediction", "labels")] == [None] * 3
