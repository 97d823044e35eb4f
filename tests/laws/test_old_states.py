"""A state that an older program wrote is read, and counting goes on where it stopped: `old/*-3.sqlite.gz`.

It had read all predictions, and half of the labels; some of those lie beside their panes.
"""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporter.profile.layout import LAYOUT_VERSION
from tests.exporters import BINARY, DAY, NOW, REGRESSION, Exporter, reference_rows, row, truth
from tests.states import seen, state_of

OLD = Path(__file__).parent / "old"
MODELS = {"binary": BINARY, "regression": REGRESSION}
READ = 55
"""Labels that had been read."""
END = int(NOW)


def logs() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The predictions and labels of the log."""
    predictions = [
        row(i, ago=i * 5_000 % 100_000 + 600.0, late=i % 2, p=i % 33 / 32, value=i % 17 - 3.5, x=[None, 7.25, 10.0, 14.5, 1e6][i % 5],
            carrier=[None, "AA", "UA", "DL", "ZZ"][i // 3 % 5], version=["v1", "v2"][i // 40 % 2])
        for i in range(120)
    ]  # fmt: skip
    return predictions, [truth(i, late=i // 7 % 2, y=i % 13 - 2.0) for i in range(110)]


def reference_data(task: str) -> list[dict[str, Any]]:
    regression = task == "regression"
    return [
        {**each, "value": each["x"], "y": each["x"] + 1 if regression else each["y"]} for each in reference_rows(600)
    ]


def found(folder: Path, task: str, *, state: bool) -> Exporter:
    """With the reference of then, and its state where it is wanted; all lines that had been read stand in the logs."""
    exporter = Exporter(folder, MODELS[task])
    predictions, labels = logs()
    exporter.predict(*predictions)
    exporter.label(*labels[:READ])
    (folder / "m.mlref").write_bytes((OLD / f"{task}-3-state.mlref").read_bytes())
    if state:
        (folder / "state").mkdir()
        (folder / "state/m.sqlite").write_bytes(gzip.decompress((OLD / f"{task}-3.sqlite.gz").read_bytes()))
    return exporter


@pytest.mark.parametrize("task", MODELS)
def test_counting_goes_on(tmp_path, task) -> None:
    """What is read from there on, labels of predictions that waited too, comes to what one program would have found."""
    gone_on, whole = (found(tmp_path / name, task, state=name == "on") for name in ("on", "whole"))
    whole.read()
    assert gone_on.window(2 * DAY, "v1").layout.version == 3
    assert state_of(gone_on, END)["windows"] == state_of(whole, END)["windows"]
    for exporter in (gone_on, whole):
        exporter.label(*logs()[1][READ:])
        exporter.predict(*(row(i, version="v1", value=i / 7) for i in range(200, 230)))
        exporter.clock.advance(10)
        exporter.read()
    one, other = (seen(exporter, "last") for exporter in (gone_on, whole))
    assert one["windows"] == other["windows"]
    assert one["waiting"] == other["waiting"] == (120 - 110 + 30, 0)
    for exporter in (gone_on, whole):
        exporter.close()


@pytest.mark.parametrize("task", MODELS)
def test_a_new_reference_counts_on_with_all_parts(tmp_path, task) -> None:
    """The bins are the same: counts are carried over. What waited has no codes: its labels count, but by no feature."""
    exporter = found(tmp_path, task, state=True)
    before = {version: exporter.window(2 * DAY, version) for version in ("v1", "v2")}
    before = {version: (counts.rows, counts.labels) for version, counts in before.items()}
    exporter.restart()
    exporter.fit(reference_data(task))
    for version, known in before.items():
        counts = exporter.window(2 * DAY, version)
        assert counts.layout.version == LAYOUT_VERSION
        assert (counts.rows, counts.labels) == known
        assert (counts["weight_squares"][0], counts["label_weight_squares"][0]) == known
    exporter.label(*logs()[1][READ:])
    fresh = [row(i, version="v1", value=i / 7, carrier="ZZ" if i % 2 else "AA") for i in range(200, 230)]
    exporter.predict(*fresh)
    exporter.label(*(truth(i, y=3.0) for i in range(205, 230)))
    exporter.clock.advance(10)
    exporter.read()
    end = int(exporter.clock.now())
    counts = exporter.window(2 * DAY, "v1", end)
    terms = counts["feature_truth"]
    assert sum(exporter.window(2 * DAY, version, end).labels for version in before) == 110 + 25
    for span in counts.layout.coarse_span.values():
        assert terms[span, 0].sum() == 25.0
    assert counts["bad_cells"].sum() == counts["bad_truth"][:, 0].sum() + 2 == 15.0
    assert not exporter.window(2 * DAY, "v2", end)["feature_truth"].any()
    exporter.close()


def test_labels_need_not_be_counted_by_feature(tmp_path) -> None:
    """`by_feature: false` keeps no codes; switched on, it counts what is predicted from then on."""
    exporter = Exporter(tmp_path, labels={**BINARY["labels"], "by_feature": False})
    exporter.fit()
    for numbers, by_feature in ((range(10), True), (range(10, 30), False)):
        exporter.predict(*(row(i) for i in numbers))
        exporter.label()
        exporter.read()
        exporter.restart(labels={**BINARY["labels"], "by_feature": by_feature})
    exporter.label(*(truth(i) for i in range(30)))
    exporter.read()
    counts = exporter.window()
    assert counts.labels == 30.0
    assert counts["feature_truth"][counts.layout.coarse_span["x"], 0].sum() == 20.0
    exporter.close()


def test_codes_of_other_bins_are_not_taken_for_those_of_now(tmp_path) -> None:
    """A refit moves edges while predictions wait: their labels count in windows, but by no feature; new ones do."""
    exporter = Exporter(tmp_path)
    rows = reference_rows()
    exporter.fit(rows)
    exporter.predict(*(row(i, x=9.0 + i / 10) for i in range(20)))
    exporter.label()
    exporter.read()
    exporter.restart()
    exporter.fit([{**each, "x": each["x"] * 2} for each in rows])
    exporter.predict(*(row(i, x=18.0) for i in range(20, 30)))
    exporter.label(*(truth(i, late=i % 2) for i in range(30)))
    exporter.read()
    counts = exporter.window()
    assert counts.labels == 30.0
    span = counts.layout.coarse_span["x"]
    assert counts["feature_truth"][span, 0].sum() == 10.0
    there = counts.layout.coarse["x"].table[counts.layout.features["x"].codes(np.array([18.0]))[0]]
    assert counts["feature_truth"][span][there, 0] == 10.0
    exporter.label(*(truth(i, late=1 - i % 2) for i in range(15, 25)))
    exporter.clock.advance(10)
    exporter.read()
    corrected = exporter.window()
    # Wrong and positive: 21 and 23 were corrected to 0, 20, 22 and 24 to 1; 26 and 28 were 0 before.
    assert corrected["feature_truth"][span][there].tolist()[:3] == [10.0, 4.0, 6.0]
    exporter.close()
