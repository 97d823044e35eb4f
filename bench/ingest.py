"""How fast logs become counts: `python -m bench.ingest [rows]`. Ratios are to reading the same columns."""

import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import structlog
import yaml

from exporter.app import Runner, model_families
from exporter.batch import Batch, Poll
from exporter.clock import ManualClock
from exporter.config import load
from exporter.engine.plan import ModelPlan, Plan
from exporter.engine.worker import Worker
from exporter.exposition.snapshot import Publisher
from exporter.health import Health
from exporter.references import fit_references

DATA = Path(__file__).parent / "data" / "ingest"
DAY = 86400
START = 1_700_006_400
"""The log's first second; a day later is the end."""
NUMERIC, CATEGORIES = 20, 5
ROWS = 2_000_000
ROW_GROUP = 1 << 17
THREADS = 2
TRICKLE, TRICKLES, STEADY = 1000, 60, 20

ABOUT = {
    "ingest_over_reading": (
        "Reading, counting and committing over merely reading the same columns with pyarrow, row groups in two "
        "threads: 2 M rows, 20 numbers, 5 categories, scores, 5-minute panes, two slice dimensions."
    ),
    "ingest_rows": "The same as a rate.",
    "ingest_with_ids_and_waiting_over_reading": (
        "With ids: hashed, looked up, and every row written down to wait for its label."
    ),
    "label_join": "1.8 M labels in random order joined with 2 M predictions that wait, counted and committed.",
    "label_trickle": "1000 labels of a random order to the 200,000 that wait still, committed: a poll of a live log.",
    "label_trickle_steady": "The same after many of them, when every poll has some panes written anew.",
    "small_batch_of_1000_rows": "1000 rows in memory counted and committed.",
    "cycle_of_10_models_50_features_3_windows": "New rows, window sums, all metrics and the page.",
}


def frame(rows: int, seed: int, start: float, seconds: float, numeric: int = NUMERIC) -> pa.Table:
    """Rows in the order of their times: numbers of several shapes with gaps, categories, scores, ids."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "ts": pa.array(((start + np.arange(rows) * seconds / rows) * 1e6).astype(np.int64), pa.timestamp("us", "UTC")),
        "id": pa.array(np.char.add("request-", (seed * 10**9 + np.arange(rows)).astype(str))),
    }
    score = rng.beta(2, 3, rows)
    columns["score"] = score
    columns["late"] = (score > 0.5).astype(np.int8)
    columns["y"] = (rng.random(rows) < score).astype(np.int8)
    for i in range(numeric):
        values = (rng.normal, rng.lognormal, rng.standard_exponential, rng.random)[i % 4](size=rows)
        columns[f"num_{i:02}"] = pa.array(values, mask=rng.random(rows) < 0.02 if i % 5 == 0 else None)
    for i in range(CATEGORIES):
        names = np.array([f"c{i}_{k}" for k in range((4, 8, 20, 50, 12)[i])])
        weights = 1 / np.arange(1, len(names) + 1)
        codes = rng.choice(len(names), rows, p=weights / weights.sum())
        columns[f"cat_{i}"] = pa.DictionaryArray.from_arrays(codes.astype(np.int32), names)
    return pa.table(columns)


def model(log: str, reference: str, *, joined: bool) -> dict[str, Any]:
    columns = {"time": "ts", "prediction": "late", "score": "score"}
    section: dict[str, Any] = {
        "task": "binary",
        "predictions": {"source": {"type": "files", "path": log}, "columns": columns},
        "slices": ["cat_0", "cat_1"],
        "reference": f"{reference}.mlref",
        "reference_data": {"source": {"type": "files", "path": f"{reference}.parquet"}, "columns": {"label": "y"}},
        "features": {"include": [f"num_{i:02}" for i in range(NUMERIC)] + [f"cat_{i}" for i in range(CATEGORIES)]},
    }
    if joined:
        columns["id"] = "id"
        section["labels"] = {
            "source": {"type": "files", "path": log.replace(".parquet", "-labels*.parquet")},
            "columns": {"id": "id", "label": "y", "time": "at"},
        }
    return section


def plan_of(models: dict[str, Any]) -> Plan:
    path = DATA / "ml-exporter.yml"
    path.write_text(yaml.safe_dump({"state_dir": str(DATA / "state"), "models": models}))
    return load(path)


@contextmanager
def working(plan: ModelPlan, clock: ManualClock, health: Health | None = None) -> Iterator[Worker]:
    """A worker with a new state."""
    state = DATA / "state" / f"{plan.name}.sqlite"
    state.parent.mkdir(exist_ok=True)
    for old in state.parent.glob(f"{plan.name}.sqlite*"):
        old.unlink()
    worker = Worker(plan, state, clock, health or Health(), structlog.wrap_logger(None, processors=[_drop]))
    try:
        yield worker
    finally:
        worker.close()


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent


def merely_read(path: Path, columns: list[str]) -> float:
    """Seconds to read the columns, row groups in threads."""

    def read(group: int) -> int:
        return int(pq.ParquetFile(path, memory_map=False).read_row_group(group, columns, use_threads=False).num_rows)

    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        sum(pool.map(read, range(pq.ParquetFile(path).num_row_groups)))
    return time.perf_counter() - began


def drained(worker: Worker) -> float:
    """Seconds to read, count and commit all there is."""
    began = time.perf_counter()
    while worker.step():
        pass
    return time.perf_counter() - began


class Handed:
    """A source that gives the batches it is handed."""

    def __init__(self) -> None:
        self.batches: list[pa.RecordBatch] = []

    def poll(self, cursor: bytes | None, limit: int) -> Poll:  # noqa: ARG002 - a batch at a time
        number = int(cursor or b"0")
        fresh = self.batches[number : number + 1]
        batches = tuple(Batch(rows, "memory", 1) for rows in fresh)
        return Poll(batches, (), b"%d" % (number + len(fresh)), exhausted=True)

    def close(self) -> None:
        pass


def small_batches(plan: ModelPlan, rows: int, times: int) -> float:
    """Median milliseconds to count and commit a batch in memory."""
    source = Handed()
    plan = replace(plan, predictions=replace(plan.predictions, open=lambda: source), labels=None)
    table = frame(rows * times, 99, START + DAY - 600, 590).combine_chunks()
    taken = []
    with working(plan, ManualClock(START + DAY)) as worker:
        for i in range(times):
            source.batches.append(table.slice(i * rows, rows).to_batches()[0])
            taken.append(drained(worker))
    return statistics.median(taken[times // 5 :]) * 1e3


def troubled(table: pa.Table, since: float) -> pa.Table:
    """The rows with ten features moved, and one label in five turned, from a time on."""
    bad = np.asarray(table["ts"].cast(pa.int64())) >= since * 1e6
    turned = bad & (np.random.default_rng(7).random(len(table)) < 0.2)
    columns = {"y": pa.array(np.where(turned, 1 - np.asarray(table["y"]), np.asarray(table["y"])).astype(np.int8))}
    for name in (f"num_{i:02}" for i in range(1, 15) if i % 5):
        columns[name] = pa.array(np.asarray(table[name]) + 0.5 * bad)
    for name, column in columns.items():
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def cycle_seconds(
    models: int,
    numeric: int,
    rows: int = 20_000,
    *,
    labelled: bool = False,
    incident: bool = False,
    timer: Callable[[], float] = time.perf_counter,
) -> float:
    """Median seconds of a cycle of several models after a week: new rows, window sums, all metrics, rendering.

    Args:
        labelled: labels stand in the rows.
        incident: something is wrong since half a day ago.
        timer: seconds of the clock, or of CPU.
    """
    end = START + DAY
    features = [f"num_{i:02}" for i in range(numeric)] + [f"cat_{i}" for i in range(CATEGORIES)]
    week = frame(rows, 5, end - 7 * DAY, 7 * DAY, numeric)
    pq.write_table(troubled(week, end - DAY / 2) if incident else week, DATA / "week.parquet")
    pq.write_table(frame(rows, 6, START - 30 * DAY, 30 * DAY, numeric), DATA / "wide.parquet")
    section = {**model(str(DATA / "week.parquet"), str(DATA / "wide"), joined=False), "features": {"include": features}}
    if labelled:
        section["predictions"]["columns"]["label"] = "y"
    plan = plan_of({f"m{i}": section for i in range(models)})
    for _ in fit_references(replace(plan, models=plan.models[:1]), ManualClock(end), None, None, lambda _: None):
        pass
    health, clock, log = Health(), ManualClock(end), structlog.wrap_logger(None, processors=[_drop])
    publisher, runners = Publisher(health, clock, log), []
    for each in plan.models:
        state = DATA / "state" / f"{each.name}.sqlite"
        for old in state.parent.glob(f"{each.name}.sqlite*"):
            old.unlink()
        runner = Runner(Worker(each, state, clock, health, log), 15.0, clock, health, log)
        runner.cycle_once(clock.monotonic())
        runner.worker.finish_waits()
        runners.append(runner)
    taken = []
    for _ in range(5):
        clock.advance(300)
        began = timer()
        for runner in runners:
            runner.cycle_once(clock.monotonic())
        publisher.publish([model_families(runner) for runner in runners])
        taken.append(timer() - began)
    for runner in runners:
        runner.worker.close()
    return statistics.median(taken[1:])


def run(rows: int = ROWS, progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok."""
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    results: dict[str, dict[str, Any]] = {}

    def note(name: str, value: float, unit: str, limit: float | None, *, at_least: bool = False) -> None:
        ok = limit is None or (value >= limit if at_least else value <= limit)
        results[name] = {"value": round(value, 3), "unit": unit, "limit": limit, "ok": ok}
        progress(f"{name}: {value:,.3f} {unit}")

    progress(f"writing {rows:,} rows")
    table, end = frame(rows, 1, START, DAY), START + DAY
    log = DATA / "log.parquet"
    pq.write_table(table, log, compression="zstd", row_group_size=ROW_GROUP)
    pq.write_table(frame(50_000, 2, START - 30 * DAY, 30 * DAY), DATA / "reference.parquet")
    shuffled = np.random.default_rng(3).permutation(rows)[: rows * 9 // 10]
    labels = pa.table({"id": table["id"], "y": table["y"]}).take(shuffled)
    at = pa.array(np.full(len(labels), end * 10**6), pa.timestamp("us", "UTC"))
    labels = labels.append_column("at", at)
    pq.write_table(labels, DATA / "labels.parquet", row_group_size=ROW_GROUP)
    late = np.setdiff1d(np.arange(rows), shuffled)[:: max(1, rows // 10 // (TRICKLES * TRICKLE))]
    late = np.random.default_rng(4).permutation(late)[: TRICKLES * TRICKLE]
    trickle = pa.table({"id": table["id"], "y": table["y"]}).take(late)
    trickle = trickle.append_column("at", pa.array(np.full(len(late), end * 10**6), pa.timestamp("us", "UTC")))
    del table, labels

    reference = str(DATA / "reference")
    plan = plan_of({
        "plain": model(str(log), reference, joined=False), "joined": model(str(log), reference, joined=True),
    })  # fmt: skip
    for _ in fit_references(plan, ManualClock(end), "plain", None, lambda _: None):
        pass
    joined, plain = sorted(plan.models, key=lambda model: model.name)
    columns = [
        "ts",
        "late",
        "score",
        *(f"num_{i:02}" for i in range(NUMERIC)),
        *(f"cat_{i}" for i in range(CATEGORIES)),
    ]

    # The first use of a reader loads what it needs.
    with working(plain, ManualClock(end)) as worker:
        worker.step()
    ratios: dict[str, list[float]] = {"plain": [], "joined": []}
    speeds, labelled, trickled, steady = [], [], [], []
    for _ in range(3):
        for old in DATA.glob("log-labels*.parquet"):
            old.unlink()
        floor = merely_read(log, columns)
        with working(plain, ManualClock(end)) as worker:
            taken = drained(worker)
        ratios["plain"].append(taken / floor)
        speeds.append(rows / taken)
        floor = merely_read(log, [*columns, "id"])
        clock, health = ManualClock(end), Health()
        with working(joined, clock, health) as worker:
            ratios["joined"].append(drained(worker) / floor)
            shutil.copy(DATA / "labels.parquet", DATA / "log-labels.parquet")
            clock.advance(10)
            labelled.append(len(shuffled) / drained(worker))
            for start in range(0, len(trickle), TRICKLE):
                few = trickle.slice(start, TRICKLE)
                pq.write_table(few, DATA / f"log-labels-{start:06}.parquet")
                clock.advance(10)
                trickled.append(drained(worker) * 1e3)
            steady += trickled[-STEADY:]
            worker.evaluate()
            waiting = health.value("ml_exporter_predictions_waiting", (joined.name,))
            expected = rows - len(shuffled) - len(trickle)
            if waiting != expected:
                raise AssertionError(f"{waiting} predictions wait, not {expected}")
        progress(f"one run: {ratios['plain'][-1]:.2f}, {ratios['joined'][-1]:.2f}, {labelled[-1]:,.0f} labels/s")
    note("ingest_over_reading", statistics.median(ratios["plain"]), "ratio", 2.5)
    note("ingest_rows", statistics.median(speeds), "rows/s", None)
    note("ingest_with_ids_and_waiting_over_reading", statistics.median(ratios["joined"]), "ratio", 5.0)
    note("label_join", statistics.median(labelled), "labels/s", 500_000, at_least=True)
    note("label_trickle", statistics.median(trickled), "ms", 50.0)
    note("label_trickle_steady", statistics.median(steady), "ms", 50.0)
    note("small_batch_of_1000_rows", small_batches(plain, 1000, 60), "ms", 5.0)
    note("cycle_of_10_models_50_features_3_windows", cycle_seconds(10, 45), "s", 1.0)
    return results


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS, lambda line: print(line, flush=True))
