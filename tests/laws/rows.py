"""Random rows of every task, as hypothesis draws them, and the layouts that count them."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from exporter.batch import Batch
from exporter.profile.bins import CategoryBins, NumericBins
from exporter.profile.coarse import coarse
from exporter.profile.columns import Columns
from exporter.profile.count import count_outcomes, count_rows, slice_slots
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout, Task
from exporter.profile.loss.pair_terms import Pairs
from exporter.profile.outcomes import Outcomes, row_outcomes
from exporter.profile.output import output_bins
from exporter.profile.rows import Reading, decode_predictions
from exporter.profile.vocabulary import Vocabulary

PANE = 300
UNIT = 2.0**-20
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")

COLUMNS = Columns(
    time="ts", prediction="prediction", score="score", scores={"a": "p_a", "b": "p_b"}, latency="latency",
    error="error", version="version", weight="weight", label="label", label_time="known", slices={"site": ("site",)},
)  # fmt: skip


def pairs(shape: Layout) -> Pairs:
    """Terms of two losses for a feature with another and with what was put out."""
    members = (("x", "c"), ("x", None))
    output = output_bins(shape)
    assert output is not None
    widths = {**{name: each.width for name, each in shape.coarse.items()}, None: coarse(output).width}
    sizes = [widths[one] * widths[other] for one, other in members]
    return Pairs.of(members, [np.arange(2 * size).reshape(size, 2) * 7919 % 4001 - 2000 for size in sizes], 2)


@cache
def layout(task: Task) -> Layout:
    shape = plain_layout(task)
    return replace(shape, pairs=pairs(shape))


def plain_layout(task: Task) -> Layout:
    """A layout without a loss model."""
    numeric = NumericBins(np.array([-1.0, 0.0, 0.1, 5.0, 100.0]), UNIT)
    return Layout(
        task=task,
        classes={"binary": ("0", "1"), "multiclass": ("a", "b"), "regression": ()}[task],
        features={"x": numeric, "c": CategoryBins(("red", "blue"))},
        score_bins=NumericBins(np.array([-1e-300, 0.25, 0.5, 0.75, 1.0]), 2.0**-30) if task == "binary" else None,
        prediction_bins=numeric if task == "regression" else None,
        error_bins=numeric if task == "regression" else None,
        actual_bins=numeric if task == "regression" else None,
        class_scores=task == "multiclass",
        tolerances=(0.0, 0.5, 90.0) if task == "regression" else (),
        slices={"site": 4},
    )


def columns(task: Task) -> Columns:
    return replace(
        COLUMNS, scores=COLUMNS.scores if task == "multiclass" else {}, score="score" if task == "binary" else None
    )


NUMBERS = st.one_of(st.none(), st.floats(-1e4, 1e4), st.sampled_from([0.0, -1.0, 0.1, 5.0, 1e5, float("nan")]))
PROBABILITIES = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.5, 1.5]))


def rows(task: Task, most: int = 40) -> st.SearchStrategy[list[dict[str, Any]]]:
    answer = NUMBERS if task == "regression" else st.sampled_from([None, "0", "1", "a", "b", "z"])
    return st.lists(
        st.fixed_dictionaries(
            {
                "ts": st.integers(0, 3 * PANE).map(float),
                "version": st.sampled_from(["v1", "v2", None]),
                "error": st.sampled_from([None, None, None, "timeout", "down"]),
                "prediction": answer,
                "score": PROBABILITIES,
                "p_a": PROBABILITIES,
                "p_b": PROBABILITIES,
                "latency": st.one_of(st.none(), st.floats(0, 20)),
                "weight": st.sampled_from([None, 1.0, 2.0, 0.1, 1 / 3]),
                "label": answer,
                "known": st.one_of(st.none(), st.floats(0, 1e6)),
                "site": st.sampled_from([None, "x", "y", "z", "u", "v"]),
                "x": NUMBERS,
                "c": st.sampled_from([None, "red", "blue", "green"]),
            }
        ),
        max_size=most,
    )


SCHEMA = {
    "ts": pa.float64(), "version": pa.string(), "error": pa.string(), "score": pa.float64(), "p_a": pa.float64(),
    "p_b": pa.float64(), "latency": pa.float64(), "weight": pa.float64(), "known": pa.float64(), "site": pa.string(),
    "x": pa.float64(), "c": pa.string(),
}  # fmt: skip


def batch(task: Task, content: list[dict[str, Any]]) -> Batch:
    answer = pa.float64() if task == "regression" else pa.string()
    schema = pa.schema([*SCHEMA.items(), ("prediction", answer), ("label", answer)])
    return Batch(pa.RecordBatch.from_pylist(content, schema=schema), "test", 1)


def counted(task: Task, parts: list[list[dict[str, Any]]], vocabulary: Vocabulary | None = None) -> dict[Any, Counts]:
    """Counts of batches, one after the other, by version and pane."""
    shape = layout(task)
    words = vocabulary or Vocabulary({"site": 4, "error": 16}, {"site": ["x", "y", "z"], "error": ["timeout", "down"]})
    result: dict[Any, Counts] = {}
    for content in parts:
        decoded, _ = decode_predictions(batch(task, content), Reading(columns(task), shape))
        slots = slice_slots(decoded, shape, words)
        known = row_outcomes(decoded, slots)
        assert known is not None
        for groups in (count_rows(decoded, slots, shape, words, PANE), count_outcomes(known, shape, PANE)):
            for group in groups:
                for key, counts in group.items():
                    if key in result:
                        result[key].add(counts)
                    else:
                        result[key] = counts.copy()
    return result


def outcomes(task: Task, content: list[dict[str, Any]]) -> Outcomes:
    """What rows with labels of their own came to."""
    shape, words = layout(task), Vocabulary({"site": 4}, {"site": ["x", "y", "z"]})
    decoded, _ = decode_predictions(batch(task, content), Reading(columns(task), shape))
    known = row_outcomes(decoded, slice_slots(decoded, shape, words))
    assert known is not None
    return known


def total(task: Task, parts: list[list[dict[str, Any]]]) -> Counts:
    result = Counts.zero(layout(task))
    for counts in counted(task, parts).values():
        result.add(counts)
    return result


def same(one: Counts, other: Counts) -> bool:
    """Bit for bit."""
    return one.all.tobytes() == other.all.tobytes() and one.by_slice.tobytes() == other.by_slice.tobytes()
