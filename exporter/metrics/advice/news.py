"""Slices that do worse than the others, and worse than they used to."""

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.performance.estimate import Z
from exporter.metrics.slices.gauges import worst_slices
from exporter.metrics.slices.worst import WorstSlice
from exporter.metrics.spec import NoData

_NEWS = 4.0
"""Standard errors from which a slice does worse than it did: of hundreds of slices one does by three in most days."""


def news(evaluation: Evaluation) -> tuple[WorstSlice, ...]:
    """The costliest first; none where it cannot be asked."""
    try:
        return tuple(each for each in worst_slices(evaluation) if _is_news(each))
    except NoData:
        return ()


def usual(slice_: WorstSlice) -> float:
    """The gap that the slice had in the reference; 0 where it did better than the others, or that is not known."""
    return 0.0 if np.isnan(slice_.reference_gap) else max(slice_.reference_gap, 0.0)


def _is_news(slice_: WorstSlice) -> bool:
    """Whether the slice does worse than it did in the reference, as far as that is known: many are looked at."""
    error = (slice_.upper - slice_.lower) / (2 * Z)
    return bool(np.isnan(slice_.reference_gap) or slice_.gap > usual(slice_) + _NEWS * error)
