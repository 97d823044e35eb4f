"""JSON lines: read by DuckDB, and read, counted and committed by us; and rows a second of every format.

`python -m bench.sources [rows]` reads one narrow log in all formats and prints what each costs.
"""

import gzip
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
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
from exporter.sources.files import FilesConfig

LIMIT = 100_000
JSONL_ROWS = 500_000
UNLIKE_BYTES = 100 << 20
ROUNDS = 3
LIMIT_MB = 1000.0
OWN = "--own"

ABOUT = {
    "jsonl_over_duckdb": (
        "Reading JSON lines, all columns to Arrow, over DuckDB's `read_json` of the same file with the types told: "
        "25 features, 740 bytes a row, two threads each. The lines are alike, as one program writes them "
        "(`flat_lines.py`, NumPy and pyarrow alone)."
    ),
    "jsonl_unlike_over_duckdb": (
        "The same where what is null is left out, so that lines are not alike: by way of pyarrow's JSON parser."
    ),
    "jsonl_ingest_over_duckdb": "The same file read, counted and committed, over the same.",
    "jsonl_rows": "The same as a rate.",
    "jsonl_memory": "Peak resident memory of a process that does nothing else.",
}
WHY = {
    "jsonl_over_duckdb": (
        "CPU a row: cells and names 0.75 µs, numbers 0.75, JSON's grammar 0.32, texts 0.21, reading and "
        "joining blocks 0.23, counting lines 0.10, offsets and pieces 0.2; two threads do that in 2.2 to "
        "2.6 µs, DuckDB's in 1.7. Readers that were tried: DuckDB to Arrow 2.6 µs (and no proof that it "
        "coerced nothing), Polars 3.0 to 3.8, pyarrow.json 5.3."
    ),
}


def write(directory: Path, rows: int) -> None:
    """The same narrow log in each format; a wide Parquet file; JSON lines of which one in a thousand is broken."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, 2))
    with (
        (directory / "narrow.jsonl").open("w") as jsonl,
        (directory / "broken.jsonl").open("w") as broken,
        (directory / "narrow.csv").open("w") as csv,
        gzip.open(directory / "narrow.jsonl.gz", "wt", 1) as packed,
    ):
        csv.write("ts,id,x,c,score\n")
        for number, (x, score) in enumerate(values):
            time_text = f"2013-01-01T00:{number // 60 % 60:02}:{number % 60:02}.123Z"
            line = f'{{"ts":"{time_text}","id":"{number:016x}","x":{x:.6f},"c":"AA","score":{score:.6f}}}\n'
            jsonl.write(line)
            packed.write(line)
            broken.write(line if number % 1000 else "broken\n")
            csv.write(f"{time_text},{number:016x},{x:.6f},AA,{score:.6f}\n")
    wide = {f"f{column}": rng.normal(size=rows) for column in range(25)}
    pq.write_table(pa.table(wide), directory / "wide.parquet", compression="zstd", row_group_size=100_000)


def read(path: Path) -> tuple[int, float, float]:
    """Rows, wall seconds and CPU seconds of reading a file to its end."""
    source = FilesConfig(type="files", path=str(path)).open()
    cursor, rows, exhausted = None, 0, False
    wall, cpu = time.perf_counter(), time.process_time()
    while not exhausted:
        poll = source.poll(cursor, LIMIT)
        cursor, exhausted = poll.cursor, poll.exhausted
        rows += sum(batch.rows.num_rows for batch in poll.batches)
    source.close()
    return rows, time.perf_counter() - wall, time.process_time() - cpu


def duckdb_seconds(duckdb: Any, path: Path, types: dict[str, str]) -> float:
    """Seconds in which DuckDB reads every column, of types that it is told, in two threads."""
    sums = ", ".join(f"count({name})" if kind == "VARCHAR" else f"sum({name})" for name, kind in types.items())
    told = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        began = time.perf_counter()
        connection.execute(
            f"SELECT {sums} FROM read_json('{path}', format = 'newline_delimited', columns = {{{told}}})"
        ).fetchall()
        return time.perf_counter() - began


def written_by(duckdb: Any, path: Path, rows: int) -> dict[str, str]:
    """The log as JSON lines; the types of its columns in DuckDB's words."""
    table = ingest.frame(rows, 1, ingest.START, ingest.DAY)
    names = ", ".join(name for name in table.column_names if name != "ts")
    with duckdb.connect() as connection:
        connection.register("log", table)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"COPY (SELECT strftime(ts, '%Y-%m-%dT%H:%M:%S.%fZ') AS ts, {names} FROM log) TO '{path}' (FORMAT json)"
        )
    kinds = {pa.float64(): "DOUBLE", pa.int8(): "BIGINT"}
    return {field.name: kinds.get(field.type, "VARCHAR") for field in table.schema}


def run(rows: int = JSONL_ROWS, progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok; empty where DuckDB is not installed."""
    try:
        import duckdb  # noqa: PLC0415 - measured against, never needed
    except ImportError:
        progress("DuckDB is not installed: nothing to compare with")
        return {}
    shared_heaps()  # as the command does
    ingest.DATA.mkdir(parents=True, exist_ok=True)
    log, reference, end = ingest.DATA / "log.jsonl", ingest.DATA / "reference", ingest.START + ingest.DAY
    types = written_by(duckdb, log, rows)
    pq.write_table(ingest.frame(50_000, 2, end - 31 * ingest.DAY, 30 * ingest.DAY), reference.with_suffix(".parquet"))
    plan = _plan(log)
    for _ in fit_references(plan, ManualClock(end), "jsonl", None, lambda _: None):
        pass
    unlike = log.with_name("unlike.jsonl")
    unlike.write_bytes(re.sub(rb'"num_[0-9]+":null,', b"", _lines(log, UNLIKE_BYTES)))
    figures: dict[str, list[float]] = {"reading": [], "unlike": [], "ingesting": [], "speed": []}
    for _ in range(ROUNDS):
        floor = duckdb_seconds(duckdb, log, types)
        figures["reading"].append(read(log)[1] / floor)
        with ingest.working(plan.models[0], ManualClock(end)) as worker:
            taken = ingest.drained(worker)
        figures["ingesting"].append(taken / floor)
        figures["speed"].append(rows / taken)
        other = duckdb_seconds(duckdb, unlike, types)
        figures["unlike"].append(read(unlike)[1] / other)
        progress(f"one run: DuckDB {floor:.2f} s, " + ", ".join(f"{name} {of[-1]:.2f}" for name, of in figures.items()))
    command = [sys.executable, "-m", "bench.sources", OWN, str(log)]
    peak = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])
    log.unlink()
    unlike.unlink()
    medians = {name: statistics.median(of) for name, of in figures.items()}
    return _results(medians, peak, progress)


def _results(medians: dict[str, float], peak: float, progress: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    rows_of = {
        "jsonl_over_duckdb": (medians["reading"], "ratio", 1.5),
        "jsonl_unlike_over_duckdb": (medians["unlike"], "ratio", None),
        "jsonl_ingest_over_duckdb": (medians["ingesting"], "ratio", None),
        "jsonl_rows": (medians["speed"], "rows/s", None),
        "jsonl_memory": (peak, "MB", LIMIT_MB),
    }
    results: dict[str, dict[str, Any]] = {}
    for name, (value, unit, limit) in rows_of.items():
        ok = limit is None or value <= limit
        results[name] = {"value": round(value, 3), "unit": unit, "limit": limit, "ok": ok}
        progress(f"{name}: {value:,.3f} {unit}")
    return results


def _plan(log: Path) -> Any:
    return ingest.plan_of({"jsonl": ingest.model(str(log), str(ingest.DATA / "reference"), joined=False)})


def _lines(path: Path, size: int) -> bytes:
    """The first lines of a file, about so many bytes."""
    with path.open("rb") as file:
        return file.read(size) + file.readline()


def _own(log: Path) -> None:
    """Ingests the log, as the command does, and prints the peak of this process in megabytes.

    From /proc: what getrusage says of a process begins with the peak of the one that started it, which had DuckDB.
    """
    shared_heaps()
    with ingest.working(_plan(log).models[0], ManualClock(ingest.START + ingest.DAY)) as worker:
        ingest.drained(worker)
    status = Path("/proc/self/status").read_text()
    print(int(status.split("VmHWM:")[1].split()[0]) * 1.024 / 1e3)


def main() -> None:
    if sys.argv[1:2] == [OWN]:
        _own(Path(sys.argv[2]))
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), rows)
        print(f"{'file':16} {'rows':>9} {'rows/s':>10} {'rows/CPU s':>11} {'peak MB':>8}")
        for path in sorted(Path(name).iterdir()):
            count, wall, cpu = min((read(path) for _ in range(3)), key=lambda one: one[1])
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"{path.name:16} {count:9,} {count / wall:10,.0f} {count / cpu:11,.0f} {peak:8}")


if __name__ == "__main__":
    main()
