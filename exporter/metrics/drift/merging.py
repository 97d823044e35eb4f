"""Which cells are tested as one: so that every group is expected to hold enough of the window's rows.

The groups depend on the window's size and the reference alone, never on what the window holds: bins that follow the
data would make their own noise look small.
"""

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats, nesting

Groups = NDArray[np.intp]

LEAST_EXPECTED = 5.0
"""Rows of the window expected in a group (Cochran's rule)."""
FEWEST_BINS = 8
"""Nested bins are not merged below this."""


def merge(expected: Floats, *, ordered: bool) -> Groups:
    """Group of every cell (B,), numbered from 0, given how many rows the window is expected to hold in each.

    Numbers: the finest level of nested bins that holds LEAST_EXPECTED a group on average; then neighbours are joined
    until every group does. *Below* and *above*, where one is too rare, are one group, however rare: values never seen
    are what drift is surest of, and sparse.py knows what few rows do. Categories: the rare ones are joined. Where that
    would leave a single group (a constant, or nearly one), the fullest cell is held against the rest, so that a
    constant that changes is still seen.
    """
    groups = _merge_numbers(expected) if ordered else _merge_categories(expected)
    if groups.max() == 0 and len(groups) > 1:
        rest: Groups = (np.arange(len(groups)) != int(np.argmax(expected))).astype(np.intp)
        return rest
    return groups


def merged(counts: Floats, groups: Groups, size: int | None = None) -> Floats:
    """Counts (…, B) added up by group: (…, size)."""
    width = int(groups.max()) + 1 if size is None else size
    gather = np.zeros((len(groups), width))
    gather[np.arange(len(groups)), groups] = 1.0
    total: Floats = counts @ gather
    return total


def _merge_numbers(expected: Floats) -> Groups:
    cells = len(expected)
    halvings = 0
    while (cells - 2) >> (halvings + 1) >= FEWEST_BINS:
        halvings += 1
    levels = nesting(cells, tuple(range(halvings + 1)))
    level = levels[-1]
    for finer in levels:
        if expected.sum() / (int(finer.max()) + 1) >= LEAST_EXPECTED:
            level = finer
            break
    held = merged(expected, level)
    if len(held) > 2 and min(held[0], held[-1]) < LEAST_EXPECTED:  # noqa: PLR2004 - both ends and a bin
        inner = _join_neighbours(level[1:-1] - 1, held[1:-1])
        return np.concatenate(([inner.max() + 1], inner, [inner.max() + 1])).astype(np.intp)
    return _join_neighbours(level, held)


def _join_neighbours(level: Groups, expected: Floats) -> Groups:
    joined = np.empty(len(expected), dtype=np.intp)
    group, held = 0, 0.0
    for place, count in enumerate(expected):
        joined[place] = group
        held += count
        if held >= LEAST_EXPECTED:
            group, held = group + 1, 0.0
    # What is left over at the right end goes to its neighbour.
    joined[joined == group] = max(group - 1, 0) if held < LEAST_EXPECTED else group
    result: Groups = joined[level]
    return result


def _merge_categories(expected: Floats) -> Groups:
    kept = expected >= LEAST_EXPECTED
    kept[-1] = False  # OTHER takes what is rare
    if kept.all() or not kept.any():
        return np.zeros(len(expected), dtype=np.intp)
    if expected[~kept].sum() < LEAST_EXPECTED:
        kept[int(np.argmin(np.where(kept, expected, np.inf)))] = False
    groups = np.cumsum(kept) - 1
    groups[~kept] = int(kept.sum())
    return groups.astype(np.intp)
