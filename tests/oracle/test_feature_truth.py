"""Truth by coarse code and by first bad cell equals group-bys of raw rows by pandas, with weights."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from exporter.batch import Batch
from exporter.profile.bins import CategoryBins, NumericBins, quantile_edges
from exporter.profile.columns import Columns
from exporter.profile.count import count_outcomes, count_rows, slice_slots
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.outcomes import row_outcomes
from exporter.profile.rows import Reading, decode_predictions
from exporter.profile.vocabulary import Vocabulary

N, PANE = 4000, 3600
NAMES = tuple(f"k{i}" for i in range(30))
COLUMNS = Columns(
    time="ts", prediction="predicted", score="score", scores={"a": "p_a", "b": "p_b", "c": "p_c"}, error="error",
    version="version", label="actual", weight="weight",
)  # fmt: skip


def log(task: str, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(N) < 0.05, np.nan, rng.normal(size=N))
    x[rng.random(N) < 0.02] = np.inf
    names = rng.choice([*NAMES, "new", None], N, p=[*np.full(30, 0.9 / 30), 0.05, 0.05])
    rows = pd.DataFrame({
        "ts": rng.integers(0, 20 * PANE, N).astype(float), "version": rng.choice(["v1", "v2"], N), "x": x, "k": names,
        "z": rng.lognormal(size=N), "weight": rng.choice([1.0, 2.0, 0.25, 100.0], N),
        "error": np.where(rng.random(N) < 0.03, "down", None),
    })  # fmt: skip
    if task == "regression":
        rows["predicted"], rows["actual"] = rng.normal(20, 9, N), rng.normal(18, 12, N)
        rows.loc[rng.random(N) < 0.1, "actual"] = np.nan
    else:
        classes = ["0", "1"] if task == "binary" else ["a", "b", "c"]
        scores = rng.dirichlet(np.ones(3), N)
        rows["p_a"], rows["p_b"], rows["p_c"] = scores.T
        rows["score"] = np.where(rng.random(N) < 0.04, np.nan, rng.random(N))
        rows["predicted"] = rng.choice(classes, N)
        rows["actual"] = rng.choice([*classes, "other", None], N)
    return rows


def layout_of(task: str, rows: pd.DataFrame) -> Layout:
    numbers = {name: NumericBins(quantile_edges(rows[name][np.isfinite(rows[name])].to_numpy(), bins), 2.0**-20)
               for name, bins in (("x", 64), ("z", 13))}  # fmt: skip
    error = NumericBins(np.linspace(-50, 50, 129), 2.0**-26)
    return Layout(
        task=task,
        classes={"binary": ("0", "1"), "multiclass": ("a", "b", "c"), "regression": ()}[task],
        features={"x": numbers["x"], "k": CategoryBins(NAMES), "z": numbers["z"]},
        score_bins=NumericBins(np.linspace(0, 1, 65)) if task == "binary" else None,
        error_bins=error if task == "regression" else None,
        class_scores=task == "multiclass",
    )


def counted(layout: Layout, rows: pd.DataFrame) -> Counts:
    batch = Batch(pa.RecordBatch.from_pandas(rows, preserve_index=False), "test", 1)
    columns = Columns(
        **{
            **{f: getattr(COLUMNS, f) for f in COLUMNS.__slots__},
            "scores": COLUMNS.scores if layout.class_scores else {},
        }
    )
    words = Vocabulary({"error": 16})
    decoded, refused = decode_predictions(batch, Reading(columns, layout))
    assert not refused.tally
    slots = slice_slots(decoded, layout, words)
    known = row_outcomes(decoded, slots)
    assert known is not None
    total = Counts.zero(layout)
    for groups in (count_rows(decoded, slots, layout, words, PANE), count_outcomes(known, layout, PANE)):
        for group in groups:
            for counts in group.values():
                total.add(counts)
    return total


def terms(task: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The terms of the rows that have all of them, times their weights; by the rows' index."""
    rows = rows[rows["error"].isna() & rows["actual"].notna() & (rows["actual"] != "other")]
    if task == "regression":
        e = rows["predicted"] - rows["actual"]
        found = pd.DataFrame({"n": 1.0, "error": e, "squared_error": e**2, "absolute_error": e.abs()})
        return found.mul(rows["weight"], axis=0)
    wrong = (rows["predicted"] != rows["actual"]).astype(float)
    if task == "multiclass":
        given = rows.apply(lambda row: row[f"p_{row['actual']}"], axis=1)
        return pd.DataFrame({"n": 1.0, "wrong": wrong, "log_loss": -np.log(given)}).mul(rows["weight"], axis=0)
    rows = rows[rows["score"].notna()]
    positive = (rows["actual"] == "1").astype(float)
    loss = -np.log(np.where(positive == 1, rows["score"], 1 - rows["score"]))
    found = {
        "n": 1.0,
        "wrong": wrong,
        "positive": positive,
        "log_loss": pd.Series(loss, rows.index),
        "score": rows["score"],
    }
    return pd.DataFrame(found).loc[rows.index].mul(rows["weight"], axis=0)


def coarse_cells(layout: Layout, rows: pd.DataFrame) -> pd.DataFrame:
    """The name of each row's coarse cell by feature: its upper edge or category."""
    found = {}
    for name, merged in layout.coarse.items():
        values = rows[name]
        if name == "k":
            known = merged.labels[:-2]
            cells = values.where(values.isin(known), "__other__").mask(~values.isin(NAMES), "__unseen__")
            found[name] = cells.mask(values.isna(), "missing")
        else:
            edges = [-np.inf, *(float(edge) for edge in merged.labels[:-1]), np.inf]
            exact = layout.features[name].edges
            nearest = [-np.inf, *(exact[np.abs(exact - edge).argmin()] for edge in edges[1:-1]), np.inf]
            cells = pd.cut(values, nearest, labels=list(merged.labels)).astype(object)
            found[name] = cells.mask(np.isinf(values), "invalid").mask(values.isna(), "missing")
    return pd.DataFrame(found)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_truth_by_feature_is_a_group_by(task) -> None:
    rows = log(task, 1)
    layout = layout_of(task, rows)
    counts, each, cells = counted(layout, rows), terms(task, rows), coarse_cells(layout, rows)
    assert tuple(each.columns) == layout.truth_terms
    for name, merged in layout.coarse.items():
        expected = each.groupby(cells[name]).sum()
        names = ["missing", "invalid", *merged.labels]
        found = pd.DataFrame(counts["feature_truth"][layout.coarse_span[name]], names, layout.truth_terms)
        assert np.allclose(found, expected.reindex(names, fill_value=0.0), rtol=1e-9, atol=1e-3)
        assert found["n"].sum() == each["n"].sum()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_bad_cells_are_a_group_by(task) -> None:
    """By the first of missing, invalid and unseen in the features' order; out of range is none of them."""
    rows = log(task, 2)
    layout = layout_of(task, rows)
    counts, each = counted(layout, rows), terms(task, rows)
    bad = pd.DataFrame({"x": ~np.isfinite(rows["x"]), "k": ~rows["k"].isin(NAMES), "z": rows["z"].isna()})
    first = bad.idxmax(axis=1).where(bad.any(axis=1))
    features = list(layout.features)
    assert (
        counts["bad_cells"].tolist() == rows["weight"].groupby(first).sum().reindex(features, fill_value=0.0).tolist()
    )
    expected = each.groupby(first).sum().reindex(features, fill_value=0.0)
    assert np.allclose(counts["bad_truth"], expected, rtol=1e-9, atol=1e-3)
    assert counts["bad_cells"][:2].min() > 0
