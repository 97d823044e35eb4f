"""One model at work: poll, count, join, commit; then evaluate. Everything in memory can be rebuilt from the state."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from exporter.batch import REJECT_REASONS, Poll, Reject
from exporter.clock import Clock
from exporter.engine.book import Book, Taken
from exporter.engine.decoding import Begun
from exporter.engine.evaluate import Evaluator, MetricSamples
from exporter.engine.freshness import Freshness
from exporter.engine.history import Histories
from exporter.engine.machine import ModelMachine
from exporter.engine.plan import ModelPlan
from exporter.engine.predecessors import Predecessors, Served, older
from exporter.engine.references import References
from exporter.engine.stream import Stream
from exporter.engine.unwatched import Unwatched, some
from exporter.errors import SourceError
from exporter.health import Health
from exporter.log import Logger
from exporter.metrics.evaluation import Evaluation, Facts, Window
from exporter.metrics.silence import Silence
from exporter.profile.counts import Counts
from exporter.profile.refused import Refused
from exporter.state.store import Store

POLL_ROWS = 131_072
"""Rows asked for at once: enough for NumPy to be fast, few enough to be held several times over."""
LABEL_ROWS = 524_288
"""The same of labels, which have three columns and fall into many panes."""
_THREADS = 3
"""Two that decode and count, one that reads ahead."""


class Worker:
    """Counts one model. Its methods are called by one thread."""

    def __init__(
        self,
        plan: ModelPlan,
        state: Path,
        clock: Clock,
        health: Health,
        log: Logger,
        *,
        keep_rows: bool = False,
        machine: ModelMachine | None = None,
    ) -> None:
        """Opens the model's state and references; `machine` tells what the machines under it did.

        Raises:
            StateError: the state cannot be used.
            ReferenceFileError: a reference cannot be used.
        """
        self.plan = plan
        self._state, self._clock, self._health = state, clock, health
        self._log = log.bind(model=plan.name)
        self._keep_rows = keep_rows
        self._machine = machine
        self._evaluator = Evaluator(health, self._log)
        self._told: Counter[tuple[str, str]] = Counter()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"count-{plan.name}")
        self.references = References(plan)
        self._unwatched = Unwatched(plan, self.references.layouts)
        self._streams: list[Stream] = []
        self._book: Book | None = None
        self._opened()

    # Opening and closing

    def _opened(self) -> Book:
        """What was counted; read from the state where that was not done, or came to nothing."""
        if self._book is not None:
            return self._book
        self._store = Store(self._state)
        try:
            self._book = self._restored(self._store)
        except BaseException:
            self._store.close()
            raise
        return self._book

    def _restored(self, store: Store) -> Book:
        plan = self.plan
        book = Book(plan, self.references, store, self._clock.now(), keep_rows=self._keep_rows)
        facts = store.facts()
        self._tally: Counter[tuple[str, str]] = Counter()
        self._tally.update({tuple(key.split("\n")): n for key, n in facts.get("tally", {}).items()})
        failed, self._streams = {stream.name: stream for stream in self._streams}, []
        for name, log in plan.logs.items():
            stream = Stream(name, log, store.cursor(name), facts.get("newest", {}).get(name))
            if name in failed:
                stream.go_on_failing(failed[name])
            self._streams.append(stream)
            self._health.inc("ml_exporter_rows_total", (plan.name, name), 0)
            # Born with 0: a rise from nothing to the first bad row is none that Prometheus could see.
            for reason, meaning in REJECT_REASONS.items():
                if name in meaning.logs:
                    self._health.inc("ml_exporter_rows_rejected_total", (plan.name, name, reason), 0)
        if "labels" in plan.logs:
            self._health.inc("ml_exporter_predictions_unlabelled_total", (plan.name,), 0)
        book.runs.watch(self._streams)
        self._tell_tally()
        self._freshness = Freshness(plan.objectives, facts.get("freshness", {}))
        self._freshness.tell(plan.name, self._health)
        self._histories = Histories(book.panes)
        self._predecessors = Predecessors(book.panes, plan.pane)
        self._changed = True
        self._evaluated_at: int | None = None
        self._samples: list[MetricSamples] = []
        self._memory: dict[tuple[str, str], dict[str, Any]] = {}
        self.silences: Sequence[Silence] = ()
        """Why verdicts are unknown, as of the last evaluation."""
        return book

    def close(self) -> None:
        """Lets go of sources and state; what was counted is committed already."""
        self._let_go()
        self._pool.shutdown()

    def _let_go(self) -> None:
        self._book = None
        for stream in self._streams:
            stream.close()
        self._store.close()

    # One cycle

    def step(self) -> bool:
        """Reads, counts and commits one poll of each log; true if there is more to read at once."""
        self._opened()
        more = False
        for stream in self._streams:
            if self._clock.monotonic() >= stream.retry_at:
                more |= self._read(stream)
        return more

    def _read(self, stream: Stream) -> bool:
        try:
            poll, begun = stream.poll(_rows_at_once(stream), self._begin(stream))
        except SourceError as error:
            self._source_failed(stream, str(error), fatal=error.fatal)
            return False
        except Exception as error:  # noqa: BLE001 - a mistake in one source must not stop the other, nor the metrics
            self._log.exception("source failed: please report this", source=stream.name)
            self._source_failed(stream, f"{type(error).__name__}: {error}")
            return False
        self._source_answered(stream, poll)
        if not poll.batches and not poll.rejects and poll.cursor == stream.cursor:
            return False
        try:
            self._count(stream, poll, begun)
        except BaseException:
            # What is in memory may be ahead of what was written: begin again from what was.
            self._let_go()
            raise
        return not poll.exhausted

    def _begin(self, stream: Stream) -> Callable[[Poll], Begun | None]:
        """What may be done with a poll before its turn has come: predictions are decoded, labels must wait."""
        decoder, columns = self._opened().decoder, stream.plan.columns
        if stream.name != "predictions":
            return lambda _: None
        return lambda poll: decoder.begin(poll.batches, columns, self._pool)

    def _count(self, stream: Stream, poll: Poll, begun: Begun | None) -> None:
        book, wall = self._opened(), self._clock.now()
        if not poll.exhausted:
            stream.read_ahead(self._pool, poll.cursor, _rows_at_once(stream), self._begin(stream))
        if begun is not None:
            taken = book.take_predictions(begun, wall)
        elif stream.name == "labels":
            taken = book.take_labels(poll.batches, stream.plan.columns, wall)
        else:
            taken = Taken(*book.runs.take(poll.batches, wall))
        refused = Refused()
        for reject in poll.rejects:
            refused.tally[reject.reason] += 1
        refused.tally.update(poll.unnoted)
        refused.notes += poll.rejects
        refused.extend(taken.refused)
        tally: Counter[tuple[str, str]] = Counter()
        tally.update({(stream.name, reason): count for reason, count in refused.tally.items()})
        tally[stream.name, "rows"] += sum(batch.rows.num_rows for batch in poll.batches) + len(poll.rejects)
        tally[stream.name, "rows"] += sum(poll.unnoted.values())
        self._commit(stream, poll.cursor, refused.notes, tally, stream.newest_with(taken.newest))
        self._changed = True

    def finish_waits(self) -> None:
        """Ends the waits that are over, rolls old panes up, and commits."""
        book, wall = self._opened(), self._clock.now()
        now = book.timeline.now(wall)
        book.runs.end_waits(wall)
        predictions = self._streams[0]
        newest = max(book.versions.last.values(), default=None)
        self._freshness.judge(wall, newest, readable=predictions.whole)
        try:
            unlabelled, orphans = (0, 0) if now is None else book.end_waits(now)
            self._changed |= book.changed
            ended = {("predictions", "unlabelled"): unlabelled, ("labels", "orphan"): orphans}
            self._commit(None, b"", [], Counter({key: count for key, count in ended.items() if count}), None)
        except BaseException:
            self._let_go()
            raise

    def _commit(
        self,
        stream: Stream | None,
        cursor: bytes,
        rejects: list[Reject],
        tally: Counter[tuple[str, str]],
        newest: float | None,
    ) -> None:
        counted = self._tally + tally
        times = {each.name: newest if each is stream else each.newest for each in self._streams}
        with self._store.transaction():
            self._opened().flush(self._store, self._clock.now())
            if stream is not None:
                self._store.put_cursor(stream.name, cursor)
                self._store.put_rejects(stream.name, rejects)
            self._store.put_facts(
                {
                    "tally": {"\n".join(key): count for key, count in counted.items()},
                    "newest": {name: time for name, time in times.items() if time is not None},
                    "freshness": self._freshness.seconds,
                }
            )
        self._tally = counted
        self._tell_tally()
        self._freshness.tell(self.plan.name, self._health)
        if stream is not None:
            stream.cursor, stream.newest = cursor, newest

    # Evaluating

    def evaluate(self) -> Sequence[MetricSamples]:
        """Samples of every metric as of now; those of windows are the last ones if nothing has changed since."""
        book, wall = self._opened(), self._clock.now()
        self._tell_health(book, wall)
        end = book.timeline.window_end(wall)
        if self._changed or end != self._evaluated_at:
            self._evaluate(book, wall, end)
        return [*self._samples, *self._evaluator.run_batch(book.runs.view(wall))]

    def _evaluate(self, book: Book, wall: float, end: int | None) -> None:
        """Windows end at `end`; they and what was learned so far are evaluated."""
        versions = book.versions.live(end, max(self.plan.windows.values()))
        for version in book.versions.last.keys() - set(versions):
            book.panes.forget_version(version)
            self._histories.forget(version)
        windows = () if end is None else self.plan.windows.items()
        evaluations = [self._evaluation(book, version, *window, end or 0) for version in versions for window in windows]
        for each in evaluations:
            each.older = older(each, evaluations, book.versions.first)
            for other in each.older:
                other.newest = False
            each.predecessors = partial(self._predecessors.of, each, self._served)
        self._memory = {(each.version, each.window.name): each.memory for each in evaluations}
        self._samples = self._evaluator.run(
            evaluations, [self._facts(book, version, wall, evaluations) for version in versions]
        )
        self.silences = self._evaluator.silences(evaluations, labelled=self.plan.labels is not None)
        self._changed, self._evaluated_at = False, end

    def _evaluation(self, book: Book, version: str, name: str, seconds: int, end: int) -> Evaluation:
        layout, window = self.references.layout(version), Window(name, seconds, end - seconds, end)
        return Evaluation(
            model=self.plan.name,
            version=version,
            window=window,
            counts=book.panes.window(version, layout, seconds, end),
            reference=self.references.of(version),
            thresholds=self.plan.thresholds,
            vocabulary=book.vocabulary,
            decided_at=float(book.timeline.now(self._clock.now()) or end),
            objectives=self.plan.objectives,
            memory=self._memory.get((version, name), {}),
            history=lambda places: self._histories.read(version, layout, end, places),
            tally=lambda: book.panes.tally(version, layout, seconds, end),
            host=None if self._machine is None else self._machine.facts(window, self._clock.now()),
            pane=self.plan.pane,
        )

    def _served(self) -> list[Served]:
        """All versions that are kept."""
        versions, references = self._opened().versions, self.references
        return [
            Served(version, versions.first[version], last, references.layout(version), references.of(version))
            for version, last in versions.last.items()
        ]

    def _facts(self, book: Book, version: str, wall: float, evaluations: Sequence[Evaluation]) -> Facts:
        watermark = book.timeline.watermark(wall)
        return Facts(
            model=self.plan.name,
            version=version,
            total=book.totals.get(version) or Counts.zero(self.references.layout(version)),
            vocabulary=book.vocabulary,
            reference=self.references.of(version),
            objectives=self.plan.objectives,
            watermark=None if watermark is None else float(watermark),
            first_prediction=book.versions.first.get(version),
            last_prediction=book.versions.last.get(version),
            last_label=book.versions.last_label.get(version),
            thresholds=self.plan.thresholds,
            windows=tuple(each for each in evaluations if each.version == version),
        )

    # Telling

    def _tell_tally(self) -> None:
        """Counters of the exporter itself go on where they stood before a restart."""
        for (stream, reason), count in (self._tally - self._told).items():
            if reason == "rows":
                self._health.inc("ml_exporter_rows_total", (self.plan.name, stream), count)
            elif reason == "unlabelled":
                self._health.inc("ml_exporter_predictions_unlabelled_total", (self.plan.name,), count)
            else:
                self._health.inc("ml_exporter_rows_rejected_total", (self.plan.name, stream, reason), count)
        self._told = Counter(self._tally)

    def _source_answered(self, stream: Stream, poll: Poll) -> None:
        labels = (self.plan.name, stream.name)
        if stream.failures:
            self._log.info("source is back", source=stream.name, failures=stream.failures)
        stream.failures, stream.told = 0, ""
        stream.unread = not poll.exhausted and (bool(poll.batches or poll.rejects) or poll.cursor != stream.cursor)
        for problem in poll.problems:
            if problem not in stream.problems:
                self._log.warning("part of a source could not be read", source=stream.name, problem=problem)
        stream.problems = poll.problems
        if stream.name == "predictions" and (new := self._unwatched.new(poll.batches)):
            self._log.info("columns of the log are not in the reference: fit it again to watch them", columns=some(new))
        self._health.set("ml_exporter_source_up", labels, 1.0)
        self._health.set("ml_exporter_source_last_success_timestamp_seconds", labels, self._clock.now())
        if poll.backlog_bytes is not None:
            self._health.set("ml_exporter_source_backlog_bytes", labels, float(poll.backlog_bytes))

    def _source_failed(self, stream: Stream, error: str, *, fatal: bool = False) -> None:
        stream.close()
        seconds = stream.failed(self._clock.monotonic(), fatal=fatal)
        self._health.set("ml_exporter_source_up", (self.plan.name, stream.name), 0.0)
        if stream.told == error:
            return
        stream.told = error
        if fatal:
            self._log.error("source failed for good: mend it, then reload or restart", source=stream.name, error=error)
        else:
            self._log.warning("source failed", source=stream.name, error=error, retry_seconds=seconds)

    def _tell_health(self, book: Book, wall: float) -> None:
        name = self.plan.name
        now = book.timeline.now(wall)
        for stream in self._streams:
            if stream.newest is not None and now is not None:
                self._health.set("ml_exporter_source_lag_seconds", (name, stream.name), max(0.0, now - stream.newest))
        self._health.set("ml_exporter_state_bytes", (name,), float(self._store.bytes_on_disk))
        if self.plan.labels is not None and self.plan.labels.stream is not None:
            self._health.set("ml_exporter_labels_unmatched", (name,), float(book.ledger.unmatched))
            self._health.set("ml_exporter_predictions_waiting", (name,), float(book.ledger.waiting))

    @property
    def rows_read(self) -> float:
        """Rows of all logs, good and bad, that were counted or set aside."""
        return sum(count for (_, what), count in self._tally.items() if what == "rows")

    @property
    def backlog_bytes(self) -> float:
        """Bytes of all logs that are still to be read, where that is known."""
        left = [self._health.value("ml_exporter_source_backlog_bytes", (self.plan.name, s.name)) for s in self._streams]
        return sum(each for each in left if each is not None)

    @property
    def stream_names(self) -> tuple[str, ...]:
        """The logs that are read: `predictions`, and `labels` where there is one."""
        return tuple(stream.name for stream in self._streams)

    def stream_description(self, name: str) -> str:
        """What is read, for people."""
        return next(stream.plan.description for stream in self._streams if stream.name == name)

    @property
    def unread(self) -> bool:
        """Whether a log had more to read when it last answered, also where it has failed since."""
        return any(stream.unread for stream in self._streams)

    def stream_trouble(self, name: str) -> str:
        """Why the log could not be read the last time; empty if it could."""
        return next(stream.told for stream in self._streams if stream.name == name)


def _rows_at_once(stream: Stream) -> int:
    return POLL_ROWS if stream.name == "predictions" else LABEL_ROWS
