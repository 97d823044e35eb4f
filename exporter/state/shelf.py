"""Sorted runs by kind and bucket: appended, merged while they are small, dropped as a whole; written when told."""

from collections.abc import Iterable, Mapping

import numpy as np

from exporter.profile.ids import Hashes
from exporter.state.runs import Column, Run, merge, sorted_run
from exporter.state.store import Store

_FAN_IN = 4
"""Runs that are merged at once: fewer would write each row more often, more would make look-ups search more runs."""


class Shelf:
    """All runs of one state, in memory; `flush` writes what changed."""

    def __init__(self, store: Store, kinds: Iterable[str]) -> None:
        """Reads the runs of `store`."""
        self._runs: dict[str, list[Run]] = {kind: store.runs(kind) for kind in kinds}
        self._number = 1 + max((run.number for runs in self._runs.values() for run in runs), default=0)
        self._written: list[tuple[str, Run]] = []
        self._dropped: list[int] = []

    def runs(self, *kinds: str) -> list[Run]:
        """Runs of some kinds, kind by kind, in no order within one."""
        return [run for kind in kinds for run in self._runs[kind]]

    def append(self, kind: str, bucket: int, ids: Hashes, columns: Mapping[str, Column]) -> None:
        """Adds rows as a run; merges the newest runs of its bucket once some are of about one size."""
        if len(ids) == 0:
            return
        run = sorted_run(self._next(), bucket, ids, columns)
        same = sorted((r for r in self._runs[kind] if r.bucket == bucket), key=lambda r: r.number)
        group = [run]
        while same and len(same[-1]) <= 2 * sum(len(r) for r in group) and _same_columns(same[-1], run):
            group.insert(0, same.pop())
        if len(group) >= _FAN_IN:
            for old in group[:-1]:
                self.drop(kind, old)
            run = merge(self._next(), bucket, group)
        self._add(kind, run)

    def move(self, run: Run, old: str, new: str) -> None:
        """Makes a run one of another kind."""
        self.drop(old, run)
        self._add(new, Run(self._next(), run.bucket, run.hashes, run.columns))

    def rewrite(self, kind: str, run: Run, columns: Mapping[str, Column]) -> None:
        """Gives a run other columns; it stays as new or old as it was."""
        self.drop(kind, run)
        self._add(kind, Run(run.number, run.bucket, run.hashes, dict(columns)))

    def drop(self, kind: str, run: Run) -> None:
        """Forgets a run."""
        self._runs[kind].remove(run)
        unwritten = [item for item in self._written if item[1] is not run]
        if len(unwritten) == len(self._written):
            self._dropped.append(run.number)
        self._written = unwritten

    def flush(self, store: Store) -> None:
        """Writes what changed since the last flush; inside a transaction."""
        for number in self._dropped:
            store.drop_run(number)
        for kind, run in self._written:
            store.put_run(kind, run)
        self._dropped, self._written = [], []

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
