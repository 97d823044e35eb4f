"""Peers over the same 200,000 rows: `python -m bench.peers [--install]`.

Each peer has an environment of its own under .cache/peers, of the versions that work together; `make bench-peers`
installs them (2.7 GB). Without them there are no figures, and a line says so.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow.parquet as pq

from bench import ingest
from exporter.clock import ManualClock
from exporter.memory import shared_heaps
from exporter.references import fit_references

HERE = Path(__file__).parent
PLACE = HERE / "data" / "peers"
WATCHED = PLACE / "watched"
ENVIRONMENTS = HERE.parent / ".cache" / "peers"
ROWS, LARGE = 200_000, 2_000_000
FILES = {"first.parquet": 50_000, "log.parquet": ROWS, "large.parquet": LARGE}
"""File → its rows; they come one after the other, a day each, and the peers get the second one."""
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
        "A new file of 2 M rows with 25 features read, counted, committed and evaluated by a worker that has read a "
        "file before: the reference is fitted and known, as it is to the peers. What runs day and night reads files "
        "as they come, so this is the rate that peers are compared with."
    ),
    "peers_own_rows_of_200k": "The same of a new file of 200,000 rows.",
    "peers_own_learning": (
        "The first evaluation after a start, of 50,000 rows: what follows from the reference alone is learned in it."
    ),
    "over_nannyml": (
        "Rows a second of 2 M rows over those of NannyML's univariate Jensen-Shannon and Kolmogorov-Smirnov by the "
        "hour on 200,000 rows, loaded and fitted already."
    ),
    "over_whylogs": "The same over whylogs' profile of 200,000 rows, loaded already.",
    "over_evidently": "The same over Evidently's DataDriftPreset on 200,000 rows, both data sets loaded already.",
    "over_nannyml_of_200k": "The same on the same 200,000 rows for both.",
    "over_whylogs_of_200k": "The same.",
    "over_evidently_of_200k": "The same.",
}
WHY = {
    "over_nannyml": (
        "of the second that 2 M rows take, merely reading them with pyarrow in two threads takes 0.46 s (23 "
        "times NannyML's rate), evaluating every metric 0.1 s, counting and committing the rest."
    ),
    "over_whylogs": "39.98 times: the same.",
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


@dataclass(frozen=True, slots=True)
class Own:
    """Seconds of ours: the first evaluation, and to read, count, commit and evaluate a further file, by its rows."""

    learning: float
    small: float
    large: float


def own_seconds() -> Own:
    """Ours, in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "bench.peers", "--own"], capture_output=True, text=True, check=True)
    return Own(*(float(figure) for figure in done.stdout.split()))


def _own() -> None:
    ingest.DATA = PLACE
    shutil.rmtree(WATCHED, ignore_errors=True)
    WATCHED.mkdir()
    shared_heaps()
    clock, taken = ManualClock(ingest.START), []
    with ingest.working(_plan().models[0], clock) as worker:
        for name in FILES:
            os.link(PLACE / name, WATCHED / name)
            clock.advance(ingest.DAY)
            began = time.perf_counter()
            ingest.drained(worker)
            counted = time.perf_counter()
            worker.evaluate()
            evaluated = time.perf_counter()
            taken.append(evaluated - (began if taken else counted))
    print(*taken)


def _plan() -> Any:
    section = ingest.model(str(WATCHED / "*.parquet"), str(PLACE / "reference"), joined=False)
    return ingest.plan_of({"plain": section})


def build() -> None:
    """The logs, each of a day of its own, a reference of as many rows as the peers', and our fit of it."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    ingest.DATA = PLACE
    start, day = ingest.START, ingest.DAY
    for number, (name, rows) in enumerate(FILES.items()):
        table = ingest.frame(rows, 3 - number, start + number * day, day)
        pq.write_table(table, PLACE / name, compression="zstd", row_group_size=ingest.ROW_GROUP)
    pq.write_table(ingest.frame(ROWS, 4, start - 30 * day, 30 * day), PLACE / "reference.parquet")
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
    progress(f"writing {sum(FILES.values()):,} rows")
    build()
    own: list[Own] = []
    theirs: dict[str, list[float]] = {peer: [] for peer in there}
    for _ in range(ROUNDS):
        for peer in there:
            own.append(own_seconds())
            seconds = seconds_of(peer)
            if seconds is not None:
                theirs[peer].append(seconds)
        last = f"own {own[-1].small:.3f} s, {LARGE:,} rows {own[-1].large:.3f} s"
        progress(f"one round: {last}, " + ", ".join(f"{p} {s[-1]:.2f} s" for p, s in theirs.items() if s))
    return _results(own, theirs, progress)


def _results(own: list[Own], theirs: dict[str, list[float]], progress: Callable[[str], None]) -> dict[str, Any]:
    large, small = LARGE / median(each.large for each in own), ROWS / median(each.small for each in own)
    results: dict[str, dict[str, Any]] = {}

    def note(name: str, value: float, unit: str, limit: float | None = None) -> None:
        results[name] = {"value": round(value, 3), "unit": unit, "limit": limit, "ok": limit is None or value >= limit}
        progress(f"{name}: {value:,.3g} {unit}")

    note("peers_own_rows", large, "rows/s")
    note("peers_own_rows_of_200k", small, "rows/s")
    note("peers_own_learning", median(each.learning for each in own), "s")
    for peer, seconds in theirs.items():
        if len(seconds) < ROUNDS:
            progress(f"{peer}: does not run here; its figure is left out")
            continue
        rate = ROWS / median(seconds)
        note(f"over_{peer}", large / rate, "times", PEERS[peer][0])
        note(f"over_{peer}_of_200k", small / rate, "times")
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
