"""How often estimated performance holds what is measured later: `python -m bench.estimation` (five minutes of a core).

`make bench` draws an eighth of it. References and windows are drawn anew each time, from worlds in which inputs move
and P(outcome | input) stays. Writes the table into docs/estimation.md; the same seed gives the same table.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

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


ABOUT: Mapping[str, str] = {
    "estimation_coverage": (
        "Of values measured where only inputs changed, how many lie within the 95 % interval of the estimate: all "
        "metrics and scenarios of [estimation](estimation.md). The metrics of a run err together, hence the slack."
    ),
    "estimation_gain": (
        "By how much nearer to the measured accuracy estimates are than the reference's own accuracy, mean of the "
        "scenarios."
    ),
}
_EIGHTH, _SEED = 60, 20261122


def run(progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok."""
    progress(f"estimation: {_EIGHTH} references and windows for each of {len(SCENARIOS)} scenarios")
    drawn = [each for number in range(len(SCENARIOS)) for each in simulate(number, _EIGHTH, _SEED)]
    held = float(np.mean([metric[2] for each in drawn for metric in each.values()]))
    change, off = (np.array([each["accuracy"][place] for each in drawn]) for place in (0, 1))
    gain = float(np.mean(np.abs(change - off)) / np.mean(np.abs(off)))
    return {
        "estimation_coverage": {"value": held, "unit": "of values", "limit": 0.93, "ok": held >= 0.93},
        "estimation_gain": {"value": gain, "unit": "times", "limit": 2.0, "ok": gain >= 2.0},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=_SEED)
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
