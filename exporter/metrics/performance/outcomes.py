"""The table predicted × actual in the terms that the metrics of classes share.

Its last row and column hold all classes that the layout does not name. Such a prediction is never right, whatever
came true: two classes without a name need not be the same one.
"""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.performance.parts import Parts
from exporter.profile.bins import Floats

POSITIVE = 1
NEGATIVE = 0


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Tables of m profiles.

    Attributes:
        table: (m, C+1, C+1) predicted × actual.
        hits: (m, C) rightly predicted rows, by class.
        predicted, actual: (m, C) rows by predicted and by actual class.
        n: (m,) all rows.
    """

    table: Floats
    hits: Floats
    predicted: Floats
    actual: Floats
    n: Floats


def outcomes(parts: Parts) -> Outcomes:
    """The outcomes of `parts`; NoData where the task has no classes."""
    table = parts["outcomes"]
    return Outcomes(
        table=table,
        hits=np.diagonal(table, axis1=1, axis2=2)[:, :-1],
        predicted=table.sum(axis=2)[:, :-1],
        actual=table.sum(axis=1)[:, :-1],
        n=table.sum(axis=(1, 2)),
    )
