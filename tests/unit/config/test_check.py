"""What `ml-exporter check` says of logs and references that do or do not fit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporter.config import load
from exporter.config.check import CheckResult, check
from exporter.errors import ReferenceFileError
from exporter.profile.bins import CategoryBins, FeatureBins, NumericBins
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference

NOW = 1_700_000_000.0
CONFIG = """
models:
  delay:
    task: binary
    predictions:
      source: {type: files, path: predictions.jsonl}
      columns:
        time: ts
        id: request_id
        prediction: late
        score: probability
        latency: {column: latency_ms, unit: ms}
        version: version
    labels:
      source: {type: files, path: labels.jsonl}
      columns: {id: request_id, label: was_late, time: landed_at}
    slices: [carrier]
    features: {include: [distance], overrides: {distance: {type: numeric}}}
"""

Rows = list[dict[str, Any]]


def predictions(n: int = 40) -> Rows:
    return [
        {
            "ts": NOW - 600 + row,
            "request_id": f"r-{row}",
            "late": row % 2,
            "probability": row / n,
            "latency_ms": 20 + row,
            "version": "v1",
            "carrier": "AB"[row % 2],
            "distance": 100 * row,
        }
        for row in range(n)
    ]


def labels(n: int = 20) -> Rows:
    return [{"request_id": f"r-{row}", "was_late": 1, "landed_at": NOW} for row in range(n)]


def no_reference(path: Path) -> Reference:
    raise ReferenceFileError(f"{path}: not a reference file; make it again")


def run(
    folder: Path,
    rows: Rows | None = None,
    label_rows: Rows | None = None,
    config: str = CONFIG,
    load_reference: Callable[[Path], Reference] = no_reference,
) -> list[CheckResult]:
    for name, content in (
        ("predictions", predictions() if rows is None else rows),
        ("labels", labels() if label_rows is None else label_rows),
    ):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    (folder / "ml-exporter.yml").write_text(config, encoding="utf-8")
    return check(load(folder / "ml-exporter.yml", {}), load_reference, NOW)


def told(results: list[CheckResult], level: str) -> list[str]:
    return [result.message for result in results if result.level == level and not result.subject.endswith(" reference")]


def changed(**cells: Any) -> Rows:
    """Predictions with cells replaced; a value is called with the row's number if it can be."""
    return [
        row | {name: cell(number) if callable(cell) else cell for name, cell in cells.items()}
        for number, row in enumerate(predictions())
    ]


def without(name: str) -> Rows:
    return [{key: cell for key, cell in row.items() if key != name} for row in predictions()]


def test_logs_that_fit_have_no_problem(tmp_path: Path) -> None:
    results = run(tmp_path)
    assert told(results, "problem") == []
    assert told(results, "warning") == []
    assert "20 of 20 labels belong to one of the 40 predictions looked at" in told(results, "ok")


def test_a_missing_column_is_told_with_the_likely_one(tmp_path: Path) -> None:
    rows = [
        {("request_uid" if key == "request_id" else key): cell for key, cell in row.items()} for row in predictions()
    ]
    assert told(run(tmp_path, rows), "problem") == ["id: there is no column `request_id`; did you mean `request_uid`?"]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (changed(ts="yesterday"), "time: 100% of `ts` (text) cannot be read as times; use ISO 8601, a timestamp type, or Unix time"),
        (changed(ts=NOW + 7200), "time: the newest row is 2.0 hours in the future; check `timezone` (now UTC) and the clocks"),
        (changed(late="maybe"), "prediction: 1 of 1 classes in `late` are not known (known: 0, 1); name them as `positive_class` and `classes`"),
        (changed(probability=lambda row: row), "score: 95% of `probability` lie outside 0 to 1, so they are no probabilities; percentages must be divided by 100"),
        (changed(probability="high"), "score: 100% of `probability` (text) are no numbers; name the column of the probability"),
        (changed(probability=None), "score: column `probability` is empty in all 40 rows; is it the right one?"),
        (changed(latency_ms="fast"), "latency: 100% of `latency_ms` (text) are no numbers"),
        (changed(distance="far"), "feature distance: 100% of `distance` are no numbers, though its type is numeric"),
        (without("distance"), "feature distance: there is no column `distance`; known here: ts, request_id, late, probability, latency_ms, version, carrier"),
    ],
)  # fmt: skip
def test_columns_that_hold_something_else(tmp_path: Path, rows: Rows, problem: str) -> None:
    assert [problem] == told(run(tmp_path, rows), "problem")


@pytest.mark.parametrize(
    ("rows", "warning"),
    [
        (changed(request_id=lambda row: f"r-{row // 2}"), "id: 20 of 40 rows repeat an id of `request_id`; does it name the prediction?"),
        (changed(latency_ms=100_000), "latency: `latency_ms` in ms: the median is 100 s; if that is too slow to be true, correct `unit`"),
        (changed(version=str), "version: `version` has 40 values in 40 rows: is it an id?"),
        (changed(carrier=str), "slice carrier: `carrier` has 40 values or more, 19 are told apart; raise `max_values`?"),
        (changed(ts=lambda row: NOW - 30 * 86400 + row), "time: the newest row is 30 days old, before all windows; for a replay or backfill set `clock: watermark`"),
        (without("version"), "version: no row looked at has a column `version`; known here: ts, request_id, late, probability, latency_ms, carrier, distance"),
    ],
)  # fmt: skip
def test_columns_that_may_be_meant_otherwise(tmp_path: Path, rows: Rows, warning: str) -> None:
    assert [warning] == told(run(tmp_path, rows), "warning")


def test_ids_that_never_join_are_told_by_their_form_not_their_content(tmp_path: Path) -> None:
    (problem,) = told(
        run(tmp_path, label_rows=[row | {"request_id": f"flight/{number}"} for number, row in enumerate(labels())]),
        "problem",
    )
    assert problem == (
        "no label found its prediction: ids look like `a-9` in predictions, but like `a/9` in labels; check both `id` columns"
    )


def test_a_log_that_is_not_there_is_a_problem_and_others_are_still_tried(tmp_path: Path) -> None:
    results = run(tmp_path, config=CONFIG.replace("path: predictions.jsonl", "path: nothing-*.jsonl"))
    (problem,) = told(results, "problem")
    assert problem.startswith("cannot be read: ")
    assert any("labels.jsonl is readable" in message for message in told(results, "ok"))


def test_unreadable_rows_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    run(tmp_path)
    with (tmp_path / "predictions.jsonl").open("a") as log:
        log.write("not json\n")
    results = check(load(tmp_path / "ml-exporter.yml", {}), no_reference, NOW)
    (warning,) = told(results, "warning")
    assert warning.startswith("1 of the first 41 rows are rejected, the first one as unreadable; look at ")
    assert warning.endswith("predictions.jsonl:41")


def test_no_content_of_a_row_is_shown(tmp_path: Path) -> None:
    shown = "\n".join(
        map(str, run(tmp_path, changed(version="tell-nobody", carrier="tell-nobody", late="tell-nobody")))
    )
    assert "tell-nobody" not in shown
    assert "r-1" not in shown


def referenced(results: list[CheckResult]) -> list[tuple[str, str]]:
    return [(result.level, result.message) for result in results if result.subject == "delay reference"]


RANGED = NumericBins(np.array([np.nextafter(0.0, -1.0), 50.0, 100.0]))


def reference(task: Any = "binary", model: str = "delay", features: dict[str, FeatureBins] | None = None) -> Reference:
    layout = Layout(task=task, classes=("0", "1"), features=features or {"distance": RANGED})
    return Reference(layout, Counts.zero(layout), model)


def test_without_a_reference_it_says_what_is_missed(tmp_path: Path) -> None:
    ((level, message),) = referenced(run(tmp_path))
    assert level == "warning"
    assert message.startswith("there is none: traffic and performance are shown, drift is not")


def test_a_reference_that_is_not_there(tmp_path: Path) -> None:
    config = CONFIG + "    reference: delay.mlref\n"
    ((level, message),) = referenced(run(tmp_path, config=config))
    assert (level, message.split(";")[0]) == ("problem", f"there is no {tmp_path}/delay.mlref")
    data = "    reference_data: {source: {type: files, path: predictions.jsonl}, columns: {label: late_true}}\n"
    ((level, message),) = referenced(run(tmp_path, config=config + data))
    assert (level, message.split(";")[0]) == ("warning", f"{tmp_path}/delay.mlref is not there yet")


def test_reference_data_take_their_labels_from_the_label_log(tmp_path: Path) -> None:
    """It is said, so that a misspelt column of labels is seen."""
    data = "    reference: a.mlref\n    reference_data: {source: {type: files, path: predictions.jsonl}}\n"
    found = [each for each in run(tmp_path, config=CONFIG + data) if each.subject == "delay reference_data"]
    assert [each.level for each in found if "label" in each.message] == ["ok"]
    assert "no column `was_late`, so it is taken from the label log, by `request_id`" in str(found)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (reference(), [("ok", "fits: 0 predictions, 1 features, no time: no verdict on drift in windows")]),
        (reference(task="regression"), [("problem", "is of a regression model, this one is binary")]),
        (reference(model="other"), [("warning", "was fitted for the model other"), ("ok", "fits")]),
    ],
)
def test_a_reference_is_compared_with_the_model(
    tmp_path: Path, made: Reference, expected: list[tuple[str, str]]
) -> None:
    (tmp_path / "delay.mlref").touch()
    found = referenced(run(tmp_path, config=CONFIG + "    reference: delay.mlref\n", load_reference=lambda _: made))
    assert [level for level, _ in expected] == [level for level, _ in found]
    assert all(part in message for (_, part), (_, message) in zip(expected, found, strict=True))


def test_a_broken_reference_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "delay.mlref").touch()
    ((level, message),) = referenced(run(tmp_path, config=CONFIG + "    reference: delay.mlref\n"))
    assert (level, message) == ("problem", f"{tmp_path}/delay.mlref: not a reference file; make it again")


@pytest.mark.parametrize(
    ("bins", "override", "expected"),
    [
        (RANGED, "{range: [0, 100]}", []),
        (RANGED, "{type: numeric}", []),
        (RANGED, "{range: [0, 6000]}", ["range [0, 100], … says [0, 6000]"]),
        (RANGED, "{type: category}", ["type numeric, … says category"]),
        (RANGED, "{categories: [AA]}", ["type numeric, … says category"]),
        (CategoryBins(("UA", "AA")), "{categories: [AA, UA]}", []),
        (CategoryBins(("UA", "AA")), "{categories: [AA, DL]}", ["categories [UA, AA], … says [AA, DL]"]),
        (CategoryBins(("UA", "AA")), "{range: [0, 1]}", ["type category, … says numeric"]),
    ],
)
def test_overrides_that_came_after_the_fit_are_told(
    tmp_path: Path, bins: FeatureBins, override: str, expected: list[str]
) -> None:
    """What is counted was frozen when the reference was fitted."""
    (tmp_path / "delay.mlref").touch()
    config = CONFIG.replace("{type: numeric}", override) + "    reference: delay.mlref\n"
    made = reference(features={"distance": bins})
    found = referenced(run(tmp_path, config=config, load_reference=lambda _: made))
    between = "and that counts until it is fitted again; `features.overrides`"
    assert [
        f"feature distance: {tmp_path}/delay.mlref was fitted with {each.replace('…', between)}: "
        "run `ml-exporter reference fit --model delay`"
        for each in expected
    ] == [message for level, message in found if level == "warning"]
