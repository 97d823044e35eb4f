"""What is read at the scrape and not from the snapshot: the exporter's own numbers, and parts such as the host's."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

from exporter.clock import Clock
from exporter.exposition.family import Family
from exporter.exposition.render import Rendered, Renderer
from exporter.exposition.status import CollectorStatus, State
from exporter.health import Health
from exporter.log import Logger

SHARED_SECONDS = 1.0
"""Scrapes within so long of a reading of the parts show that reading."""
_SUCCESS = "ml_exporter_collector_success"
_DURATION = "ml_exporter_collector_duration_seconds"


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is read at the scrape.

    Attributes:
        read: gives what is so now, or None where there is nothing to read and never will be; may be slow, may fail.
        limit_seconds: what takes longer is left out of the scrape.
        like: of parts of one name that are alike in this, the one that is there is kept; None is like no other.
    """

    read: Callable[[], Sequence[Family] | None]
    limit_seconds: float = 1.0
    like: object = None


@dataclass(slots=True)
class _Answer:
    """What a part says that was asked at `asked_at`; `done` when it has."""

    asked_at: float
    done: threading.Event = field(default_factory=threading.Event)
    families: Sequence[Family] | None = ()
    error: str = ""
    seconds: float = 0.0


class _Reader:
    """One part with a thread of its own, which is asked once at a time: one that hangs is not asked again."""

    def __init__(self, name: str, part: Part, clock: Clock) -> None:
        self.part = part
        self.trouble = ""
        self._clock = clock
        self._answer: _Answer | None = None
        self._questions: SimpleQueue[_Answer | None] = SimpleQueue()
        threading.Thread(target=self._work, name=f"collector-{name}", daemon=True).start()

    def ask(self) -> _Answer:
        """What it will say of this moment; of an earlier one where it has not come back since."""
        if self._answer is None or self._answer.done.is_set():
            self._answer = _Answer(self._clock.monotonic())
            self._questions.put(self._answer)
        return self._answer

    def end(self) -> None:
        """Its thread ends, once it has come back."""
        self._questions.put(None)

    def _work(self) -> None:
        while (answer := self._questions.get()) is not None:
            began = self._clock.monotonic()
            try:
                answer.families = self.part.read()
            except Exception as error:  # noqa: BLE001 - whatever a part raises, the scrape goes on; it is logged by the asker
                answer.error = f"{type(error).__name__}: {error}"
            answer.seconds = self._clock.monotonic() - began
            answer.done.set()


class Fresh:
    """Reads the exporter's own numbers, and every part within its time limit.

    A part that fails or is late is left out, logged once and shown as `ml_exporter_collector_success` 0. A late one
    delays one scrape, by its limit; until it has come back it is neither waited for nor started again. Parts are read
    at most once in `SHARED_SECONDS`.

    Args:
        parts: collector's name → what reads it. Their families' names are no others' names.
        observe: is told what all parts gave, at each reading.
    """

    def __init__(
        self,
        health: Health,
        parts: Mapping[str, Part],
        clock: Clock,
        log: Logger,
        observe: Callable[[Sequence[Family]], None] = lambda _: None,
    ) -> None:
        self._health = health
        self._clock = clock
        self._log = log
        self._renderer = Renderer()
        self._readers: dict[str, _Reader] = {}
        self._families: list[Family] = []
        self._read_at: float | None = None
        self._observe = observe
        self._lock = threading.Lock()
        self.replace(parts)

    @property
    def may_block(self) -> bool:
        """Whether reading can take longer than a moment."""
        return bool(self._readers)

    def replace(self, parts: Mapping[str, Part]) -> None:
        """These parts are read from now on, and no others; one that hangs under its name is waited for first.

        Of what is read already, parts that are like these stay (`Part.like`).
        """
        with self._lock:
            for name in self._readers.keys() - parts.keys():
                self._forget(name)
            # The dictionary is changed as a whole: other threads ask for its size.
            readers = {
                name: self._readers.get(name) or _Reader(name, part, self._clock) for name, part in parts.items()
            }
            for name, part in parts.items():
                if part.like is None or part.like != readers[name].part.like:
                    readers[name].part = part
            self._readers = readers
            self._read_at = None

    def read(self) -> Rendered:
        """Everything that can be read now, rendered."""
        with self._lock:
            self._read_anew(SHARED_SECONDS)
            own = [
                Family(family.name, family.kind, family.help, family.labels, samples)
                for family, samples in self._health.read()
            ]
            return self._renderer.render([*own, *self._families])

    def look(self, seconds: float) -> None:
        """The parts were read, by a scrape or now, within the last so many seconds."""
        with self._lock:
            self._read_anew(seconds)

    def _read_anew(self, seconds: float) -> None:
        if self._read_at is None or self._clock.monotonic() - self._read_at >= seconds:
            self._families = self._read_parts()
            self._read_at = self._clock.monotonic()
            self._observe(self._families)

    def status(self) -> tuple[CollectorStatus, ...]:
        """How each part did when it was last read."""
        return tuple(self._status(name, reader) for name, reader in self._readers.items())

    def _status(self, name: str, reader: _Reader) -> CollectorStatus:
        success = self._health.value(_SUCCESS, (name,))
        state: State = "unknown" if success is None else ("ok" if success else "bad")
        return CollectorStatus(name, state, self._health.value(_DURATION, (name,)), reader.trouble)

    def _read_parts(self) -> list[Family]:
        answers = {name: reader.ask() for name, reader in self._readers.items()}
        families: list[Family] = []
        for name, answer in answers.items():
            reader = self._readers[name]
            limit = reader.part.limit_seconds
            in_time = answer.done.wait(max(0.0, answer.asked_at + limit - self._clock.monotonic()))
            if not in_time:
                self._tell(name, reader, f"no answer within {limit:g} s", self._clock.monotonic() - answer.asked_at)
            elif answer.families is None:
                self._forget(name)
            else:
                families += answer.families
                self._tell(name, reader, answer.error, answer.seconds)
        return families

    def _forget(self, name: str) -> None:
        self._readers[name].end()
        self._readers = {other: reader for other, reader in self._readers.items() if other != name}
        self._health.remove(_SUCCESS, (name,))
        self._health.remove(_DURATION, (name,))

    def _tell(self, name: str, reader: _Reader, error: str, seconds: float) -> None:
        self._health.set(_SUCCESS, (name,), 0.0 if error else 1.0)
        self._health.set(_DURATION, (name,), seconds)
        if error and not reader.trouble:
            self._log.warning("collector failed", collector=name, error=error)
        if reader.trouble and not error:
            self._log.info("collector works again", collector=name)
        reader.trouble = error
