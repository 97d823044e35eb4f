"""Numbers out of range: values that are wrong, or what a feature looks like that moved as a whole?"""

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.profile.bins import FIRST_CELL, Floats

_MORE = 2.0
"""Times the share that went out of range that must have moved within it."""
_SIGMAS = 3.0
"""Times what chance makes of as many rows."""


def moved(evaluation: Evaluation, feature: str) -> bool:
    """Whether far more of a number's values moved within the reference's range than went out of it.

    By total variation of the values within the range, in coarse bins, against the rise of the share beyond: a value
    that went wrong leaves where it was and moves nothing else.
    """
    if evaluation.reference is None:
        return False
    bins = evaluation.layout.features[feature]
    if bins.type != "numeric":
        return False
    table = evaluation.layout.coarse[feature].table[FIRST_CELL:]
    now, then = (
        np.bincount(table, counts.feature(feature)[FIRST_CELL:] * counts.worth())[FIRST_CELL:].astype(np.float64)
        for counts in (evaluation.counts, evaluation.reference.total)
    )
    if min(now[1:-1].sum(), then[1:-1].sum()) <= 0:
        return False
    beyond = 1 - now[1:-1].sum() / now.sum() - (1 - then[1:-1].sum() / then.sum())
    apart, chance = _variation(now[1:-1], then[1:-1])
    return bool(apart > _MORE * max(beyond, 0.0) and apart > _SIGMAS * chance)


def _variation(now: Floats, then: Floats) -> tuple[float, float]:
    """Total variation of two tables, and what it is on average where they are draws of the same."""
    n, m = now.sum(), then.sum()
    share = (now + then) / (n + m)
    error = np.sqrt(share * (1 - share) * (1 / n + 1 / m))
    return float(np.abs(now / n - then / m).sum() / 2), float(error.sum() * np.sqrt(2 / np.pi) / 2)
