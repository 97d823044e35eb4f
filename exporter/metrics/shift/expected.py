"""What losses are to be expected of a window's rows by the reference's loss model, and what each feature adds to them.

A row without a bad cell is expected to lose base + Σ_f g_f(bin) + g(output) + Σ pairs (profile/loss/model.py). Outputs
and pairs of such rows are counted; the mean of g_f is taken over all good cells of the feature, as if bad cells of
other features had nothing to do with it.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.estimated.loss_model import beyond_singles, dependence
from exporter.metrics.performance.parts import Parts, divide
from exporter.metrics.shift.losses import Loss
from exporter.metrics.shift.sides import Expected
from exporter.profile.bins import FIRST_CELL, CategoryBins, Floats
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.loss.dependence import Dependence
from exporter.profile.loss.model import LossModel
from exporter.profile.output import output_part
from exporter.profile.reference import Reference

Mask = NDArray[np.bool_]
Places = NDArray[np.intp]

_MOST_BENT = 0.5
"""Part of what features do through the output by which it may be off; the rest is the output's own."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of all features side by side, as the part `features` is laid out, for L losses.

    Attributes:
        model: where they are from.
        starts: (F,) first code of each feature.
        good: (ΣW,) codes that are no bad cells.
        own, carried: (ΣW, L) a feature's own term, and what it does through the output; 0 in bad cells.
        bad: (ΣW, L) its own term in bad cells, 0 elsewhere.
        output: (Ko, L) the output's term by cell.
        coarse: (good codes,) the coarse cell of each, numbered over all features.
        coarse_starts: (F,) first coarse cell of each feature.
        coarse_rows: (coarse cells,) of the reference.
        together: how its pairs went together, None where that is not known.
    """

    model: LossModel
    starts: Places
    good: Mask
    own: Floats
    carried: Floats
    bad: Floats
    output: Floats
    coarse: Places
    coarse_starts: Places
    coarse_rows: Floats
    together: Dependence | None

    @classmethod
    def of(cls, reference: Reference) -> "Tables | None":
        """Those of a reference, built once; None where it has no loss model."""
        return reference.once("loss tables", _built)


@dataclass(frozen=True, slots=True)
class Terms:
    """Mean terms of all L losses over m profiles.

    Attributes:
        rows, bad_rows: (m,) all rows, and those with a bad cell.
        own, carried: (m, F, L) of the good cells of each feature.
        rest: (m, L) of the output and pairs, in rows without a bad cell.
        pairs: (m, P, L) the same of each pair.
        whole: (m, L) expected loss of all rows.
        spread: (L,) variance of one row's terms.
    """

    base: Floats
    rows: Floats
    bad_rows: Floats
    own: Floats
    carried: Floats
    rest: Floats
    pairs: Floats
    whole: Floats
    spread: Floats

    @property
    def good(self) -> Floats:
        """(m, L) expected loss of rows without a bad cell."""
        good: Floats = self.base + self.own.sum(axis=1) + self.rest
        return good


@dataclass(frozen=True, slots=True)
class Contributions:
    """What a window's good cells do to a mean expected loss, beside the reference's.

    Attributes:
        by_feature: (F,) through a feature's own term, through the output, and half of what pairs of features do.
        bent: (F,) what of it is in proportion to what others do, as outputs are no sums.
        pairs: places of two features, and the half of what they do together that each of them has.
        rest: what is left of the covariate term: outputs that features do not explain, as of another model.
    """

    by_feature: Floats
    bent: Floats
    pairs: tuple[tuple[int, int, float], ...]
    rest: float

    def of_features(self, chosen: Mask) -> float:
        """The part of some features, and of the output with them: all but what the others do by themselves."""
        return float(self.by_feature.sum() - self.beside(chosen).sum()) + self.rest

    def beside(self, chosen: Mask) -> Floats:
        """(F,) what the others do by themselves, without those chosen; 0 for these."""
        alone: Floats = np.where(chosen, 0.0, self.by_feature - self.bent)
        for one, other, half in self.pairs:
            if chosen[one] != chosen[other]:
                alone[other if chosen[one] else one] -= half
        return alone


def terms(tables: Tables, parts: Parts) -> Terms:
    """Mean terms of m profiles."""
    model, features = tables.model, parts["features"]
    cells = np.where(tables.good, features, 0.0)
    size, everything = (np.add.reduceat(each, tables.starts, axis=1)[..., None] for each in (cells, features))
    own_sums = _by_feature(tables, cells, tables.own)
    own = np.nan_to_num(divide(own_sums, size))
    carried = np.nan_to_num(divide(_by_feature(tables, cells, tables.carried), size))
    all_of_it = np.nan_to_num(divide(own_sums + _by_feature(tables, features, tables.bad), everything)).sum(axis=1)
    squares = np.nan_to_num(divide(_by_feature(tables, cells, tables.own**2), size)) - own * own
    output, output_all, of_output = _outputs(tables, parts)
    pairs, pairs_all = _pairs(model, parts)
    return Terms(
        base=model.base,
        rows=parts["rows"][:, 0],
        bad_rows=parts["bad_cells"].sum(axis=1),
        own=own,
        carried=carried,
        rest=output + pairs.sum(axis=1),
        pairs=pairs,
        whole=model.base + all_of_it + output_all + pairs_all.sum(axis=1),
        spread=squares.sum(axis=1).max(axis=0, initial=0.0) + of_output,
    )


def expected(tables: Tables, found: Terms, loss: Loss) -> Expected:
    """One loss, as the ledger's sides take it."""
    place = tables.model.place(loss.name)
    if place is None:
        return Expected.unknown(len(found.rows))
    total, good = found.rows * found.whole[:, place], (found.rows - found.bad_rows) * found.good[:, place]
    return Expected(found.rows, found.bad_rows, total, total - good, np.full(len(found.rows), found.spread[place]))


def contributions(tables: Tables, layout: Layout, loss: Loss, now: Terms, then: Terms) -> Contributions | None:
    """By feature: what is different in one window (m = 1) from the reference; None where the model does not tell it."""
    place = tables.model.place(loss.name)
    if place is None:
        return None
    carried: Floats = (now.carried - then.carried)[0, :, place]
    by_feature: Floats = (now.own - then.own)[0, :, place] + carried
    names, pairs = list(layout.features), []
    if layout.pairs is not None:
        for members, change in zip(layout.pairs.members, (now.pairs - then.pairs)[0, :, place].tolist(), strict=True):
            if None in members:
                continue  # the features' own parts of it are carried
            places = [names.index(str(name)) for name in members if name in names]
            by_feature[places] += change / 2
            if len(places) > 1:
                pairs.append((places[0], places[1], change / 2))
    left = float((now.good - then.good)[0, place] - by_feature.sum())
    # Scores bend: what features do together through the output is more or less than each by itself, in proportion.
    through, bent = np.abs(carried), np.zeros_like(carried)
    if through.sum() > 0:
        bent = float(np.clip(left / through.sum(), -_MOST_BENT, _MOST_BENT)) * through
    return Contributions(by_feature + bent, bent, tuple(pairs), left - float(bent.sum()))


def doubts(tables: Tables, now: Counts) -> Floats:
    """(L,) variance of the model's own error about a window, which grows with how far its covariates moved.

    That is Σ_v Σ_c (p_vc - q_vc)² / q_vc over good coarse cells, see profile/loss/doubt.py, and what pairs do beyond
    their variables, see profile/loss/dependence.py.
    """
    seen: Floats = np.asarray(
        np.bincount(tables.coarse, now["features"][tables.good], minlength=len(tables.coarse_rows)), dtype=np.float64
    )
    p, q = _shares(tables, seen), _shares(tables, tables.coarse_rows)
    moved = float(((p - q) ** 2 / q).sum()) - (len(q) - len(tables.starts)) / max(now.rows, 1.0)
    doubt: Floats = tables.model.doubt * max(moved, 0.0)
    if tables.together is not None:
        doubt += tables.model.pair_doubt * beyond_singles(tables.together, tables.model, now)
    return doubt


def _shares(tables: Tables, rows: Floats) -> Floats:
    """Of coarse cells in their feature; half a row where there was none, as no share is known to be 0."""
    filled = np.maximum(rows, 0.5)
    size = np.add.reduceat(filled, tables.coarse_starts)
    shares: Floats = filled / np.repeat(size, np.diff(tables.coarse_starts, append=len(filled)))
    return shares


def _built(reference: Reference) -> Tables | None:
    model, layout = reference.losses, reference.layout
    if model is None or not layout.has("bad_cells"):
        return None
    losses = len(model.losses)
    nothing = np.zeros((max(bins.width for bins in layout.features.values()), losses))
    own, carried = (
        np.concatenate([each.get(name, nothing[: bins.width]) for name, bins in layout.features.items()])
        for each in (model.tables, model.carried)
    )
    good = np.concatenate([_good(layout, name) for name in layout.features])
    output = model.tables.get(None, np.zeros((FIRST_CELL + layout.output_cells, losses)))
    coarse, starts, first = [], [], 0
    for name, each in layout.coarse.items():
        cells = each.table[_good(layout, name)].astype(np.intp) - FIRST_CELL
        coarse.append(cells + first)
        starts.append(first)
        first += int(cells.max(initial=-1)) + 1
    places = np.concatenate(coarse)
    return Tables(
        model=model,
        starts=np.array([span.start for span in layout.feature_span.values()], dtype=np.intp),
        good=good,
        own=np.where(good[:, None], own, 0.0),
        carried=np.where(good[:, None], carried, 0.0),
        bad=np.where(good[:, None], 0.0, own),
        output=output[FIRST_CELL : FIRST_CELL + layout.output_cells],
        coarse=places,
        coarse_starts=np.array(starts, dtype=np.intp),
        coarse_rows=np.bincount(places, reference.total["features"][good]).astype(np.float64),
        together=dependence(reference),
    )


def _good(layout: Layout, name: str) -> Mask:
    """(width,) codes that are no bad cells: a category's last one is *unseen*."""
    bins = layout.features[name]
    good = np.arange(bins.width) >= FIRST_CELL
    good[-1] &= not isinstance(bins, CategoryBins)
    return good


def _by_feature(tables: Tables, counts: Floats, values: Floats) -> Floats:
    """(m, F, L) sums of `values` (ΣW, L) over counts (m, ΣW)."""
    sums = np.zeros((len(counts), len(tables.starts), values.shape[1]))
    for place, (start, end) in enumerate(pairwise((*tables.starts.tolist(), len(values)))):
        # A product a feature: all at once would be L times as large as the counts.
        sums[:, place] = counts[:, start:end] @ values[start:end]
    return sums


def _outputs(tables: Tables, parts: Parts) -> tuple[Floats, Floats, Floats]:
    """(m, L) means of the output's table over rows without a bad cell, and over all; (L,) its variance."""
    part, values = output_part(parts.layout), tables.output
    if part is None:
        nothing = np.zeros((len(parts["rows"]), values.shape[1]))
        return nothing, nothing, np.zeros(values.shape[1])
    whole = parts[part]
    cells = whole - parts["bad_output"]
    mean, mean_all = (np.nan_to_num(divide(each @ values, each.sum(axis=1)[:, None])) for each in (cells, whole))
    squares = np.nan_to_num(divide(cells @ (values * values), cells.sum(axis=1)[:, None])) - mean * mean
    return mean, mean_all, squares.max(axis=0, initial=0.0)


def _pairs(model: LossModel, parts: Parts) -> tuple[Floats, Floats]:
    """(m, P, L) means of pairs beside those of the fitted rows: of rows without a bad cell, and of all."""
    if not parts.layout.has("pair_terms"):
        nothing = np.zeros((len(parts["rows"]), 0, len(model.losses)))
        return nothing, nothing
    whole, bad = parts["pair_terms"], parts["bad_pair_terms"]
    good, everything = (
        np.nan_to_num(divide(each[:, :, 1:], each[:, :, :1]) - model.pair_means) * model.pair_units
        for each in (whole - bad, whole)
    )
    return good, everything
