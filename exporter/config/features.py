"""Whether what is said of features goes together."""

from collections.abc import Iterator
from itertools import pairwise

from exporter.config.likeness import did_you_mean
from exporter.config.model import ModelSection
from exporter.config.monitoring import FeatureOverrideSection
from exporter.config.tree import Path

Fault = tuple[Path, str]


def feature_faults(model: ModelSection) -> Iterator[Fault]:
    """Features named twice, not at all, against each other, or that are the answer."""
    features = model.features
    for index, name in enumerate(features.include or []):
        if name in features.exclude:
            yield ("features", "exclude"), f"`{name}` is also in `include`; keep one of the two"
        if name in (features.include or [])[:index]:
            yield ("features", "include", index), f"`{name}` stands twice; keep one"
    if features.include is not None:
        yield from _unknown(model, features.include)
    yield from _answers(model)
    yield from _override_faults(model)


def _unknown(model: ModelSection, included: list[str]) -> Iterator[Fault]:
    named: dict[Path, list[str]] = {
        ("features", "columns"): list(model.features.columns),
        ("features", "overrides"): list(model.features.overrides),
        ("thresholds", "features"): list(model.thresholds.features),
    }
    for at, names in named.items():
        for name in names:
            if name not in included:
                hint = did_you_mean(name, included) or "add it there or take it out here"
                yield (*at, name), f"`{name}` is none of `features.include`; {hint}"


def _answers(model: ModelSection) -> Iterator[Fault]:
    """Features that are the label, the prediction or the id: a model has no such input."""
    columns, features = model.predictions.columns, model.features
    answers = {
        column: role
        for role in ("label", "label_time", "prediction", "score", "id")
        if (column := getattr(columns, role)) is not None
    }
    for index, name in enumerate(features.include or []):
        role = answers.get(features.columns.get(name, name))
        if role is not None:
            yield ("features", "include", index), f"`{name}` is the `{role}` column, no input of the model; take it out"
    if features.include is None:
        for name, column in features.columns.items():
            if column in answers:
                yield (
                    ("features", "columns", name),
                    f"`{column}` is the `{answers[column]}` column, no input of the model; take it out",
                )


def _override_faults(model: ModelSection) -> Iterator[Fault]:
    for name, override in model.features.overrides.items():
        at: Path = ("features", "overrides", name)
        if override.range is not None:
            low, high = override.range
            if not low < high:
                yield (*at, "range"), f"must rise, not go from {low:g} to {high:g}; write [lowest, highest]"
            if override.type == "category" or override.categories is not None:
                yield (*at, "range"), "is for numbers; take it out, or use `type: numeric` without `categories`"
        if override.edges is not None:
            yield from _edge_faults(at, override)
        if override.categories is not None:
            if override.type == "numeric":
                yield (*at, "categories"), "is for categories; take it out, or use `type: category`"
            if len(set(override.categories)) < len(override.categories):
                yield (*at, "categories"), "names one twice; keep one"
        if name in model.features.exclude:
            yield at, "is excluded above; keep one of the two"


def _edge_faults(at: Path, override: FeatureOverrideSection) -> Iterator[Fault]:
    edges = override.edges or []
    for index, (one, other) in enumerate(pairwise(edges)):
        if not one < other:
            yield (*at, "edges", index + 1), f"must rise, not go from {one:g} to {other:g}; sort them, each once"
    if override.type == "category" or override.categories is not None:
        yield (*at, "edges"), "are for numbers; take them out, or use `type: numeric` without `categories`"
    if override.range is not None:
        yield (*at, "edges"), "say the range by their ends; take `range` out"
