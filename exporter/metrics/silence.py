"""Why there is no verdict: what is missing, in words and figures, so that nobody has to guess."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exporter.metrics.drift.variables import Kind, counted_as, variables_of
from exporter.metrics.drift.verdict import LEAST_FREEDOM, Verdicts, lacking, verdicts
from exporter.metrics.estimated.results import lacking as lacking_estimates
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.filled import filled
from exporter.metrics.performance.results import Result, results

_KINDS: tuple[tuple[Kind, str], ...] = (
    ("features", "drift of features"),
    ("prediction", "drift of predictions"),
    ("labels", "drift of labels"),
)
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Silence:
    """A question that has no answer.

    Attributes:
        about: what would be judged, such as `drift of x, y and 3 more`.
        why: what is missing, such as `5 of 20 reference windows of this length`.
    """

    version: str
    window: str
    about: str
    why: str


def silences(evaluation: Evaluation, *, labelled: bool) -> list[Silence]:
    """Every verdict of the window that is unknown, those with one cause together.

    Args:
        evaluation: of the window.
        labelled: the model has labels; where it has none nothing is missed.
    """
    found: dict[tuple[str, str], list[str]] = {}
    asked = [*_drift(evaluation, labelled=labelled), *(_performance(evaluation) if labelled else ())]
    unestimated = lacking_estimates(evaluation)
    if unestimated:
        asked.append(("estimated performance", "", unestimated))
    for question, name, why in asked:
        found.setdefault((question, why), []).append(name)
    return [
        Silence(evaluation.version, evaluation.window.name, _about(question, names), why)
        for (question, why), names in found.items()
    ]


def _about(question: str, names: list[str]) -> str:
    named = [name for name in names if name]
    if not named:
        return question
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"{question}: {', '.join(named[:_NAMED])}{more}"


def _drift(evaluation: Evaluation, *, labelled: bool) -> Iterator[tuple[str, str, str]]:
    """(question, variable, why) of each that is not tested."""
    reference = evaluation.reference
    if reference is None:
        yield "drift", "", lacking(evaluation, "features")
        return
    for kind, question in _KINDS:
        # What the reference knows nothing of nobody asks for.
        if (kind == "labels" and not labelled) or variables_of(reference, kind) is None:
            continue
        why = lacking(evaluation, kind)
        if why:
            yield question, "", why
            continue
        found = verdicts(evaluation, kind)
        for place in np.flatnonzero(np.isnan(found.detected)):
            name = found.variables.names[place] if kind == "features" else ""
            yield question, name, _untested(evaluation, kind, found, int(place))


def _untested(evaluation: Evaluation, kind: Kind, found: Verdicts, place: int) -> str:
    values, least, windows = found.size[place], found.least, found.windows[place]
    if values < least:
        return f"{values:,.0f} of {least:,} values"
    if not found.comparable[place]:
        return "the reference holds one value alone"
    fill = filled(evaluation, counted_as(kind))
    if found.cyclical[place] and not fill.whole():
        return f"may go with the hour or the day of the week, and the window is filled for {fill.told}"
    if found.cyclical[place]:
        return "goes with the hour or the day of the week, in a cycle longer than the window"
    if windows < evaluation.thresholds.min_blocks:
        return f"{windows:.0f} of {evaluation.thresholds.min_blocks} reference windows of this length"
    return (
        f"reference windows alike in a row: they tell no more than {found.freedom[place] + 1:.1f} independent ones, "
        f"{LEAST_FREEDOM + 1:.0f} are needed"
    )


def _performance(evaluation: Evaluation) -> Iterator[tuple[str, str, str]]:
    """(question, metric, why) of each that has no verdict."""
    least = max(evaluation.thresholds.min_labels, 1)
    labels = evaluation.counts.labels * evaluation.counts.worth("labels")
    if labels < least:
        yield "performance", "", f"{labels:,.0f} of {least:,} labels"
        return
    for result in results(evaluation):
        if result.degraded is None:
            yield "performance", result.metric.name, _unjudged(evaluation, result)


def _unjudged(evaluation: Evaluation, result: Result) -> str:
    if np.isnan(result.value):
        return "undefined on the window's labels"
    if evaluation.reference is None:
        return "no threshold: there is no reference to learn it from, and none in thresholds.performance"
    if np.isnan(result.reference):
        return "the reference has too few labels to learn a threshold from; set thresholds.performance"
    return "what it varies by cannot be learned from the reference; set thresholds.performance"
