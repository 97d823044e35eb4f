"""Columns of panes of the past, kept as they were read: panes change seldom, and what changed is read again alone."""

from dataclasses import dataclass

import numpy as np

from exporter.engine.panes import Panes
from exporter.metrics.history import Past, Places
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
        places: (n,) which columns, rising.
        keys: (K,) panes in time order.
        counts: (K, n) as 32-bit numbers: exact up to 16 million, and near enough beyond.
    """

    places: Places
    keys: list[PaneKey]
    counts: np.ndarray[tuple[int, ...], np.dtype[np.float32]]


class Histories:
    """The past of all versions of one model, as far as it was asked for."""

    def __init__(self, panes: Panes) -> None:
        self._panes = panes
        self._tables: dict[tuple[str, str], _Table] = {}

    def read(self, version: str, layout: Layout, end: int, places: Places) -> Past:
        """Columns `places` of a version's panes that start in the LENGTH before `end`; slices stand behind all rows."""
        keys = self._panes.keys(version, layout, end - LENGTH, end)
        table = self._table(version, layout, keys, places)
        return Past(
            starts=np.array([key.start for key in keys], dtype=np.int64),
            widths=np.array([key.width for key in keys], dtype=np.int64),
            counts=table.counts[:, np.searchsorted(table.places, places)].astype(np.float64),
        )

    def forget(self, version: str) -> None:
        """Drops what is kept of a version that is not shown any more."""
        for name in [name for name in self._tables if name[0] == version]:
            del self._tables[name]

    def _table(self, version: str, layout: Layout, keys: list[PaneKey], places: Places) -> _Table:
        """What is known of `keys`, all of `places` among it, read as far as it is not."""
        name, changed = (version, layout.id), self._panes.changed_since_asked(version, layout)
        known = self._tables.get(name)
        if known is not None and not changed and known.keys == keys and np.isin(places, known.places).all():
            return known
        if known is None:
            known = _Table(np.unique(places), [], np.zeros((0, 0), dtype=np.float32))
        elif not np.isin(places, known.places).all():
            known = _Table(np.union1d(known.places, places), [], np.zeros((0, 0), dtype=np.float32))
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
        table = self._tables[name] = _Table(known.places, keys, counts)
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
