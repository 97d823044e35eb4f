"""How event time passed by the clock on the wall, where a model lives by its log's clock."""

from bisect import bisect_left, bisect_right
from collections import deque

_KEPT = 10_000


class Passage:
    """Remembers how far the log had come, and when; in memory alone."""

    def __init__(self) -> None:
        self._notes: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def note(self, wall: float, mark: float) -> None:
        """Rows up to event time `mark` were read by `wall`."""
        if not self._notes or mark != self._notes[-1][1]:
            self._notes.append((wall, mark))

    def began(self, wall: float) -> float | None:
        """Rows that were read after `wall` are of after this event time; None before the first note.

        What was read before the first note is a backlog: nobody knows when its rows were made.
        """
        if not self._notes:
            return None
        place = bisect_right(self._notes, wall, key=lambda note: note[0]) - 1
        return self._notes[max(place, 0)][1]

    def ended(self, wall: float) -> float | None:
        """Rows that were read before `wall` are of before this event time; None before the first note."""
        if not self._notes:
            return None
        place = bisect_left(self._notes, wall, key=lambda note: note[0])
        return self._notes[min(place, len(self._notes) - 1)][1]
