"""What a model put out, as one more feature: its codes by row, and their counts in a profile."""

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import FIRST_CELL, MISSING, CategoryBins, FeatureBins, NumericBins
from exporter.profile.layout import Layout
from exporter.profile.rows import Rows


def output_bins(layout: Layout) -> FeatureBins | None:
    """Bins of the prediction (regression), the score (binary with scores) or the predicted class; None without any."""
    if layout.task == "regression":
        return layout.prediction_bins
    if layout.score_bins is not None and layout.has("score"):
        return layout.score_bins
    return CategoryBins(layout.classes)


def output_codes(layout: Layout, rows: Rows, chosen: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """(n,) codes of `output_bins`, of all rows or those `chosen`; MISSING where there is no prediction (or score)."""
    bins = output_bins(layout)
    taken = rows.score if layout.task == "binary" and isinstance(bins, NumericBins) else rows.prediction
    output = taken if chosen is None else taken[chosen]
    if bins is None:
        return np.full(len(output), MISSING, dtype=np.uint8)
    if isinstance(bins, NumericBins):
        return bins.codes(output)
    given = ~np.isnan(output)
    return np.where(given, np.where(given, output, 0) + FIRST_CELL, MISSING).astype(np.uint8)


def output_part(layout: Layout) -> str | None:
    """The part that counts every row's cell of `output_bins`; None without bins."""
    if layout.task == "regression":
        return None if layout.prediction_bins is None else "prediction"
    return "score" if layout.score_bins is not None and layout.has("score") else "predicted"
