"""The shift ledger on planted shifts: which term they land in, through the program's own fit, counting and evaluation.

`python -m bench.ledger_simulation` draws all and writes the table of docs/shift-ledger.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.ledger_scenarios import (
    CALM,
    CAUSES,
    CLASSES,
    DAY,
    FEATURES,
    Planted,
    Scenario,
    Task,
    counted,
    effects,
    evaluation,
    reference_of,
    scenarios,
    window,
)
from exporter.metrics.performance.parts import of_counts
from exporter.metrics.shift.concept import Concepts, concepts
from exporter.metrics.shift.expected import Tables, terms
from exporter.metrics.shift.learned import learned, side_of
from exporter.metrics.shift.ledger import CAUSES as TERMS
from exporter.metrics.shift.ledger import Shift, ledger
from exporter.metrics.shift.losses import LOSSES
from exporter.metrics.shift.results import Entry, results
from exporter.profile.reference import Reference

ROWS, WINDOWS = 20_000, 10
LEAST = 5.0
"""Standard errors of a window that an effect must have before its ledger is judged."""
DOCS = Path(__file__).parent.parent / "docs" / "shift-ledger.md"


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


def untested(scenario: Scenario, reference: Reference, rows: int = ROWS) -> dict[str, float]:
    """Cause → its part in the change of log loss where nobody asks whether the prior changed."""
    drawn = window(np.random.default_rng(1000), scenario.task, rows, scenario.planted)
    case = evaluation(reference, counted(reference, drawn))
    loss = next(each for each in LOSSES["binary"] if each.name == "log_loss")
    known, tables, parts = learned(reference, loss, DAY, case.thresholds), Tables.of(reference), of_counts(case.counts)
    assert known is not None
    assert tables is not None
    now = side_of(loss, parts, (tables, terms(tables, parts)), known.relative, split=known.split)
    found = ledger(now, known.whole, Shift.none(1))
    return dict(zip(TERMS, (found.terms[:, 0] / found.change[0]).tolist(), strict=True))


HEAD = ("shift", "metric", "effect", *TERMS, "error", "chance", "feature")


def cells(outcome: Outcome, features: Sequence[str]) -> tuple[str, ...]:
    """A row of the table."""
    due = ", ".join(f"{cause} {value:+.4f}" for cause, value in outcome.due.items() if value)
    most = features[int(np.argmax(np.abs(outcome.features.mean(axis=0))))]
    shown = [f"{value:+.4f}" for value in outcome.mean]
    named = most if {"covariate", "quality"} & set(outcome.scenario.planted.causes) else ""
    told = outcome.size > LEAST * outcome.chance * outcome.size
    error = f"{outcome.error:.0%}" if told else "too small"
    return outcome.scenario.name, outcome.metric, due, *shown, error, f"{outcome.chance:.0%}", named


def table(rows: Sequence[tuple[str, ...]], head: tuple[str, ...] = HEAD) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "\n".join("| " + " | ".join(each) + " |" for each in lines)


CONCEPT_HEAD = ("task", "rows", "named first", "detected", "another, too", "calm", "features moved", "level moved")


def named(task: Task, reference: Reference, rows: int, draws: int = 4) -> tuple[str, ...]:
    """How often concept drift of a single feature is its, and how often some feature's where there is none."""

    def found(planted: Planted, seed: tuple[int, ...]) -> Concepts:
        weather = 0.05 * (-1) ** seed[-1]
        drawn = window(np.random.default_rng((rows, *seed)), task, rows, planted, weather)
        return concepts(evaluation(reference, counted(reference, drawn)))

    names = list(reference.layout.features)
    first = detected = another = 0
    cases = [(name, number) for name in FEATURES for number in range(draws)]
    for number, (name, _) in enumerate(cases):
        told = found(Planted(concept=f"more {name}"), (1, number))
        place = names.index(name)
        first += int(np.nanargmax(told.effect)) == place
        detected += bool(told.detected[place] == 1)
        another += bool(np.nansum(np.delete(told.detected, place)) > 0)
    others = [CALM, Planted(moved={"x0": 0.8, "x1": 0.5}), Planted(concept="level")]
    false = [
        np.mean([np.nansum(found(planted, (2, kind, number)).detected) > 0 for number in range(2 * draws)])
        for kind, planted in enumerate(others)
    ]
    shares = (first / len(cases), detected / len(cases), another / len(cases), *false)
    return task, f"{rows:,}", *(f"{share:.0%}" for share in shares)


def page(text: str, found: Mapping[str, str]) -> str:
    """A page with what stands between its marks written anew."""
    for name, content in found.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        (before, rest) = text.split(start)
        (_, after) = rest.split(end)
        text = f"{before}{start}{content}\n{end}{after}"
    return text


def run(progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok: shares of judged metrics within their limit but for chance, and of right names."""
    inside: dict[bool, list[bool]] = {True: [], False: []}
    first = []
    for task in CLASSES:
        progress(f"ledger: planted shifts, {task}")
        reference = reference_of(task, 40, 3000)
        for scenario in scenarios():
            for outcome in simulate(scenario, reference, windows=3) if scenario.task == task else ():
                pure = len(scenario.planted.causes) == 1
                if outcome.chance * LEAST < 1:
                    inside[pure].append(outcome.error <= (0.1 if pure else 0.2) + 2 * outcome.chance / np.sqrt(3))
        if task != "multiclass":
            first.append(float(named(task, reference, 5000)[2].rstrip("%")) / 100)
    found = {"ledger_pure": inside[True], "ledger_mixed": inside[False], "concept_named_first": first}
    shares = {name: float(np.mean(each)) for name, each in found.items()}
    return {
        name: {"value": share, "unit": "of planted", "limit": 0.95, "ok": share >= 0.95}
        for name, share in shares.items()
    }


def main() -> None:
    """Draws all and writes the tables into docs/shift-ledger.md."""
    references: dict[Task, Reference] = {}
    rows: dict[str, list[tuple[str, ...]]] = {}
    for scenario in scenarios():
        if scenario.task not in references:
            references[scenario.task] = reference_of(scenario.task, 40, 3000)
        reference = references[scenario.task]
        for outcome in simulate(scenario, reference):
            rows.setdefault(scenario.task, []).append(cells(outcome, list(reference.layout.features)))
            print(" | ".join(rows[scenario.task][-1]), flush=True)
    shift = next(each for each in scenarios() if each.planted.causes == ("prior",))
    parts = untested(shift, references["binary"])
    told = ", ".join(f"{cause} {part:.0%}" for cause, part in parts.items() if cause not in {"quality", "prior"})
    tables = {task: table(each) for task, each in rows.items()}
    found = [named(task, references[task], size) for task in ("binary", "regression") for size in (2000, 5000, 20_000)]
    print(table(found, CONCEPT_HEAD))
    content = {**tables, "untested": f"{shift.name}: {told}.", "concept": table(found, CONCEPT_HEAD)}
    DOCS.write_text(page(DOCS.read_text(), content))


if __name__ == "__main__":
    main()
