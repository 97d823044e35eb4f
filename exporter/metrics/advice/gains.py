"""What could be gained by what could be done about a window whose performance is degraded, as far as counts tell."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exporter.metrics.advice.remedies import (
    DECISIONS,
    Gain,
    best_cut,
    corrected,
    of_bias,
    of_calibration,
    of_cuts,
    of_scores,
    recalibrated,
)
from exporter.metrics.advice.score_table import ScoreTable, score_table
from exporter.metrics.advice.versions import rivals
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.performance.parts import divide, of_counts
from exporter.metrics.performance.results import results
from exporter.metrics.spec import NoData

_SQUARED, _LOG, _ROWS = 0, 1, 2
"""Places in the part `score_terms`."""


@dataclass(frozen=True, slots=True)
class Possible:
    """What one thing that could be done would do to one metric.

    Attributes:
        action: as in the rules of advice; `correct_prior`: scores re-weighted to the window's shares of the classes.
        subject: the version that is gone back to; else "".
        threshold: score above which to call rows positive, where that is what is done; else NaN.
    """

    action: str
    subject: str
    metric: str
    gain: Gain
    threshold: float = np.nan


def gains(evaluation: Evaluation) -> tuple[Possible, ...]:
    """Gains that can be told, found once a pane; none while no measured metric is degraded."""
    return evaluation.once("gains", _gains)


def corrects_prior(evaluation: Evaluation) -> bool:
    """Whether scores corrected for the shares of the classes, or another threshold, gain beyond chance.

    F1 is not asked: a threshold that is good for accuracy never was good for it.
    """
    return any(
        each.gain.certain and each.action in {"correct_prior", "adjust_threshold"} and each.metric != "f1"
        for each in gains(evaluation)
    )


def _gains(evaluation: Evaluation) -> tuple[Possible, ...]:
    if not any(each.degraded for each in results(evaluation)):
        return ()
    before: tuple[int, tuple[Possible, ...]] | None = evaluation.memory.get("gains")
    if before is not None and before[0] == evaluation.window.end:
        return before[1]
    found = tuple(each for each in _possible(evaluation) if np.isfinite(each.gain.value))
    evaluation.memory["gains"] = (evaluation.window.end, found)
    return found


def _possible(evaluation: Evaluation) -> Iterator[Possible]:
    rival = max(rivals(evaluation), key=lambda each: each.gain.value, default=None)
    if rival is not None:
        yield Possible("roll_back_version", rival.version, rival.metric, rival.gain)
    try:
        if evaluation.layout.task == "regression":
            yield from _of_bias(evaluation)
        else:
            table = score_table(evaluation)
            yield from _of_scores(evaluation, table)
            yield from _of_decisions(evaluation, table)
    except NoData:
        return


def _of_bias(evaluation: Evaluation) -> Iterator[Possible]:
    n, _, squares, total = of_counts(evaluation.counts)["error_terms"][0, :4].tolist()
    if n > max(evaluation.thresholds.min_labels, 1) and squares > 0:
        yield Possible("recalibrate", "", "root_mean_squared_error", of_bias(n, total, squares))


def _of_scores(evaluation: Evaluation, table: ScoreTable) -> Iterator[Possible]:
    terms, before = evaluation.counts["score_terms"], _before(evaluation)
    now = {"log_loss": float(terms[_LOG] / terms[_ROWS]), "brier_score": float(terms[_SQUARED] / terms[_ROWS])}
    for metric, gain in of_scores(table, recalibrated(table.said), now):
        yield Possible("recalibrate", "", metric, gain)
    yield Possible("recalibrate", "", "calibration_error", of_calibration(table))
    if before is not None:
        for metric, gain in of_scores(table, corrected(table.said, before), now):
            yield Possible("correct_prior", "", metric, gain)


def _of_decisions(evaluation: Evaluation, table: ScoreTable) -> Iterator[Possible]:
    """Another threshold, and corrected scores held against the threshold of today."""
    limit, before = table.threshold, _before(evaluation)
    near = int(np.searchsorted(table.bounds, limit))
    for metric, decision in DECISIONS.items():
        cuts = [best_cut(table.rest(hand), decision, near) for hand in table.hands]
        best = float(table.bounds[best_cut(table.rows, decision, near)])
        yield Possible("adjust_threshold", "", metric, of_cuts(table, np.array(cuts), decision), best)
    if before is not None:
        remap = corrected(table.said, before)
        cuts = [int(np.searchsorted(remap(table.rest(hand)), limit, side="right")) for hand in table.hands]
        yield Possible("correct_prior", "", "accuracy", of_cuts(table, np.array(cuts), DECISIONS["accuracy"]))


def _before(evaluation: Evaluation) -> float | None:
    """Share of positives in the reference; None where it knows no outcomes of both."""
    if evaluation.reference is None:
        return None
    rows = evaluation.reference.total["outcomes"][:, :2].sum(axis=0)
    share = float(divide(rows[1:], rows.sum(keepdims=True))[0])
    return share if 0 < share < 1 else None
