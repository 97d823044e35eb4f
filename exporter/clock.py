"""The only place that reads the time, so that tests can own it."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits; every wait ends early when `stop` is set."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back, for durations."""
        ...

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Waits up to `seconds`; true if `stop` was set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(max(0.0, seconds))


class ManualClock:
    """A clock that a test moves; waiting moves it on at once."""

    def __init__(self, now: float = 0.0) -> None:
        self.seconds = now

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.seconds += max(0.0, seconds)
        return stop.is_set()

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
