"""The whole drift and quality simulation: `python -m bench.drift_report` (ten minutes of a core).

Writes bench/drift_results.json, and docs/drift-simulation.md from it; `--page` writes the page alone, `--table quality`
draws one table anew and keeps the others. The same seed gives the same results.
"""

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from bench import drift_flights, drift_simulation, quality_simulation
from bench.drift_page import page
from bench.drift_scenarios import calm, drifting

RESULTS = Path(__file__).parent / "drift_results.json"
TABLES = ("flights", "calm", "drifting", "quality")
PAGE = Path(__file__).parent.parent / "docs" / "drift-simulation.md"


def _scenarios(table: str) -> list[Any]:
    return {"calm": calm, "drifting": drifting, "quality": quality_simulation.scenarios}[table]()


def _row(table: str, number: int, seed: int) -> dict[str, Any]:
    """One row, drawn in a process of its own: scenarios hold functions, which do not travel."""
    simulate = quality_simulation.simulate if table == "quality" else drift_simulation.simulate
    return simulate(_scenarios(table)[number], seed)


def _flights() -> list[dict[str, Any]]:
    return list(drift_flights.measurements())


def simulated(processes: int, seed: int, tables: Sequence[str]) -> dict[str, Any]:
    """Rows of tables, by table."""
    with ProcessPoolExecutor(processes) as pool:
        flights = pool.submit(_flights) if "flights" in tables else None
        drawn = {
            table: [pool.submit(_row, table, number, seed) for number in range(len(_scenarios(table)))]
            for table in tables
            if table != "flights"
        }
        found: dict[str, Any] = {} if flights is None else {"flights": flights.result()}
        return found | {table: [each.result() for each in waiting] for table, waiting in drawn.items()}


def _lines(found: dict[str, Any]) -> str:
    """JSON with a line for each row: readable, and a change shows in a diff."""
    tables = []
    for name, rows in found.items():
        listed = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) if isinstance(rows, list) else ""
        tables.append(f'"{name}": [\n{listed}\n]' if isinstance(rows, list) else f'"{name}": {rows}')
    return "{" + ",\n".join(tables) + "}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="write the page from the results there are")
    parser.add_argument("--table", choices=TABLES, help="draw this one anew, with the seed of the others")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=drift_simulation.SEED)
    arguments = parser.parse_args()
    if not arguments.page:
        tables = [arguments.table] if arguments.table else TABLES
        known = json.loads(RESULTS.read_text()) if arguments.table else {"seed": arguments.seed}
        RESULTS.write_text(_lines(known | simulated(arguments.processes, known["seed"], tables)))
    PAGE.write_text(page(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
