"""One log of a model: its source, its cursor, and when to try again after it failed."""

import math
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from exporter.batch import Poll
from exporter.engine.plan import StreamPlan
from exporter.sources.source import Source

T = TypeVar("T")
_BACKOFF_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)


class Stream:
    """A log between two polls.

    Attributes:
        cursor: where it was committed to.
        newest: event time of the newest row, Unix seconds.
        told: why it could not be read the last time; empty if it could.
        unread: it had more when it last answered.
    """

    def __init__(self, name: str, plan: StreamPlan, cursor: bytes | None, newest: float | None = None) -> None:
        self.name = name
        self.plan = plan
        self.cursor = cursor
        self.newest = newest
        self.failures = 0
        self.retry_at = 0.0
        self.told = ""
        self.unread = False
        self.problems: tuple[str, ...] = ()
        self._source: Source | None = None
        self._ahead: tuple[bytes, Future[tuple[Poll, Any]]] | None = None

    def poll(self, limit: int, begin: Callable[[Poll], T]) -> tuple[Poll, T]:
        """What stands behind the cursor, and what `begin` made of it; where that was read ahead, it is there already.

        Raises:
            SourceError: nothing could be read.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            start, future = ahead
            if start == self.cursor:
                return future.result()
            future.exception()
        if self._source is None:
            self._source = self.plan.open()
        return _polled(self._source, self.cursor, limit, begin)

    def read_ahead(self, pool: Executor, cursor: bytes, limit: int, begin: Callable[[Poll], Any]) -> None:
        """Begins to read what stands behind `cursor` while others count; the source has one user at a time still."""
        if self._source is not None and self._ahead is None:
            self._ahead = (cursor, pool.submit(_polled, self._source, cursor, limit, begin))

    def failed(self, now: float, *, fatal: bool = False) -> float:
        """Notes a failure; seconds until the next try, infinite after a fatal one: only who opens it anew tries it."""
        seconds = math.inf if fatal else _BACKOFF_SECONDS[min(self.failures, len(_BACKOFF_SECONDS) - 1)]
        self.failures += 1
        self.retry_at = now + seconds
        return seconds

    @property
    def whole(self) -> bool:
        """Whether it answered when it was last asked, and was read to its end."""
        return not (self.failures or self.unread)

    def newest_with(self, newest: float | None) -> float | None:
        """Event time of the newest row, with rows up to `newest` among them."""
        return max((time for time in (self.newest, newest) if time is not None), default=None)

    def go_on_failing(self, before: "Stream") -> None:
        """Takes over what was known of the log's failures."""
        self.failures, self.retry_at = before.failures, before.retry_at
        self.told, self.problems, self.unread = before.told, before.problems, before.unread

    def close(self) -> None:
        """Lets go of the source."""
        if self._ahead is not None:
            self._ahead[1].exception()
            self._ahead = None
        if self._source is not None:
            self._source.close()
            self._source = None


def _polled(source: Source, cursor: bytes | None, limit: int, begin: Callable[[Poll], T]) -> tuple[Poll, T]:
    poll = source.poll(cursor, limit)
    return poll, begin(poll)
