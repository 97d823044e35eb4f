"""Onsets of all that is wrong with a window, found once a pane: nothing is read or searched while all is calm."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from exporter.metrics.drift import verdict as drift
from exporter.metrics.drift.memo import remember
from exporter.metrics.drift.variables import Kind
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.history import History, Past, Places
from exporter.metrics.onset.baseline import baseline
from exporter.metrics.onset.course import Panes
from exporter.metrics.onset.onset import Levels, Onset, onset
from exporter.metrics.onset.slices import Gap, worsened
from exporter.metrics.onset.subjects import Subject, bad_values, feature, output, performance
from exporter.metrics.performance.results import results
from exporter.metrics.quality.results import CHECKS
from exporter.metrics.quality.results import verdicts as quality
from exporter.metrics.spec import NoData
from exporter.profile.reference import Reference

Made = TypeVar("Made", bound=Subject | None)
Family = Literal["feature", "prediction", "label", "quality", "performance", "slice"]
Name = tuple[Family, tuple[str, ...]]
"""What has an onset: the family, and its own labels (feature; feature and check; metric; dimension and value)."""

MOST = 10
"""Features, and checks, whose onset is asked for at once: the largest effects first. It bounds what a cycle costs."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of a window that ended at `end`.

    Attributes:
        onsets: by name; None where nothing can be said.
    """

    end: int
    onsets: dict[Name, Onset | None]


def onsets(evaluation: Evaluation) -> Found:
    """Onsets of all that is detected in the window.

    Raises:
        NoData: there is no reference, or no past.
    """
    return evaluation.once("onsets", _onsets)


def _onsets(evaluation: Evaluation) -> Found:
    reference, history = evaluation.reference, evaluation.history
    if reference is None or history is None or reference.id != evaluation.layout.id:
        raise NoData
    subjects: dict[Name, Subject | Gap] = dict(_subjects(evaluation, reference, _drifted(evaluation)[:MOST]))
    subjects |= {("slice", name): gap for name, gap in worsened(evaluation)}
    before: Found | None = evaluation.memory.get("onsets")
    end = evaluation.window.end
    known = before.onsets if before is not None and before.end == end else {}
    wanted = {name: subject for name, subject in subjects.items() if name not in known}
    found = {name: known[name] for name in subjects if name in known}
    if wanted:
        said = {} if before is None else before.onsets
        found |= _search(evaluation, reference, history, wanted, said)
    result = Found(end, found)
    evaluation.memory["onsets"] = result
    return result


def _search(
    evaluation: Evaluation,
    reference: Reference,
    history: History,
    wanted: Mapping[Name, Subject | Gap],
    said: Mapping[Name, Onset | None],
) -> dict[Name, Onset | None]:
    """Onsets of what is `wanted`; what was `said` of them a pane ago keeps its shape where that is in doubt."""
    places = np.unique(np.concatenate([subject.places for subject in wanted.values()]))
    past = history(places)
    found = {}
    for name, subject in wanted.items():
        if isinstance(subject, Gap):
            levels: Levels = subject.panes(past, places, evaluation.counts.worth("labels"))
        else:
            levels = _panes(evaluation, reference, past, places, subject)
        before = said.get(name)
        found[name] = onset(levels, evaluation.window.start, None if before is None else before.shape)
    return found


def _panes(evaluation: Evaluation, reference: Reference, past: Past, places: Places, subject: Subject) -> Panes:
    """A distribution by pane, beside what the reference leads one to expect; out of the `past` of `places`."""
    counts = subject.cells(past.counts[:, np.searchsorted(places, subject.places)])
    expected = baseline(reference, subject)
    panes = Panes.of(
        past.starts,
        past.widths,
        counts * evaluation.counts.worth(subject.counted),
        expected.at(past.starts, past.widths),
        ordered=subject.ordered,
        weather=expected.weather,
    )
    if len(panes) and expected.least_seconds:
        return panes.widened(expected.least_seconds, evaluation.window.end)
    return panes


def _subjects(evaluation: Evaluation, reference: Reference, drifted: Sequence[str]) -> Iterator[tuple[Name, Subject]]:
    """All that is wrong with a window, the `drifted` features first."""

    def subject(key: Hashable, make: Callable[[], Made]) -> Made:
        return remember(reference, ("onset subject", key), make)

    layout = evaluation.layout
    for name in drifted:
        yield ("feature", (name,)), subject(name, lambda: feature(layout, name))  # noqa: B023 - called at once
    for family, kind in _OUTPUTS:
        found = subject(kind, lambda: output(reference, kind))  # noqa: B023
        if found is not None and _output_drifted(evaluation, kind):
            yield (family, ()), found
    for name, check in _checks(evaluation):
        yield ("quality", (name, check)), subject((name, check), lambda: bad_values(layout, name, check))  # noqa: B023
    for metric in _degraded(evaluation):
        measured = subject(("performance", metric), lambda: performance(layout, metric))  # noqa: B023
        if measured is not None:
            yield ("performance", (metric,)), measured


_OUTPUTS: tuple[tuple[Family, Kind], ...] = (("prediction", "prediction"), ("label", "labels"))


def _drifted(evaluation: Evaluation) -> list[str]:
    """Detected features by falling effect."""
    try:
        found = drift.verdicts(evaluation, "features")
    except NoData:
        return []
    order = np.argsort(-found.effect / found.threshold)
    return [found.variables.names[number] for number in order[found.detected[order] == 1]]


def _output_drifted(evaluation: Evaluation, kind: Kind) -> bool:
    try:
        return bool(drift.verdicts(evaluation, kind).detected[0] == 1)
    except NoData:
        return False


def _checks(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Features and what is wrong with them."""
    try:
        detected = quality(evaluation).detected
    except NoData:
        return []
    names = tuple(evaluation.layout.features)
    return [(names[number], CHECKS[check]) for number, check in np.argwhere(detected == 1)[:MOST].tolist()]


def _degraded(evaluation: Evaluation) -> list[str]:
    if evaluation.counts.labels <= 0:
        return []
    return [result.metric.name for result in results(evaluation) if result.degraded]
