"""Killed at any instant while it counts and joins, the exporter ends with the counts of one that was left alone."""

import json
import os
import random
import shutil
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.killing import Child, Nursery, Writer, all_read, configured, torn
from tests.e2e.tables import LOOK_BACK, PostgresTable, SqliteTable, TableWriter
from tests.exporters import BINARY, HOUR, NOW, REGRESSION, Exporter, reference_rows
from tests.postgres import running
from tests.states import seen, undisturbed, unlike

LIVES = int(os.environ.get("KILLS", "5"))
"""How often an exporter is killed in one test with logs that grow; `make kill KILLS=50` asks for more."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as one:
        yield one


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Fitted files by task."""
    fitted = {}
    for task, model in (("binary", BINARY), ("regression", REGRESSION)):
        exporter = Exporter(tmp_path_factory.mktemp(task), model)
        exporter.fit([{**row, "value": row["p"] * 10, "y": row["y"]} for row in reference_rows(400)])
        fitted[task] = (exporter.folder / "m.mlref").read_bytes()
    return fitted


def model_of(task: str, conflict: str) -> dict[str, Any]:
    """A model whose logs may be rotated under its eyes, and whose counters know no age."""
    base = BINARY if task == "binary" else REGRESSION
    logs = {
        name: {**base[name], "source": {"type": "files", "path": f"{folder}/app.jsonl*"}}
        for name, folder in (("predictions", "logs"), ("labels", "labels"))
    }
    logs["labels"]["conflict"] = conflict
    return {**base, **logs, "slices": ["carrier", "hour"], "max_counter_age": "30d", "pane": "15m"}


def rows_of(count: int, seed: int, now: float) -> tuple[list[Any], list[Any]]:
    """Predictions and labels of the last 30 hours: late ones, copies, errors, two versions, labels that come first,
    twice, changed, or for nothing; and lines that are none.
    """
    draw = random.Random(seed)
    predictions: list[Any] = []
    labels: list[Any] = []
    for n in range(count):
        score = round(draw.random(), 4)
        row = {
            "ts": now - 30 * HOUR * (1 - n / count) - draw.choice([60, 60, 90, 5 * HOUR]),
            "id": f"i{n}",
            "version": draw.choice(["v1", "v1", "v2"]),
            "carrier": draw.choice(["AA", "UA", "DL", "XX", None]),
            "hour": str(n % 12),
            "x": draw.choice([round(draw.gauss(10, 3), 3), None, "bad"]) if n % 5 == 0 else round(draw.gauss(10, 3), 3),
            "p": score,
            "late": int(score > 0.5),
            "value": round(10 * score, 3),
            "seconds": round(draw.expovariate(10), 4),
        }
        if n % 11 == 0:
            row |= {"error": draw.choice(["timeout", "down"]), "late": None, "value": None}
        predictions.append([row, row] if n % 13 == 0 else [row])
        if n % 17 == 0:
            predictions.append(draw.choice([["no JSON {"], ['{"ts": "never", "id": "q"}'], ['{"ts": 1e30}']]))
        if n % 3:
            # None of the future: what that is changes while the test runs.
            at = min(round(row["ts"] + draw.choice([1, 600, 7200])), now)
            truth = {"id": row["id"], "late": draw.randint(0, 1), "y": round(draw.random() * 10, 2), "at": at}
            # Two that contradict each other are in one file: files are in the order of their times, as well as these tell.
            other = {**truth, "late": 1 - truth["late"], "y": 1.5}
            labels.append([truth, other] if n % 7 == 0 else [truth])
        elif n % 9 == 0:
            labels.append([{"id": f"nobody{n}", "late": 1, "y": 1.0, "at": row["ts"]}])
    # Early, late, and in another order than the predictions.
    labels = [
        label for _, label in sorted(enumerate(labels), key=lambda each: each[0] + draw.randint(-40, 40) // 40 * 40)
    ]
    return predictions, labels


def logged(exporter: Exporter, count: int, seed: int) -> tuple[Writer, Writer]:
    """Writers of both logs, which have begun."""
    predictions, labels = rows_of(count, seed, exporter.clock.now())
    return (
        Writer(exporter.folder / "logs", "app.jsonl", predictions, seed),
        Writer(exporter.folder / "labels", "app.jsonl", labels, seed + 1),
    )


def started(folder: Path, references: dict[str, bytes], task: str, conflict: str, now: float) -> Exporter:
    exporter = Exporter(folder, model_of(task, conflict), now=now)
    (folder / "m.mlref").write_bytes(references[task])
    return exporter


@dataclass(frozen=True)
class Rehearsal:
    """Logs that are finished, their model, and what one that is left alone makes of them."""

    folder: Path
    model: dict[str, Any]
    found: dict[str, Any]


Writers = Sequence[Writer | TableWriter]


def lived(child: Child, writers: Writers, state: Path, draw: random.Random) -> None:
    """The exporter ran until an instant that was drawn: after a while, or as its journal was being written."""
    changes, begun, before = draw.choice([0, 1, 1, 2, 4]), time.monotonic(), journal_size(state)
    end = begun + (draw.uniform(0.0, 0.3) if changes == 0 else 5.0)
    while time.monotonic() < end and child.alive:
        if journal_size(state) != before:
            changes, before = changes - 1, journal_size(state)
            if changes == 0:
                break
        elif draw.random() < 0.02:
            draw.choice(writers).step(20)
    # Most of a commit is over within two milliseconds.
    until = time.perf_counter() + draw.choice([0.0, 0.0, 0.0, draw.uniform(0.0, 0.002), draw.uniform(0.0, 0.02)])
    while time.perf_counter() < until:
        pass


def journal_size(state: Path) -> int:
    try:
        return state.with_name(state.name + "-wal").stat().st_size
    except FileNotFoundError:
        return 0


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory, references: dict[str, bytes]) -> Rehearsal:
    folder = tmp_path_factory.mktemp("rehearsal")
    exporter = started(folder, references, "binary", "first", NOW)
    for writer in logged(exporter, 60, 1):
        while not writer.done:
            writer.append(20)
            writer.rotate(copy=False)
    (folder / "model.json").write_text(json.dumps(exporter.model))
    found = undisturbed(exporter, "first")
    shutil.rmtree(folder / "state")
    return Rehearsal(folder, exporter.model, found)


STEP = 5


@pytest.mark.parametrize("first", range(1, 1 + STEP))
def test_killed_at_one_statement_after_the_other(
    tmp_path: Path, nursery: Nursery, rehearsal: Rehearsal, first: int
) -> None:
    """It dies before its n-th SQL statement, then before a later one, …: of making the state, of reading it, of every
    commit and between them, until it lives long enough to end.
    """
    folder = shutil.copytree(rehearsal.folder, tmp_path / "rehearsed")
    kills = 0
    while not (folder / "read").exists():
        child = nursery.start(["read", folder], tmp_path / "log", poll_rows=20, die_at=first + STEP * kills)
        child.wait()
        kills += 1
    assert "exit code 1" not in (tmp_path / "log").read_text()
    exporter = Exporter(folder, rehearsal.model, now=NOW)
    exporter.read()
    assert unlike(seen(exporter, "first"), rehearsal.found) == {}
    exporter.close()
    assert kills > 10


def check_killed(exporter: Exporter, nursery: Nursery, writers: Writers, poll_rows: int, seed: int) -> None:
    """Kills the exporter while its logs are written, lets the last one read them to their ends, and compares."""
    draw, conflict = random.Random(seed), exporter.model["labels"]["conflict"]
    folder = exporter.folder
    config, log, state = configured(folder), folder / "log", folder / "state" / "m.sqlite"
    within = 0
    for _ in range(LIVES):
        child = nursery.start(["run", "-c", config], log, poll_rows=poll_rows)
        lived(child, writers, state, draw)
        child.kill()
        within += torn(state)
    sys.stdout.write(f"{LIVES} kills, {within} of them within a commit\n")
    for writer in writers:
        while not writer.done:
            writer.step(100)
    last = nursery.start(["run", "-c", config], log)
    counters = all_read(writers, log)
    last.kill()
    assert "please report" not in log.read_text()
    exporter.read()
    found = seen(exporter, conflict)
    assert unlike(found, undisturbed(exporter, conflict)) == {}
    assert {name: counters[name] for name in found["counters"]} == found["counters"]


def round_now() -> float:
    return float(int(time.time()) // 900 * 900)


@pytest.mark.parametrize("poll_rows", [7, 61, 1 << 17])
@pytest.mark.parametrize("conflict", ["first", "last"])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_killed_while_logs_grow_and_rotate(  # noqa: PLR0917 - fixtures and draws
    tmp_path: Path, nursery: Nursery, references: dict[str, bytes], task: str, conflict: str, poll_rows: int
) -> None:
    """`ml-exporter run` is killed at instants that are drawn, most of them while it writes its state."""
    seed = zlib.crc32(f"{task} {conflict} {poll_rows}".encode())
    exporter = started(tmp_path, references, task, conflict, round_now())
    check_killed(exporter, nursery, logged(exporter, 60 * LIVES, seed), poll_rows, seed)


@pytest.mark.parametrize("poll_rows", [19, 1 << 17])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.xdist_group("postgres")
def test_killed_while_tables_grow(
    tmp_path: Path, nursery: Nursery, references: dict[str, bytes], kind: str, poll_rows: int
) -> None:
    """Likewise where both logs are tables; in Postgres some transactions end after later ones."""
    seed = zlib.crc32(f"{kind} {poll_rows}".encode())
    exporter = started(tmp_path, references, "binary", "first", round_now())
    if kind == "sqlite":
        source: dict[str, Any] = {"type": "sqlite", "path": "logs.db"}
    else:
        server = running()
        database = server.database()
        source = {"type": "postgres", "host": server.host, "port": server.port, "database": database.name,
                  "user": server.user, "password": server.password}  # fmt: skip
    tables, writers = exporter.model, []
    for name, rows in zip(("predictions", "labels"), rows_of(60 * LIVES, seed, exporter.clock.now()), strict=True):
        how = {**source, "table": name, "watermark": "n", "id": "n", "look_back": LOOK_BACK}
        tables = {**tables, name: {**tables[name], "source": how}}
        table = SqliteTable(tmp_path / "logs.db", name) if kind == "sqlite" else PostgresTable(database, name)
        writers.append(TableWriter(table, name, rows, seed))
    exporter.configure(predictions=tables["predictions"], labels=tables["labels"])
    check_killed(exporter, nursery, writers, poll_rows, seed)
