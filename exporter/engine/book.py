"""What was counted of one model: its panes, totals and waiting labels, as the state has them plus one poll at most."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from exporter.batch import Batch, RejectReason
from exporter.engine.batch_runs import BatchRuns
from exporter.engine.classes import ClassNames
from exporter.engine.codings import Codings
from exporter.engine.decoding import Begun, Decoder, Piece, started
from exporter.engine.ledger import Ledger, LedgerRules
from exporter.engine.panes import Panes
from exporter.engine.plan import ModelPlan
from exporter.engine.references import References, vocabulary_capacity
from exporter.engine.timeline import Timeline
from exporter.engine.totals import Totals
from exporter.engine.versions import Versions
from exporter.profile.adapt import adapt_slots
from exporter.profile.cells import NO_TIME, Bools, Names
from exporter.profile.class_names import class_code
from exporter.profile.columns import Columns
from exporter.profile.count import (
    CellKey,
    cell_count,
    count_outcomes,
    count_prepared,
    error_slots,
    is_scattered,
    scatter_outcomes,
    slice_slots,
)
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.outcomes import Ints, Outcomes, concatenate, row_outcomes
from exporter.profile.refused import Refused
from exporter.profile.rows import Rows, decode_labels
from exporter.profile.vocabulary import Vocabulary
from exporter.state.store import Store

P = ParamSpec("P")
T = TypeVar("T")
Counted = Iterable[dict[CellKey, Counts]]
_LABEL_REASONS: tuple[tuple[RejectReason, str], ...] = (("duplicate", "duplicates"), ("conflict", "conflicts"))
_MICRO = 1_000_000
_MANY_CELLS = 256
"""Cells of one job beyond which they are counted some at a time, as they are added: all at once they may not fit."""


@dataclass(slots=True)
class _Job:
    """Rows that were admitted and have their slots: all that counting them needs."""

    rows: Rows
    slots: Ints
    errors: Ints
    layout: Layout
    counters: bool
    small: bool
    """True if all its cells fit into memory at once."""


@dataclass(slots=True)
class Taken:
    """What became of some rows: those set aside, and the newest event time, Unix seconds."""

    refused: Refused
    newest: float | None = None

    def note(self, times: Ints) -> None:
        """Notes event times."""
        if len(times):
            self.newest = max(self.newest or 0.0, float(times.max()) / _MICRO)


class Book:
    """Counts one model. Used by one thread; what is not flushed is lost with it, and read again from the logs."""

    def __init__(
        self, plan: ModelPlan, references: References, store: Store, wall: float, *, keep_rows: bool = False
    ) -> None:
        """Reads what the state has.

        Raises:
            StateError: the state cannot be read.
        """
        self._plan = plan
        self._references = references
        self._keep_rows = keep_rows
        self.decoder = Decoder(plan, references, store.key, keep_rows)
        facts = store.facts()
        self.vocabulary = Vocabulary(vocabulary_capacity(plan), facts.get("vocabulary", {}))
        self.timeline = Timeline(
            plan.clock, plan.pane, plan.settle, plan.max_jump, plan.max_future, facts.get("watermarks", {})
        )
        # A partition was silent as long as it was when we stopped: nobody listened since.
        self.timeline.seen.update({part: wall - idle for part, idle in facts.get("idle", {}).items()})
        self.versions = Versions(
            facts.get("first_prediction", {}), facts.get("last_prediction", {}), facts.get("last_label", {})
        )
        self._classes = ClassNames(facts.get("classes", []), references.layouts.values())
        self.panes = Panes(plan.pane, plan.retention)
        self.panes.load(store, references.layouts)
        self.totals = Totals(store, references)
        self.ledger = self._open_ledger(store, facts)
        self.runs = BatchRuns(plan, self.timeline, facts, keep_rows=keep_rows)
        self._rolled = False
        self.changed = False
        """True if anything was counted since the last flush."""

    def _open_ledger(self, store: Store, facts: dict[str, Any]) -> Ledger:
        plan, labels = self._plan, self._plan.labels
        waits = labels is not None and labels.stream is not None
        rules = LedgerRules(
            dedupe=plan.dedupe,
            wait=labels.wait if labels is not None and waits else None,
            default=self._default_label(),
            conflict=labels.conflict if labels is not None else "last",
        )
        ledger = Ledger(store, rules, len(plan.slice_values), facts.get("ledger", {}))
        ledger.versions = facts.get("versions", [])
        ledger.score_width = len(self._classes)
        layouts = self._references.layouts.values()
        widths = [len(layout.features) for layout in layouts if layout.has("feature_truth")]
        ledger.codings = Codings(facts.get("codings", []), max(widths, default=0))
        dimensions = self.vocabulary.capacity
        then: dict[str, int] = dict(facts.get("dimensions", self._dimensions()))
        if list(then.items()) != self._dimensions():
            places = {name: place for place, name in enumerate(then)}
            ledger.adapt_slots(
                [
                    (places[name], adapt_slots(then[name], dimensions[name])) if name in then else None
                    for name, _ in self._dimensions()
                ]
            )
        return ledger

    def _dimensions(self) -> list[tuple[str, int]]:
        """Slice dimensions and their slots, in order."""
        return [(name, self.vocabulary.capacity[name]) for name in self._plan.slice_values]

    def _default_label(self) -> float | None:
        labels = self._plan.labels
        if labels is None or labels.default is None:
            return None
        if self._plan.task == "regression":
            return float(labels.default)
        layout = self._label_layout()
        code = np.array([float(class_code(str(labels.default), layout))])
        return float(self._classes.lasting(code, layout)[0])

    def _label_layout(self) -> Layout:
        return self._classes.reading(self._references.layout(""))

    # Predictions

    def take_predictions(self, begun: Begun, wall: float) -> Taken:
        """Counts predictions and joins the labels that were there first."""
        taken = Taken(Refused())
        counts: list[tuple[bool, Callable[[], Counted]]] = []
        for pieces, decoded in begun.batches:
            rows = []
            for decode in decoded:
                part, refused = decode()
                taken.refused.extend(refused)
                rows.append(part)
            counts += [
                (job.counters, started(begun.pool if job.small else None, self._count, job))
                for job in self._admit(pieces, rows, wall, taken)
            ]
        for counters, counting in counts:
            for counted in counting():
                self._add(counted, counters=counters)
        return taken

    def _admit(self, pieces: list[Piece], decoded: list[Rows], wall: float, taken: Taken) -> list[_Job]:
        """Sets aside what is not to be counted of one batch, and gives the rest its slots."""
        sizes = [len(rows) for rows in decoded]
        if sum(sizes) == 0:
            return []
        index = np.concatenate(
            [
                rows.place if piece.index is None else piece.index[rows.place]
                for piece, rows in zip(pieces, decoded, strict=True)
            ]
        )
        order = np.argsort(index, kind="stable")
        reasons, before = self._judge(decoded, order, pieces[0].batch.partition, wall)
        jobs = []
        stops = np.cumsum(sizes)
        for piece, rows, stop in zip(pieces, decoded, stops, strict=True):
            part = slice(int(stop) - len(rows), int(stop))
            keep = np.ones(len(rows), dtype=np.bool_)
            if rows.label_time is not None:
                rows.label_time = self._believed(rows.label_time, wall)
            for reason, mask in reasons:
                taken.refused.add(piece.batch, rows.place[mask[part]], reason, keep_rows=self._keep_rows)
                keep &= ~mask[part]
            if keep.any():
                counted = rows if keep.all() else rows.take(keep)
                self.runs.note(piece.batch, counted)
                jobs += self._enter(counted, piece.layout, before, taken)
        return jobs

    def _believed(self, learned: Ints, wall: float) -> Ints:
        """(n,) when labels were learned; NO_TIME where that is still to come: by some clock that is wrong."""
        latest = self.timeline.latest_label(wall) * _MICRO
        return np.where(learned > latest, NO_TIME, learned)

    def _judge(
        self, decoded: list[Rows], order: NDArray[np.intp], partition: str, wall: float
    ) -> tuple[list[tuple[RejectReason, Bools]], float | None]:
        """Which rows of a batch are not to be counted and why; and what time it was before the batch came.

        Rows are judged in the order of the batch, whatever layout counts them.
        """
        time = np.concatenate([rows.time for rows in decoded])[order]
        before = self.timeline.now(wall)
        future = self.timeline.future(time, partition, wall)
        self.timeline.advance(time[~future], partition, wall)
        now = self.timeline.now(wall)
        old = np.zeros(len(time), dtype=np.bool_)
        if now is not None:
            old = ~future & (time < int(self.panes.oldest(now) * _MICRO))
        known = np.zeros(len(time), dtype=np.bool_)
        if decoded[0].ids is not None:
            ids = np.concatenate([rows.ids for rows in decoded if rows.ids is not None])[order]
            has_id = np.concatenate([rows.has_id for rows in decoded if rows.has_id is not None])[order]
            known = self.ledger.known(ids, has_id & ~future & ~old)
        back = np.empty(len(order), dtype=np.intp)
        back[order] = np.arange(len(order))
        return [("future", future[back]), ("too_old", old[back]), ("duplicate", known[back])], before

    def _enter(self, rows: Rows, layout: Layout, before: float | None, taken: Taken) -> list[_Job]:
        """Remembers rows that are to be counted, and makes jobs of them: a backlog's do not enter the counters."""
        longest = max(self._plan.windows.values())
        rows = replace(rows, version=self.versions.bounded(rows.version, _used(rows.version), longest))
        slots = slice_slots(rows, layout, self.vocabulary)
        errors = error_slots(rows, self.vocabulary)
        self.versions.note(rows)
        taken.note(rows.time)
        lasting = replace(
            rows,
            prediction=self._classes.lasting(rows.prediction, layout),
            scores=self._classes.lasting_scores(rows.scores, layout),
        )
        self._join(self.ledger.add_predictions(lasting, slots), before)
        in_row = row_outcomes(rows, slots)
        if in_row is not None:
            # Without a time of its own the label is as old as its row.
            self._count_outcomes(in_row, layout, before, unknown_delay=0.0)
            self.versions.note_labels(in_row)
        aged = self._aged(rows.time, before)
        jobs = []
        for chosen, counters in ((~aged, True), (aged, False)):
            if chosen.any():
                part = (rows, slots, errors) if chosen.all() else (rows.take(chosen), slots[chosen], errors[chosen])
                small = cell_count(part[0].version, part[0].time, self._plan.pane) <= _MANY_CELLS
                jobs.append(_Job(*part, layout, counters, small))
        return jobs

    def _aged(self, time: Ints, before: float | None) -> Bools:
        """(n,) True for what is too old to be news, by the time before its batch came: it enters windows alone."""
        if before is None:
            return np.zeros(len(time), dtype=np.bool_)
        return time < int((before - self._plan.max_counter_age) * _MICRO)

    def _count(self, job: _Job) -> Counted:
        counted = count_prepared(job.rows, job.slots, job.errors, job.layout, self._plan.pane)
        return list(counted) if job.small else counted

    def _add(self, counted: dict[CellKey, Counts], *, counters: bool) -> None:
        self.panes.add(counted)
        self.totals.add(counted, news=counters)
        self.changed = True

    # Labels

    def take_labels(self, batches: Sequence[Batch], columns: Columns, wall: float) -> Taken:
        """Joins labels with their predictions; those without one wait."""
        layout, taken, now = self._label_layout(), Taken(Refused()), self.timeline.now(wall)
        fresh, corrections = [], []
        for batch in batches:
            labels, refused = decode_labels(batch, self.decoder.reading(columns, layout))
            labels.value = self._classes.lasting(labels.value, layout)
            labels.time = self._believed(labels.time, wall)
            joined = self.ledger.add_labels(labels, wall if now is None else now)
            fresh.append(joined.fresh)
            corrections.append(joined.corrections)
            for reason, mask in _LABEL_REASONS:
                refused.add(batch, labels.place[getattr(joined, mask)], reason, keep_rows=self._keep_rows)
            taken.refused.extend(refused)
            taken.note(labels.time[labels.time != NO_TIME])
        if fresh:
            # Late labels fall into many panes: each is opened once a poll.
            self._join(concatenate(*fresh), now)
            self._join(concatenate(*corrections), None, counters=False)
        return taken

    def _join(self, outcomes: Outcomes, now: float | None, *, counters: bool = True) -> None:
        """Counts what the ledger joined, by the layouts of the predictions' versions."""
        if len(outcomes) == 0:
            return
        groups: dict[str, tuple[Layout, list[int]]] = {}
        for code in np.unique(outcomes.version):
            layout = self._references.layout(outcomes.versions[int(code)])
            groups.setdefault(layout.id, (layout, []))[1].append(int(code))
        for layout, codes in groups.values():
            part = outcomes if len(groups) == 1 else outcomes.take(np.isin(outcomes.version, codes))
            self._count_outcomes(self._classes.of_layout(part, layout), layout, now, counters=counters)
        self.versions.note_labels(outcomes)

    def _count_outcomes(
        self,
        outcomes: Outcomes,
        layout: Layout,
        now: float | None,
        *,
        counters: bool = True,
        unknown_delay: float = np.inf,
    ) -> None:
        """Counts outcomes into the panes of their predictions; `unknown_delay`: infinite = just learned."""
        delay = np.where(np.isnan(outcomes.delay), unknown_delay, outcomes.delay)
        aged = np.zeros(len(outcomes), dtype=np.bool_)
        if now is not None:
            aged = outcomes.time / _MICRO + delay < now - self._plan.max_counter_age
        for chosen, is_news in ((~aged, counters), (aged, False)):
            if chosen.any():
                part = outcomes if chosen.all() else outcomes.take(chosen)
                if is_scattered(part, self._plan.pane):
                    cells, scattered = scatter_outcomes(part, layout, self._plan.pane)
                    self.panes.scatter(cells, scattered)
                    self.totals.scatter(cells, scattered, news=is_news)
                    self.changed = True
                    continue
                for counted in count_outcomes(part, layout, self._plan.pane):
                    self._add(counted, counters=is_news)

    # Time

    def end_waits(self, now: float) -> tuple[int, int]:
        """Ends the waits that are over and rolls old panes up; predictions left unlabelled and labels left orphans."""
        assumed, unlabelled, orphans = self.ledger.expire(now)
        self._join(assumed, now)
        self._rolled |= self.panes.roll(now)
        if self.versions.forget(self.panes.oldest(now)):
            self.ledger.forget_versions(self.versions.last)
        # Also those that a late label brought back.
        self.totals.forget(self.versions.last)
        return unlabelled, orphans

    # Keeping

    def flush(self, store: Store, wall: float) -> None:
        """Writes what changed since the last flush; inside a transaction."""
        self.panes.flush(store)
        self.totals.flush(store)
        if self._rolled:
            store.drop_unused_layouts()
        self.changed, self._rolled = False, False
        self.ledger.flush(store)
        store.put_facts(
            {
                "vocabulary": self.vocabulary.names,
                "watermarks": self.timeline.watermarks,
                "idle": {part: wall - seen for part, seen in self.timeline.seen.items()},
                "first_prediction": self.versions.first,
                "last_prediction": self.versions.last,
                "last_label": self.versions.last_label,
                "ledger": self.ledger.tallies,
                "versions": self.ledger.versions,
                "codings": self.ledger.codings.names,
                "classes": self._classes.names,
                "dimensions": self._dimensions(),
                **self.runs.facts(),
            }
        )


def _used(column: Names) -> list[str]:
    """Names in the order of their first rows."""
    if len(column.names) == 1:
        return list(column.names)
    codes, first = np.unique(column.codes, return_index=True)
    return [column.names[int(codes[at])] for at in np.argsort(first)]
