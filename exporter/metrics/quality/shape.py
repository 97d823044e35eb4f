"""The cells of all numeric features side by side, padded to one width, so that one formula serves them all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import FIRST_CELL, Floats, NumericBins
from exporter.profile.layout import Layout


@dataclass(frozen=True, slots=True)
class Shape:
    """Numeric features of a layout, G of them, with at most E edges each.

    Attributes:
        places: (G,) their numbers among all features.
        edges: (G, E) edges; padded with +Inf.
        codes: (G, E+1) places of their cells in the part `features`; padded with the place after its last.
        real: (G, E) true where there is an edge.
    """

    places: NDArray[np.intp]
    edges: Floats
    codes: NDArray[np.intp]
    real: NDArray[np.bool_]

    @classmethod
    def of(cls, layout: Layout) -> "Shape":
        numeric = [
            (place, name, bins)
            for place, (name, bins) in enumerate(layout.features.items())
            if isinstance(bins, NumericBins)
        ]
        most = max((len(bins.edges) for _, _, bins in numeric), default=1)
        edges = np.full((len(numeric), most), np.inf)
        codes = np.full((len(numeric), most + 1), layout.feature_width, dtype=np.intp)
        for row, (_, name, bins) in enumerate(numeric):
            edges[row, : len(bins.edges)] = bins.edges
            codes[row, : bins.cells] = layout.feature_span[name].start + FIRST_CELL + np.arange(bins.cells)
        return cls(np.array([place for place, _, _ in numeric], dtype=np.intp), edges, codes, np.isfinite(edges))

    def cells(self, features: Floats) -> Floats:
        """(m, G, E+1) cells of counts or sums (m, ΣW) laid out as the part `features`; 0 where padded."""
        padded = np.concatenate((features, np.zeros((len(features), 1))), axis=1)
        return padded[:, self.codes]
