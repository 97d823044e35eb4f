"""The gauges of this family on /metrics."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.replicas.skew import shares, skews
from exporter.metrics.replicas.suspects import suspects
from exporter.metrics.spec import Sample, WindowMetric


def _ratio(harm: Literal["errors", "unusable"]) -> Callable[[Evaluation], Iterator[Sample]]:
    return partial(_shares, harm)


def _shares(harm: Literal["errors", "unusable"], evaluation: Evaluation) -> Iterator[Sample]:
    for replica, share in shares(evaluation, harm):
        yield (replica,), share


def _effect(evaluation: Evaluation) -> Iterator[Sample]:
    for each in skews(evaluation):
        yield (each.replica, each.harm), each.effect


def _detected(evaluation: Evaluation) -> Iterator[Sample]:
    for each in skews(evaluation):
        yield (each.replica, each.harm), float(each.detected)


def _suspect(evaluation: Evaluation) -> Iterator[Sample]:
    for each in suspects(evaluation):
        yield (each.reason, each.subject, each.host, each.replica), 1.0


def _since(evaluation: Evaluation) -> Iterator[Sample]:
    for each in suspects(evaluation):
        if each.since is not None:
            yield (each.reason, each.subject, each.host, each.replica), each.since


_SUSPECT = ("reason", "subject", "host", "replica")

REPLICAS = (
    WindowMetric(
        "ml_replica_error_ratio",
        "Share of a replica's requests in the window that failed.",
        _ratio("errors"),
        labels=("replica",),
        rank=20,
    ),
    WindowMetric(
        "ml_replica_unusable_score_ratio",
        "Share of a replica's answers in the window whose score is missing, or no number from 0 to 1.",
        _ratio("unusable"),
        labels=("replica",),
        rank=20,
    ),
    WindowMetric(
        "ml_replica_skew",
        "How much worse a replica does than the others: difference of shares, of errors or unusable scores; "
        "probability less a half that its answer is the slower one; distance of its predictions from theirs.",
        _effect,
        labels=("replica", "harm"),
        rank=20,
    ),
    WindowMetric(
        "ml_replica_skew_detected",
        "1 where a replica is so far from the others that it matters, beyond chance, else 0.",
        _detected,
        labels=("replica", "harm"),
        rank=10,
    ),
    WindowMetric(
        "ml_infrastructure_suspect",
        "1 for trouble of a machine that was there when harm began on the replicas that it serves.",
        _suspect,
        labels=_SUSPECT,
    ),
    WindowMetric(
        "ml_infrastructure_suspect_since_timestamp_seconds",
        "When that trouble began, Unix seconds of event time.",
        _since,
        labels=_SUSPECT,
        rank=5,
    ),
)
