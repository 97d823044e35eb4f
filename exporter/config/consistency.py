"""What a model's keys must say together, beyond what each must be by itself."""

import re
from collections.abc import Callable, Iterator

from exporter.config.batch_faults import batch_faults
from exporter.config.features import feature_faults
from exporter.config.flow import flow
from exporter.config.model import ModelSection
from exporter.config.objectives import objective_faults, threshold_faults
from exporter.config.roles import label_faults, role_faults, sql_faults, task_faults
from exporter.config.tree import Path

Fault = tuple[Path, str]
"""Where in the model, and what is wrong and how to mend it."""

RESERVED_DIMENSIONS = ("error", "other")
"""Names that counts and label values use themselves."""

_HOUR = 3600
_DAY = 86400
_PORT = re.compile(r":[0-9]+$")


def model_faults(model: ModelSection) -> Iterator[Fault]:
    """All that does not go together in `model`."""
    checks: tuple[Callable[[ModelSection], Iterator[Fault]], ...] = (
        task_faults,
        role_faults,
        label_faults,
        sql_faults,
        _time_faults,
        _retention_faults,
        _slice_faults,
        _replica_faults,
        feature_faults,
        threshold_faults,
        objective_faults,
        batch_faults,
    )
    for check in checks:
        yield from check(model)


def _time_faults(model: ModelSection) -> Iterator[Fault]:
    pane = model.pane
    if (pane <= _HOUR and _HOUR % pane) or (pane > _HOUR and _DAY % pane):
        yield ("pane",), f"{written(pane)} does not divide an hour or a day evenly; use 1m, 5m, 10m, 15m, 30m, 1h or 1d"
        return
    for name, seconds in model.windows.items():
        if seconds < pane:
            yield (
                ("windows",),
                f"window {name} is shorter than the pane ({written(pane)}); make it longer, or `pane` smaller",
            )
        elif seconds % pane:
            down = seconds // pane * pane
            yield (
                ("windows",),
                (
                    f"window {name} is no multiple of the pane ({written(pane)}); "
                    f"use {written(down)} or {written(down + pane)}, or another `pane`"
                ),
            )


def _retention_faults(model: ModelSection) -> Iterator[Fault]:
    kept = model.retention
    if kept.fine < model.pane:
        yield (
            ("retention", "fine"),
            f"{written(kept.fine)} is shorter than a pane ({written(model.pane)}); use at least {written(model.pane)}",
        )
    if kept.hourly < kept.fine:
        yield (
            ("retention", "hourly"),
            f"{written(kept.hourly)} is shorter than `fine` ({written(kept.fine)}); use at least {written(kept.fine)}",
        )
    if kept.daily < kept.hourly:
        yield (
            ("retention", "daily"),
            (
                f"{written(kept.daily)} is shorter than `hourly` ({written(kept.hourly)}); "
                f"use at least {written(kept.hourly)}"
            ),
        )
    longest, seconds = max(model.windows.items(), key=lambda item: item[1])
    if kept.daily < seconds:
        yield (
            ("retention", "daily"),
            f"{written(kept.daily)} does not reach back over the window {longest}; use at least {written(seconds)}",
        )
    if model.labels is not None and kept.daily < model.labels.wait:
        yield (
            ("retention", "daily"),
            (
                f"{written(kept.daily)} is shorter than `labels.wait` ({written(model.labels.wait)}): "
                f"late labels would find no counts to join; "
                f"use at least {written(model.labels.wait)}"
            ),
        )


def _slice_faults(model: ModelSection) -> Iterator[Fault]:
    for dimension, section in model.slices.items():
        columns = section.column
        if dimension in RESERVED_DIMENSIONS:
            yield (
                ("slices", dimension),
                (
                    f"`{dimension}` is taken by ml-exporter itself; name it otherwise, such as "
                    f"`slices: {{{dimension}_kind: {flow(columns[0] if len(columns) == 1 else columns)}}}`"
                ),
            )


def _replica_faults(model: ModelSection) -> Iterator[Fault]:
    if model.replicas and model.predictions.columns.replica is None:
        yield (
            ("replicas",),
            "the log names no replica; say which column does in `predictions.columns`, such as `replica: host`",
        )
    for replica, host in model.replicas.items():
        if "/" in host or _PORT.search(host):
            bare = _PORT.sub("", host.rsplit("//", 1)[-1].split("/", 1)[0])
            yield (
                ("replicas", replica),
                f"`{host}` is an address; name the machine as Prometheus' `instance` does, without the port: `{bare}`",
            )


def written(seconds: float) -> str:
    """`seconds` as a person writes a duration: 300 → 5m, 86400 → 24h, 604800 → 7d."""
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"
