"""What is read at the scrape and not from the snapshot: the exporter's own numbers, and parts such as the host's."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.clock import Clock
from exporter.exposition.family import Family
from exporter.exposition.render import Rendered, Renderer
from exporter.health import Health
from exporter.log import Logger

Part = Callable[[], Sequence[Family]]
"""Reads something now; may be slow, may fail."""


@dataclass(slots=True)
class _Answer:
    """What a part that was started says; `done` when it has."""

    done: threading.Event = field(default_factory=threading.Event)
    families: Sequence[Family] | None = None
    error: str = ""


class Fresh:
    """Reads the exporter's own numbers and every part, together within a time limit.

    A part that fails or is late is left out, logged once and shown as `ml_exporter_collector_success` 0; a late one is
    not started again before it has come back.

    Args:
        parts: collector's name → what reads it. Their families' names are no others' names.
        limit_seconds: for all parts of one scrape together.
    """

    def __init__(
        self, health: Health, parts: Mapping[str, Part], clock: Clock, log: Logger, *, limit_seconds: float = 1.0
    ) -> None:
        self._health = health
        self._parts = dict(parts)
        self._clock = clock
        self._log = log
        self._limit_seconds = limit_seconds
        self._renderer = Renderer()
        self._running: dict[str, _Answer] = {}
        self._told: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def may_block(self) -> bool:
        """Whether reading can take longer than a moment."""
        return bool(self._parts)

    def read(self) -> Rendered:
        """Everything that can be read now, rendered."""
        with self._lock:
            families = self._read_parts() if self._parts else []
            own = [
                Family(family.name, family.kind, family.help, family.labels, samples)
                for family, samples in self._health.read()
            ]
            return self._renderer.render([*own, *families])

    def _read_parts(self) -> list[Family]:
        deadline = self._clock.monotonic() + self._limit_seconds
        answers = {name: self._started(name, part) for name, part in self._parts.items()}
        families: list[Family] = []
        for name, answer in answers.items():
            in_time = answer.done.wait(max(0.0, deadline - self._clock.monotonic()))
            error = answer.error if in_time else f"no answer within {self._limit_seconds} s"
            if in_time:
                self._running.pop(name, None)
            if not error and answer.families is not None:
                families += answer.families
            self._tell(name, error)
        return families

    def _started(self, name: str, part: Part) -> _Answer:
        answer = self._running.get(name)
        if answer is None:
            answer = self._running[name] = _Answer()
            threading.Thread(target=_ask, args=(part, answer), name=f"collector-{name}", daemon=True).start()
        return answer

    def _tell(self, name: str, error: str) -> None:
        self._health.set("ml_exporter_collector_success", (name,), 0.0 if error else 1.0)
        if error and self._told.get(name) != error:
            self._log.warning("collector failed", collector=name, error=error)
        self._told[name] = error


def _ask(part: Part, answer: _Answer) -> None:
    try:
        answer.families = part()
    except Exception as error:  # noqa: BLE001 - whatever a part raises, the scrape goes on; it is logged by the caller
        answer.error = f"{type(error).__name__}: {error}"
    finally:
        answer.done.set()
