"""F1: the harmonic mean of precision and recall."""

import numpy as np

from exporter.metrics.performance.estimate import Estimate, wilson
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.outcomes import POSITIVE, outcomes
from exporter.metrics.performance.parts import Parts, divide
from exporter.profile.bins import Floats


def f1(parts: Parts) -> Estimate:
    """2 TP / (2 TP + FP + FN); undefined where nothing was positive or called so.

    F1 = 2J / (1 + J) with J = TP / (TP + FP + FN), and J is a share of the rows that are positive or called so:
    the ends of its Wilson interval, mapped, are those of F1. Variance by the delta method, dF1/dJ = 2 / (1 + J)².
    """
    found = outcomes(parts)
    hits = found.hits[:, POSITIVE]
    concerned = found.predicted[:, POSITIVE] + found.actual[:, POSITIVE] - hits
    share = divide(hits, concerned)
    lower, upper, centre = wilson(share, concerned)
    variance = divide(centre * (1 - centre), concerned) * (2 / (1 + centre) ** 2) ** 2
    return Estimate(_harmonic(share), variance, _harmonic(lower), _harmonic(upper), np.zeros(len(share)))


def _harmonic(share: Floats) -> Floats:
    result: Floats = 2 * share / (1 + share)
    return result


F1 = PerformanceMetric(
    name="f1",
    tasks=("binary",),
    better="higher",
    title="F1",
    formula="2 TP / (2 TP + FP + FN)",
    source="exact from outcomes; interval: Wilson 1927 on TP / (TP + FP + FN), mapped",
    compute=f1,
    sliced=True,
)
