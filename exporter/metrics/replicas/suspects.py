"""Which trouble of a machine explains what is wrong with a model: it came first, it was there, and it fits.

Harm in a window: requests fail or are slow beyond an objective, performance or predictions are not what they were, or
one replica is worse than the others. A trouble is a suspect of it where

1. it is of a machine that the harm is on: of the replicas that are worse; where all are alike, of all of them;
2. it began before the harm did, or in the same pane or the next, and was not over by then;
3. it can do such harm: what only slows (processors, swapping, a slow disk) makes requests slow or fail, and loses
   scores; that it makes all answers worse is believed of one replica beside healthy ones alone.

What came later, or is elsewhere, is no suspect, however bad. It is a coincidence in time and place, not a proof.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from exporter.metrics.drift.verdict import verdicts
from exporter.metrics.evaluation import Evaluation, HostReason, HostTrouble
from exporter.metrics.onset.results import onsets
from exporter.metrics.performance.results import results
from exporter.metrics.replicas.beginning import began, too_slow
from exporter.metrics.replicas.skew import DIMENSION, HARMS, Harm, Skew, skews, table
from exporter.metrics.slices.gauges import worst_slices
from exporter.metrics.spec import NoData
from exporter.metrics.traffic.objectives import overspent

DAMAGING: frozenset[HostReason] = frozenset({"gpu_errors", "out_of_memory", "disk_full", "disk_errors"})
"""Trouble that loses or changes answers; the rest makes them slow."""
_TIMEOUT = re.compile(r"time.?out|timed.?out|deadline", re.IGNORECASE)
_NEWEST, _DAY = 4, 86400
"""What was over before the newest quarter of the window, or a day ago, needs no mending."""
_TWICE = 2.0
_MOST = 0.5
"""Share of the failed requests that must have timed out for the machine, or the way to it, to be to blame."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A trouble that explains harm.

    Attributes:
        subject: which part of the machine; "" where there is one alone.
        replica: the replica that does worse and runs there; "" where the log tells none apart or all are alike.
        since: when the trouble began, Unix seconds; None: not known.
    """

    reason: HostReason
    subject: str = ""
    host: str = ""
    replica: str = ""
    since: float | None = None

    @property
    def about(self) -> str:
        """Machine and part, for people: `host-a sda`."""
        return f"{self.replica or self.host} {self.subject}".strip()


@dataclass(frozen=True, slots=True)
class _Ill:
    """Harm: what, on which replicas (none: on all alike), and since when, Unix seconds of event time."""

    kind: Harm | Literal["performance"]
    replicas: tuple[str, ...]
    onset: float


def suspects(evaluation: Evaluation) -> tuple[Suspect, ...]:
    """All of them, the worst first; computed once an evaluation."""
    return evaluation.once("suspects", lambda asked: tuple(dict.fromkeys(_suspects(asked))))


def damages(evaluation: Evaluation) -> tuple[Suspect, ...]:
    """Trouble that loses or changes answers, whether that is seen of the model or not; none that is long over."""
    known, window = () if evaluation.host is None else evaluation.host.troubles, evaluation.window
    recently = window.end - min(window.seconds / _NEWEST, _DAY)
    return tuple(
        Suspect(each.reason, each.subject, each.host, since=each.since)
        for each in known
        if each.reason in DAMAGING and (each.until is None or each.until >= recently)
    )


def _suspects(evaluation: Evaluation) -> Iterator[Suspect]:
    ills = list(_ills(evaluation))
    for trouble in () if evaluation.host is None else evaluation.host.troubles:
        for ill in ills:
            if _precedes(trouble, ill, evaluation.pane) and _can(trouble, ill):
                for replica in _struck(trouble, ill, evaluation):
                    yield Suspect(trouble.reason, trouble.subject, trouble.host, replica, trouble.since)
    yield from _timeouts(evaluation, ills)


def _struck(trouble: HostTrouble, ill: _Ill, evaluation: Evaluation) -> tuple[str, ...]:
    """The replicas that have the harm and run on the machine; `("",)` where all are alike and all run there."""
    if ill.replicas:
        return tuple(replica for replica in ill.replicas if not trouble.replicas or replica in trouble.replicas)
    everywhere = not trouble.replicas or set(_serving(evaluation)) <= set(trouble.replicas)
    return ("",) if everywhere else ()


def _serving(evaluation: Evaluation) -> Iterator[str]:
    """Replicas with traffic in the window."""
    if DIMENSION in evaluation.layout.slices and DIMENSION in evaluation.vocabulary.capacity:
        rows = evaluation.counts.sliced(DIMENSION, "rows")[:, 0]
        names = evaluation.vocabulary.labels(DIMENSION)
        yield from (name for name, count in zip(names, rows.tolist(), strict=True) if name and count > 0)


def _precedes(trouble: HostTrouble, ill: _Ill, pane: int) -> bool:
    """Whether it was there when the harm began; within a pane nobody knows what came first."""
    over = trouble.until is not None and trouble.until < ill.onset
    return trouble.since is not None and trouble.since <= ill.onset + pane and not over


def _can(trouble: HostTrouble, ill: _Ill) -> bool:
    return trouble.reason in DAMAGING or bool(ill.replicas) or ill.kind in ("errors", "slowness", "unusable")


def _ills(evaluation: Evaluation) -> Iterator[_Ill]:
    """Everything that is wrong with the window and has a beginning."""
    try:
        known = skews(evaluation)
    except NoData:
        known = ()
    for harm in HARMS:
        worse = [each for each in known if each.harm == harm and each.detected]
        missed = harm in _PROMISES and overspent(evaluation.counts, evaluation.objectives, _PROMISES[harm])
        if missed and not worse:
            # What lasted for a part of the window hardly shows in it, but of what is promised hardly anything may fail.
            worse = [each for each in known if each.harm == harm and each.certain and _fails_more(evaluation, each)]
        if missed or worse:
            yield from _dated(evaluation, harm, worse)
    yield from _changed(evaluation)


def _fails_more(evaluation: Evaluation, skew: Skew) -> bool:
    """Whether a replica fails or is too slow twice as often as the others."""
    cells = table(evaluation, skew.harm)
    if cells is None:
        return False
    bad = cells[:, 1] if skew.harm == "errors" else cells[:, too_slow(evaluation)].sum(axis=1)
    whole, others = cells.sum(axis=1), np.arange(len(cells)) != skew.slot
    return bool(bad[skew.slot] * whole[others].sum() >= _TWICE * bad[others].sum() * whole[skew.slot])


_PROMISES: Mapping[Harm, Literal["availability", "latency"]] = {"errors": "availability", "slowness": "latency"}
"""Harm → kind of the objectives that it misses."""


def _dated(evaluation: Evaluation, harm: Harm, worse: list[Skew]) -> Iterator[_Ill]:
    try:
        yield _Ill(harm, tuple(each.replica for each in worse), began(evaluation, harm, [each.slot for each in worse]))
    except NoData:
        return


def _changed(evaluation: Evaluation) -> Iterator[_Ill]:
    """A fall of performance, on the replicas that do worse than all else where there are such; other predictions."""
    try:
        known = onsets(evaluation).onsets
    except NoData:
        return
    found = {name: onset.at for name, onset in known.items() if onset is not None and not math.isnan(onset.at)}
    fallen = [each.metric.name for each in results(evaluation) if each.degraded]
    dated = [at for (family, labels), at in found.items() if family == "performance" and labels[0] in fallen]
    if dated:
        yield _Ill("performance", _worst(evaluation), min(dated))
    try:
        moved = bool(verdicts(evaluation, "prediction").detected[0] == 1)
    except NoData:
        return
    if moved and ("prediction", ()) in found:
        yield _Ill("predictions", (), found["prediction", ()])


def _worst(evaluation: Evaluation) -> tuple[str, ...]:
    try:
        return tuple(each.name[1] for each in worst_slices(evaluation) if each.name[0] == DIMENSION)
    except NoData:
        return ()


def _timeouts(evaluation: Evaluation, ills: list[_Ill]) -> Iterator[Suspect]:
    """Where most failures say that something did not answer in time, by the names of their classes."""
    counts, vocabulary = evaluation.counts, evaluation.vocabulary
    if "error" not in vocabulary.capacity:
        return
    late = [bool(_TIMEOUT.search(name)) for name in vocabulary.labels("error")]
    for ill in ills:
        if ill.kind != "errors":
            continue
        failed = counts["errors"]
        if ill.replicas:
            names = vocabulary.labels(DIMENSION)
            failed = counts.sliced(DIMENSION, "errors")[[names.index(each) for each in ill.replicas]].sum(axis=0)
        if failed[late].sum() >= _MOST * failed.sum() > 0:
            for replica in ill.replicas or ("",):
                yield Suspect("timeouts", replica=replica, since=ill.onset)
