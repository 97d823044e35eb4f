"""The ledgers of a window's primary metrics: terms with intervals, in the metric's own unit, and by feature."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.performance.estimate import Z
from exporter.metrics.performance.parts import Parts, of_counts, of_vectors
from exporter.metrics.quality.results import verdicts
from exporter.metrics.shift.expected import Contributions, Estimates, contributions, doubt, estimates
from exporter.metrics.shift.ledger import (
    QUALITY,
    Ledger,
    Shift,
    Side,
    bad_excess,
    expected_ledger,
    ledger,
    residual_noise,
)
from exporter.metrics.shift.losses import LOSSES, Loss
from exporter.metrics.shift.recognition import prior_of
from exporter.metrics.shift.sides import Expected, bad_by_feature, bad_is_rare, side
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.reference import Reference


@dataclass(frozen=True, slots=True)
class Entry:
    """Why one metric of a window is not what it is on the reference.

    Attributes:
        metric: its name.
        terms, lower, upper: (5,) by CAUSES, with 95 % intervals; NaN where a term cannot be told.
        change: of the metric, expected where there are no labels: the sum of the terms.
        quality, covariate: (F,) parts of these terms by feature; NaN where they cannot be told.
    """

    metric: str
    terms: Floats
    lower: Floats
    upper: Floats
    change: float
    quality: Floats
    covariate: Floats


@dataclass(frozen=True, slots=True)
class _Learned:
    """What a reference says of one loss in windows of one length.

    Attributes:
        whole: its side; `mean` its mean realized loss.
        estimates: mean terms of its rows, None without a loss model.
        relative: variance of one row's loss, over its mean squared.
        between: variance of r between its windows.
        split: rows with a bad cell are set apart.
    """

    whole: Side
    mean: float
    estimates: Estimates | None
    relative: float
    between: float
    split: bool


def results(evaluation: Evaluation) -> tuple[Entry, ...]:
    """Ledgers of the primary metrics, computed once an evaluation; none where there is no reference with labels."""
    return evaluation.once("shift", _results)


def _results(evaluation: Evaluation) -> tuple[Entry, ...]:
    if evaluation.reference is None or not evaluation.layout.has("bad_truth"):
        return ()
    found = []
    for loss in LOSSES[evaluation.layout.task]:
        try:
            entry = _entry(evaluation, evaluation.reference, loss)
        except NoData:
            continue
        if entry is not None:
            found.append(entry)
    return tuple(found)


def _entry(evaluation: Evaluation, reference: Reference, loss: Loss) -> Entry | None:
    seconds, thresholds = evaluation.window.seconds, evaluation.thresholds
    least, blocks = max(thresholds.min_labels, 2), thresholds.min_blocks
    learned = reference.once(
        ("shift", loss.name, seconds, least, blocks), lambda known: _learn(known, loss, seconds, least, blocks)
    )
    if learned is None:
        return None
    parts = of_counts(evaluation.counts)
    expected = None if reference.losses is None else estimates(reference.losses, loss, parts)
    now = _side(loss, parts, expected, learned.relative, split=learned.split)
    moved = _moved(reference, expected, learned)
    units = _unit_changes(evaluation)
    shift = _shift(evaluation, loss, learned, moved, units)
    labelled = float(now.good[0] + now.bad[0]) >= least
    if labelled:
        found = ledger(now, learned.whole, shift, least)
        scale = loss.slope(float(now.loss[0]), learned.mean)
    elif evaluation.counts.rows >= thresholds.min_rows and np.isfinite(now.estimate_good[0]):
        found = expected_ledger(now, learned.whole, shift)
        scale = loss.slope(max(learned.mean + float(found.change[0]), 0.0), learned.mean)
    else:
        return None
    unknown = np.full(len(units), np.nan)
    covariate = unknown if moved is None or np.isfinite(shift.covariate[0]) else moved.by_feature
    quality, term = unknown, float(found.terms[QUALITY, 0])
    if labelled and now.good[0] < least:
        bad, _ = bad_by_feature(loss, parts)
        quality = term * bad / max(bad.sum(), 1.0)
    elif labelled:
        quality = _quality(loss, reference, learned, now, parts)
    if units.any():
        # What a change of unit did beyond bad cells is the features' whose unit changed, in even parts.
        quality = np.nan_to_num(quality)
        quality += units * (term - quality.sum()) / units.sum()
        covariate = np.where(units, 0.0, covariate)
    return _scaled(loss, found, scale, quality, covariate)


def _side(loss: Loss, parts: Parts, expected: Estimates | None, relative: float, *, split: bool) -> Side:
    told = Expected.unknown(len(parts["rows"])) if expected is None else expected.expected()
    return side(loss, parts, told, relative, split=split)


def _moved(reference: Reference, now: Estimates | None, learned: _Learned) -> Contributions | None:
    if now is None or learned.estimates is None or reference.losses is None:
        return None
    return contributions(reference.layout, now, learned.estimates)


def _learn(reference: Reference, loss: Loss, seconds: int, least: int, blocks: int) -> _Learned | None:
    whole = of_counts(reference.total)
    split = bad_is_rare(whole)
    total, rows = (float(each[0]) for each in loss.sums(whole))
    if rows < least:
        return None
    mean, variance = total / rows, float(loss.variance(whole)[0])
    relative = variance / (mean * mean) if mean else 0.0
    windows = reference.windows(seconds)
    while len(windows) < blocks and reference.block_seconds is not None and seconds // 2 >= reference.block_seconds:
        seconds //= 2
        windows = reference.windows(seconds)
    known = None if reference.losses is None else estimates(reference.losses, loss, whole)
    between = 0.0
    if len(windows) > 1:
        # Blocks keep no sums of losses by feature: there, bad cells are among the rest.
        each = of_vectors(reference.layout, windows)
        told = None if reference.losses is None else estimates(reference.losses, loss, each)
        mixed, all_of_it = (_side(loss, part, by, relative, split=False) for part, by in ((each, told), (whole, known)))
        between = residual_noise(mixed, all_of_it, least)
    return _Learned(_side(loss, whole, known, relative, split=split), mean, known, relative, between, split)


def _quality(loss: Loss, reference: Reference, learned: _Learned, now: Side, parts: Parts) -> Floats:
    """(F,) quality by feature, from bad cells alone."""
    bad, lost = bad_by_feature(loss, parts)
    if not learned.split:
        return np.zeros(len(bad))
    theirs = bad_excess(*bad_by_feature(loss, of_counts(reference.total)), learned.whole)
    parted: Floats = bad_excess(bad, lost, now) - theirs
    return parted


def _unit_changes(evaluation: Evaluation) -> NDArray[np.bool_]:
    """(F,) features whose unit is recognised to have changed."""
    try:
        return np.isfinite(verdicts(evaluation).factor)
    except NoData:
        return np.zeros(len(evaluation.layout.features), dtype=np.bool_)


def _scaled(loss: Loss, found: Ledger, scale: float, quality: Floats, covariate: Floats) -> Entry:
    centre, half = found.centres[:, 0] * scale, Z * np.sqrt(found.variances[:, 0]) * abs(scale)
    return Entry(
        metric=loss.metric.name,
        terms=found.terms[:, 0] * scale,
        lower=centre - half,
        upper=centre + half,
        change=float(found.change[0]) * scale,
        quality=quality * scale,
        covariate=covariate * scale,
    )


def _shift(
    evaluation: Evaluation, loss: Loss, learned: _Learned, moved: Contributions | None, units: NDArray[np.bool_]
) -> Shift:
    found = prior_of(evaluation, loss, float(learned.relative * learned.mean**2))
    reference = evaluation.reference
    known = None if reference is None else reference.losses
    unsure = 0.0 if reference is None or known is None else doubt(known, loss, evaluation.counts, reference)
    return Shift(
        prior=np.array([found.term]),
        prior_variance=np.array([found.variance]),
        covariate=np.array([found.beside]),
        unit_change=np.array([bool(units.any())]),
        unit_covariate=np.array([0.0 if moved is None else moved.of_features(units)]),
        doubt=unsure,
        between=learned.between,
    )
