"""Columns of panes of the past, kept as they were read: panes change seldom, and what changed is read again alone."""

from dataclasses import dataclass, field

import numpy as np

from exporter.engine.panes import Panes
from exporter.metrics.history import Past, Places, Times
from exporter.profile.bins import Floats
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.state.store import PaneKey

LENGTH = 28 * 86400
"""Seconds that are looked back: four weeks, so that last week's weekend has one before it."""


@dataclass(slots=True)
class _Table:
    """Some columns of the panes of one version.

    Attributes:
        end: up to when panes were asked for, Unix seconds.
        places: (n,) which columns, rising.
        keys: (K,) panes in time order; `starts` and `widths` are theirs.
        counts: (K, n) as 32-bit numbers: exact up to 16 million, and near enough beyond.
    """

    end: int
    places: Places
    keys: list[PaneKey]
    counts: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
    starts: Times = field(init=False)
    widths: Times = field(init=False)

    def __post_init__(self) -> None:
        self.starts = np.array([key.start for key in self.keys], dtype=np.int64)
        self.widths = np.array([key.width for key in self.keys], dtype=np.int64)


class Histories:
    """The past of all versions of one model, as far as it was asked for."""

    def __init__(self, panes: Panes) -> None:
        self._panes = panes
        self._tables: dict[tuple[str, str], _Table] = {}

    def read(self, version: str, layout: Layout, end: int, places: Places) -> Past:
        """Columns `places` of a version's panes that start in the LENGTH before `end`; slices stand behind all rows."""
        table = self._table(version, layout, end, places)
        counts = table.counts[:, np.searchsorted(table.places, places)].astype(np.float64)
        return Past(table.starts, table.widths, counts)

    def forget(self, version: str) -> None:
        """Drops what is kept of a version that is not shown any more."""
        for name in [name for name in self._tables if name[0] == version]:
            del self._tables[name]

    def _table(self, version: str, layout: Layout, end: int, places: Places) -> _Table:
        """Panes up to `end`, all of `places` among their columns, read as far as they are not known."""
        name, changed = (version, layout.id), self._panes.changed_since_asked(version, layout)
        known = self._tables.get(name)
        enough = known is not None and np.isin(places, known.places).all()
        if known is not None and enough and known.end == end and not changed:
            return known
        keys = self._panes.keys(version, layout, end - LENGTH, end)
        if known is None or not enough:
            wanted = np.unique(places) if known is None else np.union1d(known.places, places)
            known = _Table(end, wanted, [], np.zeros((0, 0), dtype=np.float32))
        rows = {key: row for row, key in enumerate(known.keys) if key not in changed}
        counts = known.counts if known.keys == keys else np.zeros((len(keys), len(known.places)), dtype=np.float32)
        if counts is not known.counts:
            kept = [(row, rows[key]) for row, key in enumerate(keys) if key in rows]
            if kept:
                to, of = np.array(kept).T
                counts[to] = known.counts[of]
        for row, key in enumerate(keys):
            if key not in rows:
                counts[row] = _columns(self._panes.peek(key), known.places)
        table = self._tables[name] = _Table(end, known.places, keys, counts)
        return table


def _columns(counts: Counts, places: Places) -> Floats:
    """(n,) counts of all rows, and behind them those of slice values one after the other."""
    width = counts.layout.width
    columns: Floats = np.where(
        places < width,
        counts.all[np.minimum(places, width - 1)],
        counts.by_slice.reshape(-1)[np.maximum(places - width, 0)] if counts.by_slice.size else 0.0,
    )
    return columns
