"""Whether a window's prior changed, and what that did to each loss: prior.py, fed from counts."""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.performance.parts import Parts, in_chunks, of_counts
from exporter.metrics.performance.scores import score_table
from exporter.metrics.shift import prior
from exporter.metrics.shift.losses import Loss, by_class, cells
from exporter.metrics.shift.places import Places
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors

_DISTORTED = 0.01
"""Scores are taken to be distorted where the share of rows with bad cells is off the reference's by so much."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What a change of prior did to one loss; `beside` is what the scores did on top (NaN: no prior recognised)."""

    term: float = 0.0
    variance: float = 0.0
    beside: float = np.nan


NO_PRIOR = Prior()


@dataclass(frozen=True, slots=True)
class _Known:
    """What a reference says of tables of scores and features, for windows of one length and size.

    Attributes:
        group: of each cell of the score.
        table: (G, Y) the reference's.
        chance: how much its own windows' tables differ.
        values: (F, A, 2) of each feature, and (F,) how much these differ; None where they are not known by class.
    """

    group: prior.Groups
    table: Floats
    chance: prior.Variation
    values: tuple[Floats, Floats] | None


def changed_prior(evaluation: Evaluation) -> bool:
    """True where the window's prior is recognised to have changed; computed once an evaluation."""
    return evaluation.once("shift prior", _recognised)


def prior_of(evaluation: Evaluation, loss: Loss, variance: float) -> Prior:
    """The prior's part in a change of one loss, whose variance by row is `variance`; NO_PRIOR where there is none."""
    if evaluation.reference is None or not changed_prior(evaluation):
        return NO_PRIOR
    window, reference = of_counts(evaluation.counts), of_counts(evaluation.reference.total)
    try:
        now, then = cells(loss, window), cells(loss, reference)
    except NoData:
        return NO_PRIOR
    if now.rows.shape != then.rows.shape or now.rows.sum() <= 0:
        return NO_PRIOR
    value, spread = prior.term(now.rows[0].sum(axis=0), then.rows[0].sum(axis=0), by_class(loss, reference), variance)
    told = not np.isnan(then.losses).any() and not _distorted(evaluation, evaluation.reference)
    return Prior(value, spread, prior.beside(now.rows[0], then.rows[0], then.losses) if told else 0.0)


def _recognised(evaluation: Evaluation) -> bool:
    reference = evaluation.reference
    if reference is None or evaluation.layout.task == "regression":
        return False
    now = _table(of_counts(evaluation.counts))[0]
    most = prior.most_groups(float(now.sum()))
    seconds, blocks = evaluation.window.seconds, evaluation.thresholds.min_blocks
    known = reference.once(("prior", seconds, most), lambda learned: _learn(learned, seconds, most, blocks))
    if len(now) != len(known.group):
        return False
    distorted = _distorted(evaluation, reference)
    if distorted and known.values is None:
        return False  # neither scores nor features could tell
    table, alone = prior.merged(now, known.group), known.values is None
    if not prior.recognised(table, known.table, known.chance, distorted=distorted, alone=alone):
        return False
    if known.values is None:
        return True
    total, chance = known.values
    values = _by_class(evaluation.layout, evaluation.counts["feature_truth"][None])[0]
    return bool(prior.same_given_class(values, total, chance).all())


def _distorted(evaluation: Evaluation, reference: Reference) -> bool:
    """True where other shares of rows have bad cells than in the reference, and scores are not what they were."""
    ours, theirs = (
        float(each["bad_cells"].sum()) / max(each.rows, 1.0) for each in (evaluation.counts, reference.total)
    )
    return abs(ours - theirs) > _DISTORTED


def _learn(reference: Reference, seconds: int, most: int, blocks: int) -> _Known:
    whole = of_counts(reference.total)
    table = _table(whole)[0]
    group = prior.groups(table, most)
    windows = reference.windows(seconds)
    while len(windows) < blocks and reference.block_seconds is not None and seconds // 2 >= reference.block_seconds:
        seconds //= 2
        windows = reference.windows(seconds)
    merged = prior.merged(table, group)
    chance, values = prior.INDEPENDENT, None
    if len(windows) > 1:
        chance = _chance(reference.layout, windows, group, merged)
    if "positive" in reference.layout.truth_terms:
        total = _by_class(reference.layout, whole["feature_truth"])
        differ = np.ones(total.shape[1])
        if len(windows) > 1:
            differ = _differing(reference.layout, windows, total)
        values = total[0], differ
    return _Known(group, merged, chance, values)


def _chance(layout: Layout, windows: Vectors, group: prior.Groups, merged: Floats) -> prior.Variation:
    """How much the tables of windows differ, by groups of the score; chance alone where they have other cells."""
    tables = []
    for parts in in_chunks(layout, windows):
        table = _table(parts)
        if table.shape[1] != len(group):
            return prior.INDEPENDENT
        tables.append(prior.merged(table, group))
    return prior.variation(np.concatenate(tables), merged)


def _differing(layout: Layout, windows: Vectors, total: Floats) -> Floats:
    """(F,) G² of P(value | y) per degree of freedom, at least 1, between each window and the rest of the reference."""
    deviance, freedom = np.zeros(total.shape[:2]), np.zeros(total.shape[:2])
    for parts in in_chunks(layout, windows):
        some = _by_class(layout, parts["feature_truth"])
        found = prior.distance(some, np.maximum(total - some, 0.0))
        deviance += found.deviance.sum(axis=0)
        freedom += found.freedom.sum(axis=0)
    return prior.Distance(deviance, freedom).ratio()


def _table(parts: Parts) -> Floats:
    """(m, S, Y) labelled rows by score, or by predicted class, and class."""
    return score_table(parts) if parts.layout.score_bins else parts["outcomes"]


def _by_class(layout: Layout, truth: Floats) -> Floats:
    """(m, F, A, 2) rows by good cell and class, from (m, ΣWc, T) of two classes."""
    found = Places.of(layout).take(truth)
    positive = found[..., layout.truth_terms.index("positive")]
    return np.stack((found[..., 0] - positive, positive), axis=-1)
