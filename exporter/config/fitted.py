"""What a reference that was read says against the model that is to use it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from exporter.config.findings import Finding
from exporter.config.likeness import did_you_mean
from exporter.engine.plan import FeatureOverride, ModelPlan
from exporter.profile.bins import CategoryBins, FeatureBins, NumericBins
from exporter.profile.reference import Reference


def fit_command(model: ModelPlan) -> str:
    """What to run to have the model's references made."""
    return f"`ml-exporter reference fit --model {model.name}`"


def reference_findings(model: ModelPlan, reference: Reference, path: Path) -> Iterator[Finding]:
    """What of `reference`, read from `path`, does not go with `model`."""
    fit, layout = fit_command(model), reference.layout
    if reference.model not in ("", model.name):
        yield "warning", f"{path} was fitted for the model {reference.model}; is it the right file?"
    if model.classes and set(model.classes) != set(layout.classes):
        known, wanted = ", ".join(layout.classes), ", ".join(model.classes)
        yield "problem", f"{path} knows the classes {known}, `classes` says {wanted}; make it again with {fit}"
    for feature, override in model.feature_overrides.items():
        if feature in model.excluded_features:
            continue
        bins = layout.features.get(feature)
        if bins is None:
            hint = did_you_mean(feature, layout.features) or f"fit it again with {fit}"
            yield "warning", f"{path} has no feature {feature}, though `features.overrides` has; {hint}"
            continue
        for key, fitted, wanted in _differences(bins, override):
            frozen = f"{path} was fitted with {key} {fitted}, and that counts until it is fitted again"
            yield "warning", f"feature {feature}: {frozen}; `features.overrides` says {wanted}: run {fit}"


def _differences(bins: FeatureBins, override: FeatureOverride) -> Iterator[tuple[str, str, str]]:
    """Key, what the reference was fitted with, what the configuration says; none where they agree."""
    wanted = override.type or ("category" if override.categories is not None else None)
    if override.range is not None or override.edges is not None:
        wanted = "numeric"
    if wanted is not None and wanted != bins.type:
        yield "type", bins.type, wanted
    elif isinstance(bins, NumericBins) and override.range is not None:
        # The first edge lies just under the lowest value in range; + 0.0 makes 0 of -0.
        fitted = (float(np.nextafter(bins.edges[0], np.inf)) + 0.0, float(bins.edges[-1]))
        if fitted != override.range:
            yield "range", _range(fitted), _range(override.range)
    elif isinstance(bins, NumericBins) and override.edges is not None:
        edges = (float(np.nextafter(bins.edges[0], np.inf)) + 0.0, *bins.edges[1:].tolist())
        if edges != override.edges:
            yield "edges", _edges(edges), _edges(override.edges)
    elif (
        isinstance(bins, CategoryBins)
        and override.categories is not None
        and set(bins.values) != set(override.categories)
    ):
        yield "categories", _names(bins.values), _names(override.categories)


def _range(bounds: tuple[float, float]) -> str:
    return f"[{bounds[0]:g}, {bounds[1]:g}]"


def _edges(edges: Sequence[float]) -> str:
    return _names([f"{edge:g}" for edge in edges])


def _names(names: Sequence[str]) -> str:
    shown = 5
    return f"[{', '.join(names[:shown])}{', …' if len(names) > shown else ''}]"
