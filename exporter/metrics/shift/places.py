"""What is known of labelled rows in the good coarse cells of all features, side by side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import FIRST_CELL, CategoryBins, Floats
from exporter.profile.layout import Layout


@dataclass(frozen=True, slots=True)
class Places:
    """Where the good coarse cells of F features stand in the part `feature_truth`.

    Attributes:
        codes: (F, A); padded with the place after the last.
    """

    codes: NDArray[np.intp]

    @classmethod
    def of(cls, layout: Layout) -> "Places":
        spans = [
            # A category's last cell is *unseen*, a bad one.
            range(span.start + FIRST_CELL, span.stop - isinstance(layout.features[name], CategoryBins))
            for name, span in layout.coarse_span.items()
        ]
        width = sum(each.width for each in layout.coarse.values())
        codes = np.full((len(spans), max((len(span) for span in spans), default=0)), width, dtype=np.intp)
        for row, span in enumerate(spans):
            codes[row, : len(span)] = span
        return cls(codes)

    def take(self, truth: Floats) -> Floats:
        """(m, F, A, T) from (m, ΣWc, T); 0 where padded."""
        padded = np.concatenate((truth, np.zeros((len(truth), 1, truth.shape[2]))), axis=1)
        return padded[:, self.codes]
