"""One model at work: poll, count, join, commit; then evaluate. Everything in memory can be rebuilt from the state."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from exporter.batch import Batch, Poll, Reject, RejectReason
from exporter.clock import Clock
from exporter.engine.evaluate import Evaluator, MetricSamples
from exporter.engine.ledger import Joined, Ledger, LedgerRules
from exporter.engine.panes import Panes
from exporter.engine.plan import ModelPlan, StreamPlan
from exporter.engine.references import References, vocabulary_capacity
from exporter.engine.timeline import Timeline
from exporter.errors import SourceError, StateError
from exporter.health import Health
from exporter.log import Logger
from exporter.metrics.evaluation import Evaluation, Facts, Window
from exporter.profile.adapt import adapt
from exporter.profile.cells import NO_TIME, Bools
from exporter.profile.codec import pack, packed_layout, unpack
from exporter.profile.columns import Columns
from exporter.profile.count import CellKey, Outcomes, count_outcomes, count_rows, slice_slots
from exporter.profile.counts import Counts
from exporter.profile.fit import row_outcomes
from exporter.profile.layout import Layout
from exporter.profile.rows import (
    LabelRows,
    Reading,
    Rows,
    class_table,
    decode_labels,
    decode_predictions,
    reject_row,
)
from exporter.profile.vocabulary import Vocabulary
from exporter.sources.source import Source
from exporter.state.store import Store

POLL_ROWS = 131_072
"""Rows asked for at once: enough for NumPy to be fast, few enough to be held several times over."""
_BACKOFF_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
_MICRO = 1_000_000


class Stream:
    """One log of a model: its source, its cursor, and when to try again after it failed."""

    def __init__(self, name: str, plan: StreamPlan, cursor: bytes | None) -> None:
        self.name = name
        self.plan = plan
        self.cursor = cursor
        self.source: Source | None = None
        self.failures = 0
        self.retry_at = 0.0
        self.newest: float | None = None
        self.told = ""
        self.problems: tuple[str, ...] = ()

    def poll(self, limit: int) -> Poll:
        if self.source is None:
            self.source = self.plan.open()
        return self.source.poll(self.cursor, limit)

    def failed(self, now: float) -> float:
        """Notes a failure; seconds until the next try."""
        seconds = _BACKOFF_SECONDS[min(self.failures, len(_BACKOFF_SECONDS) - 1)]
        self.failures += 1
        self.retry_at = now + seconds
        return seconds

    def close(self) -> None:
        if self.source is not None:
            self.source.close()
            self.source = None


class Worker:
    """Counts one model. Its methods are called by one thread."""

    def __init__(
        self, plan: ModelPlan, state: Path, clock: Clock, health: Health, log: Logger, *, keep_rows: bool = False
    ) -> None:
        """Opens the model's state and references.

        Raises:
            StateError: the state cannot be used.
            ReferenceFileError: a reference cannot be used.
        """
        self.plan = plan
        self._state = state
        self._clock = clock
        self._health = health
        self._log = log.bind(model=plan.name)
        self._keep_rows = keep_rows
        self._evaluator = Evaluator(health, self._log)
        self._restored: Counter[tuple[str, str]] = Counter()
        self.references = References(plan)
        self._open()

    # Opening and closing

    def _open(self) -> None:
        plan = self.plan
        self._store = Store(self._state)
        facts = self._store.facts()
        self._vocabulary = Vocabulary(vocabulary_capacity(plan), facts.get("vocabulary", {}))
        self._timeline = Timeline(
            plan.clock, plan.pane, plan.settle, plan.max_jump, plan.max_future, facts.get("watermarks", {})
        )
        self._first: dict[str, float] = facts.get("first_prediction", {})
        self._last: dict[str, float] = facts.get("last_prediction", {})
        self._last_label: dict[str, float] = facts.get("last_label", {})
        self._panes = Panes(plan.pane, plan.retention)
        self._panes.load(self._store, self.references.layouts)
        self._totals = self._read_totals()
        self._ledger = self._open_ledger(facts)
        self._tally: Counter[tuple[str, str]] = Counter()
        self._tally.update({tuple(key.split("\n")): n for key, n in facts.get("tally", {}).items()})
        self._restore_health()
        self._streams = [Stream("predictions", plan.predictions, self._store.cursor("predictions"))]
        if plan.labels is not None and plan.labels.stream is not None:
            self._streams.append(Stream("labels", plan.labels.stream, self._store.cursor("labels")))
        for stream in self._streams:
            self._health.inc("ml_exporter_rows_total", (plan.name, stream.name), 0)
        if plan.labels is not None and plan.labels.stream is not None:
            self._health.inc("ml_exporter_predictions_unlabelled_total", (plan.name,), 0)
        self._dirty_totals: set[str] = set()
        self._changed = True
        self._evaluated_at: int | None = None
        self._samples: list[MetricSamples] = []

    def _read_totals(self) -> dict[str, Counts]:
        known = self._store.layouts()
        totals = {}
        for version, packed in self._store.totals().items():
            totals[version] = adapt(unpack(packed, known[packed_layout(packed)]), self.references.layout(version))
        return totals

    def _open_ledger(self, facts: dict[str, object]) -> Ledger:
        plan, labels = self.plan, self.plan.labels
        default = None
        if labels is not None and labels.default is not None:
            text = str(labels.default)
            classes = self.references.layout("").classes
            default = float(text) if plan.task == "regression" else float(class_table(classes).get(text, len(classes)))
        waits = labels is not None and labels.stream is not None
        rules = LedgerRules(
            dedupe=plan.dedupe,
            wait=labels.wait if labels is not None and waits else None,
            default=default,
            conflict=labels.conflict if labels is not None else "last",
        )
        tallies = facts.get("ledger", {})
        ledger = Ledger(self._store, rules, len(plan.slice_values), tallies if isinstance(tallies, dict) else {})
        versions = facts.get("versions", [])
        ledger.versions = list(versions) if isinstance(versions, list) else []
        return ledger

    def _restore_health(self) -> None:
        """Counters of the exporter itself go on where they stood before a restart."""
        for (stream, reason), count in (self._tally - self._restored).items():
            if reason == "unlabelled":
                self._health.inc("ml_exporter_predictions_unlabelled_total", (self.plan.name,), count)
            elif reason == "rows":
                self._health.inc("ml_exporter_rows_total", (self.plan.name, stream), count)
            else:
                self._health.inc("ml_exporter_rows_rejected_total", (self.plan.name, stream, reason), count)
        self._restored = Counter(self._tally)

    def close(self) -> None:
        """Lets go of sources and state; what was counted is committed already."""
        for stream in self._streams:
            stream.close()
        self._store.close()

    # One cycle

    def step(self) -> bool:
        """Reads, counts and commits one poll of each log; true if there is more to read at once."""
        more = False
        for stream in self._streams:
            if self._clock.monotonic() < stream.retry_at:
                continue
            try:
                more |= self._read(stream)
            except SourceError as error:
                self._source_failed(stream, str(error))
            except StateError:
                # What is in memory may be ahead of what was written: start again from what was.
                self.close()
                self._open()
                raise
        return more

    def _read(self, stream: Stream) -> bool:
        poll = stream.poll(POLL_ROWS)
        self._source_answered(stream, poll)
        if not poll.batches and not poll.rejects and poll.cursor == stream.cursor:
            return False
        self._tell_problems(stream, poll)
        rejects = list(poll.rejects)
        tally: Counter[tuple[str, str]] = Counter()
        for batch in poll.batches:
            tally[(stream.name, "rows")] += batch.rows.num_rows
            rejects += self._predictions(batch, stream) if stream.name == "predictions" else self._labels(batch, stream)
        tally[(stream.name, "rows")] += len(poll.rejects)
        tally.update((stream.name, reject.reason) for reject in rejects)
        self._commit(stream, poll.cursor, rejects, tally)
        return not poll.exhausted

    def finish_waits(self) -> None:
        """Ends the waits that are over, rolls old panes up, and commits."""
        now = self._timeline.now(self._clock.now())
        if now is None:
            return
        assumed, unlabelled, orphans = self._ledger.expire(now)
        self._count_outcomes(assumed, counters=True)
        tally: Counter[tuple[str, str]] = Counter()
        if orphans:
            tally[("labels", "orphan")] += orphans
        if unlabelled:
            tally[("predictions", "unlabelled")] += unlabelled
        self._panes.roll(now)
        self._commit(None, b"", [], tally)

    def _commit(
        self, stream: Stream | None, cursor: bytes, rejects: list[Reject], tally: Counter[tuple[str, str]]
    ) -> None:
        counted = self._tally + tally
        with self._store.transaction():
            self._panes.flush(self._store)
            for version in self._dirty_totals:
                self._store.put_layout(self._totals[version].layout)
                self._store.put_total(version, pack(self._totals[version]))
            self._ledger.flush(self._store)
            if stream is not None:
                self._store.put_cursor(stream.name, cursor)
                self._store.put_rejects(stream.name, rejects)
            self._store.put_facts(self._facts_to_keep(counted))
        self._dirty_totals.clear()
        self._tally = counted
        self._restore_health()
        if stream is not None:
            stream.cursor = cursor

    def _facts_to_keep(self, tally: Counter[tuple[str, str]]) -> dict[str, object]:
        return {
            "vocabulary": self._vocabulary.names,
            "watermarks": self._timeline.watermarks,
            "first_prediction": self._first,
            "last_prediction": self._last,
            "last_label": self._last_label,
            "ledger": self._ledger.tallies,
            "versions": self._ledger.versions,
            "tally": {"\n".join(key): count for key, count in tally.items()},
        }

    # Counting

    def _predictions(self, batch: Batch, stream: Stream) -> list[Reject]:
        rejects: list[Reject] = []
        for number, (layout, versions) in enumerate(self._layouts_of(batch, stream.plan.columns)):
            rows, bad = decode_predictions(batch, self._reading(stream.plan.columns, layout))
            rejects += bad if number == 0 else []
            if versions is not None:
                wanted = np.array([name in versions for name in rows.version.names], dtype=np.bool_)
                rows = rows.take(wanted[rows.version.codes])
            rejects += self._count_predictions(rows, batch, stream, layout)
        return rejects

    def _layouts_of(self, batch: Batch, columns: Columns) -> list[tuple[Layout, set[str] | None]]:
        """The layouts that a batch's versions are counted in; None = all rows."""
        own = self.references.layouts
        if columns.version is None or set(own) <= {""}:
            return [(self.references.layout(""), None)]
        rows, _ = decode_predictions(
            batch, Reading(replace(columns, features={}), Layout(task=self.plan.task, classes=("0", "1")))
        )
        groups: dict[str, tuple[Layout, set[str]]] = {}
        for name in rows.version.names:
            layout = self.references.layout(name)
            groups.setdefault(layout.id, (layout, set()))[1].add(name)
        if len(groups) <= 1:
            return [(layout, None) for layout, _ in groups.values()] or [(self.references.layout(""), None)]
        return list(groups.values())

    def _reading(self, columns: Columns, layout: Layout) -> Reading:
        if columns.features is None and self.plan.feature_columns:
            columns = replace(columns, features=dict(self.plan.feature_columns))
        return Reading(columns, layout, self.plan.decision_threshold, self._store.key, self._keep_rows)

    def _count_predictions(self, rows: Rows, batch: Batch, stream: Stream, layout: Layout) -> list[Reject]:
        if len(rows) == 0:
            return []
        wall = self._clock.now()
        future = self._timeline.future(rows.time, batch.partition, wall)
        self._timeline.advance(rows.time[~future], batch.partition, wall)
        now = self._timeline.now(wall)
        old = (
            rows.time < int(self._panes.oldest(now) * _MICRO)
            if now is not None
            else np.zeros(len(rows), dtype=np.bool_)
        )
        rejects = [self._reject(batch, rows, row, "future") for row in np.flatnonzero(future)]
        rejects += [self._reject(batch, rows, row, "too_old") for row in np.flatnonzero(old & ~future)]
        bad = future | old
        rows = rows.take(~bad) if bad.any() else rows
        if rows.ids is not None and rows.has_id is not None:
            known = self._ledger.known(rows.ids, rows.has_id)
            if known.any():
                rejects += [self._reject(batch, rows, row, "duplicate") for row in np.flatnonzero(known)]
                rows = rows.take(~known)
        if len(rows) == 0:
            return rejects
        slots = slice_slots(rows, layout, self._vocabulary)
        self._add(lambda part, at: count_rows(part, at, layout, self._vocabulary, self.plan.pane), rows, slots, now)
        self._note_versions(rows)
        stream.newest = max(stream.newest or 0.0, float(rows.time.max()) / _MICRO)
        early = self._ledger.add_predictions(rows, slots)
        self._count_outcomes(early, counters=True)
        in_row = row_outcomes(rows, slots)
        if in_row is not None:
            self._count_outcomes(in_row, counters=True)
        self._changed = True
        return rejects

    def _reject(self, batch: Batch, rows: Rows, row: np.intp, reason: RejectReason) -> Reject:
        return reject_row(batch, int(rows.place[row]), reason, keep=self._keep_rows)

    def _add(
        self,
        count: Callable[[Rows, np.ndarray], dict[CellKey, Counts]],
        rows: Rows,
        slots: np.ndarray,
        now: float | None,
    ) -> None:
        """Counts rows into panes; those that are not a backlog into the counters too."""
        aged = np.zeros(len(rows), dtype=np.bool_)
        if now is not None:
            aged = rows.time < int((now - self.plan.max_counter_age) * _MICRO)
        for chosen, counters in ((~aged, True), (aged, False)):
            if not chosen.any():
                continue
            part, at = (rows, slots) if chosen.all() else (rows.take(chosen), slots[chosen])
            counted = count(part, at)
            self._panes.add(counted)
            self._add_totals(counted, counters=counters)

    def _add_totals(self, counted: dict[CellKey, Counts], *, counters: bool) -> None:
        for (version, _), counts in counted.items():
            if version not in self._totals:
                self._totals[version] = Counts.zero(counts.layout)
            if counters:
                self._totals[version].add(counts)
            self._dirty_totals.add(version)

    def _note_versions(self, rows: Rows) -> None:
        for code in np.unique(rows.version.codes):
            times = rows.time[rows.version.codes == code]
            name = rows.version.names[int(code)]
            first, last = float(times.min()) / _MICRO, float(times.max()) / _MICRO
            self._first[name] = min(first, self._first.get(name, first))
            self._last[name] = max(last, self._last.get(name, last))

    def _labels(self, batch: Batch, stream: Stream) -> list[Reject]:
        reading = self._reading(stream.plan.columns, self.references.layout(""))
        labels, rejects = decode_labels(batch, reading)
        wall = self._clock.now()
        now = self._timeline.now(wall)
        joined = self._ledger.add_labels(labels, wall if now is None else now)
        self._count_outcomes(joined.fresh, counters=True)
        self._count_outcomes(joined.corrections, counters=False)
        rejects += self._label_rejects(batch, labels, joined)
        times = labels.time[labels.time != NO_TIME]
        if len(times):
            stream.newest = max(stream.newest or 0.0, float(times.max()) / _MICRO)
        self._changed = True
        return rejects

    def _label_rejects(self, batch: Batch, labels: LabelRows, joined: Joined) -> list[Reject]:
        masks: tuple[tuple[Bools, RejectReason], ...] = (
            (joined.duplicates, "duplicate"),
            (joined.conflicts, "conflict"),
        )
        return [
            reject_row(batch, int(labels.place[row]), reason, keep=self._keep_rows)
            for mask, reason in masks
            for row in np.flatnonzero(mask)
        ]

    def _count_outcomes(self, outcomes: Outcomes, *, counters: bool) -> None:
        """Counts outcomes into the panes of their predictions, by the layout of their version."""
        if len(outcomes) == 0:
            return
        groups: dict[str, tuple[Layout, list[int]]] = {}
        for code in np.unique(outcomes.version):
            layout = self.references.layout(outcomes.versions[int(code)])
            groups.setdefault(layout.id, (layout, []))[1].append(int(code))
        for layout, codes in groups.values():
            chosen = np.isin(outcomes.version, codes)
            part = outcomes if chosen.all() else outcomes.take(chosen)
            counted = count_outcomes(part, layout, self.plan.pane)
            self._panes.add(counted)
            self._add_totals(counted, counters=counters)
        learned = np.where(np.isnan(outcomes.delay), 0, outcomes.delay) + outcomes.time / _MICRO
        for code in np.unique(outcomes.version):
            name = outcomes.versions[int(code)]
            newest = float(learned[outcomes.version == code].max())
            self._last_label[name] = max(newest, self._last_label.get(name, newest))
        self._changed = True

    # Evaluating

    def evaluate(self) -> Sequence[MetricSamples]:
        """Samples of every metric as of now; the last ones if nothing has changed since."""
        wall = self._clock.now()
        end = self._timeline.window_end(wall)
        self._tell_health(wall)
        if not self._changed and end == self._evaluated_at:
            return self._samples
        versions = self._live_versions(end)
        windows = () if end is None else self.plan.windows.items()
        evaluations = [self._evaluation(version, *window, end or 0) for version in versions for window in windows]
        self._samples = self._evaluator.run(evaluations, [self._facts(version, wall) for version in versions])
        self._changed, self._evaluated_at = False, end
        return self._samples

    def _live_versions(self, end: int | None) -> list[str]:
        """Versions with traffic in the longest window; the others are retired."""
        longest = max(self.plan.windows.values())
        live = []
        for version, last in sorted(self._last.items()):
            if end is None or last >= end - longest:
                live.append(version)
            else:
                self._panes.forget_version(version)
        return live

    def _evaluation(self, version: str, name: str, seconds: int, end: int) -> Evaluation:
        layout = self.references.layout(version)
        return Evaluation(
            model=self.plan.name,
            version=version,
            window=Window(name, seconds, end - seconds, end),
            counts=self._panes.window(version, layout, seconds, end),
            reference=self.references.of(version),
            thresholds=self.plan.thresholds,
            vocabulary=self._vocabulary,
            decided_at=float(self._timeline.now(self._clock.now()) or end),
        )

    def _facts(self, version: str, wall: float) -> Facts:
        layout = self.references.layout(version)
        watermark = self._timeline.watermark(wall)
        return Facts(
            model=self.plan.name,
            version=version,
            total=self._totals.get(version) or Counts.zero(layout),
            vocabulary=self._vocabulary,
            reference=self.references.of(version),
            objectives=self.plan.objectives,
            watermark=None if watermark is None else float(watermark),
            first_prediction=self._first.get(version),
            last_prediction=self._last.get(version),
            last_label=self._last_label.get(version),
            thresholds=self.plan.thresholds,
        )

    # Telling

    def _source_answered(self, stream: Stream, poll: Poll) -> None:
        labels = (self.plan.name, stream.name)
        if stream.failures:
            self._log.info("source is back", source=stream.name, failures=stream.failures)
        stream.failures, stream.told = 0, ""
        self._health.set("ml_exporter_source_up", labels, 1.0)
        self._health.set("ml_exporter_source_last_success_timestamp_seconds", labels, self._clock.now())
        if poll.backlog_bytes is not None:
            self._health.set("ml_exporter_source_backlog_bytes", labels, float(poll.backlog_bytes))

    def _tell_problems(self, stream: Stream, poll: Poll) -> None:
        """Logs what could not be read beside what could, once."""
        if poll.problems and poll.problems != stream.problems:
            self._log.warning("part of the source cannot be read", source=stream.name, problems=list(poll.problems))
        stream.problems = poll.problems

    def _source_failed(self, stream: Stream, error: str) -> None:
        stream.close()
        seconds = stream.failed(self._clock.monotonic())
        self._health.set("ml_exporter_source_up", (self.plan.name, stream.name), 0.0)
        if stream.told != error:
            stream.told = error
            self._log.warning("source failed", source=stream.name, error=error, retry_seconds=seconds)

    def _tell_health(self, wall: float) -> None:
        name = self.plan.name
        now = self._timeline.now(wall)
        for stream in self._streams:
            if stream.newest is not None and now is not None:
                self._health.set("ml_exporter_source_lag_seconds", (name, stream.name), max(0.0, now - stream.newest))
        self._health.set("ml_exporter_state_bytes", (name,), float(self._store.bytes_on_disk))
        if self.plan.labels is not None and self.plan.labels.stream is not None:
            self._health.set("ml_exporter_labels_unmatched", (name,), float(self._ledger.unmatched))
            self._health.set("ml_exporter_predictions_waiting", (name,), float(self._ledger.waiting))

    @property
    def stream_names(self) -> tuple[str, ...]:
        """The logs that are read: `predictions`, and `labels` where there is one."""
        return tuple(stream.name for stream in self._streams)

    def stream_description(self, name: str) -> str:
        """What is read, for people."""
        return next(stream.plan.description for stream in self._streams if stream.name == name)

    def stream_trouble(self, name: str) -> str:
        """Why the log could not be read the last time; empty if it could."""
        return next(stream.told for stream in self._streams if stream.name == name)

    def rejects(self, most: int = 100) -> list[tuple[str, Reject]]:
        """The latest rows set aside, newest first."""
        return self._store.rejects(most)
