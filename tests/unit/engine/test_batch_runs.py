"""Runs of a batch job, from lines in a log to what is said of them: by a run log and by a column of the predictions."""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from exporter.engine import batch_runs
from exporter.errors import SourceError, StateError
from tests.exporters import BINARY, DAY, HOUR, NOW, Exporter, row

LOG: Mapping[str, Any] = {
    "source": {"type": "files", "path": "runs/*.jsonl"},
    "columns": {
        "run": "run",
        "start": "start",
        "end": "end",
        "status": "status",
        "rows_in": "in",
        "rows_out": "out",
        "failed": "failed",
    },
    "schedule": "24h",
}
COLUMN: Mapping[str, Any] = {"column": "run", "schedule": "24h"}


def made(folder: Path, batch: Mapping[str, Any], **changes: Any) -> Exporter:
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    exporter = Exporter(folder, batch=batch, **changes)
    exporter.predict(row(0))
    return exporter


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Exporter]:
    exporter = made(tmp_path, LOG)
    yield exporter
    exporter.close()


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Exporter]:
    exporter = made(tmp_path, COLUMN)
    yield exporter
    exporter.close()


def said(exporter: Exporter) -> dict[str, Any]:
    """Metric without `ml_batch_` → value, or values by label."""
    found = {}
    for name, samples in exporter.samples().items():
        if name.startswith("ml_batch_"):
            plain = {labels[0] if labels else "": value for labels, value in samples.items()}
            found[name.removeprefix("ml_batch_")] = plain[""] if list(plain) == [""] else plain
    return found


def runs(exporter: Exporter) -> dict[str, tuple[Any, ...]]:
    """Run → status, seconds before NOW at which it began and ended, and its rows."""
    return {
        each.name: (
            each.status,
            None if each.start is None else NOW - each.start,
            None if each.end is None else NOW - each.end,
            each.rows_in,
            each.rows_out,
            each.failed,
        )
        for each in exporter.book.runs.view(exporter.clock.now()).runs
    }


def line(run: Any, start: float | None = None, end: float | None = None, status: Any = "success", **rows: Any) -> Any:
    """A line of the run log; times in seconds before NOW."""
    when = {"start": None if start is None else NOW - start, "end": None if end is None else NOW - end}
    return {"run": run, **when, "status": status, **rows}


# A run log


def test_a_run_is_told_at_its_start_and_at_its_end(logged: Exporter) -> None:
    """The newest row of a run holds, and what it leaves out is what was said before; nothing is counted twice."""
    logged.write("runs/a.jsonl", [line("a", 2 * HOUR, status="running", **{"in": 100})])
    logged.read()
    assert runs(logged) == {"a": ("running", 2 * HOUR, None, 100.0, None, None)}
    assert said(logged)["running_seconds"] == 2 * HOUR
    logged.restart()
    logged.write("runs/a.jsonl", [line("a", None, HOUR, "SUCCESS", out=97, failed=3)])
    logged.read()
    logged.read()
    assert runs(logged) == {"a": ("succeeded", 2 * HOUR, HOUR, 100.0, 97.0, 3.0)}
    assert said(logged)["runs_total"] == {"succeeded": 1.0, "failed": 0.0, "cancelled": 0.0, "lost": 0.0}
    assert logged.rows_read("runs") == 2.0
    logged.restart()
    logged.read()
    assert said(logged)["runs_total"]["succeeded"] == 1.0


def test_a_run_that_is_tried_again(logged: Exporter) -> None:
    """The same run failed, and went well at a second try: each ending is counted, the last one holds."""
    lines = [
        line("a", 5 * HOUR, None, "running"),
        line("a", 5 * HOUR, 4 * HOUR, "failed", out=10),
        line("a", 3 * HOUR, None, "running"),
        line("a", None, 2 * HOUR, "succeeded", out=100),
    ]
    shown = []
    for each in lines:
        logged.write("runs/a.jsonl", [each])
        logged.read()
        shown.append(runs(logged)["a"][:3])
    assert shown == [
        ("running", 5 * HOUR, None),
        ("failed", 5 * HOUR, 4 * HOUR),
        ("running", 3 * HOUR, None),
        ("succeeded", 3 * HOUR, 2 * HOUR),
    ]
    assert said(logged)["runs_total"] == {"succeeded": 1.0, "failed": 1.0, "cancelled": 0.0, "lost": 0.0}


def test_lines_that_say_nothing_are_set_aside(logged: Exporter) -> None:
    """No run, no time, a status that nobody knows, a time to come: counted by reason; the line beside them is read."""
    logged.write(
        "runs/a.jsonl",
        [
            line(None, HOUR, 60),
            line("b"),
            line("c", HOUR, 60, "weird"),
            line("d", -DAY),
            line("e", HOUR, 60, **{"in": "many", "out": -5, "failed": None}),
        ],
    )
    logged.read()
    assert logged.rejected("runs") == {"bad_run": 3.0, "future": 1.0}
    assert runs(logged) == {"e": ("succeeded", HOUR, 60.0, None, None, None)}


def test_words_of_the_log_are_learned_from_the_configuration(tmp_path: Path) -> None:
    """`statuses` goes before what is known; codes of success mean nothing by themselves."""
    exporter = made(tmp_path, {**LOG, "statuses": {"0": "succeeded", "1": "failed", "done": "running"}})
    exporter.write(
        "runs/a.jsonl", [line("a", 9, 8, 0), line("b", 7, 6, 1), line("c", 5, 4, "done"), line("d", 3, 2, 2)]
    )
    exporter.read()
    assert {name: each[0] for name, each in runs(exporter).items()} == {"a": "succeeded", "b": "failed", "c": "running"}
    assert exporter.rejected("runs") == {"bad_run": 1.0}
    exporter.close()


def test_a_log_of_events(tmp_path: Path) -> None:
    """One time a line: the start of a run under way, the end of one that is over."""
    columns = {"run": "job", "time": "ts", "status": "event"}
    exporter = made(tmp_path, {**LOG, "columns": columns})
    exporter.write(
        "runs/a.jsonl",
        [
            {"job": "a", "ts": NOW - 100, "event": "JOB_STATE_RUNNING"},
            {"job": "a", "ts": NOW - 10, "event": "Timed out"},
        ],
    )
    exporter.read()
    assert runs(exporter) == {"a": ("failed", 100.0, 10.0, None, None, None)}
    exporter.close()


def test_without_a_status_an_end_is_a_success(tmp_path: Path) -> None:
    columns = {"run": "run", "start": "start", "end": "end"}
    exporter = made(tmp_path, {**LOG, "columns": columns})
    exporter.write("runs/a.jsonl", [line("a", 100, 10), line("b", 50)])
    exporter.read()
    assert {name: each[0] for name, each in runs(exporter).items()} == {"a": "succeeded", "b": "running"}
    exporter.close()


def test_a_run_that_never_tells_its_end_is_lost(logged: Exporter) -> None:
    """A day later (the time between two runs) it counts as lost; a late word brings it back."""
    logged.write("runs/a.jsonl", [line("a", 60, None, "running")])
    logged.read()
    logged.clock.advance(DAY - 60)
    logged.read()
    assert said(logged)["runs_total"]["lost"] == 0.0
    logged.clock.advance(1)
    logged.read()
    assert (said(logged)["runs_total"]["lost"], said(logged)["last_run_failed"]) == (1.0, 1.0)
    logged.restart()
    logged.write("runs/a.jsonl", [line("a", 60, -DAY, "ok")])
    logged.read()
    assert said(logged)["runs_total"] == {"succeeded": 1.0, "failed": 0.0, "cancelled": 0.0, "lost": 1.0}
    assert said(logged)["last_run_failed"] == 0.0


def test_a_time_limit_for_runs(tmp_path: Path) -> None:
    exporter = made(tmp_path, {**LOG, "timeout": "2h"})
    exporter.write("runs/a.jsonl", [line("a", 2 * HOUR + 1, None, "running")])
    exporter.read()
    assert runs(exporter)["a"][0] == "lost"
    exporter.close()


def test_two_missed_runs(logged: Exporter) -> None:
    """By the wall's clock, though no line comes: a tenth of a day late each; the next run ends it at once."""
    logged.write("runs/a.jsonl", [line("a", HOUR, 0)])
    logged.read()
    seen = []
    for _ in range(5):
        logged.clock.advance(0.6 * DAY)
        logged.read()
        seen.append(said(logged)["missed_runs"])
    assert seen == [0.0, 1.0, 1.0, 2.0, 2.0]  # after 0.6, 1.2, 1.8, 2.4 and 3 days; 1.1 and 2.1 are the limits
    assert said(logged)["next_run_timestamp_seconds"] == NOW - HOUR + 4 * DAY
    logged.write("runs/a.jsonl", [line("b", -3 * DAY + 600, -3 * DAY)])
    logged.read()
    assert said(logged)["missed_runs"] == 0.0


def test_nobody_knows_while_the_log_cannot_be_read(logged: Exporter) -> None:
    """What is known of runs stays; how many were missed since is absent."""
    logged.write("runs/a.jsonl", [line("a", HOUR, 0)])
    logged.read()
    logged.clock.advance(3 * DAY)
    (logged.folder / "runs/a.jsonl").unlink()
    logged.read()
    before = said(logged)
    assert ("missed_runs" in before, before["last_success_timestamp_seconds"]) == (False, NOW)


def test_the_state_knows_a_bounded_number_of_runs(logged: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are kept, all endings were counted, and a line about one that was forgotten tells nothing."""
    monkeypatch.setattr(batch_runs, "KEPT", 10)
    logged.write("runs/a.jsonl", [line(f"r{n}", 1000 - n, 999 - n) for n in range(50)])
    logged.read()
    logged.write("runs/a.jsonl", [line("r3", 997, 500)])
    logged.read()
    assert sorted(runs(logged)) == sorted(f"r{n}" for n in range(40, 50))
    assert said(logged)["runs_total"]["succeeded"] == 50.0


def test_long_names_are_not_kept(logged: Exporter) -> None:
    logged.write("runs/a.jsonl", [line("x" * 5000, 9, 8), line("x" * 5000, 9, 7)])
    logged.read()
    assert [len(name) for name in runs(logged)] == [37]


def test_a_table_whose_rows_are_updated(tmp_path: Path) -> None:
    """A run is one row of a table that is written again when it ends: read anew when its watermark moves."""
    with sqlite3.connect(tmp_path / "jobs.db") as db:
        db.execute(
            "CREATE TABLE runs (id INTEGER PRIMARY KEY, started REAL, ended REAL, state TEXT, n INTEGER, at REAL)"
        )
        db.execute("INSERT INTO runs VALUES (7, ?, NULL, 'running', NULL, ?)", (NOW - 100, NOW - 100))
    source = {"type": "sqlite", "path": str(tmp_path / "jobs.db"), "table": "runs", "watermark": "at"}
    columns = {"run": "id", "start": "started", "end": "ended", "status": "state", "rows_out": "n"}
    exporter = made(tmp_path, {"source": source, "columns": columns})
    exporter.read()
    assert runs(exporter) == {"7": ("running", 100.0, None, None, None, None)}
    with sqlite3.connect(tmp_path / "jobs.db") as db:
        db.execute("UPDATE runs SET ended = ?, state = 'done', n = 5, at = ?", (NOW - 10, NOW - 10))
    exporter.restart()
    exporter.read()
    assert runs(exporter) == {"7": ("succeeded", 100.0, 10.0, None, 5.0, None)}
    exporter.close()


# A column of the prediction log


def test_rows_that_share_a_run(counted: Exporter) -> None:
    """First and last row, rows that went well and failed ones; rows of no run, copies and bad rows are none of it."""
    counted.predict(
        *(row(n, 4000 - n, run="a") for n in range(1, 6)),
        row(6, 3990, run="a", error="timeout", late=None, p=None),
        row(7, 3990),
        row(8, 3990, run=""),
        row(1, 3900, run="a"),
        row(9, 3990, run="a", ts=None),
    )
    counted.read()
    assert runs(counted) == {"a": ("succeeded", 3999.0, 3990.0, None, 5.0, 1.0)}
    assert said(counted)["last_rows"] == {"out": 5.0, "failed": 1.0}


def test_a_run_is_over_when_no_row_comes_any_more(counted: Exporter) -> None:
    """After fifteen minutes; rows that come late open it again, and it is counted once."""
    counted.predict(row(1, 60, run="a"))
    counted.read()
    assert runs(counted)["a"][0] == "running"
    counted.clock.advance(900)
    counted.read()
    assert said(counted)["runs_total"]["succeeded"] == 1.0
    counted.predict(row(2, -890, run="a"))
    counted.restart()
    counted.read()
    assert runs(counted)["a"][0] == "running"
    counted.clock.advance(900)
    counted.read()
    assert runs(counted)["a"] == ("succeeded", 60.0, -890.0, None, 2.0, 0.0)
    assert said(counted)["runs_total"]["succeeded"] == 1.0


def test_a_run_without_a_good_row_failed(counted: Exporter) -> None:
    counted.predict(*(row(n, 4000, run="a", error="down", late=None, p=None) for n in (1, 2)))
    counted.read()
    assert (runs(counted)["a"][0], said(counted)["last_run_failed"]) == ("failed", 1.0)


def test_weights_count(tmp_path: Path) -> None:
    columns = {**BINARY["predictions"]["columns"], "weight": "w"}
    exporter = made(tmp_path, COLUMN, predictions={**BINARY["predictions"], "columns": columns})
    exporter.predict(row(1, 4000, run="a", w=2.5), row(2, 4000, run="a", w=4, error="down"))
    exporter.read()
    assert runs(exporter)["a"][4:] == (2.5, 4.0)
    exporter.close()


def test_runs_overlap(counted: Exporter) -> None:
    counted.predict(row(1, 9000, run="a"), row(2, 7000, run="b"), row(3, 6000, run="a"), row(4, 5000, run="b"))
    counted.read()
    assert said(counted)["overlapping_runs"] == 1.0


def test_an_unreadable_log_does_not_open_what_is_over(counted: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of runs that were over nothing changes while the log fails."""
    counted.predict(row(1, 4000, run="a"))
    counted.read()

    def fails(*_: Any) -> Any:
        raise SourceError("gone")

    before = said(counted)
    stream = counted.worker._streams[0]
    monkeypatch.setattr(stream._source, "poll", fails)
    counted.worker.step()
    after = said(counted)
    assert before.pop("missed_runs") == 0.0
    assert after == before


def test_the_watermark_stands_still_while_the_logs_do(tmp_path: Path) -> None:
    """A replay: runs are missed by the time in the logs; `clock: wall` judges the same by the wall's."""
    for clock, missed in ((None, 0.0), ("wall", 2.0)):
        batch = {**COLUMN, **({"clock": clock} if clock else {})}
        exporter = made(tmp_path / str(clock), batch, clock="watermark")
        exporter.predict(row(1, 3 * DAY, run="a"))
        (exporter.folder / "logs/a.jsonl").write_text("")
        exporter.predict(row(1, 3 * DAY, run="a"))
        exporter.read()
        assert said(exporter)["missed_runs"] == missed
        exporter.close()


def test_runs_told_otherwise_than_before_are_told_anew(counted: Exporter) -> None:
    """From a column to a log: the runs of the log alone are known, counters go on."""
    counted.predict(row(1, 4000, run="a"))
    counted.read()
    counted.restart(batch=dict(LOG))
    counted.write("runs/a.jsonl", [line("b", 9, 8)])
    counted.read()
    assert (set(runs(counted)), said(counted)["runs_total"]["succeeded"]) == ({"b"}, 2.0)


def test_a_commit_that_fails_loses_nothing_and_counts_nothing_twice(
    logged: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: what was in memory is forgotten, and read again."""
    logged.write("runs/a.jsonl", [line("z", 20, 10)])
    logged.read()
    logged.write("runs/a.jsonl", [line("a", 9, 8)])
    store = logged.worker._store
    with monkeypatch.context() as patch:

        def full(*_: Any) -> None:
            raise StateError("full")

        patch.setattr(store, "put_cursor", full)
        with pytest.raises(StateError):
            logged.read()
    logged.read()
    assert (set(runs(logged)), said(logged)["runs_total"]["succeeded"]) == ({"a", "z"}, 2.0)


def test_models_without_batch_say_nothing_of_runs(tmp_path: Path) -> None:
    exporter = Exporter(tmp_path)
    exporter.predict(row(1))
    exporter.read()
    assert said(exporter) == {}
    exporter.close()
