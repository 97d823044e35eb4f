"""Fitting a loss model to codes and losses of a sample of the reference's rows.

1. Single tables are boosted; what they leave shows which pairs matter (pairs.py).
2. Tables and pairs are boosted together on all chunks of time but one, in turn; the number of rounds is, for each loss,
   the one with the least error on held-out rows weighted anew (doubt.py). Held-out rows as they are would stop sooner:
   what a table lacks for being shrunk is lost in a row's noise, and is what is missed where the data moved.
3. With so many rounds on all chunks, the model.
4. What a missing value says is learned where the reference has some. Where it has none, it says what its absence leaves
   to be expected: the mean of the table, in a pair that of the rows with the other's code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import FIRST_CELL, INVALID, MISSING, FeatureBins, Floats, NumericBins, nesting
from exporter.profile.coarse import coarse
from exporter.profile.loss.boost import Ints, Sums, Term, boost, pair, single, sums, value
from exporter.profile.loss.carried import carry
from exporter.profile.loss.dependence import Dependence
from exporter.profile.loss.doubt import (
    between_chunks,
    chunks,
    draw_raked,
    draw_weights,
    errors,
    excess,
    learn_doubt,
    learn_pair_doubt,
    standard_ranks,
    weighted_shifts,
)
from exporter.profile.loss.model import LossModel
from exporter.profile.loss.pair_terms import LARGEST, Pairs, Variable
from exporter.profile.loss.pairs import choose_pairs

MOST_PAIRS = 8
LEAST_ROWS = 1000
_CHUNKS = 5
_FIRST_ROUNDS = 15
_ROUNDS = (5, 10, 15, 20, 30, 40, 60, 90, 120, 160)
_MOST_CODES = 2048
"""Of single tables together: the Gram matrix has the square of it."""
_ROWS_A_CODE = 10
"""Under which single tables are coarser."""
_ROWS_A_PAIR = 2000
_LEVELS = (255, 64, 32, 16)
_SCREENED = 60_000
_JUDGED = 50_000
"""Rows that pairs are chosen on, and rounds: more would cost time and change little."""
_SEED = 20130811


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows whose truth is known, in the order of time.

    Attributes:
        codes: (n, V) codes of every variable.
        variables: the V variables; None is the output.
        losses: (n, L); NaN where a loss is not defined.
        names: of the losses.
        led: how many of the losses decide about pairs and rounds, the first ones.
    """

    codes: NDArray[np.uint8]
    variables: tuple[Variable, ...]
    losses: Floats
    names: tuple[str, ...]
    led: int = 2


def fit_losses(
    sample: Sample, bins: Sequence[FeatureBins], most_pairs: int = MOST_PAIRS
) -> tuple[LossModel, Pairs] | None:
    """A loss model and at most `most_pairs` pairs of a `sample`; None where it has too few rows.

    `bins` are those of the sample's variables.
    """
    sample, rows = _defined(sample), len(sample.codes)
    if rows < LEAST_ROWS or not sample.names:
        return None
    random = np.random.default_rng(_SEED)
    base = np.nanmean(sample.losses, axis=0)
    losses = np.where(np.isnan(sample.losses), 0.0, sample.losses - base)
    codes = np.where(sample.codes == INVALID, MISSING, sample.codes).astype(np.uint8)
    merged = _merged(bins, codes, losses[:, : sample.led])
    most_pairs = min(most_pairs, rows // _ROWS_A_PAIR)
    terms = [_term(codes[:, place], bins[place], table) for place, table in merged.items()]
    rough = [_term(codes[:, place], bins[place], coarse(bins[place]).table) for place in merged]
    chosen = _choose(
        terms, rough, [isinstance(bins[place], NumericBins) for place in merged], losses, sample.led, most_pairs
    )
    terms += [pair(rough[i], rough[j]) for i, j in chosen]
    whole, judged = _judge(terms, rough, losses, random)
    tables = _boosted(terms, whole, judged.rounds)
    features = sum(sample.variables[place] is not None for place in merged)
    pair_doubt = _pair_doubt(chosen, rough, tables[len(merged) :], features, judged, random)
    places = list(merged)
    members = [(places[i], places[j]) for i, j in chosen]
    pairs, units, means, together = _whole(members, tables[len(merged) :], sample.variables, codes, bins)
    carrying, carried = _carried(sample.variables, merged, chosen, terms, (whole, tables))
    model = LossModel(
        losses=sample.names,
        base=base,
        tables=dict(zip(sample.variables, _centred(merged, tables, codes, bins), strict=True)),
        pair_units=units,
        pair_means=means,
        carried=dict(zip(sample.variables, _centred(carrying, carried, codes, bins), strict=True)) if carried else {},
        residual=judged.residual,
        between=judged.between,
        doubt=judged.doubt,
        pair_doubt=pair_doubt,
        pair_rows=together,
        rows=rows,
    )
    return model, pairs


@dataclass(frozen=True, slots=True)
class _Judged:
    """By loss: the best number of rounds, the variance that it leaves of held-out rows, and the model's own errors."""

    rounds: tuple[int, ...]
    residual: Floats
    between: Floats
    doubt: Floats
    held: "_Held"


@dataclass(frozen=True, slots=True)
class _Held:
    """Held-out rows: which of all they are, their chunks, ranks (n, V), and what the model leaves of losses (n, L)."""

    rows: NDArray[np.intp]
    chunk: Ints
    ranks: Floats
    left: Floats


def _defined(sample: Sample) -> Sample:
    """The sample without losses that no row has, such as the log loss of rows without scores."""
    known: NDArray[np.bool_] = np.asarray(~np.isnan(sample.losses).all(axis=0))
    if known.all():
        return sample
    names = tuple(name for name, keep in zip(sample.names, known, strict=False) if keep)
    return replace(sample, losses=sample.losses[:, known], names=names, led=min(sample.led, len(names)))


def _term(codes: NDArray[np.uint8], bins: FeatureBins, table: NDArray[np.integer]) -> Term:
    return single(table[codes], int(table.max()) + 1, ordered=isinstance(bins, NumericBins))


def _merged(bins: Sequence[FeatureBins], codes: NDArray[np.uint8], losses: Floats) -> dict[int, NDArray[np.int64]]:
    """Variable → table from its codes to those of its term: as fine as room allows, the most telling if need be."""
    for most in _LEVELS:
        tables = {place: _table(each, most) for place, each in enumerate(bins)}
        size = sum(int(table.max()) + 1 for table in tables.values())
        if size <= min(_MOST_CODES, len(codes) // _ROWS_A_CODE) or (most == _LEVELS[-1] and size <= _MOST_CODES):
            return tables
    telling = sorted(tables, key=lambda place: -_told(tables[place][codes[:, place]], losses))
    room, kept = _MOST_CODES, set[int]()
    for place in telling:
        room -= int(tables[place].max()) + 1
        if room >= 0:
            kept.add(place)
    return {place: table for place, table in tables.items() if place in kept}


def _table(bins: FeatureBins, most: int) -> NDArray[np.int64]:
    if not isinstance(bins, NumericBins):
        return coarse(bins).table.astype(np.int64) if most == _LEVELS[-1] else np.arange(bins.width, dtype=np.int64)
    halvings = 0
    while -(-(bins.cells - 2) >> halvings) > most:
        halvings += 1
    cells = nesting(bins.cells, tuple(range(halvings + 1)))[-1]
    return np.concatenate((np.arange(FIRST_CELL), FIRST_CELL + cells))


def _told(codes: Ints, losses: Floats) -> float:
    """Share of the losses' variance that one variable tells."""
    rows = np.maximum(np.bincount(codes), 1)
    told = [(np.bincount(codes, column) ** 2 / rows).sum() / max(float(column @ column), 1e-300) for column in losses.T]
    return float(np.sum(told))


def _choose(  # noqa: PLR0917 - one call, read as a line
    terms: list[Term], rough: list[Term], ordered: list[bool], losses: Floats, led: int, most: int
) -> list[tuple[int, int]]:
    """Pairs worth their cost, as places in `terms`."""
    if most == 0:
        return []
    (tables,) = boost(terms, sums(terms, losses[:, :led]), (_FIRST_ROUNDS,))
    some = np.linspace(0, len(losses) - 1, min(len(losses), _SCREENED)).astype(np.intp)
    left = losses[some, :led] - value(terms, tables, some)
    picked = [Term(term.codes[some], term.width, term.roughness) for term in rough]
    return choose_pairs(picked, ordered, left, chunks(len(some), _CHUNKS), most)


def _judge(terms: list[Term], rough: list[Term], losses: Floats, random: np.random.Generator) -> tuple[Sums, _Judged]:
    """All rows' sums, and what held-out chunks say."""
    rows = len(losses)
    edges = np.linspace(0, rows, _CHUNKS + 1).astype(int).tolist()
    whole = sums(terms, losses)
    some = np.linspace(0, rows - 1, min(rows, _JUDGED)).astype(np.intp)
    left = [losses[some].copy() for _ in _ROUNDS]
    for start, stop in pairwise(edges):
        inside = (some >= start) & (some < stop)
        others = whole.less(sums(terms, losses, slice(start, stop)))
        for place, tables in enumerate(boost(terms, others, _ROUNDS)):
            left[place][inside] -= value(terms, tables, some[inside])
    judged = [Term(term.codes[some], term.width, term.roughness) for term in rough]
    singles = [Term(term.codes[some], term.width, term.roughness) for term in terms[: len(rough)]]
    ranks = standard_ranks(singles)
    weights = draw_weights(ranks, random)
    best = np.argmin([(errors(weights, each) ** 2).sum(axis=0) for each in left], axis=0)
    own = np.stack([left[place][:, loss] for loss, place in enumerate(best)], axis=1)
    residual, chunk = own.var(axis=0), np.searchsorted(edges, some, side="right") - 1
    doubt = learn_doubt(excess(weights, own, chunk), weighted_shifts(weights, judged), residual, rows)
    held = _Held(some, chunk, ranks, own)
    return whole, _Judged(tuple(_ROUNDS[place] for place in best), residual, between_chunks(own), doubt, held)


def _pair_doubt(  # noqa: PLR0917 - one call, read as a line
    chosen: list[tuple[int, int]], rough: list[Term], tables: list[Floats], features: int, judged: _Judged,
    random: np.random.Generator,
) -> Floats:  # fmt: skip
    """(L,) what held-out rows say where single variables lie as they did and pairs do not go together as they did.

    The first `features` of the variables `rough` are features; `tables` are those of the pairs `chosen`.
    """
    members = [[place for place in pair_ if place < features] for pair_ in chosen]
    if not chosen:
        return np.zeros_like(judged.residual)
    held = judged.held
    some = [Term(term.codes[held.rows], term.width, term.roughness) for term in rough]
    paired = [(some[i], some[j]) for i, j in chosen]
    codes = [one.codes.astype(np.intp) * other.width + other.codes for one, other in paired]
    rows = [_by_both(code, one.width, other.width) for code, (one, other) in zip(codes, paired, strict=True)]
    known = Dependence.of(rows, [table.reshape(*each.shape, -1) for each, table in zip(rows, tables, strict=True)])
    weights, moved = draw_raked(held.ranks[:, :features], some[:features], members, random), []
    for weight in weights:
        both = [_by_both(code, each.shape[0], each.shape[1], weight) for code, each in zip(codes, rows, strict=True)]
        means = np.stack([each.reshape(-1) @ table for each, table in zip(both, tables, strict=True)])
        moved.append(
            known.moved(means, [each.sum(axis=1) for each in both], [each.sum(axis=0) for each in both], np.inf)
        )
    beyond = excess(weights, held.left, held.chunk) - weighted_shifts(weights, some)[:, None] * judged.doubt
    return learn_pair_doubt(beyond, np.stack(moved))


def _by_both(codes: Ints, first: int, second: int, weights: Floats | None = None) -> Floats:
    """(first, second) rows, or their weights, by two codes that are one."""
    rows: NDArray[np.float64] = np.bincount(codes, weights, minlength=first * second).astype(np.float64)
    return rows.reshape(first, second)


def _boosted(terms: list[Term], whole: Sums, rounds: tuple[int, ...]) -> list[Floats]:
    """The tables, each loss after its own number of rounds."""
    found = [np.zeros((term.width, len(rounds))) for term in terms]
    stops = sorted(set(rounds))
    for stop, tables in zip(stops, boost(terms, whole, stops), strict=True):
        chosen = [loss for loss, number in enumerate(rounds) if number == stop]
        for kept, table in zip(found, tables, strict=True):
            kept[:, chosen] = table[:, chosen]
    return found


def _carried(
    variables: tuple[Variable, ...], merged: dict[int, NDArray[np.int64]], chosen: list[tuple[int, int]],
    terms: list[Term], fitted: tuple[Sums, list[Floats]],
) -> tuple[dict[int, NDArray[np.int64]], list[Floats]]:  # fmt: skip
    """What features carry of the output's terms and of its pairs'."""
    names = [variables[place] for place in merged]
    features = [place for place, name in enumerate(names) if name is not None]
    outputs = [place for place, name in enumerate(names) if name is None]
    outputs += [len(names) + number for number, pair_ in enumerate(chosen) if set(pair_) & set(outputs)]
    tables = carry(terms, *fitted, outputs, features)
    return {place: table for place, table in merged.items() if variables[place] is not None}, tables


def _centred(
    merged: dict[int, NDArray[np.int64]], tables: list[Floats], codes: NDArray[np.uint8], bins: Sequence[FeatureBins]
) -> tuple[Floats, ...]:
    """(width, L) a variable, by its own codes, of mean 0 over the rows; 0 for variables that were left out."""
    result = [np.zeros((each.width, tables[0].shape[1])) for each in bins]
    for (place, merge), fitted in zip(merged.items(), tables, strict=False):
        seen = np.bincount(codes[:, place], minlength=len(merge))
        table = fitted[merge]
        table -= seen @ table / len(codes)
        table[_silent(bins[place], seen)] = 0.0
        table[INVALID] = table[MISSING]
        result[place] = table
    return tuple(result)


def _whole(
    members: list[tuple[int, int]], tables: list[Floats], variables: tuple[Variable, ...], codes: NDArray[np.uint8],
    bins: Sequence[FeatureBins],
) -> tuple[Pairs, Floats, Floats, tuple[Floats, ...]]:  # fmt: skip
    """The pairs in whole numbers, (L,) what one is, (P, L) their means over the rows, and rows by both codes."""
    losses = tables[0].shape[1] if tables else 0
    largest = np.max([np.abs(table).max(axis=0) for table in tables], axis=0) if tables else np.empty(0)
    units = 2.0 ** np.ceil(np.log2(np.maximum(largest, 1e-300) / LARGEST))
    numbers, means, together = [], [], []
    for (i, j), table in zip(members, tables, strict=True):
        seen = _together(codes[:, i], codes[:, j], bins[i], bins[j])
        filled = _filled(table.reshape(*seen.shape, -1), seen, bins[i], bins[j])
        whole = np.rint(filled / units).reshape(seen.size, -1)
        means.append(seen.reshape(-1) @ whole / len(codes))
        numbers.append(whole.astype(np.int64))
        together.append(seen.astype(np.float64))
    named = [(variables[i], variables[j]) for i, j in members]
    return Pairs.of(named, numbers, losses), units, np.array(means).reshape(len(members), losses), tuple(together)


def _silent(bins: FeatureBins, seen: NDArray[np.integer]) -> NDArray[np.bool_]:
    """(width,) codes of which nothing is known: without rows and, unlike cells of numbers, without neighbours."""
    none = seen == 0
    if isinstance(bins, NumericBins):
        none[FIRST_CELL:] = False
    return np.asarray(none)


def _together(one: NDArray[np.uint8], other: NDArray[np.uint8], of_one: FeatureBins, of_other: FeatureBins) -> Ints:
    """(width, width) rows by two coarse codes."""
    first, second = coarse(of_one), coarse(of_other)
    codes = first.table[one].astype(np.int64) * second.width + second.table[other]
    return np.bincount(codes, minlength=first.width * second.width).reshape(first.width, second.width)


def _filled(table: Floats, seen: Ints, of_one: FeatureBins, of_other: FeatureBins) -> Floats:
    """The table (width, width, L) with what is known of one alone where nothing is known of the other."""
    result, weights = table.copy(), seen[:, :, None]
    whole = (weights * table).sum(axis=(0, 1)) / seen.sum()
    by_other = (weights * table).sum(axis=0) / np.maximum(weights.sum(axis=0), 1)
    by_one = (weights * table).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
    first, second = _silent(of_one, seen.sum(axis=1)), _silent(of_other, seen.sum(axis=0))
    result[first] = by_other
    result[:, second] = by_one[:, None, :]
    result[np.ix_(first, second)] = whole
    result[INVALID] = result[MISSING]
    result[:, INVALID] = result[:, MISSING]
    return result
