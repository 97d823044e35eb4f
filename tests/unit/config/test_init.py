"""`ml-exporter init`: what it guesses from samples of logs, and that what it writes loads and reads."""

import csv
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.config import load
from exporter.config.check import check
from exporter.config.init import init, model_name
from exporter.config.logs import read_logs
from exporter.engine.plan import ModelPlan
from exporter.errors import ConfigError, ReferenceFileError
from exporter.profile.reference import Reference

NOW = 1_700_000_000.0
ROWS = 200

Rows = list[dict[str, Any]]


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def part(row: int, turns: float = 1.0) -> float:
    """Between 0 and 1, another for every row, without chance."""
    return (row * turns * (math.sqrt(5) - 1) / 2) % 1


def write(path: Path, rows: Rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, rows[0])
            table.writeheader()
            table.writerows(rows)
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def no_reference(path: Path) -> Reference:
    raise ReferenceFileError(str(path))


def proposed(*paths: Path) -> tuple[ModelPlan, str]:
    """The plan of what `init` writes, which must load and have no problem when it is tried, and its text."""
    text = init(list(paths), NOW)
    file = paths[0].parent / "ml-exporter.yml"
    file.write_text(text, encoding="utf-8")
    plan = load(file, {})
    assert [str(result) for result in check(plan, no_reference, NOW) if result.level == "problem"] == []
    file.unlink()
    return plan.models[0], text


def above(text: str, line: str) -> str:
    """The comment above a line."""
    lines = [each.strip() for each in text.splitlines()]
    return lines[lines.index(line) - 1]


def flights(row: int) -> dict[str, Any]:
    return {
        "ts": iso(NOW - 2000 + row),
        "request_id": f"r-{row}",
        "probability": part(row),
        "late": int(part(row) > 0.7),
        "latency_ms": 10 + row % 7,
        "model_version": "v1",
        "carrier": ["AA", "UA", "DL"][row % 3],
        "inputs": {"distance": 100 + row * 7, "weight": part(row, 3) * 90},
    }


def landings(row: int) -> dict[str, Any]:
    return {"request_id": f"r-{row}", "was_late": row % 2, "landed_at": NOW + row}


def test_predictions_and_labels_in_files_of_their_own(tmp_path: Path) -> None:
    labels = write(tmp_path / "b.jsonl", [landings(row) for row in range(100)])
    predictions = write(tmp_path / "flights.jsonl", [flights(row) for row in range(ROWS)])
    model, text = proposed(labels, predictions)
    columns = model.predictions.columns
    assert (model.name, model.task) == ("flights", "binary")
    assert (columns.time, columns.id, columns.prediction, columns.score) == ("ts", "request_id", "late", "probability")
    assert (columns.latency, columns.latency_unit, columns.version) == ("latency_ms", "ms", "model_version")
    assert columns.weight is None
    assert columns.features == {"carrier": "carrier", "distance": "inputs.distance", "weight": "inputs.weight"}
    assert columns.slices == {"carrier": ("carrier",)}
    assert model.labels is not None
    assert model.labels.stream is not None
    theirs = model.labels.stream.columns
    assert (theirs.id, theirs.label, theirs.label_time) == ("request_id", "was_late", "landed_at")
    assert "two values, told apart by `probability` at 0.7" in above(text, "prediction: late")
    assert "100% of the labels seen find a prediction by it" in text
    assert "unsure" not in text.split("models:")[1]


def test_labels_by_another_name_of_the_id_and_of_one_class_only(tmp_path: Path) -> None:
    payments = [{"ts": NOW - row, "id": f"p{row}", "prediction": part(row), "amount": row * 1.5} for row in range(ROWS)]
    fraud = [{"payment": f"p{row}", "fraud": 1, "reported": iso(NOW + 90 * row)} for row in range(0, ROWS, 9)]
    model, text = proposed(write(tmp_path / "cards.jsonl", payments), write(tmp_path / "chargebacks.csv", fraud))
    assert (model.task, model.predictions.columns.score, model.predictions.columns.prediction) == (
        "binary",
        "prediction",
        None,
    )
    assert model.labels is not None
    assert model.labels.stream is not None
    assert (model.labels.stream.columns.id, model.labels.stream.columns.label) == ("payment", "fraud")
    assert model.labels.default == "0"
    assert above(text, 'default: "0"').startswith("# unsure: every label seen is the same class")


def test_a_regression_with_its_label_in_the_row(tmp_path: Path) -> None:
    rows = [
        {
            "timestamp": datetime.fromtimestamp(NOW - row, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000"),
            "trace_id": str(10**15 + row * 7919),
            "sqft": 300 + row,
            "rooms": row % 5,
            "prediction": 1e5 * part(row),
            "actual": 1e5 * part(row, 2),
        }
        for row in range(ROWS)
    ]
    model, text = proposed(write(tmp_path / "house_prices.parquet", rows))
    columns = model.predictions.columns
    assert (model.task, columns.prediction, columns.label, columns.id) == (
        "regression",
        "prediction",
        "actual",
        "trace_id",
    )
    assert set(columns.features or {}) == {"sqft", "rooms"}
    assert "`timestamp` has no offset; name the zone" in above(text, "timezone: UTC")


def test_multiclass_with_a_probability_a_class_and_camel_case_names(tmp_path: Path) -> None:
    rows: Rows = []
    for row in range(ROWS):
        cat, dog = part(row) / 2, part(row, 2) / 2
        scores = {"cat": cat, "dog": dog, "cow": 1 - cat - dog}
        rows.append(
            {
                "eventTime": int((NOW - row) * 1000),
                "eventId": f"e{row}",
                "modelVersion": ["1.9", "1.10"][row % 2],
                "predictedClass": max(scores, key=lambda name: scores[name]),
                **{f"proba_{name}": score for name, score in scores.items()},
                "inferenceTimeMs": 3 + row % 60,
                "features": {"label": part(row, 4) * 30, "tail": row % 4 == 0},
            }
        )
    model, _ = proposed(write(tmp_path / "animals.jsonl", rows))
    columns = model.predictions.columns
    assert (model.task, model.classes) == ("multiclass", ("cat", "cow", "dog"))
    assert columns.scores == {"cat": "proba_cat", "dog": "proba_dog", "cow": "proba_cow"}
    assert (columns.time, columns.prediction, columns.version) == ("eventTime", "predictedClass", "modelVersion")
    assert (columns.latency, columns.latency_unit) == ("inferenceTimeMs", "ms")
    assert columns.label is None
    assert columns.features == {"label": "features.label", "tail": "features.tail"}


def test_columns_of_classes_are_the_prediction_and_the_truth_and_no_inputs(tmp_path: Path) -> None:
    """Their names say nothing; one of them always names the likeliest class."""
    teams = ("billing", "sales", "technical")
    rows = [
        {
            "at": NOW + row, "ticket": f"T{row}", "routed_to": teams[row % 3], "solved_by": teams[row % 7 % 3],
            "desk": ["a", "b"][row % 2], "length": row,
            **{f"p_{team}": 0.6 if team == teams[row % 3] else 0.2 for team in teams},
        }
        for row in range(ROWS)
    ]  # fmt: skip
    model, text = proposed(write(tmp_path / "tickets.jsonl", rows))
    roles = model.predictions.columns
    assert (model.task, roles.prediction, roles.label) == ("multiclass", "routed_to", "solved_by")
    assert (list(model.slice_values), set(roles.features or {})) == (["desk"], {"desk", "length"})
    assert "unsure: its values are the classes" in text


def test_classes_in_words_take_the_positive_one_from_the_score(tmp_path: Path) -> None:
    rows = [
        {
            "date": datetime.fromtimestamp(NOW - 90 * 86400 + row, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "y_pred": "churn" if part(row) > 0.4 else "stay",
            "y_proba": part(row),
            "plan": "ab"[row % 2],
            "error": "",
        }
        for row in range(ROWS)
    ]
    model, text = proposed(write(tmp_path / "churn-2024-01-01.csv", rows))
    assert (model.name, model.classes, model.positive_class) == ("churn", ("stay", "churn"), "churn")
    assert above(text, "positive_class: churn") == "# its rows have the higher `y_proba`"
    assert model.clock == "watermark"
    assert "# unsure: the newest row seen is of 2023-08-16" in text


def test_names_that_say_nothing_are_marked_unsure(tmp_path: Path) -> None:
    rows = [{"when": iso(NOW - row), "a": part(row) * 9, "b": "xyz"[row % 3], "out": row % 2} for row in range(ROWS)]
    model, text = proposed(write(tmp_path / "x.jsonl", rows))
    assert (model.predictions.columns.time, model.predictions.columns.prediction) == ("when", "out")
    assert above(text, "time: when").startswith("# unsure: ")
    assert above(text, "prediction: out").startswith("# unsure: ")


def test_what_is_no_input_is_left_out_with_its_reason(tmp_path: Path) -> None:
    rows = [
        flights(row)
        | {
            "session_id": row % 30,
            "comment": f"text {row}",
            "env": "prod",
            "sent": iso(NOW + row),
            "tags": ["a"],
            "none": None,
        }
        for row in range(ROWS)
    ]
    model, text = proposed(write(tmp_path / "flights.jsonl", rows))
    assert set(model.predictions.columns.features or {}) == {"carrier", "distance", "weight"}
    for line in (
        "session_id (by its name an id)",
        "comment (nearly every text is different: an id or free text)",
        "env (the same in all rows)",
        "sent (a time)",
        "tags (a list)",
        "none (always empty)",
    ):
        assert f"# left out: {line}" in text


def test_labels_that_nothing_joins_are_left_out_and_told(tmp_path: Path) -> None:
    labels = write(tmp_path / "truth.jsonl", [{"was_late": row % 2, "at": NOW} for row in range(ROWS)])
    predictions = write(tmp_path / "flights.jsonl", [flights(row) for row in range(ROWS)])
    model, text = proposed(predictions, labels)
    assert model.labels is None
    assert f"# unsure: labels in {labels} are left out" in text


def test_a_slice_never_takes_a_name_of_the_exporter_itself(tmp_path: Path) -> None:
    model, _ = proposed(
        write(tmp_path / "flights.jsonl", [flights(row) | {"error": row % 3 == 0} for row in range(ROWS)])
    )
    assert model.predictions.columns.slices == {"carrier": ("carrier",)}


def test_relative_paths_start_where_the_configuration_will_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "logs" / "flights.jsonl", [flights(row) for row in range(ROWS)])
    sample = Path("logs/flights.jsonl")
    assert "path: logs/flights.jsonl}" in init(sample, NOW)
    assert "path: ../logs/flights.jsonl}" in init(sample, NOW, Path("etc"))


def test_files_of_one_log_are_one_log(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / f"flights-{part_number}.jsonl", [flights(row) for row in range(ROWS)])
        for part_number in (1, 2)
    ]
    (log,) = read_logs(paths)
    assert log.paths == tuple(paths)


def test_a_third_log_is_named_as_unused(tmp_path: Path) -> None:
    predictions = write(tmp_path / "flights.jsonl", [flights(row) for row in range(ROWS)])
    labels = write(tmp_path / "labels.jsonl", [landings(row) for row in range(ROWS)])
    other = write(tmp_path / "other.jsonl", [{"a": 1, "b": 2}])
    _, text = proposed(predictions, labels, other)
    assert f"# unsure: not used, as it is neither the largest log nor its labels: {other}" in text


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("a.jsonl", [{"a": 1.5, "prediction": 1}], "no column holds times (columns: a, prediction)"),
        ("a.jsonl", [{"ts": NOW, "why": "text alone"}] * 2, "no column could be a prediction (columns: ts, why)"),
        ("a.jsonl", [], "holds no row that can be read"),
    ],
)
def test_logs_that_cannot_be_configured_say_why(tmp_path: Path, name: str, rows: Rows, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        init(write(tmp_path / name, rows), NOW)
    (problem,) = raised.value.problems
    assert message in str(problem)
    assert "; " in problem.message


def test_files_that_are_not_there_are_all_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        init([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], NOW)
    assert len(raised.value.problems) == 2


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("churn-2024-01-01.csv", "churn"),
        ("flight_delay/predictions.jsonl", "flight_delay"),
        ("house prices/2024.parquet", "house_prices"),
        ("predictions/data.0.log", "model"),
    ],
)
def test_the_model_is_named_after_its_file(tmp_path: Path, path: str, name: str) -> None:
    (log,) = read_logs([write(tmp_path / path, [flights(row) for row in range(3)])])
    assert name == model_name(log)


def flagged(row: int, **columns: Any) -> dict[str, Any]:
    return {"timestamp": iso(NOW - 60 - row), "request_id": f"r{row}", "amount": part(row), **columns}


def test_a_date_in_a_files_name_is_left_open(tmp_path: Path) -> None:
    """Tomorrow's file is read too; the label log beside it, of another name, is not taken for predictions."""
    rows = [flagged(row, prediction=row % 2) for row in range(ROWS)]
    for day in ("2023-11-13", "2023-11-14"):
        log = write(tmp_path / f"scores-{day}.jsonl", rows)
    write(tmp_path / "scores-backup.jsonl", rows)
    labels = write(tmp_path / "20231114.jsonl", [{"request_id": f"r{row}", "fraud": row % 2} for row in range(ROWS)])
    plan, text = proposed(log, labels)
    assert '/scores-[0-9]*.jsonl"' in text
    assert "`path` matches 2 files now, and those to come." in text
    assert '/[0-9]*.jsonl"' in text
    assert plan.name == "scores"


def test_a_class_that_is_the_only_one_seen_is_unsure(tmp_path: Path) -> None:
    rows = [flagged(row, prediction="late", score=part(row)) for row in range(ROWS)]
    text = init(write(tmp_path / "log.jsonl", rows), NOW)
    assert "# unsure: `late` is the only class seen: add `classes: [<the other>, late]` and `positive_class`" in text
    assert "# unsure: `prediction` holds text, the same in all rows" in text


def test_what_may_be_the_truth_is_told_where_it_stands_as_a_feature(tmp_path: Path) -> None:
    rows = [
        flagged(row, prediction=row % 2, defaulted_in_90d=row // 2 % 2, is_new=("no", "yes")[row % 2])
        for row in range(ROWS)
    ]
    _, text = proposed(write(tmp_path / "log.jsonl", rows))
    (marked,) = [line for line in text.splitlines() if "if it is the truth" in line]
    assert marked.strip().startswith("- defaulted_in_90d  #")
