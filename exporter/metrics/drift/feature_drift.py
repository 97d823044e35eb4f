"""Drift of features: distance, effect, noise floor, threshold, p-value and verdict (see verdict.py)."""

import math
from collections.abc import Iterable

import numpy as np

from exporter.metrics.drift.distances import BY_NAME
from exporter.metrics.drift.focus import focus
from exporter.metrics.drift.shown_bins import shown_pair
from exporter.metrics.drift.variables import Kind, variables_of
from exporter.metrics.drift.verdict import Verdicts, verdicts
from exporter.metrics.evaluation import Evaluation, Facts
from exporter.metrics.spec import FactMetric, NoData, Sample, WindowMetric
from exporter.profile.bins import Floats


def by_feature(found: Verdicts, values: Floats) -> Iterable[Sample]:
    """A sample a feature; NaN is absent."""
    for name, value in zip(found.variables.names, values.tolist(), strict=True):
        if not math.isnan(value):
            yield (name,), value


def distances(evaluation: Evaluation, found: Verdicts, kind: Kind) -> Iterable[tuple[str, Floats]]:
    """The configured methods and their values (F,), each on the bins that it wants (see distance.py)."""
    for method in evaluation.thresholds.methods:
        distance = BY_NAME[method]
        pair = found.full if distance.ordered else found.pair
        if distance.shown and evaluation.reference is not None:
            pair = shown_pair(evaluation.reference, kind, found.full) or pair
        yield method, np.where(np.isnan(found.effect), np.nan, distance.compute(pair))


def _drift(evaluation: Evaluation) -> Iterable[Sample]:
    found = verdicts(evaluation, "features")
    for method, values in distances(evaluation, found, "features"):
        for (name,), value in by_feature(found, values):
            yield (name, method), value


def _tail(evaluation: Evaluation) -> Iterable[Sample]:
    found = verdicts(evaluation, "features")
    for method in evaluation.thresholds.methods:
        approximate = BY_NAME[method].approximate
        if approximate is not None:
            values = np.where(np.isnan(found.effect), np.nan, approximate(found.full))
            for (name,), value in by_feature(found, values):
                yield (name, method), value


def _effect(evaluation: Evaluation) -> Iterable[Sample]:
    found = verdicts(evaluation, "features")
    return by_feature(found, found.effect)


def _in_focus(evaluation: Evaluation, found: Verdicts, values: Floats) -> Iterable[Sample]:
    shown = focus(evaluation)
    return (sample for sample in by_feature(found, values) if sample[0][0] in shown)


def _noise_floor(evaluation: Evaluation) -> Iterable[Sample]:
    found = verdicts(evaluation, "features")
    return _in_focus(evaluation, found, found.noise_floor)


def thresholds(facts: Facts, kind: Kind) -> Iterable[Sample]:
    """What is configured, by feature; of outputs the one number.

    Raises:
        NoData: the reference has none of that kind, or there is none.
    """
    variables = None if facts.reference is None else variables_of(facts.reference, kind)
    if variables is None:
        raise NoData
    of = facts.thresholds
    if kind != "features":
        yield (), of.drift_effect
    else:
        yield from (((name,), of.features.get(name, of.drift_effect)) for name in variables.names)


def _detectable(evaluation: Evaluation) -> Iterable[Sample]:
    found = verdicts(evaluation, "features")
    return _in_focus(evaluation, found, found.detectable)


def _pvalue(evaluation: Evaluation) -> Iterable[Sample]:
    found = verdicts(evaluation, "features")
    return _in_focus(evaluation, found, found.pvalue)


def _detected(evaluation: Evaluation) -> Iterable[Sample]:
    found = verdicts(evaluation, "features")
    return by_feature(found, found.detected)


def _tested(evaluation: Evaluation) -> Iterable[Sample]:
    found = verdicts(evaluation, "features")
    yield (), float(np.sum(~np.isnan(found.detected)))


def _drifted_ratio(evaluation: Evaluation) -> Iterable[Sample]:
    found = verdicts(evaluation, "features")
    if np.isnan(found.detected).all():
        raise NoData
    yield (), float(np.nanmean(found.detected))


FEATURE_DRIFT = WindowMetric(
    name="ml_feature_drift",
    help="Distance of a feature's distribution in the window from the reference's, by method; includes sampling noise.",
    compute=_drift,
    labels=("feature", "method"),
    rank=30,
)
FEATURE_DRIFT_TAIL_RATIO = WindowMetric(
    name="ml_feature_drift_tail_ratio",
    help="Share in the tails of a distance that is approximate there; absent where it is as good as from raw values.",
    compute=_tail,
    labels=("feature", "method"),
    internal=True,
    rank=40,
)
FEATURE_DRIFT_EFFECT = WindowMetric(
    name="ml_feature_drift_effect",
    help="Jensen-Shannon distance of a feature from the reference beyond what windows without drift have.",
    compute=_effect,
    labels=("feature",),
    rank=10,
)
FEATURE_DRIFT_NOISE_FLOOR = WindowMetric(
    name="ml_feature_drift_noise_floor",
    help="Jensen-Shannon distance that 99 of 100 windows of this size without drift stay under; of the features with "
    "the largest effects.",
    compute=_noise_floor,
    labels=("feature",),
    rank=40,
)
FEATURE_DRIFT_THRESHOLD = FactMetric(
    name="ml_feature_drift_threshold",
    kind="gauge",
    help="Least effect on a feature that counts as drift, as configured.",
    compute=lambda facts: thresholds(facts, "features"),
    labels=("feature",),
    rank=40,
)
FEATURE_DRIFT_MIN_DETECTABLE_EFFECT = WindowMetric(
    name="ml_feature_drift_min_detectable_effect",
    help="Smallest effect on a feature that would be detected in four windows of five; of those with the "
    "largest effects; absent: no verdict.",
    compute=_detectable,
    labels=("feature",),
    rank=40,
)
FEATURE_DRIFT_PVALUE = WindowMetric(
    name="ml_feature_drift_pvalue",
    help="Probability of a feature's distance without drift, not corrected for many features; of those with the "
    "largest effects; absent if not tested.",
    compute=_pvalue,
    labels=("feature",),
    rank=40,
)
FEATURE_DRIFT_DETECTED = WindowMetric(
    name="ml_feature_drift_detected",
    help="1 if a feature's effect is over its threshold and significant among all features; absent: no verdict.",
    compute=_detected,
    labels=("feature",),
)
DRIFTED_FEATURES_RATIO = WindowMetric(
    name="ml_drifted_features_ratio",
    help="Share of the tested features that are detected as drifted.",
    compute=_drifted_ratio,
)
TESTED_FEATURES = WindowMetric(
    name="ml_tested_features",
    help="How many features were tested for drift: with enough rows and reference windows, no cycle beyond the window.",
    compute=_tested,
)

FEATURE_DRIFT_METRICS = (
    FEATURE_DRIFT,
    FEATURE_DRIFT_TAIL_RATIO,
    FEATURE_DRIFT_EFFECT,
    FEATURE_DRIFT_NOISE_FLOOR,
    FEATURE_DRIFT_THRESHOLD,
    FEATURE_DRIFT_MIN_DETECTABLE_EFFECT,
    FEATURE_DRIFT_PVALUE,
    FEATURE_DRIFT_DETECTED,
    DRIFTED_FEATURES_RATIO,
    TESTED_FEATURES,
)
