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
    """Objectives of one name, of two kinds, and those that need what the model does not have."""
    names = [each.name for each in model.slo]
    for index, objective in enumerate(model.slo):
        if objective.name in names[:index]:
            yield ("slo", index, "name"), f"there are two objectives `{objective.name}`; name them apart"
        kinds = [key for key in ("latency", "freshness", "quality") if getattr(objective, key)]
        if len(kinds) > 1:
            yield (
                ("slo", index, kinds[1]),
                f"an objective has one kind, this one says {' and '.join(kinds)}; make one of each",
            )
        yield from _quality_faults(model, index)
        if objective.freshness is not None and model.clock == "watermark":
            yield (
                ("slo", index, "freshness"),
                "nothing grows old by `clock: watermark`, which is the log's own; use `clock: wall`, or take it out",
            )
        if objective.latency is not None and model.predictions.columns.latency is None:
            yield (
                ("slo", index, "latency"),
                (
                    "the log has no latency; name its column in `predictions.columns`, "
                    "such as `latency: {column: latency_ms, unit: ms}`"
                ),
            )


def _quality_faults(model: ModelSection, index: int) -> Iterator[Fault]:
    """What an objective of quality lacks, or has too much."""
    objective = model.slo[index]
    if objective.quality and model.labels is None and model.predictions.columns.label is None:
        yield (
            ("slo", index, "quality"),
            "without labels nobody knows right from wrong; add `labels`, or take it out",
        )
    if model.task != "regression" and objective.tolerance is not None:
        yield (
            ("slo", index, "tolerance"),
            f"is for regression models, this one is {model.task}: a class is right or wrong; take it out",
        )
    elif objective.tolerance is not None and not objective.quality:
        yield ("slo", index, "tolerance"), "says how far a good prediction may be off; add `quality: true`"
    elif model.task == "regression" and objective.quality and objective.tolerance is None:
        yield (
            ("slo", index, "quality"),
            "a number is seldom exactly right; say how far off is good, such as `tolerance: 15`, in the target's unit",
        )
