"""Several labels of one prediction: which of them count, as if each had come alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats
from exporter.profile.cells import Bools
from exporter.profile.ids import Hashes
from exporter.state.order import rising


@dataclass(slots=True)
class Rulings:
    """What becomes of n labels.

    Attributes:
        first, last: (k,) rows, one for each id of which any is taken: the first one is news, the last one holds.
        duplicates: (n,) True where a label says again what held.
        conflicts: (n,) True where it says otherwise, whether it is taken or not.
    """

    first: NDArray[np.intp]
    last: NDArray[np.intp]
    duplicates: Bools
    conflicts: Bools


def rule(ids: Hashes, value: Floats, conflict: Literal["first", "last"], held: Callable[[Hashes], Floats]) -> Rulings:
    """Judges labels in the order of their rows.

    Args:
        ids: (n,).
        value: (n,) class code or number, never NaN.
        conflict: which of two different labels holds.
        held: value that holds for each of some ids, NaN where none does yet.
    """
    n = len(ids)
    if n == 0:
        none = np.zeros(0, dtype=np.bool_)
        return Rulings(np.flatnonzero(none), np.flatnonzero(none), none, none)
    order = rising(ids)
    ids, value = ids[order], value[order]
    begins = np.append(True, ids[1:] != ids[:-1])
    group = np.cumsum(begins) - 1
    before = held(ids[begins])
    # What held when the row came; NaN: nothing.
    if conflict == "last":
        said = np.where(begins, before[group], np.append(np.nan, value[:-1]))
        taken = value != said
    else:
        said = np.where(np.isnan(before), value[begins], before)[group]
        said[begins] = before
        taken = np.isnan(said)
    differs = ~np.isnan(said) & (value != said)
    duplicates, conflicts = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    duplicates[order], conflicts[order] = ~taken & ~differs, differs
    rows = np.flatnonzero(taken)
    changes = group[rows][1:] != group[rows][:-1]
    first, last = (np.append(True, changes), np.append(changes, True)) if len(rows) else (changes, changes)
    return Rulings(order[rows[first]], order[rows[last]], duplicates, conflicts)
