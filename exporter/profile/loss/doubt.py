"""How wrong a loss model is where the data moved, learned from held-out rows of the reference weighted anew.

Held-out rows weighted by a smooth function of their codes are a window in which covariates shifted and nothing else:
the model's error there is its own. Weights are drawn: up or down along a random direction of the variables' ranks, or
drawn together along one or two (so that variables that had nothing to do with each other go hand in hand), or both.

The error's variance grows with the shift as that of a regression on one-hot columns does, in proportion to

    D = Σ_v Σ_c (p_vc - q_vc)² / q_vc       p, q: shares of coarse code c of variable v in the window, in the reference

and `doubt` is the factor, over all chunks and weights: Σ (what weights change of a held-out chunk's error)², less what
is chance, / Σ D. It is at least residual variance / fitted rows, as for any such regression.

D does not see what only goes together otherwise than it did. A second set of weights is raked so that each variable
lies where it lay: along products of two directions, about the members of a pair of the model. The error there grows
with E, what pairs do beyond their variables (dependence.py), and `pair_doubt` is Σ (the same, less doubt · D) / Σ E.

Both factors are learned from a few draws, and a standard error is added to them.
"""

from collections.abc import Sequence

import numpy as np

from exporter.profile.bins import Floats
from exporter.profile.loss.boost import Ints, Term

TILTS = 60
_SPANS = 20
_STRENGTH = (0.1, 1.2)
_SHARE = 0.6
"""Of the variables that take part in a direction."""
_BESIDE = 3.0
"""Features that go with a pair where dependence is changed, on average."""
_TOGETHER = (0.1, 0.8)
_FURTHEST = 6.0
_SWEEPS = 4


def standard_ranks(variables: list[Term]) -> Floats:
    """(n, V) ranks of the codes as log-odds, which have ends as long as most values do; mean 0 and variance 1."""
    columns = []
    for term in variables:
        rows = np.bincount(term.codes, minlength=term.width)
        rank = (np.cumsum(rows) - rows / 2) / rows.sum()
        inside = np.clip(rank, 0.5 / rows.sum(), 1.0 - 0.5 / rows.sum())
        odds = np.log(inside / (1.0 - inside))
        odds -= rows @ odds / rows.sum()
        spread = np.sqrt(rows @ (odds * odds) / rows.sum())
        columns.append((odds / max(float(spread), 1e-9))[term.codes].astype(np.float32))
    return np.stack(columns, axis=1)


def draw_raked(
    ranks: Floats, variables: list[Term], members: Sequence[Sequence[int]], random: np.random.Generator
) -> Floats:
    """(TILTS, n) weights that add up to 1 each, with which each variable is nearly where it was, and pairs are not.

    `members` are places in `variables` (and `ranks`) of the features of each pair; every draw takes one of them, and
    some other features of all of them.
    """
    features = ranks.shape[1]
    drawn = []
    for number in range(TILTS):
        near = list(members[int(random.integers(len(members)))])
        near += [place for place in range(features) if place not in near and random.random() < _BESIDE / features]
        one = _along(ranks[:, near], random, len(near))
        other = _along(ranks[:, near], random, len(near)) if number % 2 else one
        sign = 1.0 if number % 4 < 2 else -1.0  # noqa: PLR2004 - hand in hand, or the less so
        exponent = sign * random.uniform(*_TOGETHER) * np.clip(one * other, -_FURTHEST, _FURTHEST)
        drawn.append(_raked(np.exp(exponent), [variables[place] for place in near]))
    return np.stack(drawn)


def _raked(weights: Floats, variables: Sequence[Term]) -> Floats:
    """The weights (n,), adding up to 1, that leave each variable's shares nearly as they are without weights."""
    rows = [np.bincount(term.codes, minlength=term.width) / len(weights) for term in variables]
    for _ in range(_SWEEPS):
        for term, wanted in zip(variables, rows, strict=True):
            found = np.bincount(term.codes, weights, minlength=term.width)
            weights = weights * np.divide(wanted, found, out=np.zeros_like(wanted), where=found > 0)[term.codes]
    raked: Floats = weights / weights.sum()
    return raked


def draw_weights(ranks: Floats, random: np.random.Generator, count: int = TILTS) -> Floats:
    """(count, n) weights that add up to 1 each."""
    variables = ranks.shape[1]
    drawn = []
    for number in range(count):
        strength = random.uniform(*_STRENGTH)
        exponent = np.zeros(len(ranks))
        if number % 3 != 1:
            exponent += strength * _along(ranks, random, variables)
        if number % 3 != 0:
            for _ in range(1 + number % 2):
                exponent -= strength * _along(ranks, random, variables) ** 2
        weights = np.exp(exponent - exponent.max())
        drawn.append(weights / weights.sum())
    return np.stack(drawn)


def _along(ranks: Floats, random: np.random.Generator, variables: int) -> Floats:
    """(n,) a random direction, mean 0 and variance 1."""
    direction = random.normal(size=variables) * (random.random(variables) < _SHARE)
    if not direction.any():
        direction[random.integers(variables)] = 1.0
    along: Floats = (ranks @ direction.astype(np.float32)).astype(np.float64)
    return along / max(float(along.std()), 1e-9)


def errors(weights: Floats, left: Floats) -> Floats:
    """(count, L) by how much weighted means were missed; `left` (n, L) are residuals of rows not fitted to."""
    missed: Floats = weights @ left
    return missed


def excess(weights: Floats, left: Floats, chunk: Ints) -> Floats:
    """(count, L) squares of what weights change of a chunk's error, less what is chance; the mean over chunks.

    Chunks are looked at one by one: taken together, their errors cancel, as each chunk's rows are among those that the
    others' models know. And each beside itself without weights, which is what the chunk was off by anyway.
    """
    chunks_, found = int(chunk.max()) + 1, np.zeros((len(weights), left.shape[1]))
    for number in range(chunks_):
        inside = chunk == number
        change = weights[:, inside] / weights[:, inside].sum(axis=1, keepdims=True) - 1.0 / inside.sum()
        found += ((change @ left[inside]) ** 2 - (change * change) @ (left[inside] ** 2)) / chunks_
    return found


def shift(p: Floats, q: Floats, n: float) -> float:
    """Σ_c (p_c - q_c)² / q_c of one variable, less what `n` rows bring by chance; may be below 0."""
    seen = q > 0
    return float(((p - q)[seen] ** 2 / q[seen]).sum()) - (int(seen.sum()) - 1) / max(n, 1.0)


def shares(rows: Floats) -> Floats:
    """Rows by code → shares; half a row where there was none, as no share is known to be 0."""
    filled = np.maximum(rows, 0.5)
    total: Floats = filled / filled.sum()
    return total


def weighted_shifts(weights: Floats, variables: list[Term]) -> Floats:
    """(count,) D of each set of weights."""
    total = np.zeros(len(weights))
    for term in variables:
        rows = np.bincount(term.codes, minlength=term.width).astype(np.float64)
        seen = rows > 0
        q = rows[seen] / rows.sum()
        for number, weight in enumerate(weights):
            p: Floats = np.bincount(term.codes, weight, minlength=term.width)[seen].astype(np.float64)
            total[number] += shift(p, q, 1.0 / max(float(weight @ weight) - 1.0 / len(weight), 1e-12))
    return np.maximum(total, 0.0)


def learn_doubt(beyond: Floats, shifts: Floats, residual: Floats, rows: int) -> Floats:
    """(L,) variance of the model's error for each unit of D, from what weights change `beyond` chance (`excess`)."""
    doubt: Floats = np.maximum(_ratio(beyond, shifts[:, None]), residual / rows)
    return doubt


def learn_pair_doubt(beyond: Floats, moved: Floats) -> Floats:
    """(L,) the same for each unit of E, `moved` (count, L), where `beyond` is what D does not explain."""
    return _ratio(beyond, moved)


def _ratio(values: Floats, sizes: Floats) -> Floats:
    """(L,) Σ values / Σ sizes over the first axis, not below 0, and a standard error of it; 0 where sizes are."""
    total = np.maximum(sizes.sum(axis=0), 1e-300)
    ratio = np.maximum(values.sum(axis=0) / total, 0.0)
    error = np.sqrt(((values - ratio * sizes) ** 2).sum(axis=0)) / total
    told: Floats = np.where(sizes.sum(axis=0) > 0, ratio + error, 0.0)
    return told


def between_chunks(left: Floats) -> Floats:
    """(L,) variance of the mean of `left` (n, L) from one chunk of time to the next, beyond what chance explains.

    A standard error of it is taken off, so that rows that have nothing to do with each other give 0 as a rule.
    """
    chunk = chunks(len(left), _SPANS)
    rows = np.maximum(np.bincount(chunk, minlength=_SPANS), 1)
    means = np.stack([np.bincount(chunk, column, minlength=_SPANS) / rows for column in left.T], axis=1)
    spread = (means * means).mean(axis=0) * (1.0 - np.sqrt(2.0 / _SPANS))
    variance: Floats = np.maximum(spread - left.var(axis=0) * (1.0 / rows).mean(), 0.0)
    return variance


def chunks(rows: int, count: int) -> Ints:
    """(rows,) number of the chunk of time each of some rows in order belongs to."""
    return np.arange(rows, dtype=np.int64) * count // max(rows, 1)
