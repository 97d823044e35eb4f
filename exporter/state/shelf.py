"""Sorted runs by kind and bucket: appended, merged while they are small, dropped as a whole; written when told."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exporter.profile.cells import Bools
from exporter.profile.ids import Hashes
from exporter.state.runs import Column, Run, merge, sorted_run
from exporter.state.sieve import Sieve
from exporter.state.store import Store

_FAN_IN: Final = 4
"""Runs that are merged at once: fewer would write each row more often, more would make look-ups search more runs."""
LARGEST: Final = 1 << 18
"""Rows of a merged run at most: from there on writing rows anew costs more than searching one run more."""
COLUMN_BYTES: Final = 144 << 20
"""Columns that stay in memory: those of two million predictions. Others rest in the state, their hashes do not.

Down to a quarter where hashes take that room: so many predictions wait that most columns rest anyway.
"""


class Shelf:
    """All runs of one state; `flush` writes what changed."""

    def __init__(self, store: Store, kinds: Iterable[str]) -> None:
        """Reads the runs of `store`."""
        self._store = store
        self._runs: dict[str, list[Run]] = {}
        self._number = 1
        self._written: list[tuple[str, Run]] = []
        self._moved: dict[int, str] = {}
        self._dropped: list[int] = []
        self._awake: OrderedDict[int, Run] = OrderedDict()
        """Runs that are in the state and have their columns in memory too, those read longest ago first."""
        self._awake_bytes = 0
        for kind in kinds:
            self._runs[kind] = []
            for run in store.each_run(kind, self._wake):
                self._runs[kind].append(run)
                self._number = max(self._number, run.number + 1)
                if not run.rests:
                    self._keep_awake(run)
        self._sieves = {kind: self._sieve(kind) for kind in self._runs}

    def _sieve(self, kind: str) -> Sieve:
        return Sieve(lambda: (run.hashes for run in self._runs[kind]))

    def runs(self, *kinds: str) -> list[Run]:
        """Runs of some kinds, kind by kind, in no order within one."""
        return [run for kind in kinds for run in self._runs[kind]]

    def may_hold(self, hashes: Hashes, *kinds: str) -> Bools:
        """(n,) False where no run of these kinds holds a hash for sure; where it is true nearly always one does."""
        found = self._sieves[kinds[0]].may_hold(hashes)
        for kind in kinds[1:]:
            found |= self._sieves[kind].may_hold(hashes)
        return found

    def append(
        self, kind: str, bucket: int, ids: Hashes, columns: Mapping[str, Column], order: NDArray[np.intp] | None = None
    ) -> None:
        """Adds rows as a run; merges the newest runs of its bucket once some are of about one size.

        `order`: rows by rising id, where that is known.
        """
        if len(ids) == 0:
            return
        run = sorted_run(self._next(), bucket, ids, columns, order)
        same = sorted((r for r in self._runs[kind] if r.bucket == bucket), key=lambda r: r.number)
        group, rows = [run], len(run)
        while same and len(same[-1]) <= min(2 * rows, LARGEST - rows) and _same_columns(same[-1], run):
            rows += len(same[-1])
            group.insert(0, same.pop())
        if len(group) >= _FAN_IN:
            merged = merge(self._next(), bucket, group)
            for old in group[:-1]:
                self._take_off(kind, old)
            self._add(kind, merged)
        else:
            self._add(kind, run)
        # Last: the sieve may draw itself anew from all runs.
        self._sieves[kind].add(run.hashes)

    def move(self, run: Run, old: str, new: str) -> None:
        """Makes a run one of another kind."""
        self._runs[old].remove(run)
        self._runs[new].append(run)
        self._sieves[new].add(run.hashes)
        self._sieves[old].forget(len(run))
        unwritten = [(kind if item is not run else new, item) for kind, item in self._written]
        if not any(item is run for _, item in unwritten):
            self._moved[run.number] = new
        self._written = unwritten

    def rewrite(self, kind: str, run: Run, columns: Mapping[str, Column]) -> None:
        """Gives a run other columns; it stays as new or old as it was."""
        self._take_off(kind, run)
        self._add(kind, Run(run.number, run.bucket, run.hashes, columns))

    def drop(self, kind: str, run: Run) -> None:
        """Forgets a run."""
        self._take_off(kind, run)
        self._sieves[kind].forget(len(run))

    def _take_off(self, kind: str, run: Run) -> None:
        self._runs[kind].remove(run)
        unwritten = [item for item in self._written if item[1] is not run]
        if len(unwritten) == len(self._written):
            self._dropped.append(run.number)
            self._moved.pop(run.number, None)
        self._written = unwritten
        if self._awake.pop(run.number, None) is not None:
            self._awake_bytes -= run.nbytes

    def flush(self, store: Store) -> None:
        """Writes what changed since the last flush; inside a transaction."""
        for number in self._dropped:
            store.drop_run(number)
        for number, kind in self._moved.items():
            store.move_run(number, kind)
        for kind, run in self._written:
            store.put_run(kind, run)
            self._keep_awake(run)
        self._dropped, self._written, self._moved = [], [], {}

    def _keep_awake(self, run: Run) -> None:
        """Keeps the columns of a run that is in the state in memory, and lets go of those longest there."""
        self._awake[run.number] = run
        self._awake_bytes += run.nbytes
        half = COLUMN_BYTES // 2
        hashes = sum(each.hashes.nbytes for runs in self._runs.values() for each in runs)
        room = COLUMN_BYTES - min(max(hashes - half, 0), 3 * COLUMN_BYTES // 4)
        while self._awake_bytes > room and len(self._awake) > 1:
            _, oldest = self._awake.popitem(last=False)
            self._awake_bytes -= oldest.nbytes
            oldest.rest(self._wake)

    def _wake(self, run: Run) -> dict[str, Column]:
        columns = run.columns = self._store.run(run.number).columns
        self._keep_awake(run)
        return columns

    def _next(self) -> int:
        self._number += 1
        return self._number - 1

    def _add(self, kind: str, run: Run) -> None:
        self._runs[kind].append(run)
        self._written.append((kind, run))


def _same_columns(one: Run, other: Run) -> bool:
    return {n: c.shape[1:] for n, c in one.columns.items()} == {n: c.shape[1:] for n, c in other.columns.items()}


def nothing(columns: Mapping[str, Column], rows: int) -> dict[str, Column]:
    """Columns like `columns` with `rows` rows of zeros, NaN in those of numbers."""
    return {
        name: np.full((rows, *column.shape[1:]), np.nan if column.dtype.kind == "f" else 0, dtype=column.dtype)
        for name, column in columns.items()
    }
