"""What speaks for one action or another, gathered from what the other metrics found in the same window."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from exporter.metrics.advice.gains import corrects_prior
from exporter.metrics.advice.machines import idle
from exporter.metrics.advice.moved import moved
from exporter.metrics.advice.news import news
from exporter.metrics.advice.passing import shape_of_fall, shapes
from exporter.metrics.advice.prevalence import of_prevalence
from exporter.metrics.advice.versions import HEADLINE, better, better_before, headline
from exporter.metrics.drift.verdict import verdicts as drift_verdicts
from exporter.metrics.estimated.results import estimates
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.labels.coverage import expected_coverage
from exporter.metrics.performance.results import Result, results
from exporter.metrics.quality.results import CHECKS, window_rates
from exporter.metrics.quality.results import verdicts as quality_verdicts
from exporter.metrics.replicas.suspects import Suspect, damages, suspects
from exporter.metrics.shift.concept import concepts
from exporter.metrics.shift.ledger import CAUSES
from exporter.metrics.shift.results import results as ledgers
from exporter.metrics.slices.worst import WorstSlice
from exporter.metrics.spec import NoData
from exporter.metrics.traffic.objectives import overspent

T = TypeVar("T")

SCALE = frozenset({"log_loss", "brier_score", "calibration_error"})
"""Metrics of scores as probabilities: they can be bad where every decision is right."""
_SIGMAS = 3.0
"""Standard errors from which labels are taken to be late by more than chance."""
_IN_TIME = 0.8
"""Least part of the labels that are due which is there where labels are in time."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A feature whose values are bad, and the check that says so."""

    feature: str
    check: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found in one window. What was not found and what could not be asked look alike.

    Attributes:
        problems: bad values that were detected and go on; the feature with most bad rows first.
        troubles: what is wrong with the machines and explains harm, the worst first.
        damages: what is wrong with them and loses answers, whatever else is wrong.
        failing, slow: objectives, of availability and of latency, whose budget the window's errors overspend.
        degraded, expected: measured and estimated metrics beyond their thresholds; none that are over or recur.
        over: what was wrong within the window and is over: features, or "" for the model as a whole.
        recurring: all that is degraded comes back at the same hours.
        prevalence: the headline metric is as it was, and what is degraded would not be, did the classes come as often
            as in the reference.
        correctable: to correct scores or threshold for the shares of the classes gains beyond chance.
        measured: whether any measured metric has a verdict.
        drifted: features that drifted, the furthest first; those that recur, or are over, last.
        causes: cause → by how much it made the headline metric worse, where the ledger can tell; where that metric is
            not degraded itself, by how much it moved it beyond chance.
        guilty: cause → the feature that did most of it.
        worst: slices that do worse than the others and worse than they used to, the costliest first.
        better: an older version that does better at the same time.
        better_before: one that did better when it served, where this one did worse from its beginning on.
        idle: the machines have far less to do than they could.
        late: labels that should be there are not.
    """

    problems: tuple[Problem, ...] = ()
    troubles: tuple[Suspect, ...] = ()
    damages: tuple[Suspect, ...] = ()
    failing: tuple[str, ...] = ()
    slow: tuple[str, ...] = ()
    degraded: tuple[Result, ...] = ()
    expected: tuple[Result, ...] = ()
    over: tuple[str, ...] = ()
    recurring: bool = False
    prevalence: bool = False
    correctable: bool = False
    measured: bool = False
    drifted: tuple[str, ...] = ()
    causes: Mapping[str, float] = field(default_factory=dict)
    guilty: Mapping[str, str] = field(default_factory=dict)
    worst: tuple[WorstSlice, ...] = ()
    better: str = ""
    better_before: str = ""
    idle: bool = False
    late: bool = False

    @property
    def only_scale(self) -> bool:
        """Scores are off as probabilities, and nothing else is."""
        return bool(self.degraded) and all(each.metric.name in SCALE for each in self.degraded)

    @property
    def main_cause(self) -> str:
        """The cause that did most of the harm; "" where none did, or none can be told."""
        cause = max(self.causes, key=lambda each: self.causes[each], default="")
        return cause if cause and self.causes[cause] > 0 else ""


def gather(evaluation: Evaluation) -> Evidence:
    """All evidence of one window, computed once an evaluation."""
    return evaluation.once("evidence", _gather)


def _gather(evaluation: Evaluation) -> Evidence:
    measured, known = results(evaluation), shapes(evaluation)
    degraded = tuple(each for each in measured if each.degraded)
    passing = shape_of_fall(degraded, known)
    problems = tuple(_asked(_problems, evaluation))
    # A fault that comes back every night is a fault; only what is over is let pass.
    gone = [each for each in problems if known.get(("quality", (each.feature, each.check))) == "temporary"]
    failing, slow = (overspent(evaluation.counts, evaluation.objectives, kind) for kind in ("availability", "latency"))
    causes, guilty = _causes(evaluation)
    mine = headline(evaluation)
    prevalence = not (mine is not None and mine.degraded) and of_prevalence(evaluation, degraded)
    return Evidence(
        problems=tuple(each for each in problems if each not in gone),
        troubles=suspects(evaluation),
        damages=damages(evaluation),
        failing=failing,
        slow=slow,
        degraded=() if passing else degraded,
        expected=tuple(each for each in estimates(evaluation) if each.degraded),
        over=(*(each.feature for each in gone), *([""] if passing == "temporary" else [])),
        recurring=passing == "recurring",
        prevalence=prevalence,
        correctable=prevalence and corrects_prior(evaluation),
        measured=any(each.degraded is not None for each in measured),
        drifted=tuple(_asked(_drifted, evaluation)),
        causes=causes,
        guilty=guilty,
        worst=news(evaluation),
        better=better(evaluation),
        better_before=better_before(evaluation),
        idle=idle(evaluation),
        late=_late(evaluation),
    )


def _asked(question: Callable[[Evaluation], Iterator[T] | list[T]], evaluation: Evaluation) -> list[T]:
    """The answers; none where the question cannot be asked of the window."""
    try:
        return list(question(evaluation))
    except NoData:
        return []


def _problems(evaluation: Evaluation) -> Iterator[Problem]:
    table, rates = window_rates(evaluation)
    detected = quality_verdicts(evaluation).detected
    bad = rates.bad[0].sum(axis=1)
    for feature in np.argsort(-bad, kind="stable").tolist():
        for check in np.flatnonzero(detected[feature] == 1).tolist():
            name = table.names[feature]
            if CHECKS[check] != "out_of_range" or not moved(evaluation, name):
                yield Problem(name, CHECKS[check])


def _drifted(evaluation: Evaluation) -> Iterator[str]:
    found, known = drift_verdicts(evaluation, "features"), shapes(evaluation)
    order = np.argsort(-np.nan_to_num(found.effect), kind="stable").tolist()
    names = [found.variables.names[place] for place in order if found.detected[place] == 1]
    passing = {name for name in names if known.get(("feature", (name,))) in {"temporary", "recurring"}}
    yield from sorted(names, key=lambda name: name in passing)


def _causes(evaluation: Evaluation) -> tuple[dict[str, float], dict[str, str]]:
    """By how much each cause made the headline metric worse, and which feature did most of it."""
    mine = headline(evaluation)
    entry = next((each for each in ledgers(evaluation) if each.metric in HEADLINE), None)
    if entry is None:
        return {}, {}
    sign = -1.0 if evaluation.layout.task != "regression" else 1.0
    harm = sign * entry.terms
    if mine is not None and not mine.degraded:
        # It is another metric that fell: what moved this one at all, for better or worse, moved that one as well.
        harm = np.where(entry.lower * entry.upper > 0, np.abs(harm), np.where(np.isnan(harm), np.nan, 0.0))
    causes = {cause: value for cause, value in zip(CAUSES, harm.tolist(), strict=True) if np.isfinite(value)}
    names, guilty = tuple(evaluation.layout.features), dict[str, str]()
    for cause, values in (("quality", entry.quality), ("covariate", entry.covariate)):
        done = np.where(np.isnan(values), -np.inf, sign * values)
        if len(done) and done.max() > 0:
            guilty[cause] = names[int(done.argmax())]
    try:
        found = concepts(evaluation)
    except NoData:
        return causes, guilty
    if (found.detected == 1).any():
        guilty["concept"] = names[int(np.nanargmax(np.where(found.detected == 1, found.effect, np.nan)))]
    return causes, guilty


def _late(evaluation: Evaluation) -> bool:
    """Fewer labels than the reference's delays promise, by a fifth and more than chance."""
    counts, reference = evaluation.counts, evaluation.reference
    answered = counts.rows - float(counts["errors"].sum())
    if reference is None or answered < max(evaluation.thresholds.min_rows, 1):
        return False
    lag = max(evaluation.decided_at - evaluation.window.end, 0.0)
    try:
        due = expected_coverage(reference, lag, lag + evaluation.window.seconds)
    except NoData:
        return False
    error = np.sqrt(max(due * (1 - due), 0.0) / answered)
    return bool(counts.labels / answered < due * _IN_TIME - _SIGMAS * error)
