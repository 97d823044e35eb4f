"""The features of a window that are shown in detail: bins, noise floor, what could be seen."""

import numpy as np

from exporter.metrics.drift.verdict import verdicts
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.foremost import foremost
from exporter.metrics.spec import NoData


def focus(evaluation: Evaluation) -> frozenset[str]:
    """The features with the largest effects in proportion to their thresholds; without any verdict, the first ones."""
    weights = dict.fromkeys(evaluation.layout.features, -1.0)
    try:
        found = verdicts(evaluation, "features")
    except NoData:
        return foremost(evaluation, "drift", weights)
    ratio = np.nan_to_num(found.effect / found.threshold, nan=-1.0)
    weights |= dict(zip(found.variables.names, ratio.tolist(), strict=True))
    return foremost(evaluation, "drift", weights)
