"""Rows a second that the files source reads, by format, of data made for it: `python bench/sources.py [rows]`."""

import gzip
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from exporter.sources.files import FilesConfig

LIMIT = 100_000


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


def main() -> None:
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
