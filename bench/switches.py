"""What switches cost in time: `python -m bench.switches [rows]`. Every figure compares two runs of one process.

*All on* is what a new reference makes: truth by coarse bin of every feature, rows by their first bad cell, pair terms
of the loss model, squares of weights. *Off* is a reference of the layout before all that, and `labels.by_feature:
false`.
"""

import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.ingest import DATA, DAY, ROW_GROUP, START, cycle_seconds, drained, frame, model, plan_of, working
from exporter.clock import ManualClock
from exporter.engine.plan import ModelPlan
from exporter.profile.codec import pack_reference, unpack_reference
from exporter.profile.counts import Counts
from exporter.profile.reference import Reference
from exporter.references import fit_references

ROWS = 500_000
RUNS = 5
_BEFORE = 3
"""The layout before anything that causes and estimates are read from."""

ABOUT = {
    "ingest_loss_of_rows": (
        "Throughput that reading, counting and committing rows loses where all that causes and estimates are read "
        "from is counted, against a reference without: the log of `ingest_over_reading` with half a million rows, CPU "
        "of the process, median of five pairs."
    ),
    "ingest_loss_with_ids_waiting": "The same with ids, every row written down to wait for its label.",
    "ingest_loss_of_labels": "The same of joining 450,000 labels with rows that wait.",
    "ingest_loss_of_slices": "Of two slice dimensions (4 and 8 values), against none; rows.",
    "cycle_all_on": (
        "CPU of a cycle of 10 models with 50 features and 3 windows, labels in their rows: performance, estimates, "
        "ledger, slices and advice too."
    ),
    "cycle_all_on_in_an_incident": "The same where ten features moved and labels turned half a day ago: onsets too.",
}

WHY = {
    "cycle_all_on_in_an_incident": (
        "all ten models in an incident at once, and every cycle begins a pane, so that all onsets are looked for anew; "
        "in a calm cycle nothing is."
    ),
}
"""What profiles say of what misses its limit."""


def older(reference: Reference) -> Reference:
    """The same reference as a program fitted it that counted nothing for causes and estimates."""
    layout = replace(reference.layout, version=_BEFORE, pairs=None, often_missing=frozenset())
    total = Counts.zero(layout)
    for part in layout.parts:
        total[part.name][...] = reference.total[part.name]
    return Reference(layout, total, reference.model, reference.version, reference.created, names=reference.names)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of the process that `work` takes, all threads together."""
    began = time.process_time()
    work()
    return time.process_time() - began


def lost(on: list[float], off: list[float]) -> float:
    """Share of the throughput that is lost, in the median of pairs."""
    return statistics.median(1 - without / with_ for with_, without in zip(on, off, strict=True))


def plans(log: Path) -> dict[str, ModelPlan]:
    """A plan for each combination, their references fitted."""
    fitted = DATA / "reference"
    found = {}
    for name, joined in (("rows", False), ("ids", True)):
        section = model(str(log), str(fitted), joined=joined)
        (plan,) = plan_of({"on": section}).models
        found[name, "on"] = plan
        before = {**section, "reference": f"{fitted}-older.mlref"}
        if joined:
            before["labels"] = {**section["labels"], "by_feature": False}
        (found[name, "off"],) = plan_of({"off": before}).models
        if not joined:
            (found["slices", "off"],) = plan_of({"bare": {**section, "slices": []}}).models
    return found


def prepare(rows: int) -> tuple[Path, Path]:
    """The log, its labels, and both references."""
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    log, labels = DATA / "log.parquet", DATA / "labels.parquet"
    table = frame(rows, 1, START, DAY)
    pq.write_table(table, log, compression="zstd", row_group_size=ROW_GROUP)
    pq.write_table(frame(50_000, 2, START - 30 * DAY, 30 * DAY), DATA / "reference.parquet")
    shuffled = np.random.default_rng(3).permutation(rows)[: rows * 9 // 10]
    known = pa.table({"id": table["id"], "y": table["y"]}).take(shuffled)
    at = pa.array(np.full(len(known), (START + DAY) * 10**6), pa.timestamp("us", "UTC"))
    pq.write_table(known.append_column("at", at), labels, row_group_size=ROW_GROUP)
    plan = plan_of({"plain": model(str(log), str(DATA / "reference"), joined=False)})
    for _ in fit_references(plan, ManualClock(START + DAY), None, None, lambda _: None):
        pass
    path = DATA / "reference.mlref"
    before = older(unpack_reference(path.read_bytes(), path.name))
    (DATA / "reference-older.mlref").write_bytes(pack_reference(before))
    return log, labels


def rows_of(plan: ModelPlan) -> float:
    """CPU seconds of all rows."""
    with working(plan, ManualClock(START + DAY)) as worker:
        return cpu(lambda: drained(worker))


def rows_and_labels_of(plan: ModelPlan, labels: Path) -> tuple[float, float]:
    """CPU seconds of rows that wait, and of their labels."""
    landing, clock = DATA / "log-labels.parquet", ManualClock(START + DAY)
    landing.unlink(missing_ok=True)
    with working(plan, clock) as worker:
        waiting = cpu(lambda: drained(worker))
        shutil.copy(labels, landing)
        clock.advance(10)
        joined = cpu(lambda: drained(worker))
    landing.unlink()
    return waiting, joined


def run(rows: int = ROWS, progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok."""
    results: dict[str, dict[str, Any]] = {}

    def note(name: str, value: float, unit: str, limit: float | None) -> None:
        results[name] = {"value": round(value, 3), "unit": unit, "limit": limit, "ok": limit is None or value <= limit}
        progress(f"{name}: {value:,.3f} {unit}")

    log, labels = prepare(rows)
    plan = plans(log)
    rows_of(plan["rows", "on"])  # the first use of a reader loads what it needs
    taken: dict[tuple[str, str], list[float]] = {key: [] for key in [*plan, ("labels", "on"), ("labels", "off")]}
    for _ in range(RUNS):
        for key in (("rows", "on"), ("rows", "off"), ("slices", "off")):
            taken[key].append(rows_of(plan[key]))
        for state in ("on", "off"):
            waiting, joined = rows_and_labels_of(plan["ids", state], labels)
            taken["ids", state].append(waiting)
            taken["labels", state].append(joined)
        progress(", ".join(f"{name} {state} {values[-1]:.2f}" for (name, state), values in taken.items()))
    note("ingest_loss_of_rows", lost(taken["rows", "on"], taken["rows", "off"]), "of rows/s", 0.3)
    note("ingest_loss_with_ids_waiting", lost(taken["ids", "on"], taken["ids", "off"]), "of rows/s", 0.3)
    note("ingest_loss_of_labels", lost(taken["labels", "on"], taken["labels", "off"]), "of labels/s", 0.3)
    note("ingest_loss_of_slices", lost(taken["rows", "on"], taken["slices", "off"]), "of rows/s", None)
    for name, incident in (("cycle_all_on", False), ("cycle_all_on_in_an_incident", True)):
        seconds = cycle_seconds(10, 45, labelled=True, incident=incident, timer=time.process_time)
        note(name, seconds, "s", 2.0)
    return results


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS, lambda line: print(line, flush=True))
