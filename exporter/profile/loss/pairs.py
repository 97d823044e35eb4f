"""Which pairs of variables say more together than each by itself, chosen on held-out chunks of time.

What the single terms leave is regressed on the products of low polynomials of both variables (of their ranks; of
categories: is it one of the most frequent), on all chunks but one, and judged on that one. The screening is that of
Lou et al., Accurate intelligible models with pairwise interactions, KDD 2013, with so few degrees of freedom that
chance gains nothing.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from exporter.profile.bins import Floats
from exporter.profile.loss.boost import Ints, Term

_DEGREE = 3
_SHRINK = 5.0
_TINY = 1e-6


def choose_pairs(
    variables: Sequence[Term], ordered: Sequence[bool], left: Floats, chunk: Ints, most: int
) -> list[tuple[int, int]]:
    """At most `most` pairs of `variables`, the best first; only those that gain on chunks they were not fitted on.

    `left` (n, L) is what the single terms leave of each loss, `chunk` (n,) the number of a row's chunk.
    """
    scaled = left / np.maximum(left.std(axis=0), _TINY)
    bases = [_basis(term, order) for term, order in zip(variables, ordered, strict=True)]
    found = []
    for i, j in combinations(range(len(variables)), 2):
        if bases[i].shape[1] and bases[j].shape[1]:
            gain = _gain(variables[i], variables[j], bases[i], bases[j], scaled, chunk)
            if gain > 0:
                found.append((gain, i, j))
    found.sort(key=lambda each: (-each[0], each[1:]))
    return [(i, j) for _, i, j in found[:most]]


def _gain(  # noqa: PLR0917 - two variables and what is known of them
    one: Term, other: Term, of_one: Floats, of_other: Floats, left: Floats, chunk: Ints
) -> float:
    """By how much the squared error on held-out chunks falls."""
    width, chunks = one.width * other.width, int(chunk.max()) + 1
    place = (chunk * one.width + one.codes) * other.width + other.codes
    rows = np.bincount(place, minlength=chunks * width).reshape(chunks, width).astype(np.float64)
    sums = [np.bincount(place, column, minlength=chunks * width).reshape(chunks, width) for column in left.T]
    first, second = np.repeat(of_one, other.width, axis=0), np.tile(of_other, (one.width, 1))
    together = (first[:, :, None] * second[:, None, :]).reshape(width, -1)
    columns = np.concatenate((np.ones((width, 1)), first, second, together), axis=1)
    squares = np.stack([columns.T @ (columns * row[:, None]) for row in rows])
    products = np.stack([np.stack([columns.T @ row for row in each], axis=0) for each in sums], axis=2)
    all_squares, all_products, gain = squares.sum(axis=0), products.sum(axis=0), 0.0
    for square, product in zip(squares, products, strict=True):
        shrunk = all_squares - square + _SHRINK * np.eye(len(square))
        fitted = np.linalg.solve(shrunk, all_products - product)
        gain += float((2 * fitted * product - fitted * (square @ fitted)).sum())
    return gain


def _basis(term: Term, ordered: bool) -> Floats:
    """(width, at most 3) functions of a code: mean 0, variance 1 and no correlation over the rows."""
    rows = np.bincount(term.codes, minlength=term.width).astype(np.float64)
    share = rows / rows.sum()
    if ordered:
        rank = 2.0 * (np.cumsum(share) - share / 2) - 1.0
        raw = np.stack([rank**degree for degree in range(1, _DEGREE + 1)], axis=1)
    else:
        raw = np.zeros((term.width, _DEGREE))
        for place, code in enumerate(np.argsort(-rows, kind="stable")[:_DEGREE]):
            raw[code, place] = 1.0
    basis: list[Floats] = []
    for column in raw.T:
        vector = column - share @ column
        for known in basis:
            vector = vector - known * (share @ (known * vector))
        size = float(np.sqrt(share @ (vector * vector)))
        if size > _TINY:
            basis.append(vector / size)
    return np.stack(basis, axis=1) if basis else np.zeros((term.width, 0))
