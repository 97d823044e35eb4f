"""`ml-exporter reference`: fitting and showing references, for people."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.batch import Batch
from exporter.clock import Clock
from exporter.engine.plan import ModelPlan, Plan, StreamPlan
from exporter.engine.references import fit_spec
from exporter.errors import ExporterError
from exporter.profile.bins import NumericBins
from exporter.profile.codec import pack_reference
from exporter.profile.fit import Fit, fit
from exporter.profile.late_truth import Default, LateTruth, lacks_truth
from exporter.profile.reference import Reference
from exporter.visible import one_line

_POLL_ROWS = 131_072


@dataclass(frozen=True, slots=True)
class Fitted:
    """One reference that was written."""

    model: str
    path: Path
    fit: Fit

    def lines(self) -> list[str]:
        """What a person should know, a line each."""
        reference = self.fit.reference
        blocks = (
            f", {len(reference.block_starts)} blocks of {reference.block_seconds} s" if reference.block_seconds else ""
        )
        total = reference.total
        name = f"{self.model} {reference.version}".strip()
        size = f"{total.rows:,.0f} rows, {total.labels:,.0f} labels, {len(reference.layout.features)} features"
        head = f"{name}: {size}{blocks} -> {self.path}"
        return [head, *(f"  {note}" for note in self.fit.notes)]


def fit_references(
    plan: Plan, clock: Clock, only: str | None, version: str | None, progress: Callable[[int], None]
) -> Iterator[Fitted]:
    """Fits and writes every reference that the configuration names, or those of `only` one model or `version`.

    Raises:
        ExporterError: nothing to fit, data that cannot be read or used, or a file that cannot be written.
    """
    models = [model for model in plan.models if only in (None, model.name)]
    if not models:
        raise ExporterError(f"no model {only!r} in the configuration; it has {', '.join(m.name for m in plan.models)}")
    chosen = [model for model in models if model.reference_stream is not None]
    if not chosen:
        raise ExporterError(
            "no model has `reference_data`: add `reference_data: {source: …}` and `reference: NAME.mlref` to one"
        )
    for model in chosen:
        wanted = model.references if version is None else {version: model.references.get(version)}
        if not wanted or None in wanted.values():
            key = f"reference.versions.{version}" if version else "reference"
            raise ExporterError(f"model {model.name!r}: `{key}` names no file to write to")
        for each, path in wanted.items():
            if path is not None:
                yield _fit(model, path, each, clock, progress)


def _fit(model: ModelPlan, path: Path, version: str, clock: Clock, progress: Callable[[int], None]) -> Fitted:
    stream = model.reference_stream
    assert stream is not None
    fitted = fit(lambda: _labelled(model, stream, clock.now()), fit_spec(model, version), clock.now(), progress)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.part")
        partial.write_bytes(pack_reference(fitted.reference))
        partial.replace(path)
    except OSError as error:
        raise ExporterError(f"{path}: {error.strerror}; make the folder writable or name another") from error
    return Fitted(model.name, path, fitted)


def _labelled(model: ModelPlan, stream: StreamPlan, now: float) -> Iterator[Batch]:
    """All reference rows; where they do not hold the truth, with that of the label log beside them."""
    truth: LateTruth | None = None
    for batch in read_all(stream):
        if model.labels is None or model.labels.stream is None or not lacks_truth(batch.rows, stream.columns):
            yield batch
            continue
        if truth is None:
            labels, log = model.labels, model.labels.stream
            truth = LateTruth(
                read_all(log),
                log.columns,
                numeric=model.task == "regression",
                conflict=labels.conflict,
                default=None if labels.default is None else Default(labels.default, now - labels.wait),
            )
        yield truth.beside(batch, stream.columns)


def read_all(stream: StreamPlan) -> Iterator[Batch]:
    """All rows that a log holds now."""
    source = stream.open()
    cursor: bytes | None = None
    try:
        while True:
            poll = source.poll(cursor, _POLL_ROWS)
            yield from poll.batches
            if poll.exhausted or (poll.cursor == cursor and not poll.batches):
                return
            cursor = poll.cursor
    finally:
        source.close()


def describe(reference: Reference) -> dict[str, Any]:
    """What is in a reference, as plain values."""
    total = reference.total
    features = []
    for name, bins in reference.layout.features.items():
        counts = total.feature(name)
        rows = max(float(counts.sum()), 1.0)
        features.append(
            {
                "feature": name,
                "type": bins.kind if isinstance(bins, NumericBins) else "category",
                "cells": bins.cells,
                "missing_ratio": float(counts[0]) / rows,
                "invalid_ratio": float(counts[1]) / rows,
                "range": [float(np.nextafter(bins.edges[0], np.inf)) + 0.0, float(bins.edges[-1])]
                if isinstance(bins, NumericBins)
                else None,
                "categories": None if isinstance(bins, NumericBins) else list(bins.values),
            }
        )
    starts = reference.block_starts
    return {
        "model": reference.model,
        "version": reference.version,
        "bins_id": reference.id,
        "task": reference.layout.task,
        "created": datetime.fromtimestamp(reference.created, UTC).isoformat(),
        "rows": total.rows,
        "labels": total.labels,
        "classes": list(reference.layout.classes),
        "block_seconds": reference.block_seconds,
        "blocks": len(starts),
        "from": datetime.fromtimestamp(int(starts[0]), UTC).isoformat() if len(starts) else None,
        "to": datetime.fromtimestamp(int(starts[-1]) + (reference.block_seconds or 0), UTC).isoformat()
        if len(starts)
        else None,
        "features": features,
    }


def render_description(described: dict[str, Any], console: Console) -> None:
    """Prints what `describe` found as a table."""
    for key in (
        "model",
        "version",
        "bins_id",
        "task",
        "created",
        "rows",
        "labels",
        "classes",
        "blocks",
        "block_seconds",
        "from",
        "to",
    ):
        if described[key] not in (None, "", []):
            console.print(Text(one_line(f"{key:>14}: {described[key]}")))
    table = Table("feature", "type", "cells", "missing", "invalid", "values", box=None)
    for feature in described["features"]:
        values = (
            "{:.6g} … {:.6g}".format(*feature["range"])
            if feature["range"]
            else ", ".join(feature["categories"][:8]) + (" …" if len(feature["categories"]) > 8 else "")  # noqa: PLR2004 - as many as a line takes
        )
        shares = (f"{feature['missing_ratio']:.2%}", f"{feature['invalid_ratio']:.2%}")
        # A name or a value is text: it is no markup and moves no cursor.
        cells = (feature["feature"], feature["type"], str(feature["cells"]), *shares, values)
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    console.print(table)
