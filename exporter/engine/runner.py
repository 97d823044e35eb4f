"""A worker in its thread: cycle after cycle until it is stopped; one model never takes the others along."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from exporter.clock import Clock
from exporter.engine.evaluate import MetricSamples
from exporter.engine.worker import Worker
from exporter.errors import ExporterError
from exporter.health import Health
from exporter.log import Logger
from exporter.memory import give_back
from exporter.metrics.silence import Silence
from exporter.scheduling import step_back

BACKLOG_SECONDS = 10.0
"""While there is a backlog, how far it got is told so often."""
STOP_SECONDS = 30.0
"""A batch in hand is given so long to finish."""
_TROUBLE_SECONDS = 5.0


@dataclass(slots=True)
class Runner:
    """A worker in its thread: cycles until stopped; what it last found is `samples`."""

    worker: Worker
    cycle: float
    clock: Clock
    health: Health
    log: Logger
    samples: Sequence[MetricSamples] = ()
    silences: Sequence[Silence] = ()
    trouble: str = ""
    finished_at: float | None = None
    """When the last cycle ended well, Unix seconds."""
    seconds: float = 0.0
    """How long it took."""
    ready: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    _told_at: float | None = None
    """When the backlog was last spoken of, or began; None while there is none."""
    _told_rows: float = 0.0
    _spoken: bool = False
    """Whether it was spoken of, so that its end must be too."""

    def __post_init__(self) -> None:
        self._count_failures(0)

    def _count_failures(self, number: int) -> None:
        self.health.inc("ml_exporter_cycle_failures_total", (self.worker.plan.name,), number)

    def start(self) -> None:
        self.thread = threading.Thread(target=self._run, name=f"model-{self.worker.plan.name}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        step_back()
        while not self.stop.is_set():
            began = self.clock.monotonic()
            pause = self.cycle
            try:
                self.cycle_once(began)
                self.trouble = ""
            except ExporterError as error:
                self._count_failures(1)
                if str(error) != self.trouble:
                    self.log.error("cycle failed", model=self.worker.plan.name, error=str(error))  # noqa: TRY400 - a known error needs no traceback
                self.trouble, pause = str(error), max(self.cycle, _TROUBLE_SECONDS)
            except Exception as error:
                self._count_failures(1)
                self.log.exception("cycle failed: please report this", model=self.worker.plan.name)
                self.trouble, pause = f"{type(error).__name__}: {error}", max(self.cycle, _TROUBLE_SECONDS)
            self.clock.wait(self.stop, pause - (self.clock.monotonic() - began))
        self.worker.close()

    def cycle_once(self, began: float) -> None:
        """Reads what there is, for one cycle at most, and evaluates."""
        while self._more() and not self.stop.is_set() and self.clock.monotonic() - began < self.cycle:
            pass
        self.worker.finish_waits()
        self.samples, self.silences = self.worker.evaluate(), self.worker.silences
        give_back()
        self.seconds = self.clock.monotonic() - began
        self.finished_at = self.clock.now()
        self.health.observe("ml_exporter_cycle_seconds", (), self.seconds)
        self.ready.set()

    def _more(self) -> bool:
        """One step of the worker; a backlog that takes long is spoken of, as is its end."""
        more, now = self.worker.step(), self.clock.monotonic()
        if not more and (self._told_at is None or self.worker.unread):
            return False  # nothing more for now: a log that failed in the middle of its backlog is tried again
        rows, backlog = self.worker.rows_read, self.worker.backlog_bytes
        if self._told_at is None:
            self._told_at, self._told_rows = now, rows
        elif (seconds := now - self._told_at) >= BACKLOG_SECONDS or (self._spoken and not more):
            speed = round((rows - self._told_rows) / max(seconds, 1e-3))
            self.log.info(
                "reading a backlog" if more else "backlog is read",
                model=self.worker.plan.name,
                rows=round(rows),
                rows_per_second=speed,
                backlog_bytes=round(backlog),
            )
            self._told_at, self._told_rows, self._spoken = now, rows, True
        if not more:
            self._told_at, self._spoken = None, False
        return more

    def join(self) -> bool:
        """Waits for the batch in hand; false if it is not done after half a minute."""
        self.stop.set()
        if self.thread is not None:
            self.thread.join(STOP_SECONDS)
        return self.thread is None or not self.thread.is_alive()
