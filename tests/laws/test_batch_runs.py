"""However the rows that tell of runs are ordered, cut and read, and whenever the exporter is started anew: the same runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.engine.run_records import LoggedRun
from exporter.profile.run_log import RunRow
from tests.exporters import DAY, NOW, Exporter, row

LOG = {
    "source": {"type": "files", "path": "runs/*.jsonl"},
    "columns": {"run": "run", "start": "start", "end": "end", "status": "status", "rows_out": "out"},
    "schedule": "24h",
}
COLUMN = {"column": "run", "schedule": "24h"}
TIMES = st.one_of(st.none(), st.integers(1, 60).map(lambda n: NOW - n * 3600.0))
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "run": st.sampled_from(["a", "b", "c", "d"]),
            "start": TIMES,
            "end": TIMES,
            "status": st.sampled_from(["running", "success", "failed", "cancelled", None]),
            "out": st.one_of(st.none(), st.integers(0, 100)),
        }
    ),
    max_size=20,
)


def shown(exporter: Exporter) -> dict[str, Any]:
    """All that is said of runs."""
    return {name: each for name, each in exporter.samples().items() if name.startswith("ml_batch_")}


def read_whole(folder: Path, batch: dict[str, Any], lines: Sequence[dict[str, Any]], file: str) -> dict[str, Any]:
    (folder / "runs").mkdir()
    exporter = Exporter(folder, batch=batch)
    exporter.write(file, lines)
    exporter.read()
    found = shown(exporter)
    exporter.close()
    return found


@settings(max_examples=20, deadline=None)
@given(lines=LINES, seed=st.integers(0, 2**32))
def test_order_cuts_and_restarts_make_no_difference_to_a_run_log(tmp_path_factory, lines, seed) -> None:
    """Whole and in order, or shuffled and cut into files and polls with restarts between: the same is said of runs.

    Each ending that was told is counted. That no ending was told for long is found when it is, or not.
    """
    expected = read_whole(tmp_path_factory.mktemp("whole"), LOG, lines, "runs/a.jsonl")
    random = Random(seed)
    folder, rest = tmp_path_factory.mktemp("cut"), random.sample(lines, len(lines))
    (folder / "runs").mkdir()
    exporter = Exporter(folder, batch=LOG)
    # One that says nothing: a log that is not there yet is tried again later.
    exporter.write("runs/a.jsonl", [{}])
    while rest:
        size = random.randint(1, len(rest))
        exporter.write(f"runs/{random.choice('ab')}.jsonl", rest[:size])
        rest = rest[size:]
        exporter.read()
        if random.random() < 0.5:
            exporter.restart()
    exporter.read()
    found = shown(exporter)
    exporter.close()
    for each in (found, expected):
        del each["ml_batch_runs_total"]["lost",]
    assert found == expected


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 30),
            st.integers(1, 60),
            st.sampled_from(["a", "b", "c", None]),
            st.sampled_from([None, None, "down"]),
        ),
        max_size=30,
        unique_by=lambda each: each[0],
    ),
    seed=st.integers(0, 2**32),
)
def test_order_cuts_and_restarts_make_no_difference_to_a_column(tmp_path_factory, rows, seed) -> None:
    """Rows in any order, some of them twice, with restarts between: each row is of its run, once."""
    lines = [row(n, ago * 3600.0, run=run, error=error) for n, ago, run, error in rows]
    expected = read_whole(tmp_path_factory.mktemp("whole"), COLUMN, lines, "logs/a.jsonl")
    random = Random(seed)
    folder = tmp_path_factory.mktemp("cut")
    rest = random.sample(lines, len(lines)) + random.sample(lines, len(lines) // 3)
    exporter = Exporter(folder, batch=COLUMN)
    exporter.write("logs/a.jsonl", [])
    while rest:
        size = random.randint(1, len(rest))
        exporter.write(f"logs/{random.choice('ab')}.jsonl", rest[:size])
        rest = rest[size:]
        exporter.read()
        if random.random() < 0.5:
            exporter.restart()
    exporter.read()
    found = shown(exporter)
    exporter.close()
    # A run of which all rows seen so far had failed has failed, until one went well: counters go by what was seen.
    for each in (found, expected):
        each.pop("ml_batch_runs_total", None)
    assert found == expected


@given(
    st.lists(
        st.builds(
            RunRow,
            run=st.just("a"),
            said=st.integers(0, 5).map(float),
            status=st.sampled_from(["running", "succeeded", "failed", "cancelled"]),
            start=st.one_of(st.none(), st.integers(0, 5).map(float)),
            end=st.one_of(st.none(), st.integers(0, 5).map(float)),
            rows_out=st.one_of(st.none(), st.integers(0, 9).map(float)),
        ),
        min_size=1,
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_what_is_known_of_a_run(rows: list[RunRow], random: Any) -> None:
    """Any order of its rows, any of them again, and a copy of what is kept: the same is known."""
    one, other = LoggedRun(), LoggedRun()
    for each in rows:
        one.add(each)
    for each in [*random.sample(rows, len(rows)), *random.sample(rows, len(rows) // 2)]:
        other.add(each)
    assert one.run("a", 9.0, 1e9) == other.run("a", 9.0, 1e9)
    assert [other.add(each) for each in rows] == [False] * len(rows)
    kept = LoggedRun.from_json(json.loads(json.dumps(one.to_json())))
    assert kept == one


@pytest.mark.parametrize("days", [0, 1, 40])
def test_old_states_know_no_runs(tmp_path: Path, days: int) -> None:
    """A state from before runs were configured goes on; nothing is missed before they are watched."""
    exporter = Exporter(tmp_path)
    exporter.predict(row(1))
    exporter.read()
    exporter.clock.advance(days * DAY)
    exporter.restart(batch=COLUMN)
    exporter.read()
    assert shown(exporter)["ml_batch_missed_runs"] == {(): 0.0}
    exporter.close()


def test_a_lost_run_is_kept_though_nothing_was_predicted_yet(tmp_path: Path) -> None:
    """What was found to be lost stays so where the next program cannot read the log: no counter falls."""
    columns = {"run": "run", "time": "at", "status": "status"}
    log = {"source": {"type": "files", "path": "runs.jsonl"}, "columns": columns, "schedule": "1d", "timeout": "2h"}
    exporter = Exporter(tmp_path, batch=log, clock="watermark")
    told = [("a", DAY, "running"), ("b", 50, "ok")]
    exporter.write("runs.jsonl", [{"run": run, "at": NOW - ago, "status": status} for run, ago, status in told])
    exporter.read()
    for _ in range(2):
        assert exporter.samples()["ml_batch_runs_total"]["lost",] == 1.0
        exporter.restart()
