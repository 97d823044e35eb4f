"""Peers over the same 200,000 rows: `python -m bench.peers [--install]`.

Each peer has an environment of its own under .cache/peers, of the versions that work together; `make bench-peers`
installs them (2.7 GB). Without them there are no figures, and a line says so.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench import ingest
from exporter.clock import ManualClock
from exporter.references import fit_references

HERE = Path(__file__).parent
PLACE = HERE / "data" / "peers"
ENVIRONMENTS = HERE.parent / ".cache" / "peers"
ROWS = 200_000
ROUNDS = 3
GIVE_UP_SECONDS = 300
PEERS: dict[str, tuple[float, list[list[str]]]] = {
    "nannyml": (
        15.0,
        [
            # What its statistics do not use is left out: clouds, browsers, 800 MB of GPU libraries.
            ["--no-deps", "nannyml==0.13.1", "xgboost-cpu"],
            [
                "pandas<3", "numpy", "pyarrow", "scikit-learn", "scipy", "statsmodels", "matplotlib", "plotly<6",
                "Jinja2", "PyYAML", "rich", "pydantic", "python-dotenv", "pyfiglet<0.9", "category-encoders<3",
                "joblib", "lightgbm<4.6", "FLAML<3", "APScheduler<4", "click<9", "fsspec", "seaborn",
                "segment-analytics-python",
            ],
        ],
    ),
    "whylogs": (40.0, [["whylogs[viz]==1.6.4", "numpy<2", "pandas<3", "pyarrow<20"]]),
    "evidently": (100.0, [["evidently==0.7.23", "pandas<3.1", "pyarrow"]]),
}  # fmt: skip
"""Peer → how many times its rows a second are promised, and what pip installs, in turn."""

ABOUT = {
    "peers_own_rows": (
        "200,000 rows with 25 features read, counted, committed and evaluated, reading included, in a process of its "
        "own that has done so once before."
    ),
    "over_nannyml": "Rows a second over NannyML's univariate Jensen-Shannon and Kolmogorov-Smirnov by the hour, loaded and fitted already.",  # noqa: E501
    "over_whylogs": "Rows a second over whylogs' profile of the same rows, loaded already.",
    "over_evidently": "Rows a second over Evidently's DataDriftPreset, both data sets loaded already.",
}


def python(peer: str) -> Path:
    return ENVIRONMENTS / peer / "bin" / "python"


def install(peer: str, progress: Callable[[str], None]) -> None:
    """Gives the peer its environment; one that cannot be had is left out."""
    progress(f"installing {peer}")
    shutil.rmtree(ENVIRONMENTS / peer, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENTS / peer], check=True)
    for packages in PEERS[peer][1]:
        done = subprocess.run(
            [python(peer), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *packages], check=False
        )
        if done.returncode:
            progress(f"{peer}: cannot be installed here; its figures are left out")
            shutil.rmtree(ENVIRONMENTS / peer)
            return


def seconds_of(peer: str) -> float | None:
    """Seconds of a peer's step; None where it cannot be run."""
    command = [python(peer), HERE / "peer.py", peer, PLACE / "reference.parquet", PLACE / "log.parquet"]
    quiet = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "WHYLOGS_NO_ANALYTICS": "True"}
    try:
        done = subprocess.run(
            command, env=os.environ | quiet, capture_output=True, text=True, check=False, timeout=GIVE_UP_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    told = [line for line in done.stdout.splitlines() if line.startswith("seconds ")]
    return float(told[-1].split()[1]) if told else None


def own_seconds() -> float:
    """Seconds to read, count, commit and evaluate the log, in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "bench.peers", "--own"], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _own() -> None:
    ingest.DATA = PLACE
    end = ingest.START + ingest.DAY
    plan = _plan().models[0]
    taken = 0.0
    for _ in range(2):
        with ingest.working(plan, ManualClock(end)) as worker:
            began = time.perf_counter()
            ingest.drained(worker)
            worker.evaluate()
            taken = time.perf_counter() - began
    print(f"{taken:.6f}")


def _plan() -> Any:
    section = ingest.model(str(PLACE / "log.parquet"), str(PLACE / "reference"), joined=False)
    return ingest.plan_of({"plain": section})


def build() -> None:
    """The log, a reference of as many rows, and our fit of it."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    ingest.DATA = PLACE
    start, day = ingest.START, ingest.DAY
    pq.write_table(ingest.frame(ROWS, 1, start, day), PLACE / "log.parquet", row_group_size=ingest.ROW_GROUP)
    pq.write_table(ingest.frame(ROWS, 2, start - 30 * day, 30 * day), PLACE / "reference.parquet")
    for _ in fit_references(_plan(), ManualClock(start + day), "plain", None, lambda _: None):
        pass


def run(progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok; empty where no peer is installed."""
    there = [peer for peer in PEERS if python(peer).exists()]
    absent = sorted(PEERS.keys() - set(there))
    if absent:
        progress(f"not installed: {', '.join(absent)}; `make bench-peers` installs them")
    if not there:
        return {}
    build()
    own: list[float] = []
    theirs: dict[str, list[float]] = {peer: [] for peer in there}
    for _ in range(ROUNDS):
        for peer in there:
            own.append(own_seconds())
            seconds = seconds_of(peer)
            if seconds is not None:
                theirs[peer].append(seconds)
        progress(f"one round: own {own[-1]:.3f} s, " + ", ".join(f"{p} {s[-1]:.2f} s" for p, s in theirs.items() if s))
    best = statistics.median(own)
    results: dict[str, dict[str, Any]] = {
        "peers_own_rows": {"value": round(ROWS / best), "unit": "rows/s", "limit": None, "ok": True}
    }
    for peer, seconds in theirs.items():
        if len(seconds) < ROUNDS:
            progress(f"{peer}: does not run here; its figure is left out")
            continue
        ratio, limit = statistics.median(seconds) / best, PEERS[peer][0]
        results[f"over_{peer}"] = {"value": round(ratio, 1), "unit": "times", "limit": limit, "ok": ratio >= limit}
        progress(f"over_{peer}: {ratio:.1f} times")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install the peers that are not there")
    parser.add_argument("--own", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.own:
        _own()
        return

    def progress(line: str) -> None:
        print(line, flush=True)

    if arguments.install:
        for peer in PEERS:
            if not python(peer).exists():
                install(peer, progress)
        return
    run(progress)


if __name__ == "__main__":
    main()
