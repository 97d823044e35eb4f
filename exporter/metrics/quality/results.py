"""All that is known of the quality of a window's features, computed once an evaluation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.false_discovery import rejected
from exporter.metrics.filled import filled
from exporter.metrics.quality.constant import stuck, varied
from exporter.metrics.quality.rate import Expected, expected, p_values
from exporter.metrics.quality.table import RATE_CHECKS, Rates, Table
from exporter.metrics.quality.unit_change import known, unit_change
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.layout import Layout

CHECKS = (*RATE_CHECKS, "constant", "unit_change")
_LEAST_BAD = 3
"""Bad rows that a detection takes: one in a small window is news, not a fault, however rare it was."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What is said against a reference.

    Attributes:
        expectation: of rates.
        p: (F, 4) p-values of rates.
        detected: (F, 6) by CHECKS: 1, 0, or NaN without a verdict.
        factor: (F,) factor of a recognised change of unit, NaN where there is none.
    """

    expectation: Expected
    p: Floats
    detected: Floats
    factor: Floats


def window_rates(evaluation: Evaluation) -> tuple[Table, Rates]:
    """The table of features and the window's rates (m = 1).

    Raises:
        NoData: the window has no rows, or the model no features.
    """
    return evaluation.once("quality rates", _window_rates)


def _window_rates(evaluation: Evaluation) -> tuple[Table, Rates]:
    if not evaluation.layout.features or evaluation.counts.rows <= 0:
        raise NoData
    table = _table(evaluation)
    return table, table.rates(evaluation.counts["features"][None]).worth(evaluation.counts.worth())


def _table(evaluation: Evaluation) -> Table:
    def make(layout: Layout) -> Table:
        return Table.of(layout)

    if evaluation.reference is None:
        return make(evaluation.layout)
    return evaluation.reference.once("quality table", lambda reference: make(reference.layout))


def verdicts(evaluation: Evaluation) -> Verdicts:
    """Verdicts on all features.

    Raises:
        NoData: there is no reference, or the window has no rows.
    """
    return evaluation.once("quality verdicts", _verdicts)


def _verdicts(evaluation: Evaluation) -> Verdicts:
    reference, thresholds, seconds = evaluation.reference, evaluation.thresholds, filled(evaluation).length()
    if reference is None:
        raise NoData
    table, rates = window_rates(evaluation)
    expectation = expected(reference, table, seconds, thresholds.min_blocks)
    p = p_values(rates, expectation)
    p[rates.rows[0] < thresholds.min_rows] = np.nan
    worth = evaluation.counts.worth()
    features, sums = evaluation.counts["features"] * worth, evaluation.counts["feature_sums"] * worth
    rise = rates.ratio[0] - expectation.ratio
    enough = (np.nan_to_num(rise, nan=0.0) >= thresholds.quality_ratio) & (rates.bad[0] >= _LEAST_BAD)
    bad = rejected(p, thresholds.false_discovery_rate) & enough
    judged_by = varied(reference, table, seconds, thresholds.min_blocks)
    constant = stuck(features, table, judged_by, thresholds.min_rows)
    learned = known(reference, seconds, thresholds.min_blocks)
    factor, judged = np.full(len(table.names), np.nan), np.full(len(table.names), np.nan)
    if len(learned.shape.places):
        factor[learned.shape.places], judged[learned.shape.places] = unit_change(
            features, sums, learned, thresholds.min_rows
        )
    changed = np.where(np.isnan(judged), np.nan, (~np.isnan(factor)).astype(np.float64))
    rated: NDArray[np.float64] = np.where(np.isnan(p), np.nan, bad.astype(np.float64))
    return Verdicts(expectation, p, np.column_stack((rated, constant, changed)), factor)
