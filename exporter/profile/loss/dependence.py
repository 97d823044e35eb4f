"""How far what goes together in a window is from what went together in the reference, as far as pair terms tell.

Of each pair of the loss model a window's mean term is counted. If its two variables were distributed as they are in the
window and went together as they did in the reference, the mean would follow from the reference's rows by both codes,
raked to the window's shares (iterative proportional fitting, which keeps all odds ratios): W. Deming, F. Stephan, On a
least squares adjustment of a sampled frequency table, Annals of Mathematical Statistics 11 (1940). What the mean is off
that is not seen in any single variable, and

    E = Σ_pairs (mean - mean expected)²

is in units of the loss, squared: the more these pairs do what they never did, the more do others, of which nothing is
known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats
from exporter.profile.loss.pair_terms import Pairs

_SWEEPS = 8
_TRACE = 0.5
"""Rows that a code is taken to have at least, so that a window may have what the reference has not."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """What a reference says of P pairs with at most A and B codes; padded with 0.

    Attributes:
        together: (P, A, B) rows by both codes, a trace where there were none.
        tables: (P, A, B, L) terms, in units of the losses.
        spread: (L,) Σ over pairs of the variance of one row's term beyond what its single codes say.
    """

    together: Floats
    tables: Floats
    spread: Floats

    @classmethod
    def of(cls, rows: Sequence[Floats], tables: Sequence[Floats]) -> "Dependence":
        """Of pairs whose `rows` (A, B) and `tables` (A, B, L) are known."""
        first, second = (max((each.shape[side] for each in rows), default=0) for side in (0, 1))
        losses = tables[0].shape[2] if tables else 0
        together, terms = np.zeros((len(rows), first, second)), np.zeros((len(rows), first, second, losses))
        for place, (seen, table) in enumerate(zip(rows, tables, strict=True)):
            together[place, : seen.shape[0], : seen.shape[1]] = _traced(seen)
            terms[place, : seen.shape[0], : seen.shape[1]] = table
        return cls(together, terms, _beyond_singles(together, terms))

    @classmethod
    def of_pairs(cls, pairs: Pairs, units: Floats, rows: Sequence[Floats]) -> "Dependence":
        """Of the pairs of a layout, whose whole numbers stand for so many `units` (L,)."""
        tables = (
            (table * units).reshape(*seen.shape, pairs.losses) for seen, table in zip(rows, pairs.tables, strict=True)
        )
        return cls.of(rows, list(tables))

    def expected(self, one: Sequence[Floats], other: Sequence[Floats]) -> Floats:
        """(P, L) mean terms, had the pairs' variables with rows `one` (A,) and `other` (B,) gone together as ever."""
        _, first, second = self.together.shape
        wanted, beside = _padded(one, first)[:, :, None], _padded(other, second)[:, None, :]
        found = self.together
        for _ in range(_SWEEPS):
            found = found * _quotient(wanted, found.sum(axis=2, keepdims=True))
            found = found * _quotient(beside, found.sum(axis=1, keepdims=True))
        size = np.maximum(found.sum(axis=(1, 2)), 1e-300)
        means: Floats = np.einsum("pab,pabl->pl", found, self.tables) / size[:, None]
        return means

    def moved(self, means: Floats, one: Sequence[Floats], other: Sequence[Floats], n: float) -> Floats:
        """(L,) E of a window of `n` rows with mean terms (P, L), beyond what so many rows bring by chance."""
        off = means - self.expected(one, other)
        beyond: Floats = np.maximum((off * off).sum(axis=0) - self.spread / max(n, 1.0), 0.0)
        return beyond


def _traced(rows: Floats) -> Floats:
    """Rows by two codes, and a trace of what was never seen: as if the two had nothing to do with each other."""
    one, other = np.maximum(rows.sum(axis=1), _TRACE), np.maximum(rows.sum(axis=0), _TRACE)
    whole: Floats = rows + _TRACE * one[:, None] * other / (one.sum() * other.sum())
    return whole


def _padded(rows: Sequence[Floats], width: int) -> Floats:
    """(P, width) shares."""
    shares = np.zeros((len(rows), width))
    for place, each in enumerate(rows):
        shares[place, : len(each)] = each / max(float(each.sum()), 1e-300)
    return shares


def _quotient(wanted: Floats, found: Floats) -> Floats:
    return np.divide(wanted, found, out=np.zeros(np.broadcast(wanted, found).shape), where=found > 0)


def _beyond_singles(together: Floats, tables: Floats) -> Floats:
    """(L,) Σ over pairs of the variance that tables leave to no sum of two tables of single codes (backfitting)."""
    weights: NDArray[np.float64] = together[..., None]
    of_one, of_other = weights.sum(axis=2, keepdims=True), weights.sum(axis=1, keepdims=True)
    left = tables.copy()
    for _ in range(_SWEEPS):
        left = left - _quotient((weights * left).sum(axis=2, keepdims=True), of_one)
        left = left - _quotient((weights * left).sum(axis=1, keepdims=True), of_other)
    size = np.maximum(weights.sum(axis=(1, 2)), 1e-300)
    spread: Floats = ((weights * left * left).sum(axis=(1, 2)) / size).sum(axis=0)
    return spread
