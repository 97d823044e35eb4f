"""What the exporter tells people of its present state: the landing page and `/api/v1/status` show the same."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "bad", "unknown", "blind"]
"""*unknown*: no data, or too few rows; *blind*: labels too few to show a fall that matters. Never taken for ok."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source of a model.

    Attributes:
        source: `predictions` or `labels`.
        description: what is read, such as `files logs/*.jsonl`.
        state: *ok* where the last read succeeded; *unknown* before the first.
        lag_seconds: how far the newest row lies behind, in event time; None before the first.
        message: why it is bad, in one line.
    """

    source: str
    description: str
    state: State = "unknown"
    lag_seconds: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model.

    Attributes:
        state: *bad* where performance is degraded, drift is detected, quality fell or a source is down.
        reasons: why, a line each; also what makes it unknown.
        versions: those with traffic.
        series: on /metrics.
    """

    model: str
    state: State = "unknown"
    reasons: tuple[str, ...] = ()
    task: str = ""
    owner: str = ""
    tier: str = ""
    versions: tuple[str, ...] = ()
    series: int = 0
    sources: tuple[SourceStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectorStatus:
    """A part of the machine that is read at the scrape.

    Attributes:
        state: *ok* where the last reading succeeded; *unknown* before the first.
        seconds: that it took; so far where it hangs.
        message: why it is bad, in one line.
    """

    collector: str
    state: State = "unknown"
    seconds: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """The whole program. Times are Unix seconds.

    Attributes:
        config_digest: hash of the configuration in force.
        config_error: why the last reload failed; empty where it did not.
        last_cycle_at: when the last snapshot was published; None before the first.
    """

    version: str
    now: float
    started_at: float
    config_digest: str = ""
    config_error: str = ""
    last_cycle_at: float | None = None
    cycle_seconds: float | None = None
    models: tuple[ModelStatus, ...] = ()
    collectors: tuple[CollectorStatus, ...] = ()
