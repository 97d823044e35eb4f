"""What docs/series.md promises: how many series a model makes, and that a usual one has room for all."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import structlog
import yaml

from exporter.app import Runner, model_families
from exporter.clock import ManualClock
from exporter.config import load
from exporter.document_series import groups, order_table
from exporter.engine.worker import Worker
from exporter.exposition.budget import drop_order, fit
from exporter.exposition.family import Family, series_of
from exporter.exposition.snapshot import ModelFamilies
from exporter.health import Health
from exporter.metrics.registry import METRICS
from exporter.metrics.sizes import ON_OCCASION, Shape, factors, formula, most
from exporter.references import fit_references

DAY = 86_400
START = 1_767_225_600
END = START + 40 * DAY
NUMBERS, CATEGORIES, SLICES = 15, 5, 20
FEATURES = [f"n{i:02}" for i in range(NUMBERS)] + [f"c{i}" for i in range(CATEGORIES)]
WINDOWS = {"1h": 3600, "24h": DAY, "7d": 7 * DAY}


def rows(seed: int, start: int, end: int, n: int, *, broken_from: int) -> pa.Table:
    """Rows of two versions; from a time on one feature is mostly missing, three moved, and half the labels are noise."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(start, end, n))
    bad = at >= broken_from
    score = rng.beta(2, 3, n)
    columns: dict[str, Any] = {
        "ts": pa.array(at * 1_000_000, pa.timestamp("us", "UTC")),
        "version": np.where(rng.random(n) < 0.5, "v1", "v2"),
        "score": score,
        "said": (score > 0.5).astype(np.int8),
        "true": np.where(bad & (rng.random(n) < 0.5), rng.integers(0, 2, n), rng.random(n) < score).astype(np.int8),
        "where": [f"s{k:02}" for k in rng.integers(0, SLICES, n)],
    }
    for i in range(NUMBERS):
        values = rng.normal(size=n) + 0.3 * score + bad * (i in {1, 2, 3})
        columns[f"n{i:02}"] = pa.array(values, mask=(rng.random(n) < 0.6) & bad if i == 0 else None)
    for i in range(CATEGORIES):
        columns[f"c{i}"] = [f"k{k}" for k in np.minimum(rng.geometric(0.3, n), 12)]
    return pa.table(columns)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelFamilies]:
    """20 features, two versions, three windows, 20 slices; an incident since yesterday."""
    folder = tmp_path_factory.mktemp("series")
    pq.write_table(rows(1, START, START + 30 * DAY, 30_000, broken_from=END), folder / "reference.parquet")
    pq.write_table(rows(2, START + 30 * DAY, END, 60_000, broken_from=END - DAY // 2), folder / "log.parquet")
    columns = {"time": "ts", "prediction": "said", "score": "score", "label": "true"}
    section = {
        "task": "binary",
        "predictions": {
            "source": {"type": "files", "path": str(folder / "log.parquet")},
            "columns": {**columns, "version": "version"},
        },
        "windows": list(WINDOWS),
        "slices": ["where"],
        "features": {"include": FEATURES},
        "reference": str(folder / "m.mlref"),
        "reference_data": {"source": {"type": "files", "path": str(folder / "reference.parquet")}, "columns": {}},
        "slo": [{"name": "availability", "objective": 0.999}],
    }
    config = folder / "ml-exporter.yml"
    config.write_text(yaml.safe_dump({"state_dir": str(folder), "models": {"m": section}}))
    clock, health = ManualClock(END + 600), Health()
    log = structlog.wrap_logger(structlog.PrintLogger(), processors=[_drop])
    plan = load(config)
    assert len(list(fit_references(plan, clock, None, None, lambda _: None))) == 1
    runner = Runner(Worker(plan.models[0], folder / "m.sqlite", clock, health, log), 15.0, clock, health, log)
    runner.cycle_once(clock.monotonic())
    yield model_families(runner)
    runner.worker.close()


def _drop(*_: object) -> str:
    raise structlog.DropEvent


def counted(model: ModelFamilies) -> Counter[str]:
    found: Counter[str] = Counter()
    for family in model.families:
        found[family.name] += sum(series_of(value) for _, value in family.samples)
    return found


def test_the_incident_is_all_there(model: ModelFamilies) -> None:
    """What is counted is a model at its worst, not one of which nothing is known."""
    found = counted(model)
    versions = {
        labels[1] for family in model.families if family.name == "ml_performance" for labels, _ in family.samples
    }
    assert versions == {"v1", "v2"}
    for name in (
        "ml_feature_drift_onset_bound_timestamp_seconds",
        "ml_feature_quality_onset_timestamp_seconds",
        "ml_performance_onset_timestamp_seconds",
        "ml_performance_change_by_feature",
        "ml_feature_drift_detected",
        "ml_performance_estimated",
        "ml_slice_performance",
    ):
        assert found[name], name


def test_a_usual_model_has_room_for_all(model: ModelFamilies) -> None:
    """20 features, two versions, three windows, in the midst of an incident: nothing is dropped."""
    fitted = fit(model.families, model.budget, model.importance)
    assert model.budget == 5000
    assert fitted.dropped == {}


@pytest.fixture(scope="module")
def shape() -> Shape:
    return Shape(
        numbers=NUMBERS, categories=CATEGORIES, slices=SLICES, errors=1, objectives=1, windows=len(WINDOWS), versions=2
    )


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_no_metric_makes_more_than_its_formula(model: ModelFamilies, shape: Shape, metric: Any) -> None:
    assert counted(model)[metric.name] <= most(metric, shape)


def test_formulas_are_not_far_off(model: ModelFamilies, shape: Shape) -> None:
    """Of metrics that are there all the time, most of what the formulas say is really there."""
    found = counted(model)
    there = [each for each in METRICS if found[each.name] and not any(part in each.name for part in ON_OCCASION)]
    said = sum(most(each, shape) for each in there)
    assert 0.7 * said < sum(found[each.name] for each in there)


def test_formula_by_hand() -> None:
    named = {metric.name: metric for metric in METRICS}
    some = [named[f"ml_{name}"] for name in ("feature_drift_effect", "performance_bound", "predictions_total")]
    assert formula(some) == "W V (F + 2 M) + V (1)"
    assert factors(named["ml_window_feature_observations"]) == ("1", "f", "10", "W", "V")
    assert most(named["ml_feature_drift_effect"], Shape(numbers=4, categories=1, windows=2, versions=3)) == 30


def test_every_metric_stands_in_one_group() -> None:
    grouped = [metric.name for _, _, metrics in groups() for metric in metrics]
    assert sorted(grouped) == sorted(metric.name for metric in METRICS)


def test_the_order_on_the_page_is_the_order_in_code() -> None:
    """Families on an earlier line go first: as `drop_order` has it, of all metrics there are."""
    families = [Family(each.name, each.kind, each.help, each.all_labels, [], each.rank) for each in METRICS]
    place = {name: line for line, names in enumerate(order_table()) for name in names[1]}
    dropped = [place[family.name] for family in drop_order(families)]
    assert dropped == sorted(dropped)
    assert all(one[0] > other[0] for one, other in pairwise(order_table()))
