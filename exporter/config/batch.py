"""`batch:`: which runs of a batch job there are, and when they are due."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from exporter.config.origin import PreparedSource
from exporter.config.section import Section
from exporter.config.values import Duration, Text, Timezone
from exporter.duration import positive, whole_seconds
from exporter.engine.plan import BatchPlan, RunLogPlan
from exporter.metrics.batch.schedule import Cron, Every, Schedule, cron, usual_grace
from exporter.profile.run_log import RunColumns, Told

Clock = Literal["wall", "watermark"]


class RunLogColumns(Section):
    """Roles of the run log's columns."""

    run: Text = Field(
        description="Identifies the run. It may have several rows, such as one at its start and one at its end: of "
        "each column the newest holds.",
        examples=["run_id"],
    )
    start: Text | None = Field(default=None, description="When the run began.", examples=["started_at"])
    end: Text | None = Field(
        default=None, description="When it was over; null while it is under way.", examples=["ended_at"]
    )
    time: Text | None = Field(
        default=None,
        description="When the row was written, for logs of events: the start of a run that is said to be running, and "
        "the end of one that is said to be over.",
        examples=["ts"],
    )
    status: Text | None = Field(
        default=None,
        description="How it is going. Usual words (success, failed, running, cancelled, and the like) are known, "
        "others are told in `statuses`. Without it a run that has an end succeeded.",
        examples=["status"],
    )
    rows_in: Text | None = Field(default=None, description="Rows that it read.", examples=["rows_in"])
    rows_out: Text | None = Field(
        default=None, description="Rows that it predicted well, failed ones not among them.", examples=["rows_out"]
    )
    failed: Text | None = Field(default=None, description="Rows that it failed on.", examples=["rows_failed"])


def _schedule(value: Any) -> Any:
    """A duration, or the five fields of cron; their zone comes later.

    Raises:
        ValueError: it is neither.
    """
    if value is None or isinstance(value, (Every, Cron)):
        return value
    if isinstance(value, str) and len(value.split()) > 1:
        return cron(value, "UTC")
    try:
        return Every(positive(whole_seconds(value)))
    except ValueError as error:
        raise ValueError(f"{error}; or give the five fields of cron, such as `30 2 * * *`") from None


class BatchSection(Section):
    """Runs are told by a column of the prediction log, or by a log of their own."""

    column: Text | None = Field(
        default=None,
        description="Column of the prediction log that names the run: rows that share its value are of one run. "
        "Either this or `source`.",
        examples=["run_id"],
    )
    source: PreparedSource | None = Field(
        default=None,
        description="Where the log of runs is read.",
        examples=[{"type": "files", "path": "logs/runs.jsonl"}],
    )
    columns: RunLogColumns | None = Field(
        default=None,
        description="Which column of the run log plays which role; needed with `source`.",
        examples=[{"run": "run_id", "start": "started_at", "end": "ended_at", "status": "status"}],
    )
    statuses: dict[Text, Told] = Field(
        default_factory=dict,
        description="Words of the log's `status` that are not known by themselves: `running`, `succeeded`, `failed` or "
        "`cancelled`.",
        examples=[{"fertig": "succeeded"}],
    )
    schedule: Annotated[Every | Cron | None, BeforeValidator(_schedule)] = Field(
        default=None,
        description="When runs are due: the time from one to the next (`24h`), or the five fields of cron: minute, "
        "hour, day, month, weekday (`30 2 * * 1-5`). Without it no run is ever missed.",
        examples=["30 2 * * *"],
        json_schema_extra={"kind": "duration or cron"},
    )
    timezone: Timezone = Field(
        default="UTC",
        description="IANA name; the hours of cron, and times of the run log without an offset, are of this zone.",
        examples=["Europe/Vienna"],
    )
    grace: Duration | None = Field(
        default=None,
        description="How late a run may be. Default: a tenth of the time between two runs, five minutes at least.",
        examples=["1h"],
    )
    clock: Clock | None = Field(
        default=None,
        description="By which clock runs are missed. Default: the model's `clock`. By `watermark` time stands still "
        "while the logs do: only for replays.",
        examples=["wall"],
    )
    idle: Duration = Field(
        default=900,
        description="With `column`: a run is over when no row of it came for so long.",
        examples=["15m"],
    )
    timeout: Duration | None = Field(
        default=None,
        description="With `source`: a run that never told how it ended is lost after so long. Default: three times "
        "what is usual, or the time between two runs if that is longer.",
        examples=["6h"],
    )

    @property
    def due(self) -> Schedule | None:
        """When runs are due, in their time zone."""
        return replace(self.schedule, timezone=self.timezone) if isinstance(self.schedule, Cron) else self.schedule


def run_columns(section: BatchSection) -> RunColumns | None:
    """The run log's columns; None where there is no such log."""
    columns = section.columns
    if section.source is None or columns is None:
        return None
    return RunColumns(**columns.model_dump(), statuses=dict(section.statuses), timezone=section.timezone)


def batch_plan(section: BatchSection, log: RunLogPlan | None, clock: Clock, ahead: int) -> BatchPlan:
    """The section as the program works by it.

    Args:
        section: found consistent.
        log: the run log, opened where it is one.
        clock: the model's.
        ahead: seconds that times of the run log may be ahead of now.
    """
    due = section.due
    usual = 0.0 if due is None else usual_grace(due)
    return BatchPlan(
        column=section.column,
        log=log,
        schedule=due,
        grace=usual if section.grace is None else float(section.grace),
        clock=section.clock or clock,
        idle=section.idle,
        timeout=section.timeout,
        max_ahead=ahead,
    )
