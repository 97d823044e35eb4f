"""The gauges of this family on /metrics."""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.foremost import foremost
from exporter.metrics.shift.concept import concepts
from exporter.metrics.shift.ledger import CAUSES
from exporter.metrics.shift.results import results
from exporter.metrics.spec import Sample, WindowMetric
from exporter.profile.bins import Floats


def _change(evaluation: Evaluation) -> Iterator[Sample]:
    for entry in results(evaluation):
        for cause, value in zip(CAUSES, entry.terms.tolist(), strict=True):
            if np.isfinite(value):
                yield (entry.metric, cause), value


def _bound(evaluation: Evaluation) -> Iterator[Sample]:
    for entry in results(evaluation):
        for bound, values in (("lower", entry.lower), ("upper", entry.upper)):
            for cause, value in zip(CAUSES, values.tolist(), strict=True):
                if np.isfinite(value):
                    yield (entry.metric, cause, bound), value


def _by_feature(evaluation: Evaluation) -> Iterator[Sample]:
    names = tuple(evaluation.layout.features)
    for entry in results(evaluation):
        size = np.abs(np.nan_to_num(entry.quality)) + np.abs(np.nan_to_num(entry.covariate))
        shown = foremost(evaluation, f"change of {entry.metric}", dict(zip(names, size.tolist(), strict=True)))
        for cause, values in (("quality", entry.quality), ("covariate", entry.covariate)):
            for name, value in zip(names, values.tolist(), strict=True):
                if np.isfinite(value) and name in shown:
                    yield (entry.metric, name, cause), value


def _concepts_shown(evaluation: Evaluation) -> frozenset[str]:
    """Features whose concept drifted, by how far; then the others."""
    found = concepts(evaluation)
    weight = np.nan_to_num(found.effect, nan=-1.0) + 1e6 * np.nan_to_num(found.detected)
    return foremost(evaluation, "concepts", dict(zip(evaluation.layout.features, weight.tolist(), strict=True)))


def _of_features(name: Literal["effect", "pvalue", "detected"]) -> Callable[[Evaluation], Iterator[Sample]]:
    def compute(evaluation: Evaluation) -> Iterator[Sample]:
        values: Floats = getattr(concepts(evaluation), name)
        shown = evaluation.layout.features.keys() if name == "detected" else _concepts_shown(evaluation)
        for feature, value in zip(evaluation.layout.features, values.tolist(), strict=True):
            if np.isfinite(value) and feature in shown:
                yield (feature,), value

    return compute


GAUGES = (
    WindowMetric(
        "ml_performance_change",
        "By how much a metric differs from the reference, by cause; causes add up to the whole difference.",
        _change,
        labels=("metric", "cause"),
        rank=5,
    ),
    WindowMetric(
        "ml_performance_change_bound",
        "Ends of the 95 % confidence interval of ml_performance_change.",
        _bound,
        labels=("metric", "cause", "bound"),
        rank=35,
    ),
    WindowMetric(
        "ml_performance_change_by_feature",
        "What a feature does to a metric by its values going bad (quality) or lying elsewhere (covariate); of those "
        "that do the most.",
        _by_feature,
        labels=("metric", "feature", "cause"),
        rank=30,
    ),
    WindowMetric(
        "ml_feature_concept_drift_effect",
        "By how much outcomes of the same values of a feature differ from the reference's, beyond chance and a common "
        "level; of regressions in standard deviations of the error; of those with the largest.",
        _of_features("effect"),
        labels=("feature",),
        rank=30,
    ),
    WindowMetric(
        "ml_feature_concept_drift_pvalue",
        "Probability of such a difference without concept drift, not corrected for many features; of the same ones.",
        _of_features("pvalue"),
        labels=("feature",),
        rank=45,
    ),
    WindowMetric(
        "ml_feature_concept_drift_detected",
        "1 if a feature's concept drifted: by an effect that counts, significant among all features; absent: no "
        "verdict.",
        _of_features("detected"),
        labels=("feature",),
        rank=20,
    ),
)
