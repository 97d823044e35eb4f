"""How small a drift the window's rows could show.

Detected is an effect over its threshold that is also significant (verdict.py). Where one feature of F drifts,
significant is p ≤ q / F: Benjamini and Hochberg's first step. Without drift D = -ln(1 - JS²) is shift + scale · χ²(f)
(null.py); with drift by the effect δ the χ² is taken to be non-central by δ² / scale. Four windows of five lie above
its mean less z₀.₈ = 0.84 standard deviations. Set equal to the least D that is detected, that gives

    y = 2 z₀.₈ + √(4 z₀.₈² - 2 f + 4 h),   δ² = scale · (y² / 2 - f) / 2,   h = (least D - shift) / scale
"""

import numpy as np

from exporter.metrics.drift.null import Null
from exporter.profile.bins import Floats

_QUANTILE = 0.8416212335729143
"""The standard normal stays under it with probability 0.8."""


def detectable(null: Null, threshold: Floats, rate: float, tested: int) -> Floats:
    """(F,) smallest effects that are detected in four windows of five.

    Args:
        null: of the window.
        threshold: (F,) least effects that count.
        rate: the false discovery rate.
        tested: how many variables are tested together.
    """
    enough = -np.log1p(-np.minimum(threshold**2 + null.mean_squared, 1 - 1e-12))
    least = np.maximum(null.significant(rate / max(tested, 1)), enough)
    high = (least - null.shift) / null.scale
    root = 2 * _QUANTILE + np.sqrt(np.maximum(4 * _QUANTILE**2 - 2 * null.freedom + 4 * high, 0.0))
    effect: Floats = np.sqrt(-np.expm1(-null.scale * np.maximum(root**2 / 2 - null.freedom, 0.0) / 2))
    return effect
