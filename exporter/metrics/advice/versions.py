"""Versions that came before: which of them does better, now or in the last window that it served."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exporter.metrics.advice.remedies import Gain
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.onset.results import onsets
from exporter.metrics.performance.estimate import Z
from exporter.metrics.performance.results import Result, results
from exporter.metrics.slices.segments import METRIC
from exporter.metrics.spec import NoData

HEADLINE = frozenset(METRIC.values())
"""The metric that stands for a task: what a version is compared by."""
_SIGMAS = 3.0
"""Standard errors from which a difference is taken to be more than chance."""


@dataclass(frozen=True, slots=True)
class Rival:
    """An older version beside this one.

    Attributes:
        gain: by how much its headline metric is better than this version's, with its 95 % interval.
        serves: it answers in the same window; if not, it is judged by the last window of that length that it served.
        sound: in its own window it does as its reference promises.
    """

    version: str
    metric: str
    gain: Gain
    serves: bool
    sound: bool

    @property
    def better(self) -> bool:
        """Beyond chance."""
        return self.gain.value * Z > _SIGMAS * (self.gain.value - self.gain.lower)


def rivals(evaluation: Evaluation) -> tuple[Rival, ...]:
    """Older versions that can be compared with a degraded one: those that serve; only where none does the others."""
    return evaluation.once("rivals", lambda asked: tuple(_rivals(asked)))


def better(evaluation: Evaluation) -> str:
    """The newest of the older versions that serve now and do better beyond chance; "" if none does."""
    return next((each.version for each in rivals(evaluation) if each.serves and each.better), "")


def better_before(evaluation: Evaluation) -> str:
    """The newest of the older versions that do not serve now and did better; "" if none did, or the world changed.

    Two windows of different times differ by more than the version. So the older one must have done as its reference
    promised, and this one must have been worse ever since it began: what fell later fell for another reason.
    """
    found = next((each.version for each in rivals(evaluation) if not each.serves and each.sound and each.better), "")
    return found if found and _since_it_began(evaluation) else ""


def headline(evaluation: Evaluation) -> Result | None:
    """The metric that stands for the task."""
    return next((each for each in results(evaluation) if each.metric.name in HEADLINE), None)


def _rivals(evaluation: Evaluation) -> Iterator[Rival]:
    mine = headline(evaluation)
    if mine is None or not mine.degraded:
        return
    serving = [rival for other in evaluation.older if (rival := _rival(mine, other, serves=True)) is not None]
    if serving or evaluation.predecessors is None:
        yield from serving
        return
    for other in evaluation.predecessors():
        rival = _rival(mine, other, serves=False)
        if rival is not None:
            yield rival


def _rival(mine: Result, other: Evaluation, *, serves: bool) -> Rival | None:
    theirs = headline(other)
    if theirs is None or np.isnan(theirs.value):
        return None
    sign = 1.0 if mine.metric.better == "higher" else -1.0
    gain = Gain.of(sign * (theirs.value - mine.value), _variance(mine) + _variance(theirs))
    return Rival(other.version, mine.metric.name, gain, serves, theirs.degraded is not True)


def _variance(result: Result) -> float:
    """From the 95 % interval."""
    return ((result.upper - result.lower) / (2 * Z)) ** 2


def _since_it_began(evaluation: Evaluation) -> bool:
    """Whether the headline metric was as bad in all that is kept of the version."""
    mine = headline(evaluation)
    try:
        found = onsets(evaluation).onsets
    except NoData:
        return False
    onset = None if mine is None else found.get(("performance", (mine.metric.name,)))
    return onset is not None and bool(np.isnan(onset.at))
