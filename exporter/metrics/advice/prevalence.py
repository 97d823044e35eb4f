"""Does a metric fall for no other reason than that the classes come more or less often?

Precision, F1 and the area under precision and recall fall where positives get rarer, though the model tells the classes
apart as it did. So each labelled row is weighted by π(y) / π'(y), the share of its class in the reference over that in
the window (direct standardisation): what the metric would be, did the classes come as often as in the reference. Rows
that are weighted so are worth (Σw)² / Σw² (Kish), which widens the interval.

Sources: Saerens, Latinne, Decaestecker, Adjusting the outputs of a classifier to new a priori probabilities, Neural
Computation 14 (2002); Siblini et al., Master your metrics with calibration, IDA 2020 (precision at a given prevalence).
"""

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.performance.parts import Parts, of_counts
from exporter.metrics.performance.results import Result, beyond
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats

_BY_CLASS = {"outcomes": -1, "score_actual": -1, "score_ranks": -1, "score_moments": 1}
"""Part, stacked by profile → its axis that is the actual class."""
_LEFT = 0.5
"""Least part of the fall that must be gone."""
_FEWEST = 10
"""Labelled rows that each class needs."""


def of_prevalence(evaluation: Evaluation, degraded: tuple[Result, ...]) -> bool:
    """Whether all that is degraded would not be, did the classes come as often as in the reference."""
    try:
        parts = standardised(evaluation)
        return bool(degraded) and all(_is_gone(each, parts) for each in degraded)
    except NoData:
        return False


def standardised(evaluation: Evaluation) -> Parts:
    """The window's labelled rows with the reference's shares of the classes, as far as they are counted by class.

    Raises:
        NoData: there are no classes, or too few rows of one.
    """
    if evaluation.reference is None or evaluation.layout.task == "regression":
        raise NoData
    parts, known = of_counts(evaluation.counts), len(evaluation.layout.classes)
    now = parts["outcomes"][0].sum(axis=0)
    then = evaluation.reference.total["outcomes"].sum(axis=0)
    if min(now[:known].min(), then[:known].min()) < _FEWEST:
        raise NoData
    # Classes without a name are rare and stay as they are.
    share = then[:known] / then[:known].sum()
    weight = np.append(share * now[:known].sum() / now[:known], 1.0)
    weight *= (weight @ now) / (weight**2 @ now)

    def read(part: str) -> Floats:
        if part == "labels":
            return np.array([[weight @ now]])
        if part not in _BY_CLASS:
            raise NoData
        counted = parts[part]
        at = _BY_CLASS[part] % counted.ndim
        shape = [1] * counted.ndim
        shape[at] = counted.shape[at]
        weighted: Floats = counted * weight[: counted.shape[at]].reshape(shape)
        return weighted

    return Parts(evaluation.layout, read)


def _is_gone(result: Result, parts: Parts) -> bool:
    found = result.metric.compute(parts)
    value, lower, upper = (float(each[0]) for each in (found.value, found.lower, found.upper))
    if not np.isfinite(value) or beyond(value, lower, upper, result.threshold):
        return False
    return np.isnan(result.reference) or _short(result, value) <= _LEFT * _short(result, result.value)


def _short(result: Result, value: float) -> float:
    """By how much a value is worse than the reference's."""
    off = value - result.reference
    return abs(off) if result.metric.better == "zero" else max(off if result.metric.better == "lower" else -off, 0.0)
