"""How often the loss model's estimates hold what is measured later: `python -m bench.loss_estimation` (five minutes).

Twenty references a scenario and twenty-five windows of each, all drawn anew, from a world in which inputs move and
errors given the inputs stay. Writes the table into docs/estimation.md; the same seed gives the same table.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.unit.metrics.estimated import regressions

PAGE = Path(__file__).parent.parent / "docs" / "estimation.md"
START, END = "<!-- loss coverage -->", "<!-- /loss coverage -->"
WINDOWS = 25
"""Of one reference."""
SCENARIOS = (
    ("nothing moves", 20_000, 1000, 0.0),
    ("inputs move", 20_000, 1000, 0.0),
    ("inputs move", 20_000, 10_000, 0.0),
    ("inputs move", 20_000, 1000, 5.0),
    ("inputs spread or narrow", 20_000, 1000, 0.0),
    ("inputs go hand in hand", 20_000, 1000, 0.0),
    ("inputs go hand in hand", 20_000, 10_000, 0.0),
)
"""What moves, rows of the reference and of the window, degrees of freedom of the noise's tails (0: normal)."""


def simulate(number: int, runs: int, seed: int) -> list[dict[str, regressions.Told]]:
    """What was told of every window of a scenario."""
    what, rows, window, tails = SCENARIOS[number]
    rng, found = np.random.default_rng([seed, number]), []
    for _ in range(runs // WINDOWS):
        reference = regressions.fitted(regressions.rows(rng, regressions.calm(rng, rows), tails=tails))
        for _ in range(WINDOWS):
            log = regressions.rows(rng, regressions.SHIFTS[what](rng, window), tails=tails)
            found.append(regressions.told(reference, log))
    return found


def table(runs: int, seed: int) -> Iterator[str]:
    """Lines of a Markdown table: a scenario each."""
    yield f"| {runs} windows each | reference | window | MAE off by | interval | held: MAE | RMSE | MAPE | bias |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for number, (what, rows, window, tails) in enumerate(SCENARIOS):
        found = simulate(number, runs, seed)
        held = " | ".join(f"{np.mean([each[name].held for each in found]):.1%}" for name in regressions.METRICS)
        error = [each["mean_absolute_error"] for each in found]
        off = np.mean([abs(each.estimate / each.measured - 1) for each in error])
        wide = np.mean([(each.upper / each.lower - 1) / 2 for each in error])
        drawn = f"{what}{', heavy tails' if tails else ''} | {rows:,} | {window:,}"
        yield f"| {drawn} | {off:.1%} | ± {wide:.1%} | {held} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20261122)
    options = parser.parse_args()
    lines = []
    for line in table(options.runs, options.seed):
        print(line, flush=True)
        lines.append(line)
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(START)
    PAGE.write_text("\n".join((f"{head}{START}", *lines, f"{END}{rest.split(END)[1]}")), encoding="utf-8")


if __name__ == "__main__":
    main()
