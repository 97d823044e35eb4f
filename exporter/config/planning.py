"""The validated file as the plan that the program works by."""

import hashlib
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from exporter.config.batch import batch_plan, run_columns
from exporter.config.cost import prices
from exporter.config.host import host_plan
from exporter.config.model import ModelSection
from exporter.config.monitoring import ThresholdsSection
from exporter.config.roles import reference_roles
from exporter.config.settings import Settings, parse_listen
from exporter.config.streams import PredictionColumns
from exporter.engine.plan import (
    BatchPlan,
    FeatureOverride,
    LabelsPlan,
    ModelPlan,
    Plan,
    Retention,
    RunLogPlan,
    ServerPlan,
    StreamPlan,
)
from exporter.metrics.evaluation import Objective, Thresholds
from exporter.profile.columns import Columns
from exporter.sources.sql_config import SqlConfig


def make_plan(settings: Settings, content: bytes) -> Plan:
    """The plan of `settings`, which were read from `content` and found consistent."""
    host, port = parse_listen(settings.server.listen)
    return Plan(
        models=tuple(
            _model(name, model, keep_rows=settings.rejects.keep_rows) for name, model in settings.models.items()
        ),
        state_dir=settings.state_dir,
        server=ServerPlan(host, port, settings.server.web_config_file, settings.server.remote_reload),
        cycle=settings.cycle,
        keep_rejected_rows=settings.rejects.keep_rows,
        host=host_plan(settings.host, prices(settings.cost)),
        sources_digest=hashlib.sha256(content).hexdigest()[:16],
    )


def _model(name: str, model: ModelSection, *, keep_rows: bool) -> ModelPlan:
    features = model.features
    predictions = _columns(model, model.predictions.columns, model.predictions.timezone)
    references: dict[str, Path] = dict(model.reference.versions)
    if model.reference.default is not None:
        references[""] = model.reference.default
    return ModelPlan(
        name=name,
        task=model.task,
        predictions=_stream(model.predictions.source, predictions, keep_rows=keep_rows),
        labels=_labels(model, keep_rows=keep_rows),
        owner=model.owner,
        tier=model.tier,
        classes=_classes(model),
        positive_class=model.positive_class,
        decision_threshold=model.decision_threshold,
        references=references,
        reference_stream=_reference_stream(model, keep_rows=keep_rows),
        windows=dict(sorted(model.windows.items(), key=lambda item: item[1])),
        pane=model.pane,
        clock=model.clock,
        settle=model.settle,
        max_jump=model.max_jump,
        max_future=model.max_future,
        dedupe=model.dedupe,
        max_counter_age=model.max_counter_age,
        retention=Retention(model.retention.fine, model.retention.hourly, model.retention.daily),
        feature_columns=dict(features.columns),
        feature_overrides={
            feature: FeatureOverride(
                each.type,
                each.range,
                tuple(each.edges) if each.edges is not None else None,
                tuple(each.categories) if each.categories is not None else None,
            )
            for feature, each in features.overrides.items()
        },
        excluded_features=_excluded_features(model),
        slice_values={dimension: each.max_values for dimension, each in model.dimensions.items()},
        replicas=dict(model.replicas),
        thresholds=_thresholds(model.thresholds),
        objectives=tuple(
            Objective(each.name, each.objective, each.latency, each.freshness, each.quality, each.tolerance)
            for each in model.slo
        ),
        batch=_batch(model, keep_rows=keep_rows),
        series_budget=model.series_budget,
    )


def _batch(model: ModelSection, *, keep_rows: bool) -> BatchPlan | None:
    section = model.batch
    if section is None:
        return None
    log, columns = None, run_columns(section)
    if columns is not None:
        # A run log has few rows: all their columns are read, and none is a feature.
        log = RunLogPlan(_stream(section.source, Columns(id=columns.run), keep_rows=keep_rows), columns)
    ahead = model.max_future if (section.clock or model.clock) == "wall" else max(model.max_future, model.max_jump)
    return batch_plan(section, log, model.clock, ahead)


def _excluded_features(model: ModelSection) -> tuple[str, ...]:
    """Features that are not watched: those named so, and columns that only put the rows of a table in order."""
    sources = (model.predictions.source, None if model.reference_data is None else model.reference_data.source)
    keys = [key for source in sources if isinstance(source, SqlConfig) for key in (source.watermark, source.id)]
    asked_for = {*(model.features.include or ()), *model.features.exclude}
    unasked = [key for key in dict.fromkeys(keys) if key is not None and key not in asked_for]
    return (*model.features.exclude, *unasked)


def _classes(model: ModelSection) -> tuple[str, ...]:
    """The classes; of a binary model the negative one first."""
    if (
        model.task == "binary"
        and model.positive_class is not None
        and model.positive_class == next(iter(model.classes), None)
    ):
        return tuple(reversed(model.classes))
    return tuple(model.classes)


def _columns(model: ModelSection, roles: PredictionColumns, timezone: str) -> Columns:
    features = model.features
    return Columns(
        time=roles.time,
        id=roles.id,
        prediction=roles.prediction,
        score=roles.score,
        scores=dict(roles.scores),
        latency=roles.latency.column if roles.latency else None,
        latency_unit=roles.latency.unit if roles.latency else "s",
        error=roles.error,
        version=roles.version,
        replica=roles.replica,
        run=None if model.batch is None else model.batch.column,
        weight=roles.weight,
        label=roles.label,
        label_time=roles.label_time,
        slices={dimension: tuple(each.column) for dimension, each in model.dimensions.items()},
        features=None
        if features.include is None
        else {name: features.columns.get(name, name) for name in features.include},
        timezone=timezone,
    )


def _labels(model: ModelSection, *, keep_rows: bool) -> LabelsPlan | None:
    labels = model.labels
    if labels is None:
        return LabelsPlan(stream=None) if model.predictions.columns.label is not None else None
    stream = None
    if labels.source is not None and labels.columns is not None:
        columns = Columns(
            id=labels.columns.id,
            label=labels.columns.label,
            label_time=labels.columns.time,
            features={},
            timezone=labels.timezone,
        )
        stream = _stream(labels.source, columns, keep_rows=keep_rows)
    default: str | float | None = labels.default
    if default is not None and model.task == "regression":
        default = float(default)
    return LabelsPlan(stream, labels.wait, default, labels.conflict, labels.by_feature)


def _reference_stream(model: ModelSection, *, keep_rows: bool) -> StreamPlan | None:
    data = model.reference_data
    if data is None:
        return None
    columns = _columns(model, reference_roles(model), data.timezone or model.predictions.timezone)
    # Training data is finished: its last line counts even where it has no line end.
    return _stream(data.source, columns, keep_rows=keep_rows, complete=True)


def _stream(source: Any, columns: Columns, *, keep_rows: bool, complete: bool = False) -> StreamPlan:
    return StreamPlan(
        open=partial(
            source.open,
            keep_rows=keep_rows,
            columns=needed_columns(columns),
            complete=complete,
            id_column=columns.id,
        ),
        columns=columns,
        description=source.describe(),
    )


def needed_columns(columns: Columns) -> tuple[str, ...] | None:
    """Top-level columns of the log that the roles need, in a fixed order; None = all, as features are not known yet."""
    if columns.features is None:
        return None
    single = (
        columns.time, columns.id, columns.prediction, columns.score, columns.latency, columns.error, columns.version,
        columns.replica, columns.weight, columns.label, columns.label_time, columns.run,
    )  # fmt: skip
    named = [*single, *columns.scores.values(), *chain(*columns.slices.values()), *columns.features.values()]
    needed: dict[str, None] = {}
    for name in named:
        if name is not None:
            # A dot may reach into an object or be part of the name itself: both are asked for.
            needed[name] = None
            needed[name.split(".", 1)[0]] = None
    return tuple(needed)


def _thresholds(section: ThresholdsSection) -> Thresholds:
    return Thresholds(
        drift_effect=section.drift_effect,
        features=dict(section.features),
        false_discovery_rate=section.false_discovery_rate,
        min_rows=section.min_rows,
        min_labels=section.min_labels,
        min_slice=section.min_slice,
        min_blocks=section.min_blocks,
        quality_ratio=section.quality_ratio,
        blind_change=section.blind_change,
        performance={metric: (bounds.lower, bounds.upper) for metric, bounds in section.performance.items()},
        methods=tuple(section.methods),
    )
