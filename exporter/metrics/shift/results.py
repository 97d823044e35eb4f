"""The ledgers of a window's primary metrics: terms with intervals, in the metric's own unit, and by feature."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.performance.estimate import Z
from exporter.metrics.performance.parts import Parts, of_counts
from exporter.metrics.quality.results import verdicts
from exporter.metrics.shift.expected import Contributions, Tables, Terms, contributions, doubts, terms
from exporter.metrics.shift.learned import Learned, learned, least_labels, reference_terms, side_of
from exporter.metrics.shift.ledger import PRIOR, QUALITY, Ledger, Shift, Side, bad_excess, expected_ledger, ledger
from exporter.metrics.shift.losses import LOSSES, Loss
from exporter.metrics.shift.recognition import prior_of
from exporter.metrics.shift.sides import bad_by_feature
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.reference import Reference

Mask = NDArray[np.bool_]


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
class _Window:
    """A window as all its losses see it.

    Attributes:
        tables, terms, doubts: of the loss model; None where the reference has none.
        units: (F,) features whose unit is recognised to have changed.
    """

    evaluation: Evaluation
    reference: Reference
    parts: Parts
    tables: Tables | None
    terms: Terms | None
    doubts: Floats | None
    units: Mask

    @classmethod
    def of(cls, evaluation: Evaluation, reference: Reference) -> "_Window":
        parts, tables = of_counts(evaluation.counts), Tables.of(reference)
        try:
            units = np.isfinite(verdicts(evaluation).factor)
        except NoData:
            units = np.zeros(len(evaluation.layout.features), dtype=np.bool_)
        if tables is None:
            return cls(evaluation, reference, parts, None, None, None, units)
        return cls(evaluation, reference, parts, tables, terms(tables, parts), doubts(tables, evaluation.counts), units)

    def moved(self, loss: Loss) -> Contributions | None:
        """What features do to a loss by lying elsewhere."""
        then = reference_terms(self.reference)
        if self.tables is None or self.terms is None or then is None:
            return None
        return contributions(self.tables, self.reference.layout, loss, self.terms, then)

    def shift(self, loss: Loss, known: Learned, moved: Contributions | None) -> Shift:
        """What else is known of the window."""
        prior = prior_of(self.evaluation, loss, known.relative * known.mean**2)
        place = None if self.tables is None else self.tables.model.place(loss.name)
        return Shift(
            prior=np.array([prior.term]),
            prior_variance=np.array([prior.variance]),
            covariate=np.array([prior.beside]),
            unit_change=np.array([bool(self.units.any())]),
            unit_covariate=np.array([0.0 if moved is None else moved.of_features(self.units)]),
            doubt=0.0 if self.doubts is None or place is None else float(self.doubts[place]),
            between=known.between,
        )


def results(evaluation: Evaluation) -> tuple[Entry, ...]:
    """Ledgers of the primary metrics, computed once an evaluation; none where there is no reference with labels."""
    return evaluation.once("shift", _results)


def _results(evaluation: Evaluation) -> tuple[Entry, ...]:
    reference = evaluation.reference
    if reference is None or not evaluation.layout.has("bad_truth") or evaluation.counts.rows <= 0:
        return ()
    window, found = _Window.of(evaluation, reference), []
    for loss in LOSSES[evaluation.layout.task]:
        try:
            known = learned(reference, loss, evaluation.window.seconds, evaluation.thresholds)
            entry = None if known is None else _entry(window, loss, known)
        except NoData:
            continue
        if entry is not None:
            found.append(entry)
    return tuple(found)


def _entry(window: _Window, loss: Loss, known: Learned) -> Entry | None:
    """The ledger of one loss: of what was realized, of what is expected where labels are few, or None."""
    thresholds, rows = window.evaluation.thresholds, window.evaluation.counts.rows
    now = side_of(loss, window.parts, (window.tables, window.terms), known.relative, split=known.split)
    moved = window.moved(loss)
    shift = window.shift(loss, known, moved)
    covariate = np.full(len(window.units), np.nan)
    quality = covariate.copy()
    if float(now.good[0] + now.bad[0]) >= least_labels(thresholds):
        found = ledger(now, known.whole, shift, least_labels(thresholds))
        scale = loss.slope(float(now.loss[0]), known.mean)
        quality = _quality(window, loss, known, now, float(found.terms[QUALITY, 0]))
    elif rows >= thresholds.min_rows and np.isfinite(now.estimate_good[0]):
        found = expected_ledger(now, known.whole, shift)
        scale = loss.slope(max(known.mean + float(found.change[0]), 0.0), known.mean)
    else:
        return None
    if moved is not None and np.isnan(shift.covariate[0]):
        covariate = moved.by_feature
    if window.units.any():
        # What a change of unit did beyond bad cells is the features' whose unit changed, in even parts.
        left = (found.terms[QUALITY, 0] - np.nansum(quality)) / window.units.sum()
        quality = np.where(window.units, np.nan_to_num(quality) + left, quality)
        told = covariate if moved is None else np.where(np.isnan(covariate), np.nan, moved.beside(window.units))
        covariate = np.where(window.units, 0.0, told)
    return _scaled(loss, found, scale, quality, covariate)


def _quality(window: _Window, loss: Loss, known: Learned, now: Side, term: float) -> Floats:
    """(F,) quality by feature, from bad cells alone; NaN for features without any."""
    (bad, lost), (usual, cost) = (
        bad_by_feature(loss, each) for each in (window.parts, of_counts(window.reference.total))
    )
    if not known.split:
        return np.full(len(bad), np.nan)
    if now.good[0] < least_labels(window.evaluation.thresholds):
        # Hardly a row was read right: all of the change is quality.
        parted = term * bad / max(float(bad.sum()), 1.0)
    else:
        parted = bad_excess(bad, lost, now) - bad_excess(usual, cost, known.whole)
    return np.where(bad + usual > 0, parted, np.nan)


def _scaled(loss: Loss, found: Ledger, scale: float, quality: Floats, covariate: Floats) -> Entry:
    if loss.metric.tasks == ("regression",):
        found.terms[PRIOR] = np.nan  # there are no classes
    centre, half = found.centres[:, 0] * scale, Z * np.sqrt(found.variances[:, 0]) * abs(scale)
    known = np.isfinite(found.terms[:, 0])
    return Entry(
        metric=loss.metric.name,
        terms=found.terms[:, 0] * scale,
        lower=np.where(known, centre - half, np.nan),
        upper=np.where(known, centre + half, np.nan),
        change=float(found.change[0]) * scale,
        quality=quality * scale,
        covariate=covariate * scale,
    )
