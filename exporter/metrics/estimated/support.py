"""How much of a window lies where the reference knows nothing: there, no estimate from it holds."""

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.profile.bins import FIRST_CELL, INVALID, MISSING, NumericBins

MOST_OUTSIDE = 0.1
"""Share beyond which estimates are shown and not judged."""
_AS_KNOWN = 10.0
"""Up to so many times the reference's own share its rows can speak for those of the window."""


def outside(evaluation: Evaluation) -> float:
    """The largest share, over features and the score, of rows of kinds that the reference hardly knows.

    Kinds are missing and invalid values, numbers *below* and *above*, UNSEEN categories, and scores that are missing or
    no probability. Of each what is beyond ten times the reference's share counts: where a value is often missing, a
    window without it is another mix of the same, and not the unknown. NaN without reference or rows.
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
    if evaluation.layout.has("prediction"):
        shares.append(_excess(counts["prediction"], reference.total["prediction"], [0, -1]))
    return max(shares)


def _excess(now: np.ndarray, before: np.ndarray, places: list[int]) -> float:
    """Σ over `places` of what the share in `now` exceeds ten times that in `before` by."""
    if now.sum() <= 0 or before.sum() <= 0:
        return 0.0
    return float(np.maximum(now[places] / now.sum() - _AS_KNOWN * before[places] / before.sum(), 0.0).sum())
