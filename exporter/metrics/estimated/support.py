"""How much of a window lies where the reference knows nothing: there, no estimate from it holds."""

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.profile.bins import FIRST_CELL, INVALID, MISSING, NumericBins

MOST_OUTSIDE = 0.1
"""Share beyond which estimates are shown and not judged."""


def outside(evaluation: Evaluation) -> float:
    """The largest share, over features and the score, of rows that lie outside more often than in the reference.

    Outside are missing and invalid values, numbers *below* and *above*, categories that are UNSEEN, and scores that are
    missing or no probability. The excess over the reference's own share is taken for each kind, and added. NaN without
    reference or rows.
    """
    return evaluation.once("outside", _outside)


def _outside(evaluation: Evaluation) -> float:
    reference, counts = evaluation.reference, evaluation.counts
    if reference is None or counts.rows <= 0 or reference.total.rows <= 0:
        return float("nan")
    shares = [0.0]
    for name, bins in evaluation.layout.features.items():
        ends = [FIRST_CELL, bins.width - 1] if isinstance(bins, NumericBins) else [bins.unseen]
        places = [MISSING, INVALID, *ends]
        shares.append(_excess(counts.feature(name), reference.total.feature(name), places))
    if evaluation.layout.has("score_bad"):
        now, before = (np.append(each["score_bad"], each["score"].sum()) for each in (counts, reference.total))
        shares.append(_excess(now, before, [0, 1]))
    return max(shares)


def _excess(now: np.ndarray, before: np.ndarray, places: list[int]) -> float:
    """Σ over `places` of what the share in `now` exceeds that in `before` by."""
    if now.sum() <= 0 or before.sum() <= 0:
        return 0.0
    return float(np.maximum(now[places] / now.sum() - before[places] / before.sum(), 0.0).sum())
