"""How often estimated performance holds what is measured later: `python -m bench.estimation` (five minutes of a core).

References and windows are drawn anew each time, from worlds in which inputs move and P(outcome | input) stays. Writes
the table into docs/estimation.md; the same seed gives the same table.
"""

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from tests.oracle.counting import count
from tests.oracle.references import reference_of
from tests.unit.metrics.estimated import worlds

PAGE = Path(__file__).parent.parent / "docs" / "estimation.md"
START, END = "<!-- coverage -->", "<!-- /coverage -->"
SCENARIOS: tuple[tuple[str, Callable[..., worlds.Rows], float, int, int], ...] = (
    ("overconfident scores", worlds.overconfident, 1.0, 20_000, 1000),
    ("overconfident scores", worlds.overconfident, 1.0, 20_000, 20_000),
    ("overconfident scores", worlds.overconfident, -1.0, 3000, 1000),
    ("calibrated scores", worlds.calibrated, 1.5, 5000, 1000),
    ("calibrated scores", worlds.calibrated, 1.5, 5000, 10_000),
    ("1 in 30 positive", worlds.rare, 0.7, 20_000, 3000),
    ("three classes", worlds.three_classes, 1.5, 5000, 1000),
)
"""What is drawn, how far inputs move, rows of the reference and of the window."""
Drawn = dict[str, tuple[float, float, float]]
"""Metric → how far off the reference's value the estimate is, how far off the measured one; whether that was held."""


def simulate(number: int, runs: int, seed: int) -> list[Drawn]:
    """Runs of one scenario."""
    _, draw, shift, rows, window_rows = SCENARIOS[number]
    rng = np.random.default_rng([seed, number])
    found: list[Drawn] = []
    for _ in range(runs):
        before, later = draw(rng, rows), draw(rng, window_rows, shift)
        layout = worlds.layout_of(before)
        reference, window = reference_of([count(layout, None, **before)], None), count(layout, None, **later)
        truth = worlds.measured(window, reference)
        found.append(
            {
                name: (
                    result.value - result.reference,
                    result.value - truth[name],
                    float(result.lower <= truth[name] <= result.upper),
                )
                for name, result in worlds.estimated(worlds.unlabelled(layout, later), reference).items()
            }
        )
    return found


def table(results: list[list[Drawn]], runs: int) -> Iterator[str]:
    """Lines of a Markdown table: a scenario each."""
    yield (
        f"| {runs} runs each | reference | window | change of accuracy | accuracy off by | held: accuracy, ROC AUC "
        "| all metrics | least, most |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for (what, _, _, rows, window_rows), drawn in zip(SCENARIOS, results, strict=True):
        held = {name: float(np.mean([each[name][2] for each in drawn])) for name in drawn[0]}
        change, off = (np.array([each["accuracy"][place] for each in drawn]) for place in (0, 1))
        order = held.get("roc_auc", held.get("roc_auc_ovr", np.nan))
        least, most = min(held, key=held.__getitem__), max(held, key=held.__getitem__)
        yield (
            f"| {what} | {rows:,} | {window_rows:,} | {change.mean():+.3f} | ± {off.std():.4f} "
            f"| {held['accuracy']:.1%}, {order:.1%} | {np.mean(list(held.values())):.1%} "
            f"| {held[least]:.1%} ({least}), {held[most]:.1%} ({most}) |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        run = partial(simulate, runs=options.runs, seed=options.seed)
        lines = "\n".join(table(list(pool.map(run, range(len(SCENARIOS)))), options.runs))
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(START)
    PAGE.write_text(f"{head}{START}\n{lines}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    print(lines)


if __name__ == "__main__":
    main()
