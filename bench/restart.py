"""From the start of `ml-exporter run` to a page with every model's windows, on a state of thirty days.

The state is made by the real pipeline, once, and kept under bench/data/restart; further models are copies of it.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import structlog
import yaml

from bench.ingest import DAY, START, frame
from exporter.clock import ManualClock
from exporter.config import load
from exporter.engine.plan import Plan
from exporter.engine.references import load_reference
from exporter.engine.worker import Worker
from exporter.health import Health
from exporter.profile.codec import REFERENCE_VERSION, pack_reference
from exporter.profile.layout import LAYOUT_VERSION
from exporter.profile.vectors import Vectors
from exporter.references import fit_references
from exporter.state.schema import STATE_VERSION

PLACE = Path(__file__).parent / "data" / "restart"
DAYS = 30
NUMERIC = 45
"""With five categories: fifty features."""
PREDICTIONS = 1_100_000
LABELLED = 100_000
WINDOWS = ("1h", "24h", "7d")
REPEATS = 3
GIVE_UP_SECONDS = 600.0
_COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed program finds its modules compiled: the first start leaves them so."""

ABOUT = {
    "restart_one_model": (
        "From starting the program to the first page with all windows: 50 features, 30 days of 5-minute panes as "
        "retention leaves them, 2 slice dimensions, 1 M predictions waiting for labels, a reference of 90 days by the "
        "hour. A restart must cost no scrape."
    ),
    "restart_one_model_cpu": "CPU that it takes.",
    "restart_ten_models": "The same with ten such models, 10 M predictions waiting: one scrape interval.",
    "restart_ten_models_cpu": "CPU that it takes.",
    "reference_of_a_year_memory": "8,760 hourly blocks of 50 features, their windows of 1 h, 24 h and 7 d: resident.",
    "reference_of_a_year_load": "CPU to read that file and make these windows: a part of a restart.",
    "restart_resident_memory": (
        "Resident memory of the program with one such model and its reference of 90 days by the hour, after the first "
        "page: half the limit of ingesting."
    ),
}

WHY = {
    "restart_ten_models": (
        "each model takes 2 to 2.5 s of CPU beside 0.8 s of imports in all: 0.3 s to open its state, 1.4 s "
        "and more to learn from its reference (how windows vary: drift 0.7 s, the ledger's loss terms up to "
        "0.6 s)."
    ),
}


def configuration(models: int) -> Path:
    """The file for so many models of the same log."""
    section = {
        "task": "binary",
        "clock": "watermark",
        "predictions": {
            "source": {"type": "files", "path": str(PLACE / "log.parquet")},
            "columns": {"time": "ts", "prediction": "late", "score": "score", "id": "id"},
        },
        "labels": {
            "source": {"type": "files", "path": str(PLACE / "labels.parquet")},
            "columns": {"id": "id", "label": "y", "time": "at"},
            "wait": "40d",
        },
        "slices": ["cat_0", "cat_1"],
        "reference": str(PLACE / "reference.mlref"),
        "reference_data": {
            "source": {"type": "files", "path": str(PLACE / "reference.parquet")},
            "columns": {"label": "y"},
        },
        "features": {"include": [f"num_{i:02}" for i in range(NUMERIC)] + [f"cat_{i}" for i in range(5)]},
        "windows": list(WINDOWS),
        "series_budget": 20_000,
    }
    path = PLACE / f"{models}-models.yml"
    state, server = str(PLACE / f"{models}-states"), {"listen": f"127.0.0.1:{_free_port()}"}
    named = {f"m{number}": section for number in range(models)}
    path.write_text(yaml.safe_dump({"state_dir": state, "server": server, "models": named}))
    return path


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def build(progress: Callable[[str], None]) -> None:
    """Logs, reference and states are there."""
    formats = f"state {STATE_VERSION}, layout {LAYOUT_VERSION}, reference {REFERENCE_VERSION}\n"
    complete = PLACE / "complete"
    if complete.exists() and complete.read_text() == formats:
        return
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    progress(f"making a state of {DAYS} days")
    end = START + DAYS * DAY
    table = frame(PREDICTIONS, 11, START, DAYS * DAY, NUMERIC)
    pq.write_table(table, PLACE / "log.parquet", row_group_size=1 << 17)
    chosen = np.sort(np.random.default_rng(12).permutation(PREDICTIONS)[:LABELLED])
    labels = table.select(["id", "y"]).take(chosen)
    at = pa.array(np.full(LABELLED, end * 10**6), pa.timestamp("us", "UTC"))
    pq.write_table(labels.append_column("at", at), PLACE / "labels.parquet")
    pq.write_table(frame(100_000, 13, START - 90 * DAY, 90 * DAY, NUMERIC), PLACE / "reference.parquet")
    clock = ManualClock(end)
    plan = load(configuration(1))
    for _ in fit_references(plan, clock, None, None, lambda _: None):
        pass
    _count(plan, clock)
    (PLACE / "10-states").mkdir()
    for number in range(10):
        shutil.copy(plan.state_dir / "m0.sqlite", PLACE / "10-states" / f"m{number}.sqlite")
    complete.write_text(formats)


def year_of_hours() -> Path:
    """A reference with the restart model's layout, of 8,760 blocks of about 400 rows each."""
    path = PLACE / "year.mlref"
    if not path.exists():
        known = load_reference(PLACE / "reference.mlref")
        # What a block keeps; a few sums there have signs, and a block of none of them is as large.
        whole = known.blocks.sums(np.array([0])).columns(slice(0, known.layout.width))[0]
        expected = np.maximum(whole / known.total.rows * 400, 0.0)
        rng = np.random.default_rng(14)
        year = replace(
            known,
            block_seconds=3600,
            block_starts=np.arange(8760) * 3600 + START,
            blocks=Vectors.of([rng.poisson(expected).astype(np.float64) for _ in range(8760)]),
        )
        path.write_bytes(pack_reference(year))
    return path


_LOADING = """
import sys, time
from pathlib import Path
from exporter.engine.references import load_reference

def resident():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmRSS")) / 1024

load_reference(Path(sys.argv[1]))  # what loading imports
before, began = resident(), time.process_time()
reference = load_reference(Path(sys.argv[2]))
for seconds in (3600, 86400, 604800):
    reference.windows(seconds)
print(resident() - before, time.process_time() - began)
"""


def loading_a_year() -> tuple[float, float]:
    """MiB that stay, and CPU seconds, of a year of hourly blocks and its windows of an hour, a day and a week."""
    command = [sys.executable, "-c", _LOADING, str(PLACE / "reference.mlref"), str(year_of_hours())]
    mebibytes, seconds = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(mebibytes), float(seconds)


def _count(plan: Plan, clock: ManualClock) -> None:
    plan.state_dir.mkdir(exist_ok=True)
    health = Health()
    worker = Worker(plan.models[0], plan.state_dir / "m0.sqlite", clock, health, structlog.wrap_logger(None))
    while worker.step():
        worker.finish_waits()
    worker.finish_waits()
    worker.close()
    waiting = health.value("ml_exporter_rows_total", ("m0", "predictions"))
    if waiting != PREDICTIONS:
        raise AssertionError(f"{waiting} rows were counted, not {PREDICTIONS}")


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds from the start of the process to a page with every window of every model; CPU seconds and bytes then."""

    seconds: float
    cpu_seconds: float
    resident_bytes: int


def start(config: Path, models: int) -> Started:
    """Starts the program and stops it once it has shown its first page."""
    address = yaml.safe_load(config.read_text())["server"]["listen"]
    command = [sys.executable, "-m", "exporter.cli", "run", "--config", str(config), "--log.level", "warning"]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=_COMPILED)
    try:
        while time.perf_counter() - began < GIVE_UP_SECONDS:
            if process.poll() is not None:
                raise AssertionError(f"the exporter ended with {process.returncode}")
            if _is_good(_page(f"http://{address}/metrics"), models):
                seconds = time.perf_counter() - began
                return Started(seconds, _cpu_seconds(process.pid), _resident_bytes(process.pid))
            time.sleep(0.01)
        raise AssertionError(f"no good page within {GIVE_UP_SECONDS:g} s")
    finally:
        process.terminate()
        process.wait(60)


def _page(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=GIVE_UP_SECONDS) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError):  # it does not listen yet
        return ""


def _is_good(page: str, models: int) -> bool:
    effects = [line for line in page.splitlines() if line.startswith("ml_feature_drift_effect{")]
    wanted = {(f'model="m{number}"', f'window="{window}"') for number in range(models) for window in WINDOWS}
    return all(any(model in line and window in line for line in effects) for model, window in wanted)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def run(progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok."""
    build(progress)
    results: dict[str, dict[str, Any]] = {}

    def note(name: str, value: float, unit: str, limit: float | None) -> None:
        results[name] = {"value": round(value, 3), "unit": unit, "limit": limit, "ok": limit is None or value <= limit}
        progress(f"{name}: {value:,.3g} {unit}")

    mebibytes, seconds = loading_a_year()
    note("reference_of_a_year_memory", mebibytes, "MiB", 100.0)
    note("reference_of_a_year_load", seconds, "s", 1.0)
    for name, models in (("one_model", 1), ("ten_models", 10)):
        config = configuration(models)
        start(config, models)  # files into the page cache
        taken = [start(config, models) for _ in range(REPEATS)]
        limit = 3.0 if models == 1 else 15.0
        note(f"restart_{name}", statistics.median(each.seconds for each in taken), "s", limit)
        note(f"restart_{name}_cpu", statistics.median(each.cpu_seconds for each in taken), "s", limit)
        if models == 1:
            note("restart_resident_memory", max(each.resident_bytes for each in taken) / 2**20, "MiB", 500.0)
    return results


if __name__ == "__main__":
    print(json.dumps(run(lambda line: print(line, flush=True)), indent=2))
