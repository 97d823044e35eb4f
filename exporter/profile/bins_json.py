"""Bins as JSON: as a reference file and a state hold them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import CategoryBins, FeatureBins, NumericBins


def bins_to_json(bins: FeatureBins | None) -> dict[str, Any] | None:
    """A JSON object from which `bins_from_json` makes equal bins."""
    if bins is None:
        return None
    if isinstance(bins, NumericBins):
        known = {"type": "numeric", "edges": bins.edges.tolist(), "unit": bins.unit, "kind": bins.kind}
        return known if bins.deviation is None else {**known, "deviation": bins.deviation}
    return {"type": "category", "values": list(bins.values), "rare": sorted(bins.rare)}


def bins_from_json(data: Mapping[str, Any] | None) -> FeatureBins | None:
    """The bins that `bins_to_json` described."""
    if data is None:
        return None
    if data["type"] == "numeric":
        edges: NDArray[np.float64] = np.array(data["edges"], dtype=np.float64)
        return NumericBins(edges, float(data["unit"]), data["kind"], data.get("deviation"))
    return CategoryBins(values=tuple(data["values"]), rare=frozenset(data["rare"]))


def numeric_from_json(data: Mapping[str, Any] | None) -> NumericBins | None:
    """The bins of a number that `bins_to_json` described.

    Raises:
        ValueError: they are of a category.
    """
    bins = bins_from_json(data)
    if bins is None or isinstance(bins, NumericBins):
        return bins
    msg = "bins of a number are due, found those of a category"
    raise ValueError(msg)
