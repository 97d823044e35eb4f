"""Class codes that outlive a reference: a refit may bring new classes while predictions wait for their labels."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats
from exporter.profile.layout import Layout
from exporter.profile.outcomes import Outcomes

_OTHER = 65_535.0
"""Code of a class that no layout knows."""


class ClassNames:
    """All classes that a multiclass model ever had, by number; codes of other tasks never change."""

    def __init__(self, names: list[str], layouts: Iterable[Layout]) -> None:
        self.names = names
        for layout in layouts:
            if layout.task == "multiclass":
                names += [name for name in layout.classes if name not in names]

    def __len__(self) -> int:
        return len(self.names)

    def reading(self, layout: Layout) -> Layout:
        """A layout to read labels by, whose class codes `lasting` understands."""
        return replace(layout, classes=tuple(self.names)) if layout.task == "multiclass" else layout

    def lasting(self, codes: Floats, layout: Layout) -> Floats:
        """(n,) class codes of a layout as codes that last; NaN stays NaN."""
        if layout.task != "multiclass":
            return codes
        return _translated(codes, np.array([*(self.names.index(name) for name in layout.classes), _OTHER]))

    def lasting_scores(self, scores: Floats | None, layout: Layout) -> Floats | None:
        """(n, C) scores by class of a layout as (n, all classes); NaN where the layout lacks a class."""
        if scores is None:
            return None
        wide = np.full((len(scores), len(self.names)), np.nan)
        wide[:, [self.names.index(name) for name in layout.classes]] = scores
        return wide

    def of_layout(self, outcomes: Outcomes, layout: Layout) -> Outcomes:
        """Outcomes in codes that last as those of a layout."""
        if layout.task != "multiclass":
            return outcomes
        place = {name: code for code, name in enumerate(layout.classes)}
        other = len(layout.classes)
        table = np.array([*(place.get(name, other) for name in self.names), other], dtype=np.float64)
        scores = outcomes.scores
        return replace(
            outcomes,
            prediction=_translated(outcomes.prediction, table),
            actual=_translated(outcomes.actual, table),
            scores=None if scores is None else scores[:, [self.names.index(name) for name in layout.classes]],
        )


def _translated(codes: Floats, table: Floats) -> Floats:
    """Codes by a table whose last entry is for those beyond it."""
    known = ~np.isnan(codes)
    index: NDArray[np.intp] = np.minimum(np.where(known, codes, 0), len(table) - 1).astype(np.intp)
    return np.where(known, table[index], np.nan)
