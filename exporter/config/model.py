"""One entry of `models:`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from exporter.config.batch import BatchSection
from exporter.config.monitoring import (
    FeaturesSection,
    ObjectiveSection,
    RetentionSection,
    Slices,
    SliceSection,
    ThresholdsSection,
)
from exporter.config.section import Section
from exporter.config.streams import LabelsSection, PredictionsSection, ReferenceDataSection
from exporter.config.values import Duration, DurationOrZero, FilePath, Printable, Text
from exporter.duration import parse_seconds

REPLICA = "replica"
"""Name of the dimension that tells replicas apart."""


class ReferenceSection(Section):
    default: FilePath | None = Field(
        default=None,
        description="Reference file of all versions without one of their own.",
        examples=["refs/model.mlref"],
    )
    versions: dict[Text, FilePath] = Field(
        default_factory=dict, description="Version → its reference file.", examples=[{"v2": "refs/model-v2.mlref"}]
    )


def _one_for_all(value: Any) -> Any:
    return value if isinstance(value, dict) or value is None else {"default": value}


def _windows(value: Any) -> Any:
    """`[1h, 7d]` as name → seconds.

    Raises:
        ValueError: one is no duration, or two are the same.
    """
    if isinstance(value, Mapping) or value is None:
        return value
    windows: dict[str, int] = {}
    for each in value if isinstance(value, list) else [value]:
        try:
            seconds = parse_seconds(each)
        except ValueError as error:
            raise ValueError(f"`{each}` {error}") from None
        if seconds < 1 or seconds != int(seconds):
            raise ValueError(f"`{each}` is not a duration of whole seconds; write windows like [1h, 24h, 7d]")
        name = str(each) if isinstance(each, str) and not each.isdigit() else f"{int(seconds)}s"
        same = [other for other, known in windows.items() if known == int(seconds)]
        if same:
            raise ValueError(f"{same[0]} and {name} are the same length; keep one of them")
        windows[name] = int(seconds)
    return windows


Windows = Annotated[
    dict[str, int],
    BeforeValidator(_windows),
    Field(min_length=1, max_length=6, json_schema_extra={"kind": "list of durations"}),
]


class ModelSection(Section):
    """A model: its logs, what is watched, and what is called bad."""

    task: Literal["binary", "multiclass", "regression"] = Field(
        description="What the model predicts.", examples=["binary"]
    )
    owner: Printable = Field(
        default="", description="Team that is told; alert routes use it.", examples=["flights-team"]
    )
    tier: Printable = Field(default="", description="How important it is, in your own words.", examples=["critical"])
    positive_class: Text | None = Field(
        default=None,
        description="Binary: how the logs write the positive class. Default: 1, true and yes are recognised.",
        examples=["1"],
    )
    decision_threshold: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Binary: from which score on it is positive, used where the log has a score but no prediction.",
        examples=[0.5],
    )
    classes: list[Text] = Field(
        default_factory=list,
        description="All classes as the logs write them. Default: those of the reference. Binary: the two of them.",
        examples=[["a", "b", "c"]],
    )
    predictions: PredictionsSection = Field(
        description="The log of predictions.",
        examples=[
            {"source": {"type": "files", "path": "logs/*.jsonl"}, "columns": {"time": "ts", "prediction": "late"}}
        ],
    )
    labels: LabelsSection | None = Field(
        default=None,
        description="Ground truth that comes later.",
        examples=[
            {"source": {"type": "files", "path": "labels/*.jsonl"}, "columns": {"id": "request_id", "label": "late"}}
        ],
    )
    slices: Slices = Field(
        default_factory=dict,
        description="Dimensions that everything is also shown by: a list of columns, or `{dimension: column}`, or "
        "`{dimension: {column, max_values}}`.",
        examples=[["origin", "carrier"]],
        json_schema_extra={"kind": "list or mapping"},
    )
    replicas: dict[Text, Text] = Field(
        default_factory=dict,
        description="Replica, as the log's column names it → the machine it runs on: the part of Prometheus' label "
        "`instance` that names it, without the port. With it everything is also shown by the dimension `replica`, and "
        "what harms the machine is told with what harms the model.",
        examples=[{"scorer-0": "10.0.0.5"}],
    )
    features: FeaturesSection = Field(
        default_factory=FeaturesSection,
        description="Which inputs are watched.",
        examples=[{"exclude": ["flight_number"]}],
    )
    reference: Annotated[ReferenceSection, BeforeValidator(_one_for_all)] = Field(
        default_factory=ReferenceSection,
        description="What windows are compared with: a file made by `ml-exporter reference fit`, "
        "or `{default, versions}`. "
        "Without one there is traffic and performance, but no drift.",
        examples=["refs/flight_delay.mlref"],
        json_schema_extra={"kind": "path or section"},
    )
    reference_data: ReferenceDataSection | None = Field(
        default=None,
        description="What `ml-exporter reference fit` reads.",
        examples=[{"source": {"type": "files", "path": "validation.parquet"}}],
    )
    windows: Windows = Field(
        default_factory=lambda: {"1h": 3600, "24h": 86400, "7d": 7 * 86400},
        description="Stretches of time that everything is computed over; multiples of `pane`.",
        examples=[["1h", "24h", "7d"]],
    )
    pane: Duration = Field(
        default=300, description="Smallest stretch of time that is counted; windows move on by it.", examples=["5m"]
    )
    clock: Literal["wall", "watermark"] = Field(
        default="wall",
        description="What time it is: the machine's (`wall`), or the newest time in the log "
        "(`watermark`: replays, backfills, nightly batches).",
        examples=["wall"],
    )
    settle: DurationOrZero = Field(
        default=60, description="Wall clock: windows end so long ago, so that slow rows are in.", examples=["60s"]
    )
    max_jump: Duration = Field(
        default=86400,
        description="Watermark clock: time never advances more from one row to the next; where few rows are beyond "
        "such a gap, they are rejected as *future*.",
        examples=["1d"],
    )
    max_future: DurationOrZero = Field(
        default=300, description="Wall clock: rows further ahead of now are rejected as *future*.", examples=["5m"]
    )
    dedupe: DurationOrZero = Field(
        default=7 * 86400,
        description="How long an id is remembered, so that a second copy is not counted; an hour at least, "
        "and as long as a label may come.",
        examples=["7d"],
    )
    max_counter_age: DurationOrZero = Field(
        default=3600, description="Older rows (a backlog) enter windows but not counters.", examples=["1h"]
    )
    retention: RetentionSection = Field(
        default_factory=RetentionSection,
        description="How long counts are kept.",
        examples=[{"fine": "2d", "hourly": "14d", "daily": "120d"}],
    )
    thresholds: ThresholdsSection = Field(
        default_factory=ThresholdsSection, description="What is called bad.", examples=[{"drift_effect": 0.04}]
    )
    slo: list[ObjectiveSection] = Field(
        default_factory=list,
        description="Service-level objectives: alerts tell when the budget of what may fail burns too fast.",
        examples=[
            [
                {"name": "availability", "objective": 0.999},
                {"name": "latency", "objective": 0.99, "latency": "250ms"},
                {"name": "freshness", "objective": 0.99, "freshness": "1h"},
                {"name": "quality", "objective": 0.8, "quality": True},
            ]
        ],
    )
    batch: BatchSection | None = Field(
        default=None,
        description="Runs of a batch job: whether they come, how long they take, what they give; see "
        "[batch.md](batch.md).",
        examples=[{"column": "run_id", "schedule": "24h"}],
    )
    series_budget: int = Field(
        default=5000,
        ge=50,
        description="Most series the model may have on /metrics; beyond, the least useful go first.",
        examples=[5000],
    )

    @property
    def dimensions(self) -> dict[str, SliceSection]:
        """All that is told apart: the slices, and the replicas where their machines are named."""
        replica = self.predictions.columns.replica
        if not self.replicas or replica is None or REPLICA in self.slices:
            return dict(self.slices)
        return {**self.slices, REPLICA: SliceSection(column=[replica], max_values=max(2, len(self.replicas)))}
