"""Counts of each version by processing time: what counters show, whatever pane it fell into."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from exporter.engine.references import References
from exporter.profile.adapt import adapt
from exporter.profile.codec import pack, packed_layout, unpack
from exporter.profile.count import CellKey
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.scattered import Scattered
from exporter.state.store import Store


class Totals(Mapping[str, Counts]):
    """Version → all that was counted of it as news; `flush` writes what changed."""

    def __init__(self, store: Store, references: References) -> None:
        """Reads those of `store`, in the layouts that versions have now."""
        layouts = store.layouts()
        self._totals = {
            version: adapt(unpack(packed, layouts[packed_layout(packed)]), references.layout(version))
            for version, packed in store.totals().items()
        }
        self._changed: set[str] = set()
        self._gone: set[str] = set()

    def __getitem__(self, version: str) -> Counts:
        return self._totals[version]

    def __iter__(self) -> Iterator[str]:
        return iter(self._totals)

    def __len__(self) -> int:
        return len(self._totals)

    def add(self, counted: Mapping[CellKey, Counts], *, news: bool) -> None:
        """Adds counts to their versions; what is no news leaves a version as it is, but known."""
        for (version, _), counts in counted.items():
            total = self._of(version, counts.layout)
            if news:
                total.add(counts)

    def scatter(self, cells: Sequence[CellKey], scattered: Scattered, *, news: bool) -> None:
        """`add` of a few counts in many panes."""
        for version in dict.fromkeys(version for version, _ in cells):
            total = self._of(version, scattered.layout)
            if news:
                scattered.add_to(total, np.array([owner == version for owner, _ in cells]))

    def _of(self, version: str, layout: Layout) -> Counts:
        """A version's total, to be changed."""
        if version not in self._totals:
            self._totals[version] = Counts.zero(layout)
        self._changed.add(version)
        return self._totals[version]

    def forget(self, known: Collection[str]) -> None:
        """Drops versions that are not `known`."""
        for version in self._totals.keys() - set(known):
            del self._totals[version]
            self._changed.discard(version)
            self._gone.add(version)

    def flush(self, store: Store) -> None:
        """Writes what changed since the last flush; inside a transaction."""
        for version in self._gone - self._changed:
            store.drop_total(version)
        for version in self._changed:
            store.put_layout(self._totals[version].layout)
            store.put_total(version, pack(self._totals[version]))
        self._changed, self._gone = set(), set()
