"""Counts by pane, and windows as sums of panes.

Panes grow coarser with age: as wide as configured, then an hour, then a day. A window is kept as a running sum: what
enters is added, what leaves is subtracted, which is exact because every count is a whole multiple of a power of two
(bins.sum_unit).
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exporter.engine.additions import Additions
from exporter.engine.plan import Retention
from exporter.metrics.history import Tally
from exporter.profile.adapt import adapt
from exporter.profile.codec import add_packed, pack, unpack
from exporter.profile.count import CellKey
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.scattered import Scattered
from exporter.state.store import PaneKey, Store

HOUR = 3600
DAY = 86400
_HOT = 256
"""Panes kept unpacked at most: those that rows still come for."""
_HOT_BYTES = 48 << 20


@dataclass(slots=True)
class _Running:
    """The sum of a version's panes that start in [start, end)."""

    start: int
    end: int
    counts: Counts


class Panes:
    """All panes of one model, in memory as packed bytes, with running window sums."""

    def __init__(self, pane: int, retention: Retention) -> None:
        self._pane = pane
        self._retention = retention
        self._layouts: dict[str, Layout] = {}
        self._packed: dict[PaneKey, bytes] = {}
        self._hot: OrderedDict[PaneKey, Counts] = OrderedDict()
        self._index: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._running: dict[tuple[str, int], _Running] = {}
        self._dirty: set[PaneKey] = set()
        self._additions = Additions()
        self._dropped: list[PaneKey] = []
        self._aged = 0
        self._touched: dict[tuple[str, str], set[PaneKey]] = {}
        # Answered predictions and labels by (start, width), noted when a pane is summed: too dear to read it for them.
        self._tallies: dict[tuple[str, str], dict[tuple[int, int], tuple[float, float]]] = {}

    def load(self, store: Store, layouts: dict[str, Layout]) -> None:
        """Reads the panes of `store`; those whose bins are as one of `layouts` (version → layout) are read as that."""
        self._layouts.update(store.layouts())
        self._additions.load(store)
        changed = []
        for key, packed in store.panes():
            layout, old = layouts.get(key.version, layouts.get("")), self._layouts[key.layout]
            self._packed[key] = packed
            self._remember(key)
            if layout is not None and old.id != layout.id and old.bins_id == layout.bins_id:
                changed.append((key, layout))
        for key, layout in changed:
            self._layouts[layout.id] = layout
            counts = adapt(self.peek(key), layout)
            self._drop(key)
            self._add(PaneKey(key.version, key.start, key.width, layout.id), counts)

    def width_at(self, start: int) -> int:
        """How wide the pane is that holds second `start`, since the last roll."""
        if self._pane < DAY and start // DAY * DAY + DAY <= self._aged - self._retention.hourly:
            return DAY
        if self._pane < HOUR and start // HOUR * HOUR + HOUR <= self._aged - self._retention.fine:
            return HOUR
        return self._pane

    def oldest(self, now: float) -> float:
        """Rows before this second are not kept any more."""
        return now - self._retention.daily

    def add(self, counted: dict[CellKey, Counts]) -> None:
        """Adds counts to their panes, and to the running windows that hold them."""
        for (version, start), counts in counted.items():
            layout = counts.layout
            self._layouts.setdefault(layout.id, layout)
            width = self.width_at(start)
            key = PaneKey(version, start // width * width, width, layout.id)
            self._add(key, counts)
            for (owner, _), running in self._running.items():
                if (
                    owner == version
                    and running.start <= key.start < running.end
                    and running.counts.layout.id == layout.id
                ):
                    running.counts.add(counts)

    def scatter(self, cells: Sequence[CellKey], scattered: Scattered) -> None:
        """`add` of a few counts in many panes: they are kept beside the panes until there are enough of them."""
        layout = scattered.layout
        self._layouts.setdefault(layout.id, layout)
        keys = []
        for (version, start), addition in zip(cells, scattered.each(), strict=True):
            width = self.width_at(start)
            key = PaneKey(version, start // width * width, width, layout.id)
            keys.append(key)
            if key in self._dirty or not (key in self._packed or key in self._hot):
                # It is to be written anyway.
                part = Counts.zero(layout)
                addition.add_to(part)
                self._add(key, part)
            else:
                self._touch(key)
                self._additions.add(key, addition)
        for (owner, _), running in self._running.items():
            if running.counts.layout.id == layout.id:
                inside = [owner == key.version and running.start <= key.start < running.end for key in keys]
                scattered.add_to(running.counts, np.array(inside))

    def window(self, version: str, layout: Layout, seconds: int, end: int) -> Counts:
        """The sum of a version's panes that start in [end - seconds, end). Do not change it."""
        start = end - seconds
        running = self._running.get((version, seconds))
        moved = (
            running is not None
            and running.counts.layout.id == layout.id
            and running.start <= start <= running.end <= end
        )
        if running is None or not moved:
            running = _Running(start, end, self._whole(version, layout, start, end))
            self._running[(version, seconds)] = running
            return running.counts
        if running.end < end:
            running.counts.add(self._sum(version, layout, running.end, end))
        if running.start < start:
            gone = self._sum(version, layout, running.start, start)
            running.counts.all -= gone.all
            running.counts.by_slice -= gone.by_slice
        running.start, running.end = start, end
        return running.counts

    def total(self, version: str, layout: Layout, start: int, end: int) -> Counts:
        """The sum of a version's panes that start in [start, end), added up for this question alone."""
        return self._sum(version, layout, start, end)

    def _whole(self, version: str, layout: Layout, start: int, end: int) -> Counts:
        """The sum of [start, end), beginning with the longest running window that ends where it does."""
        inside = [
            running
            for (owner, _), running in self._running.items()
            if owner == version and start <= running.start and running.end == end
            if running.counts.layout.id == layout.id
        ]
        if not inside:
            return self._sum(version, layout, start, end)
        longest = min(inside, key=lambda running: running.start)
        total = self._sum(version, layout, start, longest.start)
        total.add(longest.counts)
        return total

    def _sum(self, version: str, layout: Layout, start: int, end: int) -> Counts:
        total = Counts.zero(layout)
        index = self._index.get((version, layout.id), [])
        tallies, before = self._tallies.setdefault((version, layout.id), {}), (0.0, 0.0)
        for first, width in index[bisect_left(index, (start, 0)) : bisect_left(index, (end, 0))]:
            key = PaneKey(version, first, width, layout.id)
            if key in self._hot or key in self._additions:
                total.add(self.peek(key))
            else:
                add_packed(self._packed[key], total)
            after = (total.answered, total.labels)
            tallies[(first, width)] = (after[0] - before[0], after[1] - before[1])
            before = after
        return total

    def keys(self, version: str, layout: Layout, start: int, end: int) -> list[PaneKey]:
        """A version's panes that start in [start, end), in time order."""
        index = self._index.get((version, layout.id), [])
        inside = index[bisect_left(index, (start, 0)) : bisect_left(index, (end, 0))]
        return [PaneKey(version, first, width, layout.id) for first, width in inside]

    def tally(self, version: str, layout: Layout, seconds: int, end: int) -> Tally:
        """How far the labels have come of a version's panes that start in [end - seconds, end)."""
        name, index = (version, layout.id), self._index.get((version, layout.id), [])
        inside = index[bisect_left(index, (end - seconds, 0)) : bisect_left(index, (end, 0))]
        known = self._tallies.setdefault(name, {})
        for first, width in inside:
            if (first, width) not in known:
                pane = self.peek(PaneKey(version, first, width, layout.id))
                known[(first, width)] = (pane.answered, pane.labels)
        places = np.array(inside, dtype=np.int64).reshape(-1, 2)
        counts = np.array([known[place] for place in inside]).reshape(-1, 2)
        return Tally(places[:, 0], places[:, 1], counts[:, 0], counts[:, 1])

    def changed_since_asked(self, version: str, layout: Layout) -> set[PaneKey]:
        """A version's panes that changed since this was last asked."""
        return self._touched.pop((version, layout.id), set())

    def roll(self, now: float) -> bool:
        """Merges panes that have grown old into wider ones, and drops those older than is kept; false if done before.

        It is done once an hour.
        """
        hour = int(now // HOUR) * HOUR
        if hour <= self._aged:
            return False
        self._aged = hour
        for key in sorted(self._packed.keys() | self._hot.keys(), key=lambda key: (key.version, key.start, key.width)):
            width = self.width_at(key.start)
            if key.start + key.width <= self.oldest(now):
                self._drop(key)
            elif width > key.width:
                counts = self.peek(key)
                self._drop(key)
                self._add(PaneKey(key.version, key.start // width * width, width, key.layout), counts)
        self._running.clear()
        used = {key.layout for key in self._packed.keys() | self._hot.keys()}
        self._layouts = {name: layout for name, layout in self._layouts.items() if name in used}
        return True

    def flush(self, store: Store) -> None:
        """Writes what changed since the last flush; inside a transaction."""
        for key in self._additions.too_many():
            self._get(key)
        self._additions.flush(store)
        for key in self._dropped:
            store.drop_pane(key)
        for layout in {key.layout for key in self._dirty}:
            store.put_layout(self._layouts[layout])
        for key in self._dirty:
            if key in self._hot:
                self._packed[key] = pack(self._hot[key])
            store.put_pane(key, self._packed[key])
        self._dropped, self._dirty = [], set()

    def forget_version(self, version: str) -> None:
        """Drops the running windows of a version that is not shown any more."""
        for key in [key for key in self._running if key[0] == version]:
            del self._running[key]

    def _get(self, key: PaneKey) -> Counts | None:
        """A pane to be changed."""
        pane = self._hot.get(key)
        if pane is None and key in self._packed:
            pane = unpack(self._packed[key], self._layouts[key.layout])
            self._heat(key, pane)
        elif pane is not None:
            self._hot.move_to_end(key)
        if pane is not None and key in self._additions:
            self._additions.add_to(pane, key)
            self._additions.drop(key)
            self._dirty.add(key)
        return pane

    def _heat(self, key: PaneKey, pane: Counts) -> None:
        """Keeps a pane unpacked, and packs those that were not needed for longest."""
        self._hot[key] = pane
        most = max(1, min(_HOT, _HOT_BYTES // (pane.all.nbytes + pane.by_slice.nbytes)))
        while len(self._hot) > most:
            cold, counts = self._hot.popitem(last=False)
            if cold in self._dirty:
                self._packed[cold] = pack(counts)

    def peek(self, key: PaneKey) -> Counts:
        """A pane to be read."""
        pane = self._hot.get(key)
        if pane is None:
            pane = unpack(self._packed[key], self._layouts[key.layout])
        elif key in self._additions:
            pane = pane.copy()
        if key in self._additions:
            self._additions.add_to(pane, key)
        return pane

    def _touch(self, key: PaneKey) -> None:
        self._tallies.get((key.version, key.layout), {}).pop((key.start, key.width), None)
        self._touched.setdefault((key.version, key.layout), set()).add(key)

    def _add(self, key: PaneKey, counts: Counts) -> None:
        self._touch(key)
        pane = self._get(key)
        if pane is None:
            self._dirty.add(key)
            self._heat(key, counts.copy())
            self._remember(key)
        else:
            self._dirty.add(key)
            pane.add(counts)

    def _remember(self, key: PaneKey) -> None:
        index = self._index.setdefault((key.version, key.layout), [])
        place = bisect_left(index, (key.start, key.width))
        if place == len(index) or index[place] != (key.start, key.width):
            insort(index, (key.start, key.width))

    def _drop(self, key: PaneKey) -> None:
        self._packed.pop(key, None)
        self._hot.pop(key, None)
        self._dirty.discard(key)
        self._additions.drop(key)
        self._touch(key)
        self._dropped.append(key)
        index = self._index[(key.version, key.layout)]
        index.remove((key.start, key.width))
        if not index:
            del self._index[(key.version, key.layout)]
