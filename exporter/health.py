"""What the exporter says of itself: counters, gauges and histograms that any thread may move.

Every family is one row of `FAMILIES`, so that the documentation and the contract tests can list them. Values are
read at scrape time, never from a snapshot: a stuck cycle must show.
"""

import threading
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
LabelValues = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HealthFamily:
    """One family of the exporter's own: what it is called, what it means, and its labels in order."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    """Upper edges of a histogram's buckets, without +Inf."""
    internal: bool = False
    """Used by no dashboard and no rule of the bundle, on purpose."""


@dataclass(frozen=True, slots=True)
class HealthHistogram:
    """A histogram as it stood at one moment: `counts` by bucket, not cumulative, the last one for +Inf."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    sum: float


Reading = tuple[HealthFamily, list[tuple[LabelValues, float | HealthHistogram]]]

_CYCLE_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

FAMILIES: tuple[HealthFamily, ...] = (
    HealthFamily("ml_exporter_build_info", "gauge", "Always 1; the exporter's version.", ("version", "python")),
    HealthFamily("ml_exporter_start_time_seconds", "gauge", "When the exporter started, in Unix time."),
    HealthFamily(
        "ml_exporter_source_up", "gauge", "1 where the last read of the source succeeded, else 0.", ("model", "source")
    ),
    HealthFamily(
        "ml_exporter_source_lag_seconds",
        "gauge",
        "How far the newest row that was read lies behind the present, in event time.",
        ("model", "source"),
    ),
    HealthFamily(
        "ml_exporter_source_last_success_timestamp_seconds",
        "gauge",
        "When the source was last read without an error, in Unix time.",
        ("model", "source"),
    ),
    HealthFamily(
        "ml_exporter_source_backlog_bytes",
        "gauge",
        "Bytes that the source holds and the exporter has not read yet.",
        ("model", "source"),
    ),
    HealthFamily("ml_exporter_rows_total", "counter", "Rows read, good and bad.", ("model", "source")),
    HealthFamily(
        "ml_exporter_rows_rejected_total",
        "counter",
        "Rows read that could not be used, by reason.",
        ("model", "source", "reason"),
    ),
    HealthFamily(
        "ml_exporter_labels_unmatched", "gauge", "Labels that wait for a prediction with their id.", ("model",)
    ),
    HealthFamily("ml_exporter_predictions_waiting", "gauge", "Predictions that wait for their label.", ("model",)),
    HealthFamily(
        "ml_exporter_predictions_unlabelled_total",
        "counter",
        "Predictions whose wait for a label ended without one.",
        ("model",),
        internal=True,
    ),
    HealthFamily(
        "ml_exporter_cycle_seconds",
        "histogram",
        "Time from reading the sources to publishing the snapshot.",
        bounds=_CYCLE_BOUNDS,
    ),
    HealthFamily(
        "ml_exporter_cycle_failures_total",
        "counter",
        "Cycles of the model that ended in an error, such as a full disk: nothing of them was kept, all is read again.",
        ("model",),
        internal=True,
    ),
    HealthFamily(
        "ml_exporter_last_cycle_timestamp_seconds", "gauge", "When the last snapshot was published, in Unix time."
    ),
    HealthFamily("ml_exporter_state_bytes", "gauge", "Size of the model's state on disk.", ("model",)),
    HealthFamily("ml_exporter_series", "gauge", "Series exposed for the model.", ("model",)),
    HealthFamily(
        "ml_exporter_series_dropped_total",
        "counter",
        "Series left out of a snapshot, summed over snapshots, by reason: budget or duplicate.",
        ("model", "reason"),
    ),
    HealthFamily(
        "ml_exporter_metric_failures_total",
        "counter",
        "Computations of a metric that ended in an error; its series were absent.",
        ("metric",),
    ),
    HealthFamily(
        "ml_exporter_collector_success",
        "gauge",
        "1 where a part that is read at scrape time answered in time, else 0.",
        ("collector",),
    ),
    HealthFamily(
        "ml_exporter_collector_duration_seconds",
        "gauge",
        "Time that the last reading of a part took; so far, of one that hangs.",
        ("collector",),
    ),
    HealthFamily(
        "ml_exporter_config_last_reload_successful",
        "gauge",
        "1 where the configuration in force is the one in the file, 0 after a failed reload.",
    ),
    HealthFamily(
        "ml_exporter_config_last_reload_success_timestamp_seconds",
        "gauge",
        "When a configuration was last loaded, in Unix time.",
        internal=True,
    ),
    HealthFamily(
        "ml_model_info",
        "gauge",
        "Always 1; what the configuration says of the model. Join it to route by owner.",
        ("model", "owner", "task", "tier", "reference"),
    ),
    HealthFamily(
        "ml_slo_info",
        "gauge",
        "Always 1; what the objective promises: availability, latency, freshness or quality.",
        ("model", "slo", "kind"),
    ),
    HealthFamily(
        "ml_replica_info", "gauge", "Always 1; the machine that the replica runs on.", ("model", "replica", "host")
    ),
    HealthFamily("ml_slo_objective_ratio", "gauge", "Share that the objective wants good.", ("model", "slo")),
    HealthFamily(
        "ml_slo_observed_seconds_total",
        "counter",
        "Time that an objective of freshness judged: the exporter ran and had read all of the log.",
        ("model", "slo"),
    ),
    HealthFamily(
        "ml_slo_stale_seconds_total",
        "counter",
        "Time in which the newest prediction was older than an objective of freshness allows.",
        ("model", "slo"),
    ),
    HealthFamily(
        "ml_label_wait_seconds", "gauge", "How long a prediction waits for its label.", ("model",), internal=True
    ),
)
"""Every family that is read at scrape time, in the order of the documentation."""


class _Histogram:
    """A histogram that is being filled."""

    __slots__ = ("counts", "sum")

    def __init__(self, buckets: int) -> None:
        self.counts = [0.0] * buckets
        self.sum = 0.0


class Health:
    """The exporter's own numbers. A name or a number of labels that `FAMILIES` does not know is a ValueError."""

    def __init__(self, families: Sequence[HealthFamily] = FAMILIES) -> None:
        self._families: Mapping[str, HealthFamily] = {family.name: family for family in families}
        self._values: dict[str, dict[LabelValues, float]] = {family.name: {} for family in families}
        self._histograms: dict[str, dict[LabelValues, _Histogram]] = {family.name: {} for family in families}
        self._lock = threading.Lock()

    def inc(self, name: str, labels: LabelValues = (), amount: float = 1.0) -> None:
        """The counter has risen by `amount`; 0 makes it visible before anything happens."""
        self._check(name, labels, "counter")
        if not amount >= 0:
            raise ValueError(f"{name}: a counter cannot rise by {amount}")
        with self._lock:
            values = self._values[name]
            values[labels] = values.get(labels, 0.0) + amount

    def set(self, name: str, labels: LabelValues, value: float) -> None:
        """The gauge stands at `value`; NaN makes the series absent."""
        self._check(name, labels, "gauge")
        with self._lock:
            self._values[name][labels] = float(value)

    def replace(self, name: str, values: Mapping[LabelValues, float]) -> None:
        """The gauge has these series and no others."""
        for labels in values:
            self._check(name, labels, "gauge")
        self._check(name, None, "gauge")
        with self._lock:
            self._values[name] = {labels: float(value) for labels, value in values.items()}

    def observe(self, name: str, labels: LabelValues, value: float) -> None:
        """The histogram holds one observation more."""
        family = self._check(name, labels, "histogram")
        with self._lock:
            histogram = self._histograms[name].setdefault(labels, _Histogram(len(family.bounds) + 1))
            histogram.counts[bisect_left(family.bounds, value)] += 1.0
            histogram.sum += value

    def remove(self, name: str, labels: LabelValues) -> None:
        """The series is gone, if there was one."""
        self._check(name, labels, None)
        with self._lock:
            self._values[name].pop(labels, None)
            self._histograms[name].pop(labels, None)

    def remove_model(self, model: str) -> None:
        """Nothing speaks of the model any more: for one that a reload took away."""
        with self._lock:
            for family in self._families.values():
                if family.labels[:1] == ("model",):
                    values = self._values[family.name]
                    self._values[family.name] = {key: value for key, value in values.items() if key[0] != model}

    def value(self, name: str, labels: LabelValues = ()) -> float | None:
        """What the counter or gauge stands at; None where it has no such series."""
        self._check(name, labels, None)
        with self._lock:
            return self._values[name].get(labels)

    def read(self) -> list[Reading]:
        """Every family that has a series, with a copy of its series at one moment."""
        readings: list[Reading] = []
        with self._lock:
            for family in self._families.values():
                samples: list[tuple[LabelValues, float | HealthHistogram]] = list(self._values[family.name].items())
                samples += [
                    (labels, HealthHistogram(family.bounds, tuple(histogram.counts), histogram.sum))
                    for labels, histogram in self._histograms[family.name].items()
                ]
                if samples:
                    readings.append((family, samples))
        return readings

    def _check(self, name: str, labels: LabelValues | None, kind: Kind | None) -> HealthFamily:
        family = self._families.get(name)
        if family is None:
            raise ValueError(f"{name}: no such family; add a row to exporter/health.py FAMILIES")
        if kind is not None and family.kind != kind:
            raise ValueError(f"{name} is a {family.kind}, not a {kind}")
        if labels is not None and len(labels) != len(family.labels):
            raise ValueError(f"{name} has the labels {family.labels}, got the values {labels}")
        return family
