"""Models whose inputs move and whose truth does not: P(outcome | input) is the same on both sides of a shift."""

from collections.abc import Sequence

import numpy as np

from exporter.metrics.estimated.results import estimates
from exporter.metrics.evaluation import Thresholds
from exporter.metrics.performance.results import Result, results
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from tests.oracle.counting import count, numeric
from tests.oracle.references import evaluation_of

Rows = dict[str, np.ndarray]


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def overconfident(rng: np.random.Generator, n: int, shift: float = 0.0, threshold: float = 0.5) -> Rows:
    """Scores that rank well and are no probabilities."""
    x = rng.normal(shift, 1.5, n)
    score = sigmoid(2 * x)
    actual = (rng.random(n) < sigmoid(0.8 * x - 0.7)).astype(int)
    return {"score": score, "predicted": (score > threshold).astype(int), "actual": actual}


def calibrated(rng: np.random.Generator, n: int, shift: float = 0.0, threshold: float = 0.5) -> Rows:
    score = sigmoid(rng.normal(shift, 1.5, n) - 0.5)
    actual = (rng.random(n) < score).astype(int)
    return {"score": score, "predicted": (score > threshold).astype(int), "actual": actual}


def rare(rng: np.random.Generator, n: int, shift: float = 0.0, threshold: float = 0.6) -> Rows:
    """One in fifty is positive, and the threshold lies among the highest scores."""
    x = rng.normal(shift, 1.0, n)
    score = sigmoid(2 * x - 3)
    actual = (rng.random(n) < sigmoid(2 * x - 5)).astype(int)
    return {"score": score, "predicted": (score > threshold).astype(int), "actual": actual}


def three_classes(rng: np.random.Generator, n: int, shift: float = 0.0) -> Rows:
    """Overconfident scores of three classes; a shift makes the first class frequent and the others hard to tell."""
    x = rng.normal(0, 1, (n, 3)) + shift * np.array([1.0, 0.0, 0.0])
    odds = np.exp(x)
    truth = odds / odds.sum(axis=1, keepdims=True)
    actual = (rng.random(n)[:, None] > truth.cumsum(axis=1)).sum(axis=1).clip(max=2)
    said = np.exp(1.8 * x)
    scores = said / said.sum(axis=1, keepdims=True)
    return {"scores": scores, "predicted": scores.argmax(axis=1), "actual": actual}


def layout_of(rows: Rows) -> Layout:
    if "scores" in rows:
        return Layout(task="multiclass", classes=("a", "b", "c"), class_scores=True)
    return Layout(task="binary", classes=("0", "1"), score_bins=numeric(rows["score"], 128))


def unlabelled(layout: Layout, rows: Rows) -> Counts:
    """Counts of rows whose truth nobody knows."""
    return count(layout, **{name: values for name, values in rows.items() if name != "actual"})


def estimated(window: Counts, reference: Reference, thresholds: Thresholds | None = None) -> dict[str, Result]:
    found = estimates(evaluation_of(window, reference, thresholds=thresholds))
    return {result.metric.name: result for result in found}


def measured(window: Counts, reference: Reference) -> dict[str, float]:
    return {result.metric.name: result.value for result in results(evaluation_of(window, reference))}


def held(pairs: Sequence[tuple[Result, float]]) -> float:
    """Share of measured values within their interval."""
    return float(np.mean([result.lower <= value <= result.upper for result, value in pairs]))
