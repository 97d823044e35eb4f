"""The gauges of this family on /metrics."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.quality.results import CHECKS, verdicts, window_rates
from exporter.metrics.quality.table import RATE_CHECKS
from exporter.metrics.spec import Sample, WindowMetric
from exporter.profile.bins import Floats

_ODD, _CALM = 0.1, 0.3
"""p-values from which details of a rate are shown, and beyond which no longer."""


def _ratio(check: str) -> Callable[[Evaluation], Iterator[Sample]]:
    place = RATE_CHECKS.index(check)

    def compute(evaluation: Evaluation) -> Iterator[Sample]:
        table, rates = window_rates(evaluation)
        for name, ratio in zip(table.names, rates.ratio[0, :, place].tolist(), strict=True):
            if np.isfinite(ratio):
                yield (name,), ratio

    return compute


def _reference(evaluation: Evaluation) -> Iterator[Sample]:
    yield from _each(evaluation, np.where(_odd(evaluation), verdicts(evaluation).expectation.ratio, np.nan))


def _pvalue(evaluation: Evaluation) -> Iterator[Sample]:
    yield from _each(evaluation, np.where(_odd(evaluation), verdicts(evaluation).p, np.nan))


def _odd(evaluation: Evaluation) -> NDArray[np.bool_]:
    """(F, 4) rates that may be too high: what is said of them is shown, of the others there is nothing to see.

    One that was shown a cycle ago stays until it is calm.
    """
    return evaluation.once("odd rates", _find_odd)


def _find_odd(evaluation: Evaluation) -> NDArray[np.bool_]:
    p = verdicts(evaluation).p
    before: NDArray[np.bool_] = evaluation.memory.get("odd rates", np.zeros(p.shape, dtype=np.bool_))
    limit = np.where(before, _CALM, _ODD) if before.shape == p.shape else _ODD
    odd: NDArray[np.bool_] = p <= limit  # NaN is not
    evaluation.memory["odd rates"] = odd
    return odd


def _detected(evaluation: Evaluation) -> Iterator[Sample]:
    yield from _each(evaluation, verdicts(evaluation).detected)


def _each(evaluation: Evaluation, values: Floats) -> Iterator[Sample]:
    """Samples of values (F, checks) by feature and check, NaN left out."""
    table, _ = window_rates(evaluation)
    for name, row in zip(table.names, values.tolist(), strict=True):
        for check, value in zip(CHECKS, row, strict=False):
            if np.isfinite(value):
                yield (name, check), value


def _factor(evaluation: Evaluation) -> Iterator[Sample]:
    table, _ = window_rates(evaluation)
    for name, factor in zip(table.names, verdicts(evaluation).factor.tolist(), strict=True):
        if np.isfinite(factor):
            yield (name,), factor


GAUGES = (
    WindowMetric(
        "ml_feature_missing_ratio",
        "Share of the window's rows in which the feature has no value.",
        _ratio("missing"),
        labels=("feature",),
        rank=20,
    ),
    WindowMetric(
        "ml_feature_invalid_ratio",
        "Share of the window's rows in which the feature's value is not of its type.",
        _ratio("invalid"),
        labels=("feature",),
        rank=25,
    ),
    WindowMetric(
        "ml_feature_out_of_range_ratio",
        "Share of the window's valid numbers that lie outside the range of the reference.",
        _ratio("out_of_range"),
        labels=("feature",),
        rank=20,
    ),
    WindowMetric(
        "ml_feature_unseen_ratio",
        "Share of the window's categories that the reference never had.",
        _ratio("unseen"),
        labels=("feature",),
        rank=20,
    ),
    WindowMetric(
        "ml_feature_quality_reference_ratio",
        "Share of bad values of the feature in the reference, by check; where the p-value is shown.",
        _reference,
        labels=("feature", "check"),
        rank=45,
    ),
    WindowMetric(
        "ml_feature_quality_pvalue",
        "Probability of at least so many bad values while all is well, by check; absent above 0.1, where there is "
        "nothing to see.",
        _pvalue,
        labels=("feature", "check"),
        rank=45,
    ),
    WindowMetric(
        "ml_feature_quality_detected",
        "1 where a feature's values went bad: significantly, and by enough to matter, by check; else 0.",
        _detected,
        labels=("feature", "check"),
        rank=5,
    ),
    WindowMetric(
        "ml_feature_unit_change_factor",
        "Factor by which a feature's values were multiplied, where a change of unit was recognised.",
        _factor,
        labels=("feature",),
        rank=5,
    ),
)
