"""What could be gained by what could be done about a window whose performance is degraded, as far as counts tell."""

from collections.abc import Iterator, Mapping
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
from exporter.profile.bins import Floats

_SQUARED, _LOG, _ROWS = 0, 1, 2
"""Places in the part `score_terms`."""


@dataclass(frozen=True, slots=True)
class Possible:
    """What one thing that could be done would do to one metric.

    Attributes:
        action: as in the rules of advice; `correct_prior`: scores re-weighted to the window's shares of the classes.
        subject: the version that is gone back to; else "".
    """

    action: str
    subject: str
    metric: str
    gain: Gain


def gains(evaluation: Evaluation) -> tuple[Possible, ...]:
    """Gains that can be told, computed once an evaluation; none while no measured metric is degraded."""
    return evaluation.once("gains", lambda asked: tuple(_gains(asked)))


def thresholds(evaluation: Evaluation) -> Iterator[tuple[str, float]]:
    """(metric, score above which to call rows positive) where another threshold than today's is better beyond chance.

    Raises:
        NoData: there is no table of scores to learn from.
    """
    better = {each.metric for each in gains(evaluation) if each.action == "adjust_threshold" and each.gain.certain}
    if better:
        table = score_table(evaluation)
        for name in sorted(better):
            yield name, float(table.bounds[best_cut(table.rows, DECISIONS[name], _cut_now(table))])


def _gains(evaluation: Evaluation) -> Iterator[Possible]:
    if not any(each.degraded for each in results(evaluation)):
        return
    rival = max(rivals(evaluation), key=lambda each: each.gain.value, default=None)
    if rival is not None:
        yield Possible("roll_back_version", rival.version, rival.metric, rival.gain)
    try:
        found = dict(_of_bias(evaluation)) if evaluation.layout.task == "regression" else _of_table(evaluation)
    except NoData:
        return
    for (action, metric), gain in found.items():
        if np.isfinite(gain.value):
            yield Possible(action, "", metric, gain)


def _of_bias(evaluation: Evaluation) -> Iterator[tuple[tuple[str, str], Gain]]:
    n, _, squares, total = of_counts(evaluation.counts)["error_terms"][0, :4].tolist()
    if n > max(evaluation.thresholds.min_labels, 1) and squares > 0:
        yield ("recalibrate", "root_mean_squared_error"), of_bias(n, total, squares)


def _of_table(evaluation: Evaluation) -> Mapping[tuple[str, str], Gain]:
    table, terms = score_table(evaluation), evaluation.counts["score_terms"]
    now = {"log_loss": float(terms[_LOG] / terms[_ROWS]), "brier_score": float(terms[_SQUARED] / terms[_ROWS])}
    found = {("recalibrate", name): gain for name, gain in of_scores(table, recalibrated(table.said), now)}
    found["recalibrate", "calibration_error"] = of_calibration(table)
    before = _before(evaluation)
    if before is not None:
        remap = corrected(table.said, before)
        found |= {("correct_prior", name): gain for name, gain in of_scores(table, remap, now)}
    if table.called is None:
        return found
    near = _cut_now(table)
    for name, decision in DECISIONS.items():
        cuts = np.array([best_cut(table.rest(hand), decision, near) for hand in table.hands])
        found["adjust_threshold", name] = of_cuts(table, table.called, cuts, decision)
    if before is not None:
        found["correct_prior", "accuracy"] = _of_decisions(table, table.called, before)
    return found


def _of_decisions(table: ScoreTable, called: Floats, before: float) -> Gain:
    """What accuracy gains where corrected scores are held against the threshold of today."""
    limit, remap = table.threshold, corrected(table.said, before)
    cuts = np.array([np.searchsorted(remap(table.rest(hand)), limit, side="right") for hand in table.hands])
    return of_cuts(table, called, cuts, DECISIONS["accuracy"])


def _cut_now(table: ScoreTable) -> int:
    return int(np.searchsorted(table.bounds, table.threshold))


def _before(evaluation: Evaluation) -> float | None:
    """Share of positives in the reference; None where it knows no outcomes of both."""
    if evaluation.reference is None:
        return None
    rows = evaluation.reference.total["outcomes"][:, :2].sum(axis=0)
    share = float(divide(rows[1:], rows.sum(keepdims=True))[0])
    return share if 0 < share < 1 else None
