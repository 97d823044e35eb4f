"""A reference: the counts of a time when all was well, kept per time block, and the bins that it froze."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.loss.model import LossModel
from exporter.profile.vectors import Vectors

T = TypeVar("T")


@dataclass(frozen=True)
class Reference:
    """What a model's windows are measured against.

    Attributes:
        layout: frozen bins; its `id` is the bins id.
        total: counts of all reference rows.
        block_seconds: length of a time block; None if the reference has no time column.
        block_starts: (K,) Unix seconds, rising; blocks without rows are absent.
        blocks: (K, layout.width) counts by block.
        model, version: what it was fitted for; version "" serves all versions without one of their own.
        created: Unix seconds.
        names: slice dimension or `error` → names in slot order, so that slots of the reference mean something.
        losses: what a prediction's loss is expected to be; None without labels, or of an older version.
    """

    layout: Layout
    total: Counts
    model: str
    version: str = ""
    created: float = 0.0
    block_seconds: int | None = None
    block_starts: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    blocks: Vectors = field(default_factory=lambda: Vectors(0, 0))
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timezone: str = "UTC"
    losses: LossModel | None = None

    @property
    def id(self) -> str:
        """The bins id."""
        return self.layout.id

    @cached_property
    def _memo(self) -> dict[Hashable, Any]:
        return {}

    def once(self, key: Hashable, compute: Callable[["Reference"], T]) -> T:
        """`compute(self)`, computed the first time only: what follows from the reference alone is learned once."""
        if key not in self._memo:
            self._memo[key] = compute(self)
        result: T = self._memo[key]
        return result

    @cached_property
    def _windows(self) -> dict[int, Vectors]:
        return {}

    def windows(self, seconds: int) -> Vectors:
        """(K', layout.width) counts of the reference cut into windows of `seconds` that do not overlap.

        Windows with less than half of the usual (median) number of blocks are left out, and a last one that the
        reference's end cuts off. (0, width) if the reference has no time, or coarser blocks than `seconds`.
        """
        known = self._windows
        if seconds not in known:
            known[seconds] = self._cut(seconds)
        return known[seconds]

    def _cut(self, seconds: int) -> Vectors:
        if self.block_seconds is None or seconds < self.block_seconds or len(self.block_starts) == 0:
            return Vectors(0, self.layout.width)
        number = (self.block_starts - self.block_starts[0]) // seconds
        _, first, blocks = np.unique(number, return_index=True, return_counts=True)
        # Judged by blocks, not by rows: a quiet weekend is whole, a window with a gap or past the end is not.
        whole = blocks >= np.median(blocks) / 2
        covered = self.block_starts[-1] + self.block_seconds - self.block_starts[first[-1]]
        whole[-1] &= covered >= seconds or blocks[-1] >= np.median(blocks)
        return self.blocks.sums(first).rows(whole)

    def part(self, counts: Vectors, part: str) -> Floats:
        """(K', *shape): one part of several vectors, as `windows` gives them."""
        return counts.columns(self.layout.spans[part]).reshape(len(counts), *self.layout.shapes[part])
