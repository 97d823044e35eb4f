"""Events and bad events of each service-level objective: what burn-rate rules divide."""

from collections.abc import Iterable, Iterator

import numpy as np

from exporter.metrics.evaluation import Facts, Objective, ObjectiveKind
from exporter.metrics.performance.estimate import wilson
from exporter.metrics.spec import FactMetric, Sample
from exporter.profile.counts import Counts


def events(counts: Counts, objective: Objective) -> tuple[float, float] | None:
    """(all, bad) events of `objective`; None where they cannot be told.

    Availability: every prediction is an event, a failed one is bad. Latency: an event is a failed prediction or one
    whose latency is known; bad is a failed one or one above the threshold. The latency histogram holds answered
    predictions only and has the threshold among its bounds; where it has not (counted under an older configuration),
    or where no latency was ever logged, there is nothing to tell. Quality: every prediction whose truth is known is an
    event, bad is a wrong one. Freshness is of the clock, not of counts (engine/freshness.py).
    """
    if objective.kind == "freshness":
        return None
    if objective.kind == "quality":
        return _quality(counts, objective)
    errors = float(counts["errors"].sum())
    if objective.latency_seconds is None:
        return counts.rows, errors
    bounds, latency = counts.layout.latency_bounds, counts["latency"]
    if objective.latency_seconds not in bounds or (counts.rows > errors and not latency.any()):
        return None
    slow = float(latency[bounds.index(objective.latency_seconds) + 1 :].sum())
    return errors + float(latency.sum()), errors + slow


def overspent(counts: Counts, objectives: Iterable[Objective], kind: ObjectiveKind) -> tuple[str, ...]:
    """Objectives of a kind that are missed by more than chance."""
    missed = []
    for objective in objectives:
        found = events(counts, objective) if objective.kind == kind else None
        if found is not None and found[0] > 0:
            worth = counts.worth("labels" if kind == "quality" else "rows")
            lower = wilson(np.array([found[1] / found[0]]), np.array([worth * found[0]]))[0][0]
            missed += [objective.name] if lower > 1 - objective.objective else []
    return tuple(missed)


def _quality(counts: Counts, objective: Objective) -> tuple[float, float] | None:
    """Labelled predictions and the wrong ones; of numbers, those that are off by more than the tolerance."""
    if objective.tolerance is None:
        outcomes = counts.get("outcomes")
        if outcomes is None:
            return None
        # As accuracy: what has no class's name is wrong, whatever became true.
        known = len(counts.layout.classes)
        judged = float(outcomes.sum())
        return judged, judged - float(np.trace(outcomes[:known, :known]))
    sizes, tolerances = counts.get("error_sizes"), counts.layout.tolerances
    if sizes is None or objective.tolerance not in tolerances:
        return None
    return float(sizes.sum()), float(sizes[tolerances.index(objective.tolerance) + 1 :].sum())


def _all(facts: Facts) -> Iterator[Sample]:
    for objective in facts.objectives:
        if (found := events(facts.total, objective)) is not None:
            yield (objective.name,), found[0]


def _bad(facts: Facts) -> Iterator[Sample]:
    for objective in facts.objectives:
        if (found := events(facts.total, objective)) is not None:
            yield (objective.name,), found[1]


OBJECTIVES = (
    FactMetric(
        "ml_slo_events_total", "counter", "Predictions that a service-level objective judges.", _all, labels=("slo",)
    ),
    FactMetric(
        "ml_slo_bad_events_total",
        "counter",
        "Predictions that failed a service-level objective: errors, slower than its latency, or wrong.",
        _bad,
        labels=("slo",),
    ),
)
