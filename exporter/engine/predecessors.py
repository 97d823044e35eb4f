"""Versions of a model that came before one: what they do now, and what they did in the last window they served."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from exporter.engine.panes import HOUR, Panes
from exporter.metrics.evaluation import Evaluation, Window
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference

MOST = 3
"""Versions that are looked back at, the newest ones."""


def older(
    evaluation: Evaluation, evaluations: Sequence[Evaluation], first: Mapping[str, float]
) -> tuple[Evaluation, ...]:
    """Evaluations of the same window of versions that came before this one, the newest first."""
    begun = first.get(evaluation.version, 0.0)
    others = [
        other
        for other in evaluations
        if other.window.name == evaluation.window.name and first.get(other.version, begun) < begun
    ]
    return tuple(sorted(others, key=lambda other: -first[other.version]))


@dataclass(frozen=True, slots=True)
class Served:
    """How a version's rows were counted.

    Attributes:
        first, last: event times of its first and last prediction, Unix seconds.
    """

    version: str
    first: float
    last: float
    layout: Layout
    reference: Reference | None


class Predecessors:
    """The last windows of versions that serve no more, summed when they are asked for.

    Their sums are kept until the next hour of event time: a label that comes this late is seen an hour later at most.
    """

    def __init__(self, panes: Panes, pane: int) -> None:
        self._panes = panes
        self._pane = pane
        self._hour = 0
        self._sums: dict[tuple[str, int, str], Counts] = {}

    def of(self, evaluation: Evaluation, versions: Callable[[], Sequence[Served]]) -> tuple[Evaluation, ...]:
        """The last windows, as long as this one, of versions that came before and have no rows in it; newest first."""
        known = {each.version: each for each in versions()}
        mine, window = known.get(evaluation.version), evaluation.window
        if mine is None:
            return ()
        gone = [each for each in known.values() if each.first < mine.first and each.last < window.start]
        newest = sorted(gone, key=lambda each: -each.first)[:MOST]
        return tuple(self._evaluation(evaluation, each) for each in newest)

    def _evaluation(self, evaluation: Evaluation, served: Served) -> Evaluation:
        seconds = evaluation.window.seconds
        end = int(served.last // self._pane + 1) * self._pane
        window = Window(evaluation.window.name, seconds, end - seconds, end)
        return replace(
            evaluation,
            version=served.version,
            window=window,
            counts=self._sum(served, window, evaluation.window.end // HOUR),
            reference=served.reference,
            decided_at=float(evaluation.decided_at),
            older=(),
            predecessors=None,
            memo={},
            memory={},
            history=None,
            tally=None,
        )

    def _sum(self, served: Served, window: Window, hour: int) -> Counts:
        if hour != self._hour:
            self._hour, self._sums = hour, {}
        key = (served.version, window.seconds, served.layout.id)
        if key not in self._sums:
            self._sums[key] = self._panes.total(served.version, served.layout, window.start, window.end)
        return self._sums[key]
