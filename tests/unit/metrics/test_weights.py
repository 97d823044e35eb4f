"""A weighted log says no more than its rows do: n is what they are worth, not what they stand for."""

import numpy as np
import pytest

from exporter.metrics.drift.verdict import lacking, verdicts
from exporter.metrics.evaluation import Objective
from exporter.metrics.performance.parts import of_counts, of_slices, of_vectors
from exporter.metrics.performance.registry import BY_TASK
from exporter.metrics.performance.results import results
from exporter.metrics.quality.results import verdicts as quality
from exporter.metrics.traffic.names import shown_rows
from exporter.metrics.traffic.objectives import events, overspent
from exporter.profile.counts import Counts, worth
from exporter.profile.layout import Layout
from exporter.profile.vectors import Vectors
from tests.oracle.counting import count, numeric
from tests.oracle.references import evaluation_of, reference_of
from tests.unit.metrics.drift import simulated

LAYOUT = simulated.layout(features={"x": simulated.layout().features["x"]})


def rows_of(rng: np.random.Generator, n: int) -> Counts:
    """Counts of n rows of which some have no value, with scores and truth."""
    score = rng.beta(2, 3, n)
    x = np.where(rng.random(n) < 0.02, np.nan, rng.normal(size=n))
    actual = (rng.random(n) < score).astype(int)
    return count(LAYOUT, x=x, score=score, predicted=(score > 0.5).astype(int), actual=actual)


def weighing(counts: Counts, weight: float) -> Counts:
    """The same rows, each standing for so many."""
    heavy = Counts(counts.layout, counts.all * weight, counts.by_slice * weight)
    for part, counted in (("weight_squares", "rows"), ("label_weight_squares", "labels")):
        heavy[part][:] = counts[counted] * weight**2
        for dimension in counts.layout.slices:
            heavy.sliced(dimension, part)[:] = counts.sliced(dimension, counted) * weight**2
    return heavy


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("heavy_reference", [False, True])
def test_a_sample_says_the_same_whatever_its_rows_stand_for(timed, heavy_reference) -> None:
    """A log of 1 % with weight 100 is judged as the rows it holds: drift, quality, performance, all intervals."""
    rng = np.random.default_rng(4)
    blocks = [rows_of(rng, 400) for _ in range(30)]
    known = reference_of(blocks, simulated.DAY if timed else None)
    heavy_known = reference_of([weighing(each, 100.0) for each in blocks], simulated.DAY if timed else None)
    for _ in range(3):
        counts = rows_of(rng, 300)
        light = evaluation_of(counts, known)
        heavy = evaluation_of(weighing(counts, 100.0), heavy_known if heavy_reference else known)
        for kind in ("features", "prediction", "labels"):
            one, other = verdicts(light, kind), verdicts(heavy, kind)
            for name in ("effect", "noise_floor", "pvalue", "detected", "size"):
                assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-6, nan_ok=True), (kind, name)
        assert quality(heavy).detected == pytest.approx(quality(light).detected, nan_ok=True)
        assert quality(heavy).p == pytest.approx(quality(light).p, rel=1e-6, nan_ok=True)
        for one, other in zip(results(light), results(heavy), strict=True):
            for name in ("value", "lower", "upper", "threshold", "degraded"):
                assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-6, nan_ok=True), one.metric.name


@pytest.mark.parametrize(("kind", "promise"), [("availability", 0.97), ("quality", 0.75)])
def test_an_objective_is_not_missed_for_what_rows_stand_for(kind, promise) -> None:
    """Bad are 4 of 100 rows where 3 may be, and 30 of 100 where 25 may be: chance, though each stands for a hundred."""
    counts = count(
        LAYOUT,
        x=np.zeros(100),
        score=np.full(100, 0.9),
        predicted=np.ones(100, dtype=int),
        actual=(np.arange(100) >= 30).astype(int),
    )
    counts["errors"][0] = 4
    objective = Objective("o", promise, quality=kind == "quality")
    heavy = weighing(counts, 100.0)
    assert objective.kind == kind
    assert events(heavy, objective) == (10_000.0, 400.0 if kind == "availability" else 3000.0)
    assert overspent(heavy, [objective], kind) == overspent(counts, [objective], kind) == ()
    heavy["weight_squares"][0] = heavy["label_weight_squares"][0] = 10_000.0
    assert overspent(heavy, [objective], kind) == ("o",)


def test_unequal_weights_call_no_drift_more_often() -> None:
    """Half of the rows stand for one, half for a hundred, as where a log is sampled by class."""
    rng, windows = np.random.default_rng(5), 300
    known = reference_of([rows_of(rng, 20_000)], None)
    bins, called = LAYOUT.features["x"], {"worth": 0, "weight": 0}
    for _ in range(windows):
        weight = np.where(rng.random(400) < 0.5, 100.0, 1.0)
        counts = Counts.zero(LAYOUT)
        counts["rows"][0] = weight.sum()
        counts.feature("x")[:] = np.bincount(bins.codes(rng.normal(size=400)), weight, minlength=bins.width)
        called["weight"] += verdicts(evaluation_of(counts, known), "features").detected[0]
        counts["weight_squares"][0] = (weight**2).sum()
        called["worth"] += verdicts(evaluation_of(counts, known), "features").detected[0]
    assert called["worth"] <= 0.02 * windows
    assert called["weight"] > 0.5 * windows


def test_intervals_of_weighted_labels_hold_the_truth() -> None:
    rng, trials = np.random.default_rng(6), 300
    held = {"worth": 0, "weight": 0}
    [accuracy] = [metric for metric in BY_TASK["binary"] if metric.name == "accuracy"]
    for _ in range(trials):
        weight = rng.choice([1.0, 5.0, 50.0], 500)
        counts = Counts.zero(LAYOUT)
        right = rng.random(500) < 0.8
        counts["labels"][0] = weight.sum()
        counts["outcomes"][1, 1], counts["outcomes"][1, 0] = weight[right].sum(), weight[~right].sum()
        for name, squares in (("weight", 0.0), ("worth", (weight**2).sum())):
            counts["label_weight_squares"][0] = squares
            found = accuracy.compute(of_counts(counts))
            held[name] += bool(found.lower[0] <= 0.8 <= found.upper[0])
    assert held["worth"] >= 0.92 * trials
    assert held["weight"] < 0.6 * trials


def test_few_heavy_rows_are_few() -> None:
    """A window of ten rows that stand for ten thousand says nothing yet, and no slice of five people is shown."""
    layout = Layout(
        task="binary", classes=("no", "yes"), score_bins=numeric(np.random.default_rng(0).random(500)), slices={"a": 3}
    )
    rng = np.random.default_rng(7)
    rows = {"score": rng.random(10), "predicted": np.ones(10, dtype=int), "actual": np.ones(10, dtype=int)}
    counts = weighing(count(layout, {"a": np.repeat([0, 1], 5)}, **rows), 1000.0)
    assert lacking(evaluation_of(counts, reference_of([counts], None)), "prediction") == "10 of 50 rows"
    assert [result.degraded for result in results(evaluation_of(counts))] == [None] * len(BY_TASK["binary"])
    assert of_slices(counts, "a").labels.tolist() == [5.0, 5.0, 0.0]
    assert shown_rows(counts, "a", 5.0).tolist() == [5000.0, 5000.0, 0.0]
    assert shown_rows(counts, "a", 6.0).tolist() == [0.0, 0.0, 0.0]
    assert of_vectors(layout, Vectors.of([counts.all])).labels.tolist() == [10.0]


def test_worth_of_no_weights_is_one() -> None:
    """Rows that weigh 1, none at all, and counts that know no weights."""
    assert worth(np.array([5.0, 0.0, 7.0]), np.array([5.0, 0.0, 0.0])).tolist() == [1.0, 1.0, 1.0]
    assert Counts.zero(Layout(task="regression", version=3)).worth("labels") == 1.0
