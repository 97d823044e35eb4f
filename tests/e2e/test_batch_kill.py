"""Killed at any instant, the exporter knows each run of a batch job once: by a run log and by a column."""

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.killing import Nursery
from tests.exporters import BINARY, HOUR, NOW, Exporter

RUN_LOG = {
    "source": {"type": "files", "path": "runs/*.jsonl"},
    "columns": {"run": "run", "start": "start", "end": "end", "status": "status", "rows_in": "in", "rows_out": "out"},
    "schedule": "1h",
}
COLUMN = {"column": "run", "schedule": "1h"}
RUNS, STEP = 24, 23


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as one:
        yield one


def lines() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A day of hourly runs: rows of the log of runs, two of each and some tried again, and rows that they gave."""
    draw = random.Random(5)
    runs, rows = [], []
    for n in range(RUNS):
        start = NOW - (RUNS - n) * HOUR
        for attempt in range(1 + (n % 6 == 4)):
            begun = start + attempt * 600
            failed = attempt == 0 and n % 6 == 4
            runs.append({"run": f"r{n}", "start": begun, "status": "running", "in": 40})
            end = {"run": f"r{n}", "start": begun, "end": begun + 300}
            runs.append({**end, "status": "failed" if failed else "success", "out": 3 if failed else 39})
        rows += [
            {"ts": start + 5 * k, "id": f"i{n}-{k}", "run": f"r{n}", "p": 0.5, "late": 1, "x": 1.0, "carrier": "AA",
             "error": "down" if draw.random() < 0.1 else None}
            for k in range(6)
        ]  # fmt: skip
        rows += [draw.choice(rows)]
    return runs, rows


def shown(exporter: Exporter) -> dict[str, Any]:
    exporter.read()
    found = exporter.samples()
    exporter.close()
    return {name: each for name, each in found.items() if name.startswith(("ml_batch_", "ml_predictions_total"))}


@pytest.mark.parametrize("first", [1, 8])
@pytest.mark.parametrize("batch", [RUN_LOG, COLUMN], ids=["log", "column"])
def test_killed_at_one_statement_after_the_other(
    tmp_path: Path, nursery: Nursery, batch: dict[str, Any], first: int
) -> None:
    """It dies before its n-th SQL statement, then before a later one, …, until it lives long enough to end."""
    folder = tmp_path / "killed"
    (folder / "runs").mkdir(parents=True)
    exporter = Exporter(folder, BINARY, batch=batch)
    runs, rows = lines()
    exporter.write("runs/a.jsonl", runs)
    exporter.write("logs/a.jsonl", rows)
    exporter.write("labels/a.jsonl", [])
    (folder / "model.json").write_text(json.dumps(exporter.model))
    shutil.copytree(folder, tmp_path / "alone")
    expected = shown(Exporter(tmp_path / "alone", BINARY, batch=batch))
    kills = 0
    while not (folder / "read").exists():
        child = nursery.start(["read", folder], tmp_path / "log", poll_rows=15, die_at=first + STEP * kills)
        child.wait()
        kills += 1
    assert "exit code 1" not in (tmp_path / "log").read_text()
    assert shown(Exporter(folder, BINARY, batch=batch)) == expected
    assert kills > 5
    tries = {"succeeded": 24.0, "failed": 4.0} if batch is RUN_LOG else {"succeeded": 24.0, "failed": 0.0}
    endings = {labels[0]: value for labels, value in expected["ml_batch_runs_total"].items()}
    assert {status: endings[status] for status in tries} == tries
    assert expected["ml_batch_missed_runs"] == {(): 0.0}
