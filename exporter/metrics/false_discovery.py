"""Which of many tests are significant at once."""

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats


def rejected(pvalues: Floats, rate: float) -> NDArray[np.bool_]:
    """True where Benjamini and Hochberg reject at false discovery rate `rate`; of any shape, NaN p-values are no tests.

    The k smallest are rejected for the greatest k with p₍ₖ₎ ≤ rate · k / tests.
    Source: Benjamini & Hochberg, Controlling the false discovery rate, 1995.
    """
    tested = ~np.isnan(pvalues)
    ordered = np.sort(pvalues[tested])
    passing = np.flatnonzero(ordered <= rate * np.arange(1, len(ordered) + 1) / max(len(ordered), 1))
    if len(passing) == 0:
        return np.zeros(pvalues.shape, dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        result: NDArray[np.bool_] = pvalues <= ordered[passing[-1]]
    return result
