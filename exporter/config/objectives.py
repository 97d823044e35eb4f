"""Whether thresholds and objectives fit the task and the log."""

from collections.abc import Iterator

from exporter.config.likeness import suggest
from exporter.config.model import ModelSection
from exporter.config.tree import Path
from exporter.metrics.drift.distances import DISTANCES
from exporter.metrics.performance.registry import BY_TASK

Fault = tuple[Path, str]


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
                else suggest(metric, known)
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
            yield ("thresholds", "methods", index), f"no such drift method `{method}`; {suggest(method, distances)}"
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
