"""Counts read as those of another layout keep what means the same, and nothing else."""

from dataclasses import replace

import numpy as np

from exporter.profile.adapt import adapt, adapt_reference, adapt_vectors
from exporter.profile.bins import CategoryBins, NumericBins
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors

NUMERIC = NumericBins(np.array([0.0, 1.0, 2.0]))
OLD = Layout(
    "binary", ("0", "1"), {"x": NUMERIC, "c": CategoryBins(("a", "b"))}, NumericBins(np.array([0.0, 0.5, 1.0])),
    latency_bounds=(0.1, 0.2), slices={"site": 3, "kind": 2},
)  # fmt: skip


def full(layout: Layout = OLD) -> Counts:
    counts = Counts.zero(layout)
    counts.all[:] = np.arange(1, len(counts.all) + 1)
    counts.by_slice[:] = np.arange(1, counts.by_slice.size + 1).reshape(counts.by_slice.shape)
    return counts


def test_same_layout_is_a_copy() -> None:
    counts = full()
    adapted = adapt(counts, OLD)
    assert np.array_equal(adapted.all, counts.all)
    assert np.array_equal(adapted.by_slice, counts.by_slice)
    adapted.all[0] = -1.0
    assert counts.all[0] == 1.0


def test_latency_bounds_start_anew_and_the_rest_stays() -> None:
    adapted = adapt(full(), replace(OLD, latency_bounds=(0.1, 0.25)))
    assert adapted["latency"].sum() == 0.0
    for part in ("rows", "errors", "features", "feature_sums", "outcomes", "score_actual", "label_delay"):
        assert np.array_equal(adapted[part], full()[part])
    assert np.array_equal(adapted.sliced("site", "rows"), full().sliced("site", "rows"))


def test_dimensions_come_go_and_change_places() -> None:
    adapted = adapt(full(), replace(OLD, slices={"new": 2, "site": 3}))
    assert np.array_equal(adapted.sliced("site", "outcomes"), full().sliced("site", "outcomes"))
    assert adapted.sliced("new", "rows").sum() == 0.0


def test_slots_of_a_dimension() -> None:
    """More of them: names keep theirs and *other* goes to the end. Fewer: what has none left joins *other*."""
    rows = full().sliced("site", "rows")[:, 0]
    more = adapt(full(), replace(OLD, slices={"site": 5})).sliced("site", "rows")[:, 0]
    fewer = adapt(full(), replace(OLD, slices={"site": 2})).sliced("site", "rows")[:, 0]
    assert more.tolist() == [rows[0], rows[1], 0.0, 0.0, rows[2]]
    assert fewer.tolist() == [rows[0], rows[1] + rows[2]]


def test_other_bins_keep_what_means_the_same() -> None:
    """Missing and invalid of every feature, out of range of numbers, unseen of categories."""
    new = replace(OLD, features={"c": CategoryBins(("a", "z")), "x": NumericBins(np.array([0.0, 5.0])), "n": NUMERIC})
    adapted, before = adapt(full(), new), full()
    assert adapted.feature("x").tolist() == [*before.feature("x")[:3], 0.0, before.feature("x")[-1]]
    assert adapted.feature("c").tolist() == [*before.feature("c")[:2], 0.0, 0.0, 0.0, before.feature("c")[-1]]
    assert adapted.feature("n").sum() == 0.0


def test_other_task_keeps_traffic() -> None:
    adapted = adapt(full(), Layout("regression", latency_bounds=(0.1, 0.2)))
    assert (adapted.rows, adapted.labels) == (full().rows, full().labels)
    assert np.array_equal(adapted["errors"], full()["errors"])


def test_vectors_are_adapted_alike() -> None:
    new = replace(OLD, slices={"site": 2}, latency_bounds=(1.0,))
    vectors = adapt_vectors(np.stack([full().all, full().all * 2]), OLD, new)
    assert np.array_equal(vectors[0], adapt(full(), new).all)
    assert np.array_equal(vectors[1], adapt(full(), new).all * 2)


def test_reference() -> None:
    new = replace(OLD, slices={})
    timed = Reference(OLD, full(), "m", block_seconds=60, block_starts=np.array([0]), blocks=Vectors.of([full().all]))
    adapted = adapt_reference(timed, new)
    assert (adapted.layout, adapted.blocks.shape, adapted.total.rows) == (new, (1, new.width), full().rows)
    assert adapt_reference(Reference(OLD, full(), "m"), new).blocks.shape == (0, 0)
