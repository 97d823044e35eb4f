"""Labels of a log of their own beside reference rows."""

from typing import Any

import pyarrow as pa
import pytest

from exporter.batch import Batch
from exporter.profile.columns import Columns
from exporter.profile.late_truth import Default, LateTruth, lacks_truth

LABELS = Columns(id="key", label="truth", label_time="told", features={})
ROWS = Columns(time="ts", id="id", prediction="p", label="truth", label_time="told", features={})


def batch(**columns: Any) -> Batch:
    return Batch(pa.record_batch({name: pa.array(values) for name, values in columns.items()}), "log", 1)


def beside(*labels: Batch, rows: Batch, columns: Columns = ROWS, numeric: bool = False, **rules: Any) -> dict[str, Any]:
    return LateTruth(labels, LABELS, numeric=numeric, **rules).beside(rows, columns).rows.to_pydict()


def test_labels_stand_beside_their_predictions_with_their_times() -> None:
    """From several batches, whatever type they have; ids as text and as numbers; leading zeros count."""
    first = batch(key=["001", "7"], truth=["0", "1"], told=[1_700_000_000_000, 1_700_000_001_000])
    second = batch(key=[8, None], truth=[1, 1], told=["2026-01-01T00:00:00Z", None])
    found = beside(first, second, rows=batch(id=["8", "1", "001", "7", None], p=[1, 1, 1, 1, 1]))
    assert found["truth"] == ["1", None, "0", "1", None]
    assert [None if each is None else each.timestamp() for each in found["told"]] == [
        1_767_225_600.0, None, 1_700_000_000.0, 1_700_000_001.0, None,
    ]  # fmt: skip


@pytest.mark.parametrize(("conflict", "holds"), [("first", "a"), ("last", "b")])
def test_the_rule_for_conflicts_holds(conflict: str, holds: str) -> None:
    labels = (batch(key=["x", "y"], truth=["a", "c"]), batch(key=["x", "x"], truth=["b", None]))
    assert beside(*labels, rows=batch(id=["x"]), conflict=conflict)["truth"] == [holds]


def test_numbers_stay_numbers() -> None:
    labels = batch(key=["x", "y", "z"], truth=["1.5", "2", "none"])
    assert beside(labels, rows=batch(id=["z", "y", "x"]), numeric=True)["truth"] == [None, 2.0, 1.5]


def test_the_default_is_for_those_that_no_label_comes_for_any_more() -> None:
    rows = batch(id=["x", "y", "z"], ts=[100.0, 100.0, 200.0])
    assert beside(batch(key=["x"], truth=["1"]), rows=rows, default=Default("0", 150.0))["truth"] == ["1", "0", None]


def test_data_with_a_truth_of_its_own_stays_as_it_is() -> None:
    rows = batch(id=["x"], truth=["own"])
    assert beside(batch(key=["x"], truth=["other"]), rows=rows) == {"id": ["x"], "truth": ["own"]}
    assert not lacks_truth(rows.rows, ROWS)


def test_without_ids_or_labels_there_is_none() -> None:
    assert beside(batch(key=["x"], truth=["1"]), rows=batch(p=[1])) == {"p": [1]}
    assert beside(batch(key=["x"]), rows=batch(id=["x"]))["truth"] == [None]
    assert beside(rows=batch(id=[None]))["truth"] == [None]
