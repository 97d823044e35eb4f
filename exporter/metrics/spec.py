"""What a metric is: its name and meaning on /metrics, and the function that computes it from counts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from exporter.metrics.batch.run import Runs
from exporter.metrics.evaluation import Evaluation, Facts
from exporter.profile.bins import Floats

Kind = Literal["gauge", "counter", "histogram"]


class NoData(Exception):  # noqa: N818 - it is an answer, not an error
    """The metric is undefined on these counts; its series stay absent."""


@dataclass(frozen=True, slots=True)
class HistogramValue:
    """One histogram: `counts` (K,) by bucket, not cumulative, the last one for +Inf; `bounds` (K-1,)."""

    bounds: tuple[float, ...]
    counts: Floats
    sum: float


Sample = tuple[tuple[str, ...], float]
"""Values of the metric's own labels (those after model, version and window), and the value. NaN is dropped."""
HistogramSample = tuple[tuple[str, ...], HistogramValue]


@dataclass(frozen=True, slots=True)
class WindowMetric:
    """A gauge computed for each model, version and window.

    Attributes:
        name: as on /metrics, with its unit.
        help: one sentence for a person who sees it for the first time.
        labels: its own labels, after `model`, `version`, `window`.
        compute: yields samples; raises NoData where nothing can be said.
        internal: used by no dashboard and no rule of the bundle, on purpose.
        rank: what goes first when the model's series budget is exceeded: higher goes sooner.
    """

    name: str
    help: str
    compute: Callable[[Evaluation], Iterable[Sample]]
    labels: tuple[str, ...] = ()
    internal: bool = False
    rank: int = 0

    kind: Kind = "gauge"

    @property
    def all_labels(self) -> tuple[str, ...]:
        return ("model", "version", "window", *self.labels)


@dataclass(frozen=True, slots=True)
class FactMetric:
    """A metric of a model and version without a window: facts learned by processing time, and timestamps."""

    name: str
    kind: Kind
    help: str
    compute: Callable[[Facts], Iterable[Sample | HistogramSample]]
    labels: tuple[str, ...] = ()
    internal: bool = False
    rank: int = 0

    @property
    def all_labels(self) -> tuple[str, ...]:
        return ("model", "version", *self.labels)


@dataclass(frozen=True, slots=True)
class BatchMetric:
    """A metric of a model's batch runs, without version and window."""

    name: str
    kind: Kind
    help: str
    compute: Callable[[Runs], Iterable[Sample]]
    labels: tuple[str, ...] = ()
    internal: bool = False
    rank: int = 0

    @property
    def all_labels(self) -> tuple[str, ...]:
        return ("model", *self.labels)


Metric = WindowMetric | FactMetric | BatchMetric

LABELS: Mapping[str, str] = {
    "model": "the model's name in the configuration",
    "version": "the version that made the prediction; `unversioned` where the log names none",
    "window": "the window as written in the configuration, such as `24h`",
    "feature": "the feature's name",
    "method": "how two distributions are compared, by scipy's name",
    "metric": "what performance is measured by, by scikit-learn's name",
    "bound": "`lower` or `upper`",
    "bin": "upper edge of a bin as text, `+Inf` last, or the category",
    "class": "a predicted class",
    "predicted": "the predicted class",
    "actual": "the class that came true",
    "error": "class of error, as logged",
    "dimension": "a configured slice dimension; `replica` where `replicas` names machines",
    "replica": "a copy of the service, as the prediction log names it",
    "harm": "in what a replica does worse than the others: `errors`, `unusable` scores, `slowness`, `predictions`",
    "host": "a machine, as Prometheus' label `instance` names it, without the port",
    "value": "a value of that dimension; `other` for all that had no place",
    "check": "what is wrong with a feature's values: missing, invalid, out_of_range, unseen, constant, unit_change",
    "cause": "why performance changed: quality, prior, covariate, concept, unexplained; see "
    "[shift-ledger.md](shift-ledger.md); of a GPU's memory: what made pages or rows unusable",
    "shape": "how a change came: sudden, gradual, recurring (at this hour yesterday, or last week), temporary (over)",
    "slo": "a service-level objective by its name in the configuration",
    "kind": "what an objective promises: availability, latency, freshness or quality",
    "reference": "bins id of a reference",
    "owner": "team that the configuration names as the model's owner",
    "tier": "how important the model is, in the configuration's words",
    "task": "`binary`, `multiclass` or `regression`",
    "source": "log of a model: `predictions`, `labels` or `runs`",
    "status": "how a run ended: `succeeded`, `failed`, `cancelled` or `lost`",
    "direction": "rows of a run: `in`, `out` (predicted well) or `failed`",
    "reason": "why a row was not counted (listed below); why series were left out: `budget` or `duplicate`; why "
    "something is recommended; why clocks of a GPU are kept down",
    "action": "what is recommended, see [advice.md](advice.md)",
    "subject": "what a recommendation is about: a feature, `dimension=value`, a version, an objective, or nothing",
    "age": "age of predictions, the band that ends there: `1h`, `6h` (over 1 h), `1d`, `3d`, `7d`, `14d`, `28d`",
    "collector": "part of the exporter that is read at scrape time",
    "python": "Python's version",
}
"""Every label of a metric of this project and what it says: the table behind docs/metrics.md."""


def describe(metric: Metric) -> dict[str, Any]:
    """Name, kind, labels and help of a metric, for the docs and the contract tests."""
    return {"name": metric.name, "kind": metric.kind, "labels": metric.all_labels, "help": metric.help}
