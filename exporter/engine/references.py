"""Which reference serves which version, and the layout that its rows are counted in."""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from exporter.engine.plan import ModelPlan
from exporter.errors import ReferenceFileError
from exporter.profile.adapt import adapt_reference
from exporter.profile.bins import NumericBins
from exporter.profile.bounds import LATENCY_BOUNDS
from exporter.profile.codec import unpack_reference
from exporter.profile.columns import Columns
from exporter.profile.fit import OUTPUT_BINS, FeatureWish, FitSpec
from exporter.profile.layout import ERROR_SLOTS, Layout
from exporter.profile.reference import Reference

_FEWEST_BLOCKS_OF_SHORTEST_WINDOW = 4
"""Blocks a day is cut into at least where windows allow, so that a daily cycle can be seen."""


class References:
    """The references of one model by version, and the layouts they freeze."""

    def __init__(self, plan: ModelPlan) -> None:
        """Reads the files that are there; a model without any is counted without features.

        Raises:
            ReferenceFileError: a file is damaged, or fitted for another task.
        """
        self._plan = plan
        self._by_version: dict[str, Reference] = {}
        self.missing: list[Path] = []
        """Files that the configuration names and that are not there yet."""
        for version, path in plan.references.items():
            if not path.exists():
                self.missing.append(path)
                continue
            reference = load_reference(path)
            if reference.layout.task != plan.task:
                raise ReferenceFileError(
                    f"{path}: fitted for task {reference.layout.task}, model {plan.name!r} is {plan.task}; fit it again"
                )
            self._by_version[version] = adapt_reference(reference, runtime_layout(plan, reference.layout))
        self._bare = runtime_layout(plan, _bare_layout(plan))

    def of(self, version: str) -> Reference | None:
        """The version's own reference, or the model's; None if there is none."""
        return self._by_version.get(version, self._by_version.get(""))

    def layout(self, version: str) -> Layout:
        """The layout that the version's rows are counted in."""
        reference = self.of(version)
        return self._bare if reference is None else reference.layout

    @property
    def layouts(self) -> dict[str, Layout]:
        """Version → layout; "" = all others."""
        return {"": self._bare, **{version: reference.layout for version, reference in self._by_version.items()}}

    @property
    def first_id(self) -> str:
        """Bins id of the model's reference for `ml_model_info`, empty if there is none."""
        reference = self._by_version.get("") or next(iter(self._by_version.values()), None)
        return "" if reference is None else reference.id


def load_reference(path: Path) -> Reference:
    """The reference in a file.

    Raises:
        ReferenceFileError: it cannot be read, is damaged, or is no reference.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReferenceFileError(f"{path}: {error.strerror}; make it with `ml-exporter reference fit`") from error
    return unpack_reference(data, str(path))


def latency_bounds(plan: ModelPlan) -> tuple[float, ...]:
    """Bounds of the latency histogram: the usual ones and every latency objective's."""
    wanted = {objective.latency_seconds for objective in plan.objectives if objective.latency_seconds is not None}
    return tuple(sorted({*LATENCY_BOUNDS, *wanted}))


def tolerances(plan: ModelPlan) -> tuple[float, ...]:
    """Errors up to which quality objectives call a prediction good, rising."""
    return tuple(sorted({each.tolerance for each in plan.objectives if each.tolerance is not None}))


def slice_slots(plan: ModelPlan) -> dict[str, int]:
    """Dimension → slots, OTHER included."""
    return {dimension: values + 1 for dimension, values in plan.slice_values.items()}


def vocabulary_capacity(plan: ModelPlan) -> dict[str, int]:
    """Slots of every vocabulary of the model."""
    return {**slice_slots(plan), "error": ERROR_SLOTS}


def runtime_layout(plan: ModelPlan, layout: Layout) -> Layout:
    """A reference's layout with the slices, objectives and features that the configuration has now."""
    wanted = plan.predictions.columns.features
    features = {
        name: bins
        for name, bins in layout.features.items()
        if name not in plan.excluded_features and (wanted is None or name in wanted)
    }
    return replace(
        layout,
        features=features,
        slices=slice_slots(plan),
        latency_bounds=latency_bounds(plan),
        tolerances=tolerances(plan),
    )


def class_names(plan: ModelPlan) -> tuple[str, ...]:
    """Classes as far as the configuration says them; binary: (negative, positive)."""
    if plan.task != "binary" or plan.classes:
        return plan.classes
    if plan.positive_class is None or plan.positive_class.lower() in {"1", "true", "yes"}:
        return ("0", "1")
    return (f"not {plan.positive_class}", plan.positive_class)


def _bare_layout(plan: ModelPlan) -> Layout:
    """What can be counted without a reference: traffic, outcomes, scores in bins of equal width."""
    edges = np.linspace(0.0, 1.0, OUTPUT_BINS + 1)
    edges[0] = np.nextafter(0.0, -1.0)
    scored = plan.task == "binary" and plan.predictions.columns.score is not None
    return Layout(
        task=plan.task, classes=class_names(plan), score_bins=NumericBins(edges, 2.0**-30) if scored else None
    )


def fit_spec(plan: ModelPlan, version: str = "") -> FitSpec:
    """What `ml-exporter reference fit` fits for a model."""
    stream = plan.reference_stream or plan.predictions
    features = stream.columns.features
    return FitSpec(
        model=plan.name,
        task=plan.task,
        columns=stream.columns if features is not None else _with_features(plan, stream.columns),
        version=version,
        others=tuple(other for other in plan.references if other != version),
        classes=class_names(plan),
        decision_threshold=plan.decision_threshold,
        include=None if features is None else tuple(features),
        exclude=plan.excluded_features,
        wishes={
            name: FeatureWish(
                override.type if override.edges is None else "numeric",
                override.range,
                override.edges,
                override.categories,
            )
            for name, override in plan.feature_overrides.items()
        },
        slices=slice_slots(plan),
        latency_bounds=latency_bounds(plan),
        block_seconds=block_seconds(plan.windows.values()),
    )


def _with_features(plan: ModelPlan, columns: Columns) -> Columns:
    return replace(columns, features=dict(plan.feature_columns)) if plan.feature_columns else columns


def block_seconds(windows: Iterable[int]) -> int:
    """Length of a reference's time blocks: all windows are whole multiples; quarter days at most where they allow."""
    common = math.gcd(*windows)
    quarter = 86400 // _FEWEST_BLOCKS_OF_SHORTEST_WINDOW
    return math.gcd(common, quarter) if common >= quarter else common
