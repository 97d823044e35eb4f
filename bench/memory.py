"""Peak memory of ingesting files of several sizes, each in a process of its own: `python -m bench.memory`."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench import ingest
from exporter.clock import ManualClock
from exporter.memory import shared_heaps
from exporter.references import fit_references

PLACE = Path(__file__).parent / "data" / "memory"
LIMIT = 1000.0
"""Megabytes."""
PIECE = 1_000_000
WIDE_GROUP = 1 << 20
CASES = {
    "memory_2M_rows": (2, False, ingest.ROW_GROUP),
    "memory_20M_rows": (20, False, ingest.ROW_GROUP),
    "memory_20M_rows_in_groups_of_1M": (20, False, WIDE_GROUP),
    "memory_2M_rows_with_ids_waiting": (2, True, ingest.ROW_GROUP),
    "memory_20M_rows_with_ids_waiting": (20, True, ingest.ROW_GROUP),
}
"""Name → millions of rows, whether ids are kept and all rows wait for labels, rows of a row group."""

ABOUT = {
    "memory_2M_rows": "Peak resident memory of reading, counting and committing a Parquet file of 2 M rows.",
    "memory_20M_rows": "The same with 20 M rows: it does not depend on the size of the file.",
    "memory_20M_rows_in_groups_of_1M": "The same where the file was written in row groups of a million rows.",
    "memory_2M_rows_with_ids_waiting": "With ids; every row waits for its label.",
    "memory_20M_rows_with_ids_waiting": (
        "The same with 20 M rows waiting at a time: 12 bytes of each stay in memory, the rest rests in the state."
    ),
}
WHY = {
    "memory_20M_rows_with_ids_waiting": (
        "160 MB are hashes of ids and 60 MB columns that wait in memory, beside what the same log takes "
        "without ids and the columns of ids and slices of a row group; 1,007 and 1,037 MB in two runs."
    ),
}


def build(millions: int, group: int) -> Path:
    """A log of so many million rows of one day; the same million over and over, with ids and times of their own."""
    path = PLACE / f"log-{millions}-{group}.parquet"
    if path.exists():
        return path
    table = ingest.frame(PIECE, 1, ingest.START, ingest.DAY)
    step = ingest.DAY * 1e6 / (millions * PIECE)
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for piece in range(millions):
            number = piece * PIECE + np.arange(PIECE)
            times = pa.array((ingest.START * 1e6 + number * step).astype(np.int64), pa.timestamp("us", "UTC"))
            ids = pa.array(np.char.add("request-", (10**9 + number).astype(str)))
            table = table.set_column(0, table.schema.field(0), times).set_column(1, table.schema.field(1), ids)
            writer.write_table(table, row_group_size=group)
    return path


def _plan(log: Path) -> Any:
    reference = str(PLACE / "reference")
    return ingest.plan_of(
        {name: ingest.model(str(log), reference, joined=name == "joined") for name in ("plain", "joined")}
    )


def megabytes(log: Path, *, joined: bool) -> float:
    """Peak resident megabytes of a process that ingests the log."""
    command = [sys.executable, "-m", "bench.memory", "--own", str(log), *(["--joined"] if joined else [])]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def peak_kib() -> int:
    """Of this process; what getrusage says goes on from the process that started it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0])


def _own(log: Path, name: str) -> None:
    ingest.DATA = PLACE
    shared_heaps()
    plan = next(plan for plan in _plan(log).models if plan.name == name)
    end = ingest.START + ingest.DAY
    with ingest.working(plan, ManualClock(end)) as worker:
        ingest.drained(worker)
        worker.evaluate()
    print(peak_kib() * 1.024 / 1e3)


def run(progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    ingest.DATA = PLACE
    pq.write_table(
        ingest.frame(50_000, 2, ingest.START - 30 * ingest.DAY, 30 * ingest.DAY), PLACE / "reference.parquet"
    )
    results: dict[str, dict[str, Any]] = {}
    fitted = False
    for name, (millions, joined, group) in CASES.items():
        progress(f"{name}: writing")
        log = build(millions, group)
        if not fitted:
            for _ in fit_references(_plan(log), ManualClock(ingest.START + ingest.DAY), "plain", None, lambda _: None):
                fitted = True
        peak = round(megabytes(log, joined=joined))
        results[name] = {"value": peak, "unit": "MB", "limit": LIMIT, "ok": peak <= LIMIT}
        progress(f"{name}: {peak} MB")
        if group == WIDE_GROUP:
            log.unlink()
    shutil.rmtree(PLACE)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--own", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--joined", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.own:
        _own(arguments.own, "joined" if arguments.joined else "plain")
        return
    run(lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
