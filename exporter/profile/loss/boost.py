"""Boosting a sum of tables on how often codes fall together, instead of on rows.

A model Σ_t g_t(code_t) fitted by least squares needs of the rows only which codes of two terms meet how often (the Gram
matrix of all one-hot columns) and the sum of losses by code. So one pass over the rows serves any number of rounds,
losses and held-out chunks: that of the others is the whole less the chunk's.

A round goes over the terms; each takes a step towards the penalised least-squares fit of what is left,

    g_t += rate · (N_t + ridge + S_t)⁻¹ R_t,   N_t rows by code, R_t residuals by code, S_t roughness of neighbours

Sources: Friedman, Greedy function approximation, Annals of Statistics 29 (2001); Bühlmann and Yu, Boosting with the L2
loss, JASA 98 (2003); Eilers and Marx, Flexible smoothing with B-splines and penalties, Statistical Science 11 (1996).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import FIRST_CELL, Floats

RIDGE = 2.0
"""Rows that say nothing, added to every code."""
SMOOTH = 1.0
"""Weight of squared second differences between neighbouring bins of one variable, in mean rows a code."""
SMOOTH_PAIR = 10.0
"""The same of a pair, along both of its sides."""
RATE = 0.4

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Term:
    """One table of the sum: the codes of all rows, how many codes there are, which neighbours are alike.

    Attributes:
        codes: (n,) integers.
        roughness: (width, width) quadratic form that is 0 for tables that go up or down evenly.
    """

    codes: NDArray[np.integer]
    width: int
    roughness: Floats


def roughness(width: int, *, ordered: bool) -> Floats:
    """(width, width) of the squared second differences of a variable's cells; 0 where they have no order."""
    form = np.zeros((width, width))
    cells = width - FIRST_CELL
    if ordered and cells > 2:  # noqa: PLR2004 - as many as a second difference takes
        second = np.diff(np.eye(cells), 2, axis=0)
        form[FIRST_CELL:, FIRST_CELL:] = second.T @ second
    return form


def single(codes: NDArray[np.integer], width: int, *, ordered: bool) -> Term:
    """The term of one variable."""
    return Term(codes, width, SMOOTH * roughness(width, ordered=ordered))


def pair(one: Term, other: Term) -> Term:
    """The term of two variables together: code = code of the one · width of the other + code of the other."""
    codes = one.codes.astype(np.int64) * other.width + other.codes
    along = np.kron(one.roughness, np.eye(other.width)) + np.kron(np.eye(one.width), other.roughness)
    return Term(codes, one.width * other.width, SMOOTH_PAIR / SMOOTH * along)


@dataclass(frozen=True, slots=True)
class Sums:
    """What boosting needs of some rows.

    Attributes:
        gram: (W, W) rows by code and code, over all terms side by side.
        losses: (W, L) sums of losses by code.
    """

    gram: NDArray[np.float32]
    losses: Floats

    def less(self, other: "Sums") -> "Sums":
        """Those of all rows but the other's."""
        return Sums(self.gram - other.gram, self.losses - other.losses)


def sums(terms: Sequence[Term], losses: Floats, rows: slice = slice(None)) -> Sums:
    """Of some rows: `losses` (n, L), centred."""
    starts = offsets(terms)
    codes = [term.codes[rows].astype(np.intp) for term in terms]
    gram = np.zeros((starts[-1], starts[-1]), dtype=np.float32)
    for i, one in enumerate(terms):
        own = slice(starts[i], starts[i + 1])
        gram[own, own] = np.diag(np.bincount(codes[i], minlength=one.width))
        for j in range(i + 1, len(terms)):
            width = terms[j].width
            together = np.bincount(codes[i] * width + codes[j], minlength=one.width * width)
            others = slice(starts[j], starts[j + 1])
            gram[own, others] = together.reshape(one.width, width)
            gram[others, own] = gram[own, others].T
    return Sums(gram, np.concatenate([by_code(code, term.width, losses[rows]) for code, term in _zip(codes, terms)]))


def _zip(codes: list[NDArray[np.intp]], terms: Sequence[Term]) -> Iterator[tuple[NDArray[np.intp], Term]]:
    return zip(codes, terms, strict=True)


def by_code(codes: NDArray[np.integer], width: int, values: Floats) -> Floats:
    """(width, L) sums of `values` (n, L)."""
    return np.stack([np.bincount(codes, column, minlength=width) for column in values.T], axis=1)


def offsets(terms: Sequence[Term]) -> list[int]:
    """Where each term's codes begin, and where all end."""
    return [0, *accumulate(term.width for term in terms)]


def boost(terms: Sequence[Term], known: Sums, rounds: Sequence[int]) -> Iterator[list[Floats]]:
    """The tables, (width, L) a term, after each number of `rounds` (rising)."""
    starts = offsets(terms)
    spans = [slice(start, stop) for start, stop in pairwise(starts)]
    steps = [_step(term, known.gram[span, span].diagonal()) for term, span in zip(terms, spans, strict=True)]
    tables = np.zeros_like(known.losses)
    left = known.losses.copy()
    for number in range(1, rounds[-1] + 1):
        for step, span in zip(steps, spans, strict=True):
            change = step @ left[span]
            tables[span] += change
            left -= known.gram[:, span] @ change.astype(np.float32)
        if number in rounds:
            yield [tables[span].copy() for span in spans]


def _step(term: Term, rows: NDArray[np.float32]) -> Floats:
    weights = rows.astype(np.float64)
    form = np.diag(weights + RIDGE) + term.roughness * (weights.sum() / term.width)
    inverse: Floats = RATE * np.linalg.inv(form)
    return inverse


def value(terms: Sequence[Term], tables: Sequence[Floats], rows: slice | NDArray[np.intp] = slice(None)) -> Floats:
    """(n, L) sum of the tables for some rows."""
    total: Floats = tables[0][terms[0].codes[rows]]
    for term, table in zip(terms[1:], tables[1:], strict=True):
        total += table[term.codes[rows]]
    return total
