"""Counts of a version by pane, further back than any window: what is asked when a window has changed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats

Times = NDArray[np.int64]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Past:
    """K panes in time order.

    Attributes:
        starts, widths: (K,) Unix seconds and seconds; old panes are wider.
        counts: (K, n) what stands at the places that were asked for.
    """

    starts: Times
    widths: Times
    counts: Floats


@dataclass(frozen=True, slots=True)
class Tally:
    """How far the labels of K panes have come, in time order.

    Attributes:
        starts, widths: (K,) Unix seconds and seconds; old panes are wider.
        answered: (K,) predictions without an error.
        labels: (K,) how many of them have their label by now.
    """

    starts: Times
    widths: Times
    answered: Floats
    labels: Floats


History = Callable[[Places], Past]
"""Places (n,) in `Counts.all`, and behind it in `Counts.by_slice` → counts there by pane, up to the window's end.

Nothing is read until it is called."""
