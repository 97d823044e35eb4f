"""Counts of one layout read as those of another: what means the same carries over, the rest starts at zero.

Used where the bins stayed and something beside them changed (a latency objective, a slice dimension), and where a
reference was fitted with other slices than the configuration now names.
"""

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import FIRST_CELL, CategoryBins, FeatureBins, Floats, NumericBins
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout, same_bins
from exporter.profile.reference import Reference

_PLAIN = (
    "rows", "errors", "labels", "latency_sum", "label_delay_sum", "predicted", "outcomes", "score_terms", "score_bad",
    "score_sum", "score_moments", "prediction_sum", "error_terms", "relative_terms", "weight_squares",
    "label_weight_squares",
)  # fmt: skip
_UNWEIGHTED = {"weight_squares": "rows", "label_weight_squares": "labels"}
"""What older counts did not keep, and what it equals where rows have no weight: they are taken to have none."""
_BINNED = {
    "score": "score_bins",
    "score_actual": "ranked_bins",
    "score_ranks": "score_bins",
    "score_positive": "score_bins",
    "prediction": "prediction_bins",
    "error_cells": "error_bins",
    "error_sizes": "tolerances",
    "actual": "actual_bins",
    "latency": "latency_bounds",
    "label_delay": "label_delay_bounds",
    "class_score_actual": "classes",
    "class_score": "classes",
    "pair_terms": "pairs",
}


def adapt(counts: Counts, layout: Layout) -> Counts:
    """`counts` as far as they mean the same in `layout`; new object, also where nothing changes."""
    old = counts.layout
    if old.id == layout.id:
        return Counts(layout, counts.all.copy(), counts.by_slice.copy())
    result = Counts(layout, adapt_vectors(counts.all[None, :], old, layout)[0], Counts.zero(layout).by_slice)
    shared = [pair for pair in _shared_parts(old, layout) if pair[1] in layout.slice_spans]
    for dimension, slots in layout.slices.items():
        if dimension not in old.slices:
            continue
        source, target = counts.by_slice[old.slice_span[dimension]], result.by_slice[layout.slice_span[dimension]]
        places = adapt_slots(old.slices[dimension], slots)
        for part, as_part in shared:
            np.add.at(target[:, layout.slice_spans[as_part]], places, source[:, old.slice_spans[part]])
    return result


def adapt_slots(old: int, new: int) -> NDArray[np.intp]:
    """(old,) the slots of a dimension when their number changes: names keep theirs, what has none left is *other*."""
    places: NDArray[np.intp] = np.minimum(np.append(np.arange(old - 1), new - 1), new - 1)
    return places


def adapt_vectors(vectors: Floats, old: Layout, layout: Layout) -> Floats:
    """(K, old.width) → (K, layout.width)."""
    result = np.zeros((len(vectors), layout.width))
    for part, as_part in _shared_parts(old, layout):
        result[:, layout.spans[as_part]] = vectors[:, old.spans[part]]
    _copy_truth(vectors, result, old, layout)
    for part in ("features", "feature_sums"):
        source, target = vectors[:, old.spans[part]], result[:, layout.spans[part]]
        for name, bins in layout.features.items():
            if name in old.features:
                _copy_feature(
                    source[:, old.feature_span[name]], target[:, layout.feature_span[name]], old.features[name], bins
                )
    return result


def _copy_truth(vectors: Floats, result: Floats, old: Layout, new: Layout) -> None:
    """What is known of truth by feature: of features whose bins stayed; by first bad cell if they all did."""
    same = (old.task, old.classes, old.truth_terms) == (new.task, new.classes, new.truth_terms)
    if not (old.has("feature_truth") and new.has("feature_truth") and same):
        return
    if (old.coarse_id, old.often_missing) == (new.coarse_id, new.often_missing):
        for part in ("bad_cells", "bad_truth"):
            result[:, new.spans[part]] = vectors[:, old.spans[part]]
        if all(same_bins(getattr(old, bins), getattr(new, bins)) for bins in ("score_bins", "prediction_bins")):
            result[:, new.spans["bad_output"]] = vectors[:, old.spans["bad_output"]]
        if new.pairs is not None and old.pairs == new.pairs:
            result[:, new.spans["bad_pair_terms"]] = vectors[:, old.spans["bad_pair_terms"]]
    shape = (len(vectors), -1, len(new.truth_terms))
    source = vectors[:, old.spans["feature_truth"]].reshape(shape)
    target = result[:, new.spans["feature_truth"]].reshape(shape)
    for name, span in new.coarse_span.items():
        if name in old.features and same_bins(old.features[name], new.features[name]):
            target[:, span] = source[:, old.coarse_span[name]]


def _copy_feature(source: Floats, target: Floats, old: FeatureBins, new: FeatureBins) -> None:
    if same_bins(old, new):
        target[:] = source
        return
    # Missing and invalid mean the same in any bins; so do the ends that say out of range or unseen, for counters.
    target[:, :FIRST_CELL] = source[:, :FIRST_CELL]
    if isinstance(old, NumericBins) and isinstance(new, NumericBins):
        target[:, [FIRST_CELL, -1]] = source[:, [FIRST_CELL, -1]]
    elif isinstance(old, CategoryBins) and isinstance(new, CategoryBins):
        target[:, -1] = source[:, -1]


def _shared_parts(old: Layout, new: Layout) -> list[tuple[str, str]]:
    """Parts that mean the same as they are: as which part of `new` each part of `old` is read."""
    parts = ["rows", "errors", "labels", "latency_sum", "label_delay_sum", *_UNWEIGHTED]
    if old.task == new.task and old.classes == new.classes:
        parts = list(_PLAIN)
        parts += [part for part, bins in _BINNED.items() if same_bins(getattr(old, bins), getattr(new, bins))]
    shared = [(part, part) for part in parts if old.has(part) and new.has(part)]
    return shared + [
        (part, squares) for squares, part in _UNWEIGHTED.items() if new.has(squares) and not old.has(squares)
    ]


def adapt_reference(reference: Reference, layout: Layout) -> Reference:
    """The reference as one of `layout`, which has the same feature bins."""
    return Reference(
        layout=layout,
        total=adapt(reference.total, layout),
        model=reference.model,
        version=reference.version,
        created=reference.created,
        block_seconds=reference.block_seconds,
        block_starts=reference.block_starts,
        blocks=reference.blocks.moved(_sources(reference.layout, layout))
        if len(reference.block_starts)
        else reference.blocks,
        names=reference.names,
        timezone=reference.timezone,
        losses=reference.losses,
    )


def _sources(old: Layout, layout: Layout) -> NDArray[np.intp]:
    """(layout.width,) where in a vector of `old` each count stands; -1 for those that start at zero."""
    numbered = np.arange(1.0, old.width + 1)[None, :]
    sources: NDArray[np.intp] = adapt_vectors(numbered, old, layout)[0].astype(np.intp) - 1
    return sources
