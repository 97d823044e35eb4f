"""The shift ledger on planted shifts: which term they land in, through the program's own fit, counting and evaluation.

`python -m bench.ledger_simulation` draws all and writes the table of docs/shift-ledger.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.ledger_scenarios import (
    CAUSES,
    Scenario,
    Task,
    counted,
    effects,
    evaluation,
    reference_of,
    scenarios,
    window,
)
from exporter.metrics.shift.ledger import CAUSES as TERMS
from exporter.metrics.shift.results import Entry, results
from exporter.profile.reference import Reference

ROWS, WINDOWS = 20_000, 5


@dataclass(frozen=True)
class Outcome:
    """One metric of one scenario.

    Attributes:
        due: cause → the planted effect.
        terms: (windows, 5) by TERMS.
        lower, upper: (windows, 5).
        features: (windows, F) |quality| + |covariate| by feature.
    """

    scenario: Scenario
    metric: str
    due: Mapping[str, float]
    terms: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    features: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return np.nan_to_num(self.terms).mean(axis=0)

    @property
    def size(self) -> float:
        """What all causes do, each for itself."""
        return sum(abs(each) for each in self.due.values())

    @property
    def error(self) -> float:
        """The largest error of a term that is a cause, relative to all that happened."""
        due = np.array([self.due.get(cause, 0.0) for cause in TERMS[:4]])
        return float(np.abs(self.mean[:4] - due).max() / self.size)

    @property
    def chance(self) -> float:
        """Standard error of the mean change, as windows and reference are drawn, relative to all that happened."""
        half = (self.upper - self.lower)[:, TERMS.index("unexplained")] / (2 * 1.96)
        return float(np.nanmax(half, initial=0.0) / self.size)


def simulate(
    scenario: Scenario, reference: Reference, rows: int = ROWS, windows: int = WINDOWS, population: int = 400_000
) -> list[Outcome]:
    """The ledgers of some windows, metric by metric."""
    found: list[tuple[Entry, ...]] = []
    for seed in range(windows):
        drawn = window(np.random.default_rng((1000, seed)), scenario.task, rows, scenario.planted)
        found.append(results(evaluation(reference, counted(reference, drawn))))
    due = effects(scenario.task, scenario.planted, population)
    outcomes = []
    for entries in zip(*found, strict=True):
        metric = entries[0].metric
        outcomes.append(
            Outcome(
                scenario=scenario,
                metric=metric,
                due={cause: due.get(cause, {}).get(metric, 0.0) for cause in CAUSES},
                terms=np.array([each.terms for each in entries]),
                lower=np.array([each.lower for each in entries]),
                upper=np.array([each.upper for each in entries]),
                features=np.array([np.nan_to_num(each.quality) + np.nan_to_num(each.covariate) for each in entries]),
            )
        )
    return outcomes


def line(outcome: Outcome, features: Sequence[str]) -> str:
    shown = [f"{value:+.4f}" for value in outcome.mean]
    due = ", ".join(f"{cause} {value:+.4f}" for cause, value in outcome.due.items() if value)
    most = features[int(np.argmax(np.abs(outcome.features.mean(axis=0))))]
    cells = (outcome.scenario.task, outcome.scenario.name, outcome.metric, due, *shown, f"{outcome.error:.0%}", most)
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    references: dict[Task, Reference] = {}
    for scenario in scenarios():
        if scenario.task not in references:
            references[scenario.task] = reference_of(scenario.task)
        reference = references[scenario.task]
        for outcome in simulate(scenario, reference):
            print(line(outcome, list(reference.layout.features)), f"{outcome.chance:.0%}", flush=True)


if __name__ == "__main__":
    main()
