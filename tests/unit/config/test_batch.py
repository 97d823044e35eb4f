"""What `check` and `init` make of batch runs."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import load
from exporter.config.check import check
from exporter.config.init import init
from exporter.profile.reference import Reference

NOW = 1_700_000_000.0


def no_reference(path: Path) -> Reference:
    raise AssertionError(path)


def checked(folder: Path, batch: dict[str, Any], **changes: Any) -> list[str]:
    """What is said of the model's runs."""
    model = {
        "task": "binary",
        "predictions": {
            "source": {"type": "files", "path": "predictions.jsonl"},
            "columns": {"time": "ts", "prediction": "late"},
        },
        "batch": batch,
        **changes,
    }
    path = folder / "ml-exporter.yml"
    path.write_text(yaml.safe_dump({"models": {"m": model}}))
    rows = [{"ts": NOW - 60 + n, "late": n % 2, "run_id": f"n{n // 20}", "key": f"k{n}"} for n in range(40)]
    (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = check(load(path, {}), no_reference, NOW)
    return [f"{each.level} {each.message}" for each in found if each.subject == "m batch"]


LOG = {
    "source": {"type": "files", "path": "runs.jsonl"},
    "columns": {"run": "id", "start": "began", "end": "ended", "status": "state"},
}


def write_runs(folder: Path, *rows: dict[str, Any]) -> None:
    (folder / "runs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_check_reads_runs_of_a_column(tmp_path: Path) -> None:
    assert checked(tmp_path, {"column": "run_id"}) == ["ok column: `run_id` (text), 2 runs in 40 rows"]
    assert checked(tmp_path, {"column": "key"}) == [
        "warning column: `key` has 40 values in 40 rows; does it name runs, or predictions?"
    ]
    assert checked(tmp_path, {"column": "runid"}) == [
        "problem column: there is no column `runid`; did you mean `run_id`?"
    ]


def test_check_reads_a_run_log(tmp_path: Path) -> None:
    write_runs(
        tmp_path,
        {"id": 1, "began": NOW - 90, "state": "running"},
        {"id": 1, "began": NOW - 90, "ended": NOW - 60, "state": "SUCCESS"},
        {"id": 2, "began": NOW - 30, "state": "running"},
    )
    assert checked(tmp_path, LOG)[1:] == ["ok 2 runs in 3 rows, 1 over; the newest is of 2023-11-14 22:12:50 UTC"]


def test_check_says_what_a_run_log_lacks(tmp_path: Path) -> None:
    """Words that nobody knows, columns that are not there; and a log that tells of no run at all."""
    write_runs(tmp_path, {"id": 1, "began": NOW - 90, "state": "fertig"}, {"id": 2, "began": NOW - 9, "state": "ok"})
    said = checked(tmp_path, {**LOG, "columns": {**LOG["columns"], "rows_in": "n"}})[1:]
    assert said == [
        "warning end: no row looked at has a column `ended`; known here: id, began, state",
        "warning rows_in: no row looked at has a column `n`; did you mean `began`?",
        "problem status: nobody knows what `fertig` means; tell it as `statuses: {fertig: succeeded}`",
        "warning 1 run in 1 row, 1 over; the newest is of 2023-11-14 22:13:11 UTC; 1 row without a run, a time or a known status",
    ]
    write_runs(tmp_path, {"job": 1})
    assert checked(tmp_path, LOG)[-1] == (
        "problem none of 1 rows tells of a run: each needs a run, a time and a known status"
    )


@pytest.mark.parametrize(("clock", "warned"), [(None, True), ("wall", False)])
def test_check_warns_of_a_clock_that_stands_still(tmp_path: Path, clock: str | None, warned: bool) -> None:
    batch = {"column": "run_id", "schedule": "24h", **({"clock": clock} if clock else {})}
    said = checked(tmp_path, batch, clock="watermark")
    assert any("set `batch.clock: wall`" in each for each in said) == warned


def test_init_finds_the_column_of_runs(tmp_path: Path) -> None:
    """By its name, if few rows have a value of their own: it is no feature then, and says what is still to be told."""
    rows = [
        {"ts": NOW - 4000 + n, "prediction": n % 2, "batch_id": f"2023-11-{10 + n // 50}", "amount": 3.5 * n}
        for n in range(200)
    ]
    log = tmp_path / "scores.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = init(log, NOW, tmp_path)
    path = tmp_path / "ml-exporter.yml"
    path.write_text(text)
    plan = load(path, {}).models[0]
    assert plan.batch is not None
    assert plan.batch.column == plan.predictions.columns.run == "batch_id"
    assert list(plan.predictions.columns.features or {}) == ["amount"]
    assert "schedule: 24h" in text
