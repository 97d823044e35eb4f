"""What losses are to be expected of a window's rows by the reference's loss model, and what each feature adds to them.

A row without a bad cell is expected to lose base + Σ_f g_f(bin) + g(output) + Σ pairs (profile/loss/model.py). Outputs
and pairs of such rows are counted; the mean of g_f is taken over all good cells of the feature, as if bad cells of
other features had nothing to do with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.performance.parts import Parts, divide
from exporter.metrics.shift.losses import Loss
from exporter.metrics.shift.sides import Expected
from exporter.profile.bins import FIRST_CELL, CategoryBins, Floats
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.loss.doubt import shares, shift
from exporter.profile.loss.model import LossModel
from exporter.profile.output import output_bins, output_part
from exporter.profile.reference import Reference


@dataclass(frozen=True, slots=True)
class Estimates:
    """Mean terms of one loss over m profiles.

    Attributes:
        rows, bad_rows: (m,) all rows, and those with a bad cell.
        features, carried: (m, F) of the good cells of each feature: its own term, and what it does through the output.
        output: (m,) of rows without a bad cell.
        pairs: (m, P) of rows without a bad cell.
        whole: (m,) expected loss of all rows.
        spread: variance of one row's terms on the reference.
    """

    base: float
    rows: Floats
    bad_rows: Floats
    features: Floats
    carried: Floats
    output: Floats
    pairs: Floats
    whole: Floats
    spread: float

    @property
    def good(self) -> Floats:
        """(m,) expected loss of rows without a bad cell."""
        good: Floats = self.base + self.features.sum(axis=1) + self.output + self.pairs.sum(axis=1)
        return good

    def expected(self) -> Expected:
        """As the ledger's sides take it."""
        total, good = self.rows * self.whole, (self.rows - self.bad_rows) * self.good
        return Expected(self.rows, self.bad_rows, total, total - good, np.full(len(self.rows), self.spread))


@dataclass(frozen=True, slots=True)
class Contributions:
    """What a window's good cells do to a mean expected loss, beside the reference's.

    Attributes:
        by_feature: (F,) through a feature's own term, through the output, and half of what pairs of features do.
        rest: what is left of the covariate term: outputs that no feature explains.
    """

    by_feature: Floats
    rest: float

    def of_features(self, chosen: NDArray[np.bool_]) -> float:
        """The part of some features, and of the output with them."""
        return float(self.by_feature[chosen].sum()) + self.rest


def estimates(model: LossModel, loss: Loss, parts: Parts) -> Estimates | None:
    """Mean terms of m profiles; None where the model does not tell the loss."""
    place, layout = model.place(loss.name), parts.layout
    if place is None or not layout.has("bad_cells"):
        return None
    features = parts["features"]
    own, own_all, variance = _means(layout, features, {name: table[:, place] for name, table in _named(model.tables)})
    carried, _, _ = _means(layout, features, {name: table[:, place] for name, table in _named(model.carried)})
    output, output_all, of_output = _outputs(model, place, parts)
    pairs, pairs_all = _pairs(model, place, parts)
    rows = parts["rows"][:, 0]
    base = float(model.base[place])
    return Estimates(
        base=base,
        rows=rows,
        bad_rows=parts["bad_cells"].sum(axis=1),
        features=own,
        carried=carried,
        output=output,
        pairs=pairs,
        whole=base + own_all.sum(axis=1) + output_all + pairs_all.sum(axis=1),
        spread=variance + of_output,
    )


def contributions(layout: Layout, now: Estimates, then: Estimates) -> Contributions:
    """By feature: what is different in one window (m = 1) from the reference."""
    by_feature = (now.features - then.features + now.carried - then.carried)[0]
    names = list(layout.features)
    if layout.pairs is not None:
        for members, change in zip(layout.pairs.members, (now.pairs - then.pairs)[0].tolist(), strict=True):
            if None in members:
                continue  # the features' own parts of it are carried
            for name in members:
                if name in names:
                    by_feature[names.index(str(name))] += change / 2
    return Contributions(by_feature, float((now.good - then.good)[0] - by_feature.sum()))


def doubt(model: LossModel, loss: Loss, now: Counts, reference: Reference) -> float:
    """Variance of the model's own error about a window, which grows with how far its covariates moved."""
    place, layout = model.place(loss.name), now.layout
    if place is None:
        return 0.0
    moved, ours, theirs = 0.0, now["features"], reference.total["features"]
    for name, span in layout.feature_span.items():
        good = slice(FIRST_CELL, _end(layout, name))
        table = layout.coarse[name].table[good]
        p, q = (shares(np.bincount(table, each[span][good])[FIRST_CELL:].astype(np.float64)) for each in (ours, theirs))
        moved += shift(p, q, now.rows)
    return float(model.doubt[place]) * max(moved, 0.0)


def _end(layout: Layout, name: str) -> int | None:
    """Where a feature's good cells end: a category's last one is *unseen*."""
    return -1 if isinstance(layout.features[name], CategoryBins) else None


def _named(tables: Mapping[str | None, Floats]) -> list[tuple[str, Floats]]:
    return [(name, table) for name, table in tables.items() if name is not None]


def _means(layout: Layout, features: Floats, tables: Mapping[str, Floats]) -> tuple[Floats, Floats, float]:
    """(m, F) means of a feature's table over its good cells, and over all its cells; Σ of their variances."""
    m = len(features)
    good, whole, variance = np.zeros((m, len(layout.features))), np.zeros((m, len(layout.features))), 0.0
    for place, (name, span) in enumerate(layout.feature_span.items()):
        table = tables.get(name)
        if table is None or not table.any():
            continue
        counts = features[:, span]
        valid = slice(FIRST_CELL, _end(layout, name))
        cells, values = counts[:, valid], table[valid]
        good[:, place] = np.nan_to_num(divide(cells @ values, cells.sum(axis=1)))
        whole[:, place] = np.nan_to_num(divide(counts @ table, counts.sum(axis=1)))
        squares = divide(cells @ (values * values), cells.sum(axis=1)) - good[:, place] ** 2
        variance += float(np.nan_to_num(squares).max(initial=0.0))
    return good, whole, variance


def _outputs(model: LossModel, place: int, parts: Parts) -> tuple[Floats, Floats, float]:
    """(m,) means of the output's table over rows without a bad cell, and over all; its variance."""
    part, bins, table = output_part(parts.layout), output_bins(parts.layout), model.tables.get(None)
    if part is None or bins is None or table is None:
        nothing = np.zeros(len(parts["rows"]))
        return nothing, nothing, 0.0
    values = table[FIRST_CELL:, place]
    whole = parts[part][:, : len(values)]
    cells = whole - parts["bad_output"][:, : len(values)] if parts.layout.has("bad_output") else whole
    mean = np.nan_to_num(divide(cells @ values, cells.sum(axis=1)))
    squares = np.nan_to_num(divide(cells @ (values * values), cells.sum(axis=1))) - mean * mean
    return mean, np.nan_to_num(divide(whole @ values, whole.sum(axis=1))), float(squares.max(initial=0.0))


def _pairs(model: LossModel, place: int, parts: Parts) -> tuple[Floats, Floats]:
    """(m, P) means of pairs beside those of the fitted rows: of rows without a bad cell, and of all."""
    if not parts.layout.has("pair_terms"):
        nothing = np.zeros((len(parts["rows"]), 0))
        return nothing, nothing
    whole, bad = parts["pair_terms"], parts["bad_pair_terms"]
    each = [
        np.nan_to_num(divide(terms[:, :, 1 + place], terms[:, :, 0]) - model.pair_means[:, place])
        for terms in (whole - bad, whole)
    ]
    return each[0] * model.pair_units[place], each[1] * model.pair_units[place]
