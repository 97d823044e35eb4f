"""What is measured once labels are there is what was estimated before, as long as only inputs change."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.estimated import ESTIMATED
from exporter.metrics.estimated.spread import cells_of
from exporter.metrics.evaluation import Thresholds
from exporter.profile.bins import MISSING, CategoryBins
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from tests.oracle.counting import count, numeric
from tests.oracle.references import evaluation_of, reference_of, samples
from tests.unit.metrics.estimated.worlds import (
    calibrated,
    estimated,
    held,
    layout_of,
    measured,
    overconfident,
    rare,
    three_classes,
    unlabelled,
)

BINARY = {
    "accuracy", "precision", "recall", "specificity", "f1", "matthews_corrcoef", "roc_auc", "average_precision",
    "log_loss", "brier_score",
}  # fmt: skip
MULTICLASS = {
    "accuracy", "precision_macro", "recall_macro", "f1_macro", "matthews_corrcoef", "roc_auc_ovr", "log_loss",
    "brier_score",
}  # fmt: skip


@pytest.mark.parametrize(
    ("draw", "names"), [(overconfident, BINARY), (calibrated, BINARY), (three_classes, MULTICLASS)]
)
def test_the_reference_is_what_it_was_measured_to_be(draw, names) -> None:
    rows = draw(np.random.default_rng(1), 10_000)
    reference = reference_of([count(layout_of(rows), **rows)], None)
    found, truth = estimated(reference.total, reference), measured(reference.total, reference)
    assert names == set(found)
    for name, result in found.items():
        assert truth[name] == pytest.approx(result.value, abs=1e-12), name
        assert result.degraded is False


@pytest.mark.parametrize(
    ("draw", "shift", "sizes", "most"),
    [
        (overconfident, 1.0, (20_000, 1000), 0.98),
        (overconfident, -1.0, (5000, 3000), 0.98),
        (calibrated, 1.5, (5000, 1000), 0.99),
        (rare, 0.7, (20_000, 3000), 0.98),
        (three_classes, 1.5, (5000, 1000), 1.0),
    ],
)
def test_intervals_hold_what_is_measured_later(draw, shift, sizes, most) -> None:
    """95 % of them, over references and windows drawn anew; with several classes more, as is said of them."""
    rng = np.random.default_rng(20220601)
    pairs, moved = [], []
    for _ in range(40):
        rows, later = draw(rng, sizes[0]), draw(rng, sizes[1], shift)
        layout = layout_of(rows)
        reference, window = reference_of([count(layout, **rows)], None), count(layout, **later)
        found, truth = estimated(unlabelled(layout, later), reference), measured(window, reference)
        pairs += [(result, truth[name]) for name, result in found.items()]
        moved.append(abs(found["brier_score"].value - found["brier_score"].reference))
    assert 0.91 <= held(pairs) <= most
    # What is estimated is a change, not the reference once more.
    assert np.mean(moved) > 0.005


def test_a_threshold_is_found_within_its_cell() -> None:
    """Wherever it lies, also among the few highest scores, which all share a cell of the window's counts."""
    rng = np.random.default_rng(2)
    score = rare(rng, 20_000)["score"]
    layout = layout_of({"score": score})
    fine = np.searchsorted(layout.rank_edges, score)
    cells = cells_of(layout, np.bincount(fine, minlength=len(layout.rank_edges) + 1).astype(float))
    for edge in layout.rank_edges[::29]:
        called = (score > edge).astype(int)
        counts = count(layout, score=score, predicted=called)
        expected = np.bincount(fine[called == 1], minlength=len(layout.rank_edges) + 1)
        assert expected == pytest.approx(cells.called(counts["score"], counts["score_positive"]), abs=1e-6)


def test_a_threshold_that_was_moved_is_followed() -> None:
    """From 0.5 in the reference to 0.93 in the window: 0.3 % of all rows are still called positive."""
    rng = np.random.default_rng(2)
    rows, later = rare(rng, 200_000, threshold=0.5), rare(rng, 200_000, threshold=0.93)
    layout = layout_of(rows)
    reference = reference_of([count(layout, **rows)], None)
    found, truth = estimated(unlabelled(layout, later), reference), measured(count(layout, **later), reference)
    for name in ("precision", "recall", "specificity", "accuracy", "f1"):
        assert found[name].lower <= truth[name] <= found[name].upper, name


def test_whatever_decides_is_followed() -> None:
    """A class that is drawn by lot, half of it by another threshold: no order of scores says which rows are positive."""
    rng = np.random.default_rng(3)
    both = []
    for shift in (0.0, 1.0):
        rows = overconfident(rng, 30_000, shift)
        strict = rng.random(30_000) < 0.5
        both.append({**rows, "predicted": np.where(strict, rows["score"] > 0.9, rows["score"] > 0.3).astype(int)})
    layout = layout_of(both[0])
    reference = reference_of([count(layout, **both[0])], None)
    found, truth = estimated(unlabelled(layout, both[1]), reference), measured(count(layout, **both[1]), reference)
    for name in BINARY:
        assert found[name].lower <= truth[name] <= found[name].upper, name


def test_degraded_where_inputs_made_it_so_and_not_by_chance() -> None:
    """Windows of hard cases are called degraded without a label; windows like the reference, of any size, are not."""
    rng = np.random.default_rng(4)

    def day(n: int, spread: float = 2.0) -> Counts:
        score = 1 / (1 + np.exp(-rng.normal(0, spread, n)))
        actual = (rng.random(n) < score).astype(int)
        return count(layout, score=score, predicted=(score > 0.5).astype(int), actual=actual)

    layout = Layout(task="binary", classes=("0", "1"), score_bins=numeric(rng.random(20_000), 128))
    reference = reference_of([day(500) for _ in range(60)])
    for n in (60, 500, 20_000):
        calm = [estimated(day(n), reference) for _ in range(30)]
        assert sum(result.degraded for each in calm for result in each.values()) <= 1
    hard = estimated(day(2000, 0.7), reference)
    assert all(hard[name].degraded for name in ("accuracy", "roc_auc", "log_loss", "brier_score"))


def test_concept_drift_is_not_seen() -> None:
    """Its one blind spot: the same scores, another truth."""
    rng = np.random.default_rng(5)
    rows = overconfident(rng, 20_000)
    layout = layout_of(rows)
    reference = reference_of([count(layout, **rows)], None)
    window = unlabelled(layout, overconfident(rng, 5000))
    assert not any(result.degraded for result in estimated(window, reference).values())


def test_too_few_rows_and_no_outcomes_say_nothing() -> None:
    rng = np.random.default_rng(6)
    rows = overconfident(rng, 5000)
    layout = layout_of(rows)
    reference = reference_of([count(layout, **rows)], None)
    few = unlabelled(layout, overconfident(rng, 49))
    assert estimated(few, reference) == {}
    assert samples(ESTIMATED, evaluation_of(few, reference)) == {}
    assert estimated(Counts.zero(layout), reference) == {}
    truthless = reference_of([unlabelled(layout, rows)], None)
    assert estimated(few, truthless, Thresholds(min_rows=1)) == {}
    one_kind = reference_of([count(layout, **{**rows, "actual": np.zeros(5000, dtype=int)})], None)
    assert estimated(few, one_kind, Thresholds(min_rows=1)) == {}


def test_without_a_predicted_class_only_what_scores_say_is_estimated() -> None:
    """As with references of an older version, which did not count who was called positive at which score."""
    rng = np.random.default_rng(7)
    rows = overconfident(rng, 5000)
    old = replace(layout_of(rows), version=3)
    reference = reference_of([count(old, **rows)], None)
    found = estimated(unlabelled(old, rows), reference)
    assert {"roc_auc", "average_precision", "log_loss", "brier_score"} == set(found)


@pytest.mark.parametrize(
    ("kind", "share", "outside"),
    [("unseen", 0.02, 0.02), ("unseen", 0.3, 0.3), ("missing", 0.3, 0.1), ("missing", 0.9, 0.7), ("other", 0.9, 0.0)],
)
def test_what_the_reference_hardly_knows_is_told_and_not_judged(kind, share, outside) -> None:
    """It knows no unseen values, 2 % of missing ones, and 20 % of rare categories."""
    rng = np.random.default_rng(8)
    rows = overconfident(rng, 5000)
    bins = CategoryBins(values=("a", "b"))
    code = {"unseen": bins.unseen, "missing": MISSING, "other": bins.other}[kind]
    layout = replace(layout_of(rows), features={"c": bins})
    place = np.arange(5000) / 5000
    known = np.select([place < 0.02, place < 0.22], [MISSING, bins.other], 2)
    reference = reference_of([count(layout, **rows, c=known)], None)
    codes = np.where(np.arange(1000) < share * 1000, code, 3)
    found = samples(ESTIMATED, evaluation_of(count(layout, **overconfident(rng, 1000), c=codes), reference))
    assert outside == pytest.approx(found["ml_performance_estimated_outside_ratio"][()])
    assert {metric for (metric,) in found["ml_performance_estimated"]} == BINARY
    assert ("ml_performance_estimated_degraded" in found) == (outside <= 0.1)


@pytest.mark.parametrize("draw", [overconfident, three_classes])
def test_weighted_rows_are_no_more_than_they_are(draw) -> None:
    """A log of 1 % whose rows have weight 100 says what its rows say, with their uncertainty."""
    rng = np.random.default_rng(9)
    rows, later = draw(rng, 3000), draw(rng, 400, 0.5)
    layout = layout_of(rows)

    def weighted(counts: Counts, weight: float) -> Counts:
        heavy = Counts(layout, counts.all * weight, counts.by_slice)
        heavy["weight_squares"][:] = counts.rows * weight**2
        heavy["label_weight_squares"][:] = counts.labels * weight**2
        return heavy

    plain = estimated(count(layout, **later), reference_of([count(layout, **rows)], None))
    heavy = estimated(
        weighted(count(layout, **later), 100.0), reference_of([weighted(count(layout, **rows), 100.0)], None)
    )
    assert set(plain) == set(heavy)
    for name, result in plain.items():
        assert (result.value, result.lower, result.upper) == pytest.approx(
            (heavy[name].value, heavy[name].lower, heavy[name].upper), rel=1e-9
        ), name
