"""Whether thresholds and objectives fit the task and the log."""

from collections.abc import Iterator

from exporter.config.likeness import suggest
from exporter.config.model import ModelSection
from exporter.config.tree import Path
from exporter.metrics.drift.distances import DISTANCES
from exporter.metrics.performance.registry import BY_TASK

Fault = tuple[Path, str]


_SHORT_NAMES = {
    "js": "jensen_shannon",
    "jsd": "jensen_shannon",
    "psi": "population_stability_index",
    "kl": "kullback_leibler",
    "ks": "kolmogorov_smirnov",
    "tv": "total_variation",
    "mae": "mean_absolute_error",
    "rmse": "root_mean_squared_error",
    "mape": "mean_absolute_percentage_error",
    "bias": "mean_error",
    "auc": "roc_auc",
    "mcc": "matthews_corrcoef",
    "brier": "brier_score",
    "ece": "calibration_error",
    "ap": "average_precision",
}
"""What people call them → their names here, which are those of scipy and scikit-learn."""


def _hint(name: str, known: list[str]) -> str:
    short = _SHORT_NAMES.get(name.lower())
    return f"did you mean `{short}`?" if short in known else suggest(name, known)


def threshold_faults(model: ModelSection) -> Iterator[Fault]:
    """Thresholds of metrics and methods that do not exist, and bounds that leave nothing between."""
    known = [each.name for each in BY_TASK[model.task]]
    distances = [each.name for each in DISTANCES]
    for metric, bounds in model.thresholds.performance.items():
        at: Path = ("thresholds", "performance", metric)
        if metric not in known:
            others = [task for task, each in BY_TASK.items() if metric in {one.name for one in each}]
            fix = (
                f"it is one of {' and '.join(others)} models, this one is {model.task}"
                if others
                else _hint(metric, known)
            )
            yield at, f"no such metric; {fix}"
        if bounds.lower is None and bounds.upper is None:
            yield (
                at,
                "says neither `lower` nor `upper`; give one, or leave it out to have it learned from the reference",
            )
        elif bounds.lower is not None and bounds.upper is not None and bounds.lower >= bounds.upper:
            yield at, f"`lower` ({bounds.lower:g}) must be less than `upper` ({bounds.upper:g}); swap them"
    for index, method in enumerate(model.thresholds.methods):
        if method not in distances:
            yield ("thresholds", "methods", index), f"no such drift method `{method}`; {_hint(method, distances)}"
        elif method in model.thresholds.methods[:index]:
            yield ("thresholds", "methods", index), f"`{method}` stands twice; keep one"


def objective_faults(model: ModelSection) -> Iterator[Fault]:
    """Objectives of one name, and those that need what the log does not have."""
    names = [each.name for each in model.slo]
    for index, objective in enumerate(model.slo):
        if objective.name in names[:index]:
            yield ("slo", index, "name"), f"there are two objectives `{objective.name}`; name them apart"
        if objective.latency is not None and model.predictions.columns.latency is None:
            yield (
                ("slo", index, "latency"),
                (
                    "the log has no latency; name its column in `predictions.columns`, "
                    "such as `latency: {column: latency_ms, unit: ms}`"
                ),
            )
