"""What is kept of one run: whatever order its rows come in, and however often, the same is known of it."""

from dataclasses import dataclass, field
from typing import Any

from exporter.metrics.batch.run import Run, Status
from exporter.profile.run_log import RunRow

Known = tuple[float, int, Any]
"""When it was said, whether of a run that is over (which goes first at the same time), and what."""
_FIELDS = ("status", "start", "end", "rows_in", "rows_out", "failed")


@dataclass(slots=True)
class LoggedRun:
    """A run of a run log. Of each field what was said last holds, so that no order of rows makes a difference.

    Attributes:
        known: field → what was said of it.
        told: how it has ended so far, as counters show it: a run that failed and went well after all is both.
        over: it was found to be over, and nothing was said of it since.
    """

    known: dict[str, Known] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    over: bool = False

    @property
    def began(self) -> float:
        """When it began; else when it was first heard of."""
        return float(self.known["start"][2] if "start" in self.known else self.known["status"][0])

    @property
    def newest(self) -> float:
        """When something was last said of it."""
        return float(self.known["status"][0])

    def add(self, row: RunRow) -> bool:
        """Knows what a row says; False where that was known."""
        before = dict(self.known)
        for name in _FIELDS:
            value = getattr(row, name)
            if value is not None:
                said = (row.said, int(row.status != "running"), value)
                self.known[name] = max(said, self.known.get(name, said))
        if self.known == before:
            return False
        self.over = False
        return True

    def run(self, name: str, now: float, patience: float) -> Run:
        """As it is known now; one that is under way for longer than `patience` seconds is lost."""
        status: Status = self.known["status"][2]
        start, end = self._value("start"), self._value("end")
        if status == "running":
            end = None
            if self.over or now - self.began > patience:
                status = "lost"
        elif end is not None and start is not None and end < start:
            end = None  # of an earlier try
        if start is None and end is None:
            start = self.began
        return Run(name, status, start, end, *(self._value(key) for key in ("rows_in", "rows_out", "failed")))

    def _value(self, name: str) -> Any:
        return self.known[name][2] if name in self.known else None

    def to_json(self) -> Any:
        return [{name: list(said) for name, said in self.known.items()}, sorted(self.told), self.over]

    @classmethod
    def from_json(cls, value: Any) -> "LoggedRun":
        known, told, over = value
        return cls({name: tuple(said) for name, said in known.items()}, set(told), over)


@dataclass(slots=True)
class CountedRun:
    """A run that rows of the prediction log name.

    Attributes:
        start, end: event times of its first and last row, Unix seconds.
        rows, failed: its rows, and those among them that failed.
        told, over: as of a run of a run log.
    """

    start: float
    end: float
    rows: float = 0.0
    failed: float = 0.0
    told: set[str] = field(default_factory=set)
    over: bool = False

    @property
    def began(self) -> float:
        return self.start

    @property
    def newest(self) -> float:
        return self.end

    def add(self, other: "CountedRun") -> None:
        """Knows of more rows."""
        self.start, self.end = min(self.start, other.start), max(self.end, other.end)
        self.rows += other.rows
        self.failed += other.failed
        self.over = False

    def run(self, name: str, now: float, patience: float) -> Run:
        """As it is known now: over, once no row came for `patience` seconds; failed, where no row is good."""
        good = self.rows - self.failed
        if not self.over and now - self.end <= patience:
            return Run(name, "running", self.start, None, None, good, self.failed)
        return Run(name, "succeeded" if good > 0 else "failed", self.start, self.end, None, good, self.failed)

    def to_json(self) -> Any:
        return [self.start, self.end, self.rows, self.failed, sorted(self.told), self.over]

    @classmethod
    def from_json(cls, value: Any) -> "CountedRun":
        start, end, rows, failed, told, over = value
        return cls(start, end, rows, failed, set(told), over)
