"""A validated configuration as the program uses it: plain values, durations in seconds, sources ready to open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from exporter.host.plan import HostPlan
from exporter.metrics.batch.schedule import Schedule
from exporter.metrics.evaluation import Objective, Thresholds
from exporter.profile.columns import Columns
from exporter.profile.layout import Task
from exporter.profile.run_log import RunColumns
from exporter.sources.source import Source


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """A log: how to open it and what its columns mean."""

    open: Callable[[], Source]
    columns: Columns
    description: str
    """For people: what is read, such as `files logs/*.jsonl`."""


@dataclass(frozen=True, slots=True)
class LabelsPlan:
    """Ground truth that comes later.

    Attributes:
        stream: the label log; None where labels stand in the prediction's own row.
        wait: seconds a prediction waits for its label.
        default: the label assumed when `wait` is over; None: the prediction stays unlabelled.
        conflict: which of two different labels holds.
        by_feature: labels of the log are counted by bins of features too.
    """

    stream: StreamPlan | None
    wait: int = 30 * 86400
    default: str | float | None = None
    conflict: Literal["first", "last"] = "last"
    by_feature: bool = True


@dataclass(frozen=True, slots=True)
class FeatureOverride:
    """What the configuration says of a feature instead of leaving it to the reference."""

    type: Literal["numeric", "category"] | None = None
    range: tuple[float, float] | None = None
    edges: tuple[float, ...] | None = None
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """How long panes are kept: `pane` wide until `fine`, an hour wide until `hourly`, a day until `daily` (seconds)."""

    fine: int = 2 * 86400
    hourly: int = 14 * 86400
    daily: int = 120 * 86400


@dataclass(frozen=True, slots=True)
class RunLogPlan:
    """A log of its own that tells of runs: how to open it, and what its columns mean."""

    stream: StreamPlan
    columns: RunColumns


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Runs of a batch job; either `column` or `log` tells of them.

    Attributes:
        column: of the prediction log: rows that share its value are of one run.
        schedule: when runs are due; None: nobody knows.
        grace: seconds that a run may be late.
        clock: what they are judged by: the wall's, or the newest time in the logs.
        idle: column: seconds without a row after which a run is over.
        timeout: log: seconds without a word after which a run is lost; None: by what is usual.
        max_ahead: seconds beyond now up to which a time in the run log is believed.
    """

    column: str | None = None
    log: RunLogPlan | None = None
    schedule: Schedule | None = None
    grace: float = 0.0
    clock: Literal["wall", "watermark"] = "wall"
    idle: int = 900
    timeout: int | None = None
    max_ahead: int = 300


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """One model.

    Attributes:
        classes: multiclass: the classes; empty = those of the reference.
        positive_class: binary: how logs write the positive class; None = 1, true and yes are recognised.
        windows: name as written → seconds, rising.
        pane: seconds.
        settle: wall clock: a window ends so many seconds ago.
        max_jump: watermark clock: event time never advances more from row to row; few rows beyond that are *future*.
        max_future: wall clock: rows later than now by more are *future*.
        dedupe: seconds an id is remembered.
        max_counter_age: rows older than so many seconds enter windows, not counters.
        feature_columns: feature → column where they differ; used where `predictions.columns.features` is None.
        references: version → file; "" = all others.
        slice_values: dimension → how many values are told apart (the rest is *other*).
        replicas: replica, as the log names it → the machine it runs on.
        batch: runs of a batch job; None: the model has none.
    """

    name: str
    task: Task
    predictions: StreamPlan
    labels: LabelsPlan | None = None
    owner: str = ""
    tier: str = ""
    classes: tuple[str, ...] = ()
    positive_class: str | None = None
    decision_threshold: float = 0.5
    references: Mapping[str, Path] = field(default_factory=dict)
    reference_stream: StreamPlan | None = None
    windows: Mapping[str, int] = field(default_factory=lambda: {"1h": 3600, "24h": 86400, "7d": 7 * 86400})
    pane: int = 300
    clock: Literal["wall", "watermark"] = "wall"
    settle: int = 60
    max_jump: int = 86400
    max_future: int = 300
    dedupe: int = 7 * 86400
    max_counter_age: int = 3600
    retention: Retention = field(default_factory=Retention)
    feature_columns: Mapping[str, str] = field(default_factory=dict)
    feature_overrides: Mapping[str, FeatureOverride] = field(default_factory=dict)
    excluded_features: tuple[str, ...] = ()
    slice_values: Mapping[str, int] = field(default_factory=dict)
    replicas: Mapping[str, str] = field(default_factory=dict)
    thresholds: Thresholds = field(default_factory=Thresholds)
    objectives: tuple[Objective, ...] = ()
    batch: BatchPlan | None = None
    series_budget: int = 5000

    @property
    def logs(self) -> dict[str, StreamPlan]:
        """What is read, by name: `predictions`, and `labels` and `runs` where they have logs of their own."""
        logs = {"predictions": self.predictions}
        if self.labels is not None and self.labels.stream is not None:
            logs["labels"] = self.labels.stream
        if self.batch is not None and self.batch.log is not None:
            logs["runs"] = self.batch.log.stream
        return logs


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """Where and how /metrics is served."""

    host: str = "127.0.0.1"
    port: int = 9877
    web_config_file: Path | None = None
    remote_reload: bool = False
    """True: `/-/reload` and `/-/quit` are open to other machines too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole program."""

    models: tuple[ModelPlan, ...]
    state_dir: Path
    server: ServerPlan = field(default_factory=ServerPlan)
    cycle: float = 15.0
    """Seconds from one snapshot to the next."""
    keep_rejected_rows: bool = False
    host: HostPlan = field(default_factory=HostPlan)
    sources_digest: str = ""
    """Hash of the configuration file, for the landing page."""
