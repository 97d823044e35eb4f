"""Raw rows → Counts, the slow and plain way: what the oracles are compared on."""

from collections.abc import Mapping, Sequence

import numpy as np

from exporter.profile.bins import NumericBins, quantile_edges, sum_unit
from exporter.profile.counts import Counts
from exporter.profile.layout import CLASS_SCORE_CELLS, Layout

CLIP = np.finfo(np.float64).eps


def numeric(sample: np.ndarray, bins: int = 64) -> NumericBins:
    return NumericBins(edges=quantile_edges(sample, bins), unit=sum_unit(float(np.abs(sample).mean())))


def cells(bins: NumericBins, values: np.ndarray) -> np.ndarray:
    return bins.codes(values).astype(int) - 2


def fill(layout: Layout, into: Mapping[str, np.ndarray], **rows: np.ndarray) -> None:
    """Adds rows to the parts `into`; see `count`."""
    fill_features(layout, into, rows)
    n = len(next(iter(rows.values())))
    into["rows"][0] += n
    _outputs(layout, into, rows)
    if "actual" not in rows:
        return
    into["labels"][0] += n
    if layout.task == "regression":
        _regression(layout, into, rows["prediction"], rows["actual"])
        return
    np.add.at(into["outcomes"], (rows["predicted"], rows["actual"]), 1)
    if "score" in rows:
        _binary_scores(layout, into, rows["score"], rows["actual"])
    if "scores" in rows:
        _class_scores(layout, into, rows["scores"], rows["actual"])


def fill_features(layout: Layout, into: Mapping[str, np.ndarray], rows: Mapping[str, np.ndarray]) -> None:
    for name, bins in layout.features.items():
        if name in rows:
            values = rows[name]
            codes = bins.codes(values).astype(int) if isinstance(bins, NumericBins) else values.astype(int)
            span = layout.feature_span[name]
            into["features"][span] += np.bincount(codes, minlength=bins.width)
            if isinstance(bins, NumericBins):
                finite = np.where(np.isfinite(values), values, 0.0)
                into["feature_sums"][span] += np.bincount(codes, weights=finite, minlength=bins.width)


def _outputs(layout, into, rows):
    """What is counted of every prediction, whether its truth is known or not."""
    if layout.task == "regression":
        return
    if "predicted" in rows:
        np.add.at(into["predicted"], rows["predicted"], 1)
    if "score" in rows:
        at = cells(layout.score_bins, rows["score"])
        np.add.at(into["score"], at, 1)
        into["score_sum"][0] += rows["score"].sum()
        if "score_positive" in into and "predicted" in rows:
            np.add.at(into["score_positive"], at[rows["predicted"] == 1], 1)
    if "scores" in rows and "class_score" in into:
        at = np.clip((rows["scores"] * CLASS_SCORE_CELLS).astype(int), 0, CLASS_SCORE_CELLS - 1)
        for k in range(len(layout.classes)):
            np.add.at(into["class_score"], (k, at[:, k], (rows["predicted"] == k).astype(int)), 1)


def _binary_scores(layout, into, score, actual):
    known = actual < 2
    score, actual = score[known], actual[known]
    np.add.at(into["score_actual"], (cells(layout.ranked_bins, score), actual), 1)
    np.add.at(into["score_ranks"], (np.searchsorted(layout.rank_edges, score), actual), 1)
    for k in (0, 1):
        into["score_moments"][k] += score[actual == k].sum(), (score[actual == k] ** 2).sum()
    clipped = np.clip(score, CLIP, 1 - CLIP)
    into["score_terms"] += (
        ((score - actual) ** 2).sum(),
        -np.log(np.where(actual == 1, clipped, 1 - clipped)).sum(),
        len(score),
    )


def _class_scores(layout, into, scores, actual):
    classes = len(layout.classes)
    truth = actual[:, None] == np.arange(classes)
    at = np.clip((scores * CLASS_SCORE_CELLS).astype(int), 0, CLASS_SCORE_CELLS - 1)
    if layout.has("class_score_actual"):
        for k in range(classes):
            np.add.at(into["class_score_actual"], (k, at[:, k], truth[:, k].astype(int)), 1)
    own = np.clip(scores[np.arange(len(actual)), actual], CLIP, 1 - CLIP)
    into["score_terms"] += ((scores - truth) ** 2).sum(), -np.log(own).sum(), len(actual)


def _regression(layout, into, prediction, actual):
    e = prediction - actual
    np.add.at(into["error_cells"], cells(layout.error_bins, e), 1)
    np.add.at(into["actual"], cells(layout.actual_bins, actual), 1)
    np.add.at(into["prediction"], cells(layout.prediction_bins, prediction), 1)
    nonzero = actual != 0
    squares = (e[nonzero] / actual[nonzero]) ** 2
    into["relative_terms"] += nonzero.sum(), np.minimum(squares, 2.0**24).sum()
    into["error_terms"] += (
        len(e),
        np.abs(e).sum(),
        (e * e).sum(),
        e.sum(),
        np.abs(e[nonzero] / actual[nonzero]).sum(),
        nonzero.sum(),
        actual.sum(),
        (actual**2).sum(),
    )


def count(layout: Layout, slices: Mapping[str, np.ndarray] | None = None, **rows: np.ndarray) -> Counts:
    """Counts of rows: `predicted`, `actual` class numbers (the last one is *other*), `score`, `scores`, `prediction`,
    features by name (categories as codes); `slices`: dimension → slot of each row."""
    counts = Counts.zero(layout)
    fill(layout, {part.name: counts[part.name] for part in layout.parts}, **rows)
    for dimension, slots in (slices or {}).items():
        for slot in np.unique(slots):
            chosen = count(layout, **{name: values[slots == slot] for name, values in rows.items()})
            for part in layout.parts:
                if part.sliced:
                    counts.sliced(dimension, part.name)[slot] = chosen[part.name]
    return counts


def stack(layout: Layout, each: Sequence[Counts]) -> np.ndarray:
    """(K, width) vectors, as a reference keeps its blocks."""
    return np.array([counts.all for counts in each]).reshape(len(each), layout.width)
