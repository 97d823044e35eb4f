"""All benchmarks: `python -m bench [--rows n] [--only part]`; prints a table and merges it into bench/results.json."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import exposition, ingest

RESULTS = Path(__file__).parent / "results.json"
Results = dict[str, dict[str, Any]]


def drift() -> Results:
    """A few windows of the drift simulation; `python bench/drift_simulation.py` draws all of them."""
    sys.path.insert(0, str(Path(__file__).parent))
    from bench.drift_scenarios import calm, drifting  # noqa: PLC0415 - its module is a script beside this one
    from bench.drift_simulation import simulate  # noqa: PLC0415

    results: Results = {}
    shift = next(s for s in drifting() if s.name == "0.2 σ shift" and s.m == 10_000)
    quiet = next(s for s in calm() if s.name == "independent rows" and (s.n, s.m) == (1000, 10_000))
    days = next(s for s in calm() if s.name == "independent rows, days" and s.n == 1000)
    for name, scenario in (("independent", quiet), ("days", days)):
        found = simulate(replace(scenario, references=10), peers=False)
        share = found.detected / found.windows
        results[f"drift_false_alarms_{name}"] = {"value": share, "unit": "windows", "limit": 0.01, "ok": share <= 0.01}
    found = simulate(replace(shift, references=5), peers=False)
    share = found.first / found.windows
    results["drift_power_0.2_sigma"] = {"value": share, "unit": "windows", "limit": 0.99, "ok": share >= 0.99}
    return results


def merged(fresh: Results) -> Results:
    """What the file says, with what was measured now in its place; written back."""
    known: Results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known.update(fresh)
    RESULTS.write_text(json.dumps(dict(sorted(known.items())), indent=2, ensure_ascii=False) + "\n")
    return known


def show(results: Results, console: Console) -> None:
    table = Table("benchmark", "value", "unit", "limit", "", box=None)
    for name, row in results.items():
        limit = "-" if row["limit"] is None else f"{row['limit']:,g}"
        table.add_row(name, f"{row['value']:,.4g}", row["unit"], limit, "ok" if row["ok"] else "[bold]missed[/bold]")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=ingest.ROWS, help="rows of the log that is ingested")
    parser.add_argument("--only", choices=("exposition", "ingest", "drift"), help="run one part")
    arguments = parser.parse_args()
    console = Console()

    def progress(line: str) -> None:
        console.print(f"[dim]{line}[/dim]", highlight=False)

    parts: dict[str, Callable[[], Results]] = {
        "exposition": exposition.run,
        "ingest": lambda: ingest.run(arguments.rows, progress),
        "drift": drift,
    }
    fresh: Results = {}
    for name, part in parts.items():
        if arguments.only in {None, name}:
            progress(f"{name} …")
            fresh |= part()
    show(fresh, console)
    merged(fresh)


if __name__ == "__main__":
    main()
