"""What older versions of the program wrote is read, means the same, and is counted on from there.

`old/` holds references and packed counts of layout versions 2 and 3, and states of
3, written by programs that had them.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exporter.metrics.performance.parts import of_counts
from exporter.metrics.performance.registry import BY_TASK
from exporter.profile.adapt import adapt
from exporter.profile.codec import pack, pack_reference, packed_layout, unpack, unpack_reference
from exporter.profile.counts import Counts
from exporter.profile.layout import LAYOUT_VERSION
from exporter.profile.reference import Reference
from tests.laws.rows import TASKS, layout, same, total

OLD = Path(__file__).parent / "old"
VERSIONS = (2, 3)
NEW_PARTS = {
    2: {"binary": {"score_ranks"}, "multiclass": set(), "regression": {"relative_terms"}},
    3: {"binary": {"score_positive"}, "multiclass": {"class_score"}, "regression": set()},
}
"""What came with the next version."""
FOR_ALL = {"weight_squares", "label_weight_squares", "bad_cells", "bad_output", "bad_truth", "feature_truth",
           "pair_terms", "bad_pair_terms"}  # fmt: skip
"""What came with version 4 whatever the task."""
CONFIGURED = {"binary": set(), "multiclass": set(), "regression": {"error_sizes"}}
"""What layouts of any version have where the configuration asks for it."""


def log_of(task):
    """The rows that the files of `old/` were counted from."""
    numbers, classes = [-3.0, -1.0, 0.05, 4.0, 7.5, 200.0], {"binary": ["0", "1"], "multiclass": ["a", "b"]}.get(task)

    def answer(i):
        return numbers[i % 6] if classes is None else classes[i % 2]

    return [
        {
            "ts": float(i * 7 % 900), "version": ["v1", "v2", None][i % 3], "error": "timeout" if i % 11 == 0 else None,
            "prediction": answer(i * 5 // 3), "score": i % 33 / 32, "p_a": i % 9 / 8, "p_b": i % 17 / 16,
            "latency": i % 20 / 4, "weight": 1.0, "label": answer(i // 7), "known": 1000.0 + i, "site": [None, "x", "y"][i % 3],
            "x": numbers[i % 5], "c": [None, "red", "blue", "green"][i % 4],
        }
        for i in range(200)
    ]  # fmt: skip


def read(task: str, version: int) -> Reference:
    return unpack_reference((OLD / f"{task}-{version}.mlref").read_bytes(), "file")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("task", TASKS)
def test_a_reference_is_read_and_written_alike(task, version) -> None:
    reference = read(task, version)
    assert reference.layout.version == version
    assert reference.id == packed_layout((OLD / f"{task}-{version}.counts").read_bytes())
    again = unpack_reference(pack_reference(reference), "file")
    assert again.id == reference.id
    assert same(again.total, reference.total)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("task", TASKS)
def test_counts_are_those_that_the_same_rows_have_today(task, version) -> None:
    reference = read(task, version)
    old = unpack((OLD / f"{task}-{version}.counts").read_bytes(), reference.layout)
    assert same(old, reference.total)
    today = total(task, [log_of(task)])
    new = FOR_ALL.union(CONFIGURED[task], *(parts[task] for since, parts in NEW_PARTS.items() if since >= version))
    assert {part.name for part in today.layout.parts} - {part.name for part in old.layout.parts} == new
    for part in old.layout.parts:
        assert old[part.name].tolist() == today[part.name].tolist(), part.name
    assert same(adapt(today, old.layout), old)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("task", TASKS)
def test_counting_goes_on(task, version) -> None:
    """Bins are the same, so counts of both versions are carried over, packed, added and evaluated."""
    old = read(task, version).total
    shape = layout(task)
    now = replace(old.layout, version=LAYOUT_VERSION, pairs=shape.pairs, tolerances=shape.tolerances)
    assert (now.id, now.bins_id) == (shape.id, old.layout.bins_id)
    both = adapt(old, now) + total(task, [log_of(task)])
    assert same(unpack(pack(both), now), both)
    assert both.rows == 2 * old.rows
    for metric in BY_TASK[task]:
        found, alone = (metric.compute(of_counts(counts)) for counts in (both, old))
        # Within a cell rows are taken to be in random order, which is worth a little less where there are more of them.
        near = 1e-2 if metric.name == "average_precision" else 1e-12
        assert found.value == pytest.approx(alone.value, rel=near, nan_ok=True), metric.name
    if task == "regression" and version == 2:
        # Σ(e/y)² is known of half of the rows: no interval rather than a wrong one.
        [mape] = [each.compute(of_counts(both)) for each in BY_TASK[task] if each.name.endswith("percentage_error")]
        assert np.isnan([mape.lower, mape.upper]).all()
        fresh = Counts.zero(now) + total(task, [log_of(task)])
        [mape] = [each.compute(of_counts(fresh)) for each in BY_TASK[task] if each.name.endswith("percentage_error")]
        assert mape.lower < mape.value < mape.upper
