"""Drift of what a model says and of what comes true: the features' measures for the prediction and for the label.

The prediction is the score where one is kept, else the predicted number or class. The label is of the window's
predictions as far as labels have come: a window whose labels come late for one class looks drifted until they are in.
Each is one test by itself.
"""

from collections.abc import Callable, Iterable

import numpy as np

from exporter.metrics.drift.feature_drift import distances, thresholds
from exporter.metrics.drift.variables import Kind
from exporter.metrics.drift.verdict import Verdicts, verdicts
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.spec import FactMetric, Metric, Sample, WindowMetric
from exporter.profile.bins import Floats


def _metrics(prefix: str, subject: str, kind: Kind) -> tuple[Metric, ...]:
    def plug_in(evaluation: Evaluation) -> Iterable[Sample]:
        for method, values in distances(evaluation, verdicts(evaluation, kind), kind):
            if not np.isnan(values[0]):
                yield (method,), float(values[0])

    def single(pick: Callable[[Verdicts], Floats]) -> Callable[[Evaluation], Iterable[Sample]]:
        def compute(evaluation: Evaluation) -> Iterable[Sample]:
            value = float(pick(verdicts(evaluation, kind))[0])
            return [] if np.isnan(value) else [((), value)]

        return compute

    return (
        WindowMetric(
            name=prefix,
            help=f"Distance of the distribution of {subject} from the reference's, by method; includes sampling noise.",
            compute=plug_in,
            labels=("method",),
        ),
        WindowMetric(
            name=f"{prefix}_effect",
            help=f"Jensen-Shannon distance of {subject} from the reference beyond what windows without drift have.",
            compute=single(lambda found: found.effect),
        ),
        WindowMetric(
            name=f"{prefix}_noise_floor",
            help=f"Jensen-Shannon distance of {subject} that 99 of 100 windows of this size without drift stay under.",
            compute=single(lambda found: found.noise_floor),
            rank=10,
        ),
        FactMetric(
            name=f"{prefix}_threshold",
            kind="gauge",
            help=f"Least effect on {subject} that counts as drift, as configured.",
            compute=lambda facts: thresholds(facts, kind),
            rank=10,
        ),
        WindowMetric(
            name=f"{prefix}_pvalue",
            help=f"Probability of the distance of {subject} without drift; absent if not tested.",
            compute=single(lambda found: found.pvalue),
            rank=10,
        ),
        WindowMetric(
            name=f"{prefix}_detected",
            help=f"1 if the effect on {subject} is over its threshold and significant, else 0; absent: no verdict.",
            compute=single(lambda found: found.detected),
        ),
    )


PREDICTION_DRIFT_METRICS = _metrics("ml_prediction_drift", "the predictions", "prediction")
LABEL_DRIFT_METRICS = _metrics("ml_label_drift", "the labels", "labels")
