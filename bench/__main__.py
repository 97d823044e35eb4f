"""All benchmarks: `python -m bench [--rows n] [--only part]`; prints a table and merges it into bench/results.json.

A part is a module with `run`, which returns name → value, unit, limit, ok, and `ABOUT`, which says of each name what
it measures and why the limit; and `WHY` where a limit is missed, what a profile says. `--write-docs` makes
docs/benchmarks.md of the results so far and runs nothing.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.page import Part, number, written

RESULTS = Path(__file__).parent / "results.json"
Results = dict[str, dict[str, Any]]
PARTS: Mapping[str, tuple[str, str]] = {
    "exposition": ("bench.exposition", "Rendering"),
    "scraping": ("bench.scraping", "Scraping"),
    "host": ("bench.host", "The machine"),
    "restart": ("bench.restart", "Restart"),
    "ingest": ("bench.ingest", "Reading, counting, labels"),
    "switches": ("bench.switches", "What switches cost"),
    "jsonl": ("bench.sources", "JSON lines"),
    "peers": ("bench.peers", "Peers on 200,000 rows"),
    "memory": ("bench.memory", "Peak memory"),
    "drift": ("bench.drift", "Drift verdicts"),
    "onset": ("bench.onset_simulation", "Onset and shape"),
    "ledger": ("bench.ledger_simulation", "Shift ledger"),
    "estimation": ("bench.estimation", "Estimation without labels"),
}
"""Part → its module, and its title on the page."""


def measured(part: str, rows: int | None, progress: Callable[[str], None]) -> Results:
    """What a part says. Its module is imported now, so that parts run without what others need."""
    module = import_module(PARTS[part][0])
    results: Results = module.run(*(() if rows is None else (rows,)), progress=progress)
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
        verdict = "" if row["limit"] is None else "ok" if row["ok"] else "[bold]missed[/bold]"
        table.add_row(name, number(row["value"]), row["unit"], limit, verdict)
    console.print(table)


def documented() -> list[Part]:
    """Title and descriptions of every part."""
    return [(title, getattr(import_module(module), "ABOUT", {})) for module, title in PARTS.values()]


def explained() -> dict[str, str]:
    """What profiles say of figures that miss their limits, by the beginning of their names."""
    found: dict[str, str] = {}
    for module, _ in PARTS.values():
        found |= getattr(import_module(module), "WHY", {})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, help="rows of the log that is ingested")
    parser.add_argument("--only", choices=tuple(PARTS), help="run one part")
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md from the results so far")
    arguments = parser.parse_args()
    console = Console()
    if arguments.write_docs:
        if not RESULTS.exists():
            sys.exit(f"{RESULTS.name}: there are no results yet; run `make bench` first")
        console.print(f"written: {written(json.loads(RESULTS.read_text()), documented(), explained(), RESULTS)}")
        return

    def progress(line: str) -> None:
        console.print(f"[dim]{line}[/dim]", highlight=False)

    if arguments.only is None:
        RESULTS.unlink(missing_ok=True)  # figures that are not measured any more go
    fresh: Results = {}
    for name in PARTS:
        if arguments.only in {None, name}:
            progress(f"{name} …")
            results = measured(name, arguments.rows if name == "ingest" else None, progress)
            # Written at once: a part that fails takes nothing along.
            merged(results)
            fresh |= results
    show(fresh, console)


if __name__ == "__main__":
    main()
