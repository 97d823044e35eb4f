"""Small additions to panes, kept beside them: for a few labels hundreds of panes must not be unpacked and written."""

from typing import Final

from exporter.profile.counts import Counts
from exporter.profile.scattered import Addition, together
from exporter.state.store import PaneKey, Store

MOST_BYTES: Final = 8 << 20
"""Additions kept: some ten thousand labels. Beyond, panes with most of them are to be written anew."""


class Additions:
    """What is to be added to packed panes before they are what was counted; `flush` writes what changed."""

    def __init__(self) -> None:
        self._parts: dict[PaneKey, dict[int, bytes]] = {}
        """By the number of its row in the state."""
        self._bytes: dict[PaneKey, int] = {}
        self._total = 0
        self._number = 1
        self._unwritten: dict[int, PaneKey] = {}
        self._gone: list[int] = []

    def load(self, store: Store) -> None:
        """Reads those of `store`."""
        for number, key, packed in store.additions():
            self._keep(number, key, packed)
            self._number = number + 1

    def __contains__(self, key: PaneKey) -> bool:
        return key in self._parts

    def add(self, key: PaneKey, addition: Addition) -> None:
        """Keeps an addition to a pane that is in the state, or will be when this is written."""
        self._unwritten[self._number] = key
        self._keep(self._number, key, addition.pack())
        self._number += 1

    def _keep(self, number: int, key: PaneKey, packed: bytes) -> None:
        self._parts.setdefault(key, {})[number] = packed
        self._bytes[key] = self._bytes.get(key, 0) + len(packed)
        self._total += len(packed)

    def add_to(self, pane: Counts, key: PaneKey) -> None:
        """Adds to the unpacked pane what is kept for it."""
        together([Addition.unpack(packed, pane.layout) for packed in self._parts[key].values()]).add_to(pane)

    def drop(self, key: PaneKey) -> None:
        """Forgets what is kept for a pane: it has it now, or is gone."""
        for number in self._parts.pop(key, ()):
            if self._unwritten.pop(number, None) is None:
                self._gone.append(number)
        self._total -= self._bytes.pop(key, 0)

    def too_many(self) -> list[PaneKey]:
        """Panes to be written anew, so that what is left is no more than is kept: those with most, that they be few."""
        left, panes = self._total, []
        if left > MOST_BYTES:
            for key in sorted(self._bytes, key=self._bytes.__getitem__, reverse=True):
                if left <= MOST_BYTES:
                    break
                panes.append(key)
                left -= self._bytes[key]
        return panes

    def flush(self, store: Store) -> None:
        """Writes what changed since the last flush; inside a transaction."""
        store.drop_additions(self._gone)
        store.put_additions((number, key, self._parts[key][number]) for number, key in self._unwritten.items())
        self._gone, self._unwritten = [], {}
