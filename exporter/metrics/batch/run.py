"""A run of a batch job, and the runs of a model as they are judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from exporter.metrics.batch.schedule import Schedule

Status = Literal["running", "succeeded", "failed", "cancelled", "lost"]
"""`lost`: it began, and never told how it ended."""
ENDINGS: tuple[Status, ...] = ("succeeded", "failed", "cancelled", "lost")


@dataclass(frozen=True, slots=True)
class Run:
    """One run; times in Unix seconds, None where they are not known.

    Attributes:
        name: its id in the log.
        end: None while it runs.
        rows_in: rows that it read.
        rows_out: rows that it predicted well.
        failed: rows that it could not predict.
    """

    name: str
    status: Status
    start: float | None = None
    end: float | None = None
    rows_in: float | None = None
    rows_out: float | None = None
    failed: float | None = None

    @property
    def began(self) -> float:
        """When it began, as far as that is known."""
        return self.start if self.start is not None else self.end or 0.0

    @property
    def ended(self) -> float:
        """When it was over, as far as that is known."""
        return self.end if self.end is not None else self.began

    @property
    def seconds(self) -> float | None:
        """How long it took; None where that cannot be known: also where all its rows have one time."""
        if self.start is None or self.end is None or self.end <= self.start:
            return None
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of one model as they are known by now.

    Attributes:
        runs: in the order in which they began.
        now: Unix seconds, by the clock that the runs are judged by; None: it is not known yet.
        since: Unix seconds since when runs are watched.
        schedule: when runs are due; None: nobody knows.
        grace: seconds that a run may be late.
        slack: seconds that pass before a run that is over is known to be.
        known: the log was read to its end: what is not there has not been.
        endings: how often runs ended how, since the state began.
    """

    model: str
    runs: Sequence[Run]
    now: float | None
    since: float
    schedule: Schedule | None = None
    grace: float = 0.0
    slack: float = 0.0
    known: bool = True
    endings: Mapping[Status, int] = field(default_factory=dict)
