"""What could be gained by what could be done about a window whose performance is degraded, as far as counts tell."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exporter.metrics.advice.hands import Hands, by_time
from exporter.metrics.advice.news import news, usual
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
from exporter.metrics.advice.several import class_tables, of_prior, of_recalibration
from exporter.metrics.advice.versions import rivals
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.performance.parts import of_counts
from exporter.metrics.performance.results import results
from exporter.metrics.shift.ledger import QUALITY
from exporter.metrics.shift.losses import LOSSES
from exporter.metrics.shift.results import Entry
from exporter.metrics.shift.results import results as ledgers
from exporter.metrics.slices.segments import METRIC
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats

_SQUARED, _LOG, _ROWS = 0, 1, 2
"""Places in the part `score_terms`."""
_ERRORS = [0, 3, 2]
"""Places of n, Σe and Σe² in the part `error_terms`."""
_PART = 0.1
"""Least part of what bad values cost that a feature is named for."""


@dataclass(frozen=True, slots=True)
class Possible:
    """What one thing that could be done would do to one metric.

    Attributes:
        action: as in the rules of advice; `correct_prior`: scores re-weighted to the window's shares of the classes.
        subject: the version that is gone back to, the feature or the slice that is mended; else "".
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
    yield from _of_repair(evaluation)
    yield from _of_slices(evaluation)
    try:
        if evaluation.layout.task == "regression":
            yield from _of_bias(evaluation)
        elif evaluation.layout.task == "multiclass":
            yield from _of_classes(evaluation)
        else:
            table = score_table(evaluation)
            yield from _of_scores(evaluation, table)
            yield from _of_decisions(evaluation, table)
    except NoData:
        return


def _of_repair(evaluation: Evaluation) -> Iterator[Possible]:
    """What the ledger calls quality would come back, by the feature that brought it."""
    better = {each.metric.name: each.metric.better for each in LOSSES[evaluation.layout.task]}
    for entry in ledgers(evaluation):
        sign = {"lower": 1.0, "higher": -1.0, "zero": 0.0}[better[entry.metric]]
        if sign:
            for feature, gain in _of_features(entry, sign):
                yield Possible("fix_data_pipeline", tuple(evaluation.layout.features)[feature], entry.metric, gain)


def _of_features(entry: Entry, sign: float) -> Iterator[tuple[int, Gain]]:
    """The rows of a feature's first bad cell are its own: variances add up, each like its part of the term."""
    parts, half = sign * np.nan_to_num(entry.quality), (entry.upper[QUALITY] - entry.lower[QUALITY]) / 2
    whole = float(np.abs(parts).sum())
    if whole > 0 and np.isfinite(half):
        for feature in np.flatnonzero(parts >= _PART * whole).tolist():
            value, mine = float(parts[feature]), float(half * np.sqrt(parts[feature] / whole))
            yield feature, Gain(value, value - mine, value + mine)


def _of_slices(evaluation: Evaluation) -> Iterator[Possible]:
    """What would come back, were a slice again as far from the others as it used to be."""
    for each in news(evaluation):
        value, lower, upper = ((gap - usual(each)) * each.share for gap in (each.gap, each.lower, each.upper))
        yield Possible("review_slice", "=".join(each.name), METRIC[evaluation.layout.task], Gain(value, lower, upper))


def _of_bias(evaluation: Evaluation) -> Iterator[Possible]:
    terms = of_counts(evaluation.counts)["error_terms"][0, _ERRORS]
    if terms[0] > max(evaluation.thresholds.min_labels, 1) and terms[2] > 0:
        timed = by_time(evaluation, "error_terms", lambda counts: counts[:, 0])
        hands = None if timed is None else Hands(timed.counts[:, _ERRORS], timed=True)
        yield Possible("recalibrate", "", "root_mean_squared_error", of_bias(terms, hands))


def _of_classes(evaluation: Evaluation) -> Iterator[Possible]:
    tables = class_tables(evaluation)
    for metric, gain in of_recalibration(tables, _measured(evaluation)):
        yield Possible("recalibrate", "", metric, gain)
    before = _shares_before(evaluation)
    if before is not None:
        yield Possible("correct_prior", "", "log_loss", of_prior(tables, before))


def _measured(evaluation: Evaluation) -> dict[str, float]:
    terms = evaluation.counts["score_terms"]
    return {"log_loss": float(terms[_LOG] / terms[_ROWS]), "brier_score": float(terms[_SQUARED] / terms[_ROWS])}


def _of_scores(evaluation: Evaluation, table: ScoreTable) -> Iterator[Possible]:
    before, now = _before(evaluation), _measured(evaluation)
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
    shares = _shares_before(evaluation)
    return None if shares is None else float(shares[1])


def _shares_before(evaluation: Evaluation) -> Floats | None:
    """(C,) shares of the classes in the reference; None where it knows no outcomes of all."""
    if evaluation.reference is None:
        return None
    rows = evaluation.reference.total["outcomes"][:, :-1].sum(axis=0)
    return rows / rows.sum() if rows.min(initial=np.inf) > 0 else None
