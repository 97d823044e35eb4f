"""Metrics that are means of a loss, from the reference's term-wise loss model: of regressions, and as a second opinion.

    estimate = β₀ + Σ_v Σ_c p_vc g_v(c) + Σ_p mean of the pair's term

p_vc is the window's share of code c of variable v, as `features` and the output's cells tell it; pairs are counted. A
measured value will differ from it by

    chance   residual variance · s / n, n the window's rows. s is how much the loss has grown: (estimate / reference)²
             for losses that are never negative, the growth of squared errors for errors of either sign
    noise    what the model itself may be off by: residual variance / fitted rows, what held-out chunks of time were off
             by beyond chance, doubt · D, where D is the shift Σ_v Σ_c (p_vc - q_vc)² / q_vc over coarse codes, and
             pair doubt · E, where E is what pairs do beyond their variables (profile/loss/dependence.py)

all of which the reference's held-out rows taught (profile/loss/doubt.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exporter.metrics.estimated.estimator import Expectation
from exporter.metrics.performance.parts import Parts, divide, of_counts
from exporter.profile.bins import FIRST_CELL, MISSING, FeatureBins, Floats
from exporter.profile.coarse import Coarse, coarse
from exporter.profile.counts import Counts
from exporter.profile.loss.dependence import Dependence
from exporter.profile.loss.doubt import shares, shift
from exporter.profile.loss.model import LossModel
from exporter.profile.loss.pair_terms import Variable
from exporter.profile.output import output_bins, output_part
from exporter.profile.reference import Reference

METRICS: Mapping[str, str] = {
    "absolute_error": "mean_absolute_error",
    "squared_error": "root_mean_squared_error",
    "relative_error": "mean_absolute_percentage_error",
    "error": "mean_error",
    "wrong": "accuracy",
    "log_loss": "log_loss",
}
"""Loss → the metric that its mean is, or is turned into."""
_COUNTED = 0.9
"""Share of the rows of which pairs must be counted; older panes do not have them."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What a reference says.

    Attributes:
        then: (L,) mean losses that the model expects of all reference rows.
        shares: of each variable that the model knows, by coarse code, over the reference.
        together: how its pairs went together; None where that is not known, or there are none.
    """

    model: LossModel
    then: Floats
    shares: Mapping[Variable, Floats]
    together: Dependence | None


def learn(reference: Reference) -> Taught | None:
    """What the reference's loss model needs to be used; None without one."""
    model = reference.losses
    if model is None:
        return None
    found = expected(model, of_counts(reference.total))
    if not np.isfinite(found).all():
        return None
    known = _variables(reference.total, model)
    usual = {variable: shares(_coarse(merged, rows)) for variable, (merged, rows) in known.items()}
    return Taught(model, found[0], usual, dependence(reference))


def dependence(reference: Reference) -> Dependence | None:
    """How the pairs of a reference's loss model went together, built once; None where that is not known."""

    def build(known: Reference) -> Dependence | None:
        model, pairs = known.losses, known.layout.pairs
        if model is None or pairs is None or not model.pair_rows:
            return None
        return Dependence.of_pairs(pairs, model.pair_units, model.pair_rows)

    return reference.once("pair dependence", build)


def rows(counts: Counts) -> float:
    """Predictions with an output; of weighted ones how many independent ones they are worth."""
    part = output_part(counts.layout)
    return 0.0 if part is None else float(counts[part].sum()) * counts.worth()


def estimate(taught: Taught, counts: Counts) -> dict[str, Expectation]:
    """Metric → what it is expected to be; empty where the window's pairs were not counted."""
    model, n = taught.model, rows(counts)
    means = expected(model, of_counts(counts))[0]
    if n <= 0 or not np.isfinite(means).all():
        return {}
    chance = model.residual * _growth(model, means, taught.then) / n
    noise = model.residual / model.rows + model.between + model.doubt * moved(taught, counts)
    if taught.together is not None:
        noise += model.pair_doubt * beyond_singles(taught.together, model, counts)
    found = {}
    for loss, mean, by_chance, own in zip(model.losses, means.tolist(), chance.tolist(), noise.tolist(), strict=True):
        told = _metric(loss, mean, by_chance, own)
        if told is not None:
            found[METRICS[loss]] = told
    return found


def _metric(loss: str, mean: float, chance: float, noise: float) -> Expectation | None:
    """The metric of a mean loss; None where the sum of terms is no value that the loss can have."""
    if loss == "error":
        return Expectation(mean, chance, noise)
    if mean <= 0 or (loss == "wrong" and mean >= 1):
        return None
    if loss == "squared_error":
        return Expectation(float(np.sqrt(mean)), chance / (4 * mean), noise / (4 * mean))
    return Expectation(1 - mean if loss == "wrong" else mean, chance, noise)


def _growth(model: LossModel, now: Floats, then: Floats) -> Floats:
    """(L,) by how much the variance of one row's loss is expected to have grown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = (now / then) ** 2
        square, signed, wrong = (model.place(loss) for loss in ("squared_error", "error", "wrong"))
        if square is not None and signed is not None:
            growth[signed] = now[square] / then[square]
        if wrong is not None:
            growth[wrong] = now[wrong] * (1 - now[wrong]) / (then[wrong] * (1 - then[wrong]))
    kept: Floats = np.where(np.isfinite(growth) & (growth > 0), growth, 1.0)
    return kept


def expected(model: LossModel, parts: Parts) -> Floats:
    """(m, L) mean losses that the model expects of m profiles; NaN where their pairs were not counted."""
    layout, features = parts.layout, parts["features"]
    total: Floats = np.tile(model.base, (len(features), 1))
    for name, span in layout.feature_span.items():
        if name in model.tables:
            total += _mean(features[:, span], model.tables[name])
    part, table = output_part(layout), model.tables.get(None)
    if part is not None and table is not None:
        cells = parts[part]
        total += _mean(cells, table[FIRST_CELL : FIRST_CELL + cells.shape[1]])
    if len(model.pair_means):
        if not layout.has("pair_terms"):
            return np.full_like(total, np.nan)
        terms = parts["pair_terms"]
        means = divide(terms[:, :, 1:], terms[:, :, :1]) - model.pair_means
        total += (
            np.where(terms[:, :, :1] >= _COUNTED * parts["rows"][:, :, None], means, np.nan).sum(axis=1)
            * model.pair_units
        )
    return total


def _mean(rows: Floats, table: Floats) -> Floats:
    """(m, L) of rows by code (m, width); 0 without any, as a feature that no row has says nothing."""
    mean: Floats = np.nan_to_num(divide(rows @ table, rows.sum(axis=1)[:, None]))
    return mean


def moved(taught: Taught, counts: Counts) -> float:
    """D: how far the window's covariates are from the reference's, beyond what as many rows do by chance."""
    n, total = rows(counts), 0.0
    for variable, (merged, found) in _variables(counts, taught.model).items():
        if variable in taught.shares and found.sum() > 0:
            total += shift(shares(_coarse(merged, found)), taught.shares[variable], n)
    return max(total, 0.0)


def beyond_singles(known: Dependence, model: LossModel, counts: Counts) -> Floats:
    """(L,) E: how far the window's pairs are from what its single variables make of them, squared, beyond chance."""
    layout = counts.layout
    if layout.pairs is None or not layout.has("pair_terms"):
        return np.zeros(len(model.losses))
    terms = counts["pair_terms"]
    means = np.nan_to_num(divide(terms[:, 1:], terms[:, :1])) * model.pair_units
    seen = {variable: _coarse_rows(counts, variable) for members in layout.pairs.members for variable in members}
    one, other = ([seen[members[side]] for members in layout.pairs.members] for side in (0, 1))
    return known.moved(means, one, other, rows(counts))


def _coarse_rows(counts: Counts, variable: Variable) -> Floats:
    """Rows by coarse code; all are missing of what the configuration has left out, as where pairs are counted."""
    layout = counts.layout
    if variable is not None and variable in layout.features:
        return _coarse(layout.coarse[variable], counts.feature(variable))
    part, bins = output_part(layout), output_bins(layout)
    if variable is None and part is not None and bins is not None:
        return _coarse(coarse(bins), _output_rows(bins, counts[part]))
    return np.ones(1)


def _output_rows(bins: FeatureBins, cells: Floats) -> Floats:
    """Rows by code of the output, whose missing and invalid ones are not counted."""
    rows_by_code = np.zeros(bins.width)
    rows_by_code[FIRST_CELL : FIRST_CELL + len(cells)] = cells
    return rows_by_code


def _variables(counts: Counts, model: LossModel) -> dict[Variable, tuple[Coarse, Floats]]:
    """Coarse bins and rows by plain code of every variable that the model's tables say something of."""
    layout = counts.layout
    found: dict[Variable, tuple[Coarse, Floats]] = {
        name: (merged, counts.feature(name))
        for name, merged in layout.coarse.items()
        if name in model.tables and model.tables[name].any()
    }
    part, bins = output_part(layout), output_bins(layout)
    if part is not None and bins is not None and None in model.tables:
        found[None] = (coarse(bins), _output_rows(bins, counts[part]))
    return found


def _coarse(merged: Coarse, rows_by_code: Floats) -> Floats:
    """Rows by coarse code; what is invalid counts as missing, as the model takes it."""
    table = merged.table.astype(np.int64)
    table[:FIRST_CELL] = MISSING
    found: Floats = np.bincount(table, rows_by_code, minlength=merged.width).astype(np.float64)
    return found
