"""References and windows made by hand for the tests of drift."""

import numpy as np

from exporter.metrics.evaluation import Evaluation, Thresholds, Window
from exporter.profile.bins import CategoryBins, NumericBins, quantile_edges
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors
from exporter.profile.vocabulary import Vocabulary

DAY = 86400


def layout(task="binary", **changes):
    edges = quantile_edges(np.random.default_rng(0).normal(size=20_000), 64)
    fields = {
        "task": task,
        "classes": ("no", "yes") if task == "binary" else (),
        "features": {"x": NumericBins(edges), "c": CategoryBins(("a", "b", "other"))},
        "score_bins": NumericBins(np.linspace(0, 1, 129)) if task == "binary" else None,
        "prediction_bins": NumericBins(edges) if task == "regression" else None,
        "actual_bins": NumericBins(edges) if task == "regression" else None,
    } | changes
    return Layout(**fields)


def vector(shape, x, c, *, score=None, actual=None):
    """(width,) counts of values x (n,) and categories c (n,)."""
    counts = Counts.zero(shape)
    counts["rows"][0] = len(x)
    bins = shape.features["x"]
    codes = bins.codes(np.asarray(x, dtype=float))
    counts.feature("x")[:] = np.bincount(codes, minlength=bins.width)
    with np.errstate(invalid="ignore"):
        counts.feature_sums("x")[:] = np.bincount(codes, weights=np.nan_to_num(x), minlength=bins.width)
    if "c" in shape.features:
        known = shape.features["c"].values
        place = [2 + known.index(value) if value in known else shape.features["c"].other for value in c]
        counts.feature("c")[:] = np.bincount(place, minlength=shape.features["c"].width)
    if score is not None:
        counts["score"][:] = np.bincount(shape.score_bins.codes(score) - 1 - 1, minlength=shape.score_bins.cells)
    if actual is not None:
        counts["labels"][0] = actual.sum()
        counts["outcomes"][0, : len(actual)] = actual
    return counts


def reference(shape, vectors, *, block_seconds=DAY, timed=True):
    blocks = np.array([each.all for each in vectors])
    return Reference(
        layout=shape,
        total=Counts(shape, blocks.sum(axis=0), np.zeros((0, shape.slice_width))),
        model="m",
        block_seconds=block_seconds if timed else None,
        block_starts=np.arange(len(blocks)) * block_seconds if timed else np.empty(0, dtype=np.int64),
        blocks=Vectors.of(blocks if timed else blocks[:0]),
    )


def evaluation(known, counts, *, seconds=DAY, thresholds=None):
    window = Window("w", seconds, 0, seconds)
    return Evaluation("m", "1", window, counts, known, thresholds or Thresholds(), Vocabulary({}))
