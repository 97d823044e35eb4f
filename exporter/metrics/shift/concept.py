"""Which feature's concept drifted: do the same values of a feature lead to other outcomes than they did?

Of every good coarse cell c of a feature a mean residual is known, of the window (n_c rows) and of the reference (N_c):
outcome - score (two classes with scores), prediction - actual (regression), else the share of wrong predictions. With
δ_c their difference and v_c its sampling variance, Cochran's heterogeneity

    Q = Σ_c (δ_c - δ h_c)² / v_c,   δ = Σ_c (h_c δ_c / v_c) / Σ_c (h_c² / v_c)

is χ² with as many degrees of freedom as cells less one, where all that came is a shift of the level, which is no
feature's: h_c is 1, of two classes p_c (1 - p_c), so that all log-odds move alike. A residual, not an outcome: where
features move and the concept stays, outcomes within a bin move with the features that go with it, residuals only as far
as the model is wrong about them.

Q is divided by what the reference's own windows show beyond chance, in proportion to the window's rows. The effect is
the root mean square of δ_c - δ h_c over the window's rows, less what chance makes of it; in regression in standard
deviations of the reference's errors. *Detected* is an effect that counts and is significant among all features
(Benjamini-Hochberg).

Sources: Cochran, The combination of estimates from different experiments, Biometrics 10 (1954); Mantel, Haenszel,
Statistical aspects of the analysis of data from retrospective studies of disease, 1959 (rates compared within strata).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.false_discovery import rejected
from exporter.metrics.performance.parts import Parts, divide, of_counts, of_vectors
from exporter.metrics.shift.places import Places
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference

LEAST_SHARE, LEAST_DEVIATION = 0.02, 0.1
"""Effects that count: of outcomes, and in regression in standard deviations of the error."""
_LEAST_ROWS = 10.0
"""Labelled rows that a cell needs on both sides."""


@dataclass(frozen=True, slots=True)
class Residuals:
    """Mean residuals of the good cells of F features, (F, A) each; NaN where there are too few rows.

    Attributes:
        rows: labelled rows.
        mean, variance: of the residual, of one row.
        reach: by how much a common change moves it: p (1 - p) of two classes, as log-odds move alike; else 1.
    """

    rows: Floats
    mean: Floats
    variance: Floats
    reach: Floats


@dataclass(frozen=True, slots=True)
class Concepts:
    """By feature, (F,) each; NaN where nothing can be said.

    Attributes:
        effect: by how much outcomes within bins differ from the reference's beyond a common level, and chance.
        pvalue: of no difference but a level.
        detected: 1, 0 or NaN.
    """

    effect: Floats
    pvalue: Floats
    detected: Floats


@dataclass(frozen=True, slots=True)
class _Known:
    """What a reference says: residuals, their unit, and how much more than chance its windows of some rows show."""

    residuals: Residuals
    unit: float
    excess: float
    rows: float


def concepts(evaluation: Evaluation) -> Concepts:
    """Concept drift of all features, computed once an evaluation.

    Raises:
        NoData: no reference with labels, or too few of them in the window.
    """
    return evaluation.once("concept drift", _concepts)


def heterogeneity(window: Residuals, reference: Residuals) -> tuple[Floats, Floats, Floats]:
    """(F,) Q, its degrees of freedom, and the effect squared less what chance makes of it."""
    delta = window.mean - reference.mean
    variance = window.variance / window.rows + reference.variance / reference.rows
    told = np.isfinite(delta) & (variance > 0)
    weight = np.divide(1.0, variance, out=np.zeros_like(delta), where=told)
    delta, reach = np.where(told, delta, 0.0), np.where(told, reference.reach, 0.0)
    common = divide((weight * reach * delta).sum(axis=1), (weight * reach * reach).sum(axis=1))[:, None]
    off = np.where(told, (delta - common * reach) ** 2, 0.0)
    share = divide(np.where(told, window.rows, 0.0), np.where(told, window.rows, 0.0).sum(axis=1)[:, None])
    chance = np.where(told, variance, 0.0)
    return (weight * off).sum(axis=1), told.sum(axis=1) - 1.0, (share * (off - chance)).sum(axis=1)


def _concepts(evaluation: Evaluation) -> Concepts:
    reference, thresholds = evaluation.reference, evaluation.thresholds
    if reference is None or not evaluation.layout.has("feature_truth"):
        raise NoData
    parts = of_counts(evaluation.counts)
    if float(parts.labels[0]) < max(thresholds.min_labels, 1) or reference.total.labels <= 0:
        raise NoData
    seconds, blocks = evaluation.window.seconds, thresholds.min_blocks
    known = reference.once(("concept drift", seconds, blocks), lambda learned: _learn(learned, seconds, blocks))
    now = _residuals(parts)
    statistic, freedom, squared = heterogeneity(now, known.residuals)
    excess = 1.0 + known.excess * float(parts.labels[0]) / max(known.rows, 1.0)
    tested = freedom >= 1
    pvalue = np.where(tested, chdtrc(np.maximum(freedom, 1.0), statistic / excess), np.nan)
    # What windows of the reference show by themselves is no effect either.
    squared -= np.where(tested, (excess - 1.0) * np.nan_to_num(divide(squared, statistic)), 0.0)
    effect = np.where(tested, np.sqrt(np.maximum(squared, 0.0)) / known.unit, np.nan)
    least = LEAST_DEVIATION if evaluation.layout.task == "regression" else LEAST_SHARE
    found = rejected(pvalue, thresholds.false_discovery_rate) & (np.nan_to_num(effect) >= least)
    return Concepts(effect, pvalue, np.where(tested, found.astype(np.float64), np.nan))


def _learn(reference: Reference, seconds: int, blocks: int) -> _Known:
    whole = of_counts(reference.total)
    windows = reference.windows(seconds)
    while len(windows) < blocks and reference.block_seconds is not None and seconds // 2 >= reference.block_seconds:
        seconds //= 2
        windows = reference.windows(seconds)
    unit = 1.0
    if reference.layout.task == "regression":
        terms = whole["error_terms"][0]
        unit = float(np.sqrt(max(terms[2] / terms[0] - (terms[3] / terms[0]) ** 2, 1e-300)))
    excess, rows = 0.0, 1.0
    if len(windows) > 1:
        each = of_vectors(reference.layout, windows)
        excess, rows = _excess(each, whole), float(np.median(each.labels))
    return _Known(_residuals(whole), unit, excess, rows)


def _excess(windows: Parts, whole: Parts) -> float:
    """By how much windows differ from the whole beyond chance, relative to chance: of outcomes, or of errors.

    Blocks of a reference keep no sums by feature, so it is asked of all rows together, which is on the safe side.
    """
    if windows.layout.task == "regression":
        terms, total = windows["error_terms"], whole["error_terms"][0]
        rows, sums, squares = terms[:, 0], terms[:, 3], total[2] / total[0] - (total[3] / total[0]) ** 2
        mean = total[3] / total[0]
    else:
        table, total = windows["outcomes"], whole["outcomes"][0]
        rows, sums = table.sum(axis=(1, 2)), table.sum(axis=(1, 2)) - np.trace(table[:, :-1, :-1], axis1=1, axis2=2)
        mean = 1 - float(np.trace(total[:-1, :-1])) / float(total.sum())
        squares = mean * (1 - mean)
    off = divide(sums, rows) - mean
    ratio = off * off * rows / max(float(squares), 1e-300)
    return max(float(np.nanmean(ratio)) - 1.0, 0.0)


def _residuals(parts: Parts) -> Residuals:
    """Of one profile."""
    layout = parts.layout
    found = Places.of(layout).take(parts["feature_truth"])[0]
    names = layout.truth_terms
    rows = np.where(found[..., 0] >= _LEAST_ROWS, found[..., 0], np.nan)
    if layout.task == "regression":
        mean = found[..., names.index("error")] / rows
        return Residuals(rows, mean, found[..., names.index("squared_error")] / rows - mean * mean, np.ones_like(rows))
    if "score" not in names:
        wrong = found[..., names.index("wrong")]
        return Residuals(rows, wrong / rows, _spread(wrong, rows), np.ones_like(rows))
    positive = found[..., names.index("positive")]
    mean = (positive - found[..., names.index("score")]) / rows
    spread = _spread(positive, rows)
    return Residuals(rows, mean, spread * _left(layout, parts), spread)


def _spread(hits: Floats, rows: Floats) -> Floats:
    """Variance of one row that is a hit or not; not 0 where all or none are."""
    share = (hits + 2.0) / (rows + 4.0)
    spread: Floats = share * (1 - share)
    return spread


def _left(layout: Layout, parts: Parts) -> float:
    """Part of the outcomes' variance that scores leave."""
    terms, table = parts["score_terms"][0], parts["outcomes"][0]
    classes: NDArray[np.float64] = table.sum(axis=0)[: len(layout.classes)]
    share = float(classes[1] / max(classes.sum(), 1.0))
    whole = share * (1 - share)
    return float(np.clip(terms[0] / terms[2] / whole, 0.05, 1.0)) if whole > 0 and terms[2] > 0 else 1.0
