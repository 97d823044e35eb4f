"""Fitting a reference, out of core: a pass to learn the bins, one to draw what losses are learned from, one to count.

Quantiles come from a random sample of at most half a million values a column, drawn with a fixed seed; the counts that
are kept are exact. Rare categories are merged and outer edges are extreme quantiles, so that nothing in the file points
at one row.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from exporter.batch import Batch, RejectReason
from exporter.errors import ReferenceFileError
from exporter.profile.bins import Floats
from exporter.profile.cells import find_column, read_names
from exporter.profile.columns import Columns
from exporter.profile.count import CellKey, count_outcomes, count_rows, slice_slots
from exporter.profile.counts import Counts
from exporter.profile.feature_truth import counts_alone
from exporter.profile.layout import ERROR_SLOTS, Layout
from exporter.profile.learn import OUTPUT_BINS, FeatureWish, FitSpec, Learned
from exporter.profile.loss.fit import fit_losses
from exporter.profile.loss.model import LossModel
from exporter.profile.loss.pair_terms import Pairs
from exporter.profile.loss.sampling import LossSample, variables_of
from exporter.profile.outcomes import row_outcomes
from exporter.profile.reference import Reference
from exporter.profile.refused import Refused
from exporter.profile.rows import Reading, Rows, decode_predictions
from exporter.profile.vectors import Vectors
from exporter.profile.vocabulary import Vocabulary

__all__ = ["OUTPUT_BINS", "FeatureWish", "Fit", "FitSpec", "fit"]

Progress = Callable[[int], None]
"""Told how many rows were read since it was last told."""


@dataclass(slots=True)
class Fit:
    """A fitted reference and what a person should know of it."""

    reference: Reference
    notes: list[str]


def fit(
    batches: Callable[[], Iterable[Batch]], spec: FitSpec, created: float, progress: Progress = lambda _: None
) -> Fit:
    """A reference fitted from rows that can be read again and again.

    Args:
        batches: opens the reference data anew.
        spec: roles, task, wishes.
        created: Unix seconds, noted in the file.
        progress: told of rows read, in the first and the last pass.

    Raises:
        ReferenceFileError: no row can be used, or what is needed is not there.
    """
    learned = Learned(spec)
    for batch in batches():
        learned.read(of_version(batch, spec))
        progress(batch.rows.num_rows)
    if learned.unnamed:
        for batch in batches():
            learned.read_unnamed(of_version(batch, spec))
    layout, notes = learned.layout()
    losses = _fit_losses(batches, spec, layout, learned.rows)
    if losses is not None and len(losses[1]):
        layout = replace(layout, pairs=losses[1])
    counter = _BlockCounter(spec, layout)
    for batch in batches():
        counter.read(of_version(batch, spec))
        progress(batch.rows.num_rows)
    reference = counter.reference(created)
    return Fit(reference if losses is None else replace(reference, losses=losses[0]), notes + counter.notes())


def _fit_losses(
    batches: Callable[[], Iterable[Batch]], spec: FitSpec, layout: Layout, rows: int
) -> tuple[LossModel, Pairs] | None:
    """The loss model of a sample of the rows; None without labels, or with too few."""
    if spec.columns.label is None:
        return None
    reader, sample = _Reader(spec, layout), LossSample(layout, rows)
    for batch in batches():
        decoded, _ = reader.decode(sample.drawn(of_version(batch, spec)))
        sample.add(decoded, row_outcomes(decoded, np.empty((len(decoded), 0), dtype=np.int64)))
    return fit_losses(sample.sample(), tuple(variables_of(layout).values()))


def of_version(batch: Batch, spec: FitSpec) -> Batch:
    """The rows of a batch that a version's reference is fitted from; all of them where the data name no version."""
    column = None if spec.columns.version is None else find_column(batch.rows, spec.columns.version)
    if column is None:
        return batch
    names = read_names(column)
    wanted = [name == spec.version if spec.version else name not in spec.others for name in names.names]
    keep = np.array([*wanted, not spec.version], dtype=np.bool_)[names.codes]
    return batch if keep.all() else batch.filter(pa.array(keep))


class _Reader:
    """Reads rows with the bins that were learned, also where they have no time."""

    def __init__(self, spec: FitSpec, layout: Layout) -> None:
        self._spec = spec
        self._layout = layout
        self._reading = Reading(spec.columns, layout, spec.decision_threshold)
        self.timed = spec.columns.time is not None

    def decode(self, batch: Batch) -> tuple[Rows, Refused]:
        if self.timed and find_column(batch.rows, self._spec.columns.time or "") is None:
            self.timed = False
        reading = self._reading
        if not self.timed:
            batch = _with_time(batch)
            reading = Reading(_timeless(self._spec.columns), self._layout, self._spec.decision_threshold)
        return decode_predictions(batch, reading)


class _BlockCounter:
    """Last pass: counts by time block."""

    def __init__(self, spec: FitSpec, layout: Layout) -> None:
        self._spec = spec
        self._layout = layout
        self._vocabulary = Vocabulary({**spec.slices, "error": ERROR_SLOTS})
        self._reader = _Reader(spec, layout)
        self._total = Counts.zero(layout)
        self._blocks: dict[int, Floats] = {}
        self._rejected: Counter[RejectReason] = Counter()

    def read(self, batch: Batch) -> None:
        rows, refused = self._reader.decode(batch)
        self._rejected.update(refused.tally)
        slots = slice_slots(rows, self._layout, self._vocabulary)
        width = self._spec.block_seconds
        for counted in count_rows(rows, slots, self._layout, self._vocabulary, width):
            self._add(counted)
        outcomes = row_outcomes(rows, slots)
        if outcomes is not None and len(outcomes):
            for counted in count_outcomes(outcomes, self._layout, width):
                self._add(counted)

    def _add(self, counted: dict[CellKey, Counts]) -> None:
        for (_, start), counts in counted.items():
            self._total.add(counts)
            if self._reader.timed:
                block = self._blocks.get(start)
                if block is None:
                    self._blocks[start] = counts.all.copy()
                else:
                    block += counts.all

    def reference(self, created: float) -> Reference:
        # Means within a bin, and sums of losses, are asked of the whole reference only, and do not compress.
        for block in self._blocks.values():
            block[self._layout.spans["feature_sums"]] = 0.0
            counts_alone(self._layout, block)
        if self._total.rows == 0:
            raise ReferenceFileError(
                f"model {self._spec.model!r}: none of the reference rows could be used "
                f"({', '.join(f'{n:,} {reason}' for reason, n in self._rejected.items())})"
            )
        starts = sorted(self._blocks) if self._reader.timed else []
        return Reference(
            layout=self._layout,
            total=self._total,
            model=self._spec.model,
            version=self._spec.version,
            created=created,
            block_seconds=self._spec.block_seconds if starts else None,
            block_starts=np.array(starts, dtype=np.int64),
            blocks=Vectors.of([self._blocks[start] for start in starts], self._layout.width),
            names={kind: tuple(names) for kind, names in self._vocabulary.names.items()},
            timezone=self._spec.columns.timezone,
        )

    def notes(self) -> list[str]:
        notes = [f"{count:,} rows left out: {reason}" for reason, count in sorted(self._rejected.items())]
        if not self._reader.timed:
            notes.append(
                "no time column: how much the data varies from day to day is unknown, its noise is taken as i.i.d."
            )
        if self._total.labels == 0:
            notes.append("no labels: performance will have no reference value and no learned band")
        return notes


def _with_time(batch: Batch) -> Batch:
    """The batch with a time that is always the same, for references without one."""
    return replace(batch, rows=batch.rows.append_column(_NO_TIME_COLUMN, pa.array(np.zeros(batch.rows.num_rows))))


_NO_TIME_COLUMN = "__no_time__"


def _timeless(columns: Columns) -> Columns:
    return replace(columns, time=_NO_TIME_COLUMN)
