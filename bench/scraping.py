"""How long a scrape takes, idle and while a log is counted in the same process: `python -m bench.scraping`."""

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog
import yaml

from bench.exposition import gauges
from bench.ingest import DAY, START, frame, model
from exporter.clock import ManualClock, SystemClock
from exporter.config import load
from exporter.engine.plan import ModelPlan
from exporter.engine.worker import Worker
from exporter.exposition.fresh import Fresh
from exporter.exposition.server import Hooks, Server, ServerSettings
from exporter.exposition.snapshot import ModelFamilies, Publisher
from exporter.exposition.status import Status
from exporter.health import Health
from exporter.memory import shared_heaps
from exporter.references import fit_references
from exporter.scheduling import scrapes_first, step_back

PLACE = Path(__file__).parent / "data" / "scraping"
ROWS = {"parquet": 400_000, "jsonl": 150_000}
SCRAPES = 300
SIZES = {"10k": (10_000, 2.0), "100k": (100_000, 10.0)}
"""Series, and most milliseconds."""
BUSY = {"idle": "", "parquet": ", while a Parquet log is counted", "jsonl": ", while a JSONL log is counted"}

ABOUT = {
    f"scrape_{size}_{encoding}_{busy}_{kind}": (
        f"{what} of {size} series{', gzip' if encoding == 'gzip' else ''}{doing}"
        f"{': what the server thread works' if kind == 'cpu' else ', as a client on the same machine sees it'}."
    )
    for size in SIZES
    for encoding in ("plain", "gzip")
    for busy, doing in BUSY.items()
    for kind, what in (("p50", "Median scrape"), ("p99", "99th percentile of scrapes"), ("cpu", "CPU a scrape"))
}
ABOUT["scrape_10k_plain_idle_p50"] += " A scrape must not be felt by the model beside it: 2 ms, for 100k series 10 ms."

WHY = {
    "scrape_": (
        "medians and the server's own CPU are within; one scrape in a hundred waits for counting threads, "
        "which hold the interpreter or a core for up to ten milliseconds at a time (two cores, and the "
        "client needs one of them)."
    ),
}


def logs() -> ModelPlan:
    """A model with 25 features and two slice dimensions, whose log is there in both formats."""
    PLACE.mkdir(parents=True, exist_ok=True)
    if not (PLACE / "complete").exists():
        pq.write_table(frame(50_000, 2, START - 30 * DAY, 30 * DAY), PLACE / "reference.parquet")
        pq.write_table(frame(ROWS["parquet"], 1, START, DAY), PLACE / "log.parquet", row_group_size=1 << 17)
        with (PLACE / "log.jsonl").open("w") as file:
            for row in _plain(frame(ROWS["jsonl"], 1, START, DAY)).to_pylist():
                file.write(json.dumps(row) + "\n")
    plan = plan_of("parquet")
    for _ in fit_references(plan, ManualClock(START + DAY), None, None, lambda _: None):
        pass
    (PLACE / "complete").touch()
    return plan.models[0]


def _plain(table: pa.Table) -> pa.Table:
    """Times as text."""
    times = table["ts"].cast(pa.timestamp("us")).cast(pa.string())
    return table.set_column(table.column_names.index("ts"), "ts", times)


def plan_of(kind: str) -> Any:
    path = PLACE / f"{kind}.yml"
    section = model(str(PLACE / f"log.{kind}"), str(PLACE / "reference"), joined=False)
    path.write_text(yaml.safe_dump({"state_dir": str(PLACE / "state"), "models": {kind: section}}))
    return load(path)


@contextmanager
def counting(kind: str) -> Iterator[None]:
    """The log is counted again and again, in a thread as a model's worker has one."""
    if kind == "idle":
        yield
        return
    logs()
    plan, stop, begun, failure = plan_of(kind).models[0], threading.Event(), threading.Event(), []

    def count() -> None:
        step_back()
        try:
            while not stop.is_set():
                _count_once(plan, stop, begun)
        except BaseException as error:
            failure.append(error)
            raise
        finally:
            begun.set()

    thread = threading.Thread(target=count)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failure:
        raise AssertionError(f"nothing was counted meanwhile: {failure[0]}")


def _count_once(plan: ModelPlan, stop: threading.Event, begun: threading.Event) -> None:
    state = PLACE / "state" / "counting.sqlite"
    state.parent.mkdir(exist_ok=True)
    for old in state.parent.glob("counting.sqlite*"):
        old.unlink()
    worker = Worker(plan, state, ManualClock(START + DAY), Health(), structlog.wrap_logger(None))
    try:
        while worker.step() and not stop.is_set():
            begun.set()
    finally:
        worker.close()


@contextmanager
def serving(series: int) -> Iterator[Server]:
    """The server with a snapshot of so many series."""
    health, clock, log = Health(), SystemClock(), structlog.get_logger()
    publisher = Publisher(health, clock, log, strict=True)
    publisher.publish([ModelFamilies("flight_delay", gauges(series, 0), budget=10**9)])
    fresh = Fresh(health, {}, clock, log)
    server = Server(
        ServerSettings(port=0),
        Hooks(lambda: publisher.current, fresh, lambda: Status("", 0, 0), lambda: None, lambda: None),
        log,
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()


def scrapes(server: Server, encoding: str) -> tuple[list[float], float]:
    """Sorted milliseconds of scrapes by another process, and the server thread's CPU milliseconds for each."""
    (thread,) = [each for each in threading.enumerate() if each.name == "http" and each.ident is not None]
    cpu = time.pthread_getcpuclockid(thread.ident or 0)
    before = time.clock_gettime(cpu)
    command = [sys.executable, "-m", "bench.client", str(server.port), encoding, str(SCRAPES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    taken = (time.clock_gettime(cpu) - before) * 1e3 / SCRAPES
    return json.loads(done.stdout), taken


def run(progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok."""
    results: dict[str, dict[str, Any]] = {}
    shared_heaps()
    before = sys.getswitchinterval()
    scrapes_first()
    try:
        for size, (series, limit) in SIZES.items():
            with serving(series) as server:
                for busy in BUSY:
                    with counting(busy):
                        for encoding, name in (("identity", "plain"), ("gzip", "gzip")):
                            times, cpu = scrapes(server, encoding)
                            found = {"p50": statistics.median(times), "p99": times[int(len(times) * 0.99)], "cpu": cpu}
                            for kind, value in found.items():
                                row = {"value": round(value, 3), "unit": "ms", "limit": limit, "ok": value <= limit}
                                results[f"scrape_{size}_{name}_{busy}_{kind}"] = row
                            progress(
                                f"{size} {name} {busy}: {found['p50']:.2f}, p99 {found['p99']:.2f}, cpu {cpu:.2f} ms"
                            )
    finally:
        sys.setswitchinterval(before)
    return results


if __name__ == "__main__":
    run(lambda line: print(line, flush=True))
