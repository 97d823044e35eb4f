"""Batches as rows that can be counted: which layout counts which row, and the work that threads share."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

import numpy as np
import pyarrow as pa

from exporter.batch import Batch
from exporter.engine.plan import ModelPlan
from exporter.engine.references import References
from exporter.profile.columns import Columns
from exporter.profile.ids import Key
from exporter.profile.layout import Layout
from exporter.profile.outcomes import Ints
from exporter.profile.refused import Refused
from exporter.profile.rows import Reading, Rows, decode_predictions, read_versions

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Piece:
    """Rows of a batch that are counted in one layout; `index` (n,) are their numbers in the batch, None: all rows."""

    batch: Batch
    layout: Layout
    index: Ints | None


@dataclass(frozen=True, slots=True)
class Begun:
    """Predictions that are being decoded: the pieces of each batch, and how to get at the rows of each piece."""

    batches: list[tuple[list[Piece], list[Callable[[], tuple[Rows, Refused]]]]]
    pool: Executor | None


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes the logs of one model; holds nothing that changes, so that threads may share it."""

    plan: ModelPlan
    references: References
    key: Key
    keep_rows: bool

    def begin(self, batches: Sequence[Batch], columns: Columns, pool: Executor | None) -> Begun:
        """Decodes predictions, which `pool` shares where they are many; changes nothing, so that it may be ahead."""
        pieces = [self._pieces(batch, columns) for batch in batches]
        shared = pool if sum(map(len, pieces)) > 1 else None
        decoded = [[started(shared, self._decode, piece, columns) for piece in of_batch] for of_batch in pieces]
        return Begun(list(zip(pieces, decoded, strict=True)), shared)

    def _pieces(self, batch: Batch, columns: Columns) -> list[Piece]:
        """A batch by the layouts of its versions."""
        general = self.references.layout("")
        if columns.version is None or set(self.references.layouts) <= {""}:
            return [Piece(batch, general, None)]
        versions = read_versions(batch.rows, columns.version)
        groups: dict[str, tuple[Layout, list[int]]] = {}
        for code in np.unique(versions.codes):
            layout = self.references.layout(versions.names[int(code)])
            groups.setdefault(layout.id, (layout, []))[1].append(int(code))
        if len(groups) <= 1:
            return [Piece(batch, layout, None) for layout, _ in groups.values()] or [Piece(batch, general, None)]
        pieces = []
        for layout, codes in groups.values():
            keep = np.isin(versions.codes, codes)
            pieces.append(Piece(batch.filter(pa.array(keep)), layout, np.flatnonzero(keep)))
        return pieces

    def _decode(self, piece: Piece, columns: Columns) -> tuple[Rows, Refused]:
        return decode_predictions(piece.batch, self.reading(columns, piece.layout))

    def reading(self, columns: Columns, layout: Layout) -> Reading:
        if columns.features is None and self.plan.feature_columns:
            columns = replace(columns, features=dict(self.plan.feature_columns))
        labels = self.plan.labels
        awaited = labels is not None and labels.stream is not None and labels.by_feature
        return Reading(columns, layout, self.plan.decision_threshold, self.key, self.keep_rows, awaited)


def started(pool: Executor | None, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
    """A call that gives the result of `work`, which the pool begins at once; without a pool it is done when asked."""
    if pool is None:
        return lambda: work(*args, **kwargs)
    return pool.submit(work, *args, **kwargs).result
