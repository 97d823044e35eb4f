"""`ml-exporter evaluate`: the present state once, for people and scripts, without a server."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.clock import Clock
from exporter.engine.evaluate import MetricSamples
from exporter.engine.plan import Plan
from exporter.engine.worker import Worker
from exporter.errors import ExporterError
from exporter.health import Health
from exporter.log import Logger
from exporter.metrics.silence import Silence
from exporter.visible import one_line

_MOST_FEATURES = 15


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What one model's logs say."""

    model: str
    window_end: float | None
    samples: list[MetricSamples]
    silences: Sequence[Silence] = ()


def evaluate_once(
    plan: Plan,
    clock: Clock,
    log: Logger,
    only: str | None,
    *,
    at_log_end: bool,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Evaluated]:
    """Reads every model's logs from their start into a state that is thrown away, and evaluates.

    Raises:
        ExporterError: no such model, or a log or reference that cannot be read.
    """
    models = [model for model in plan.models if only in (None, model.name)]
    if not models:
        raise ExporterError(f"no model {only!r} in the configuration; it has {', '.join(m.name for m in plan.models)}")
    found = []
    with tempfile.TemporaryDirectory(prefix="ml-exporter-") as directory:
        for model in models:
            health = Health()
            chosen = replace(model, clock="watermark") if at_log_end else model
            worker = Worker(chosen, Path(directory) / f"{model.name}.sqlite", clock, health, log)
            try:
                _read_everything(worker, health, progress)
                samples = list(worker.evaluate())
                silences = worker.silences
            finally:
                worker.close()
            found.append(Evaluated(model.name, _window_end(samples), samples, silences))
    return found


def _read_everything(worker: Worker, health: Health, progress: Callable[[int], None]) -> None:
    read = 0.0
    more = True
    while more:
        more = worker.step()
        for name in worker.stream_names:
            if trouble := worker.stream_trouble(name):
                raise ExporterError(f"model {worker.plan.name!r}, {name}: {trouble}")
        total = sum(
            health.value("ml_exporter_rows_total", (worker.plan.name, name)) or 0.0 for name in worker.stream_names
        )
        progress(int(total - read))
        read = total
    worker.finish_waits()


def _window_end(samples: list[MetricSamples]) -> float | None:
    ends = [
        value for each in samples if each.metric.name == "ml_window_end_timestamp_seconds" for _, value in each.samples
    ]
    return max((end for end in ends if isinstance(end, float | int)), default=None)


def render_json(found: list[Evaluated]) -> list[dict[str, Any]]:
    """Every sample, named as on /metrics, and why verdicts are unknown; histograms are left out."""
    return [
        {
            "model": one.model,
            "window_end": None if one.window_end is None else datetime.fromtimestamp(one.window_end, UTC).isoformat(),
            "metrics": [
                {
                    "name": each.metric.name,
                    "labels": dict(zip(each.metric.all_labels, labels, strict=True)),
                    "value": value,
                }
                for each in one.samples
                for labels, value in each.samples
                if isinstance(value, float | int)
            ],
            "no_verdict": [asdict(each) for each in one.silences],
        }
        for one in found
    ]


def render_tables(found: list[Evaluated], console: Console) -> None:
    """Prints a summary of each model by window: performance, the largest drift effects, and what values went bad."""
    for one in found:
        end = (
            "no window yet"
            if one.window_end is None
            else f"windows end {datetime.fromtimestamp(one.window_end, UTC):%Y-%m-%d %H:%M} UTC"
        )
        console.print(f"\n[bold]{one.model}[/bold]  {end}", highlight=False)
        values = {each.metric.name: dict(each.samples) for each in one.samples}
        for table in (_performance(values), _drift(values), _bad_values(values), _silences(one.silences)):
            if table.row_count:
                console.print(table)


def _add_row(table: Table, *cells: str) -> None:
    """A name or a value is text: it is no markup and moves no cursor."""
    table.add_row(*(Text(one_line(cell)) for cell in cells))


def _text(value: Any, form: str = "{:.4g}") -> str:
    return "-" if not isinstance(value, float | int) else form.format(value)


def _performance(values: dict[str, dict[tuple[str, ...], Any]]) -> Table:
    table = Table(
        "version", "window", "metric", "value", "95 % interval", "reference", "threshold", "verdict", box=None
    )
    for (model, version, window, metric), value in values.get("ml_performance", {}).items():
        key = (model, version, window, metric)
        low, high = (values.get("ml_performance_bound", {}).get((*key, bound)) for bound in ("lower", "upper"))
        limits = [values.get("ml_performance_threshold", {}).get((*key, bound)) for bound in ("lower", "upper")]
        degraded = values.get("ml_performance_degraded", {}).get(key)
        _add_row(
            table,
            version,
            window,
            metric,
            _text(value),
            f"{_text(low)} … {_text(high)}",
            _text(values.get("ml_performance_reference", {}).get(key)),
            " … ".join(_text(limit) for limit in limits),
            _judged(degraded, blind=values.get("ml_performance_blind", {}).get(key) == 1.0),
        )
    return table


def _judged(degraded: float | None, *, blind: bool) -> str:
    if degraded:
        return "degraded"
    return "blind" if blind else ("unknown" if degraded is None else "ok")


def _drift(values: dict[str, dict[tuple[str, ...], Any]]) -> Table:
    table = Table(
        "version", "window", "feature", "effect", "threshold", "p-value", "missing", "verdict", "since", box=None
    )
    for output in ("prediction", "label"):
        for key in values.get(f"ml_{output}_drift_effect", {}):
            _drift_row(table, values, f"ml_{output}_drift", key, f"({output}s)")
    effects = values.get("ml_feature_drift_effect", {})
    ranked = sorted(effects.items(), key=lambda item: (item[0][1], item[0][2], -float(item[1])))
    shown: dict[tuple[str, ...], int] = {}
    for key, _ in ranked:
        group = key[:3]
        shown[group] = shown.get(group, 0) + 1
        if shown[group] <= _MOST_FEATURES:
            _drift_row(table, values, "ml_feature_drift", key, key[3])
    return table


def _drift_row(
    table: Table, values: dict[str, dict[tuple[str, ...], Any]], metric: str, key: tuple[str, ...], name: str
) -> None:
    detected = values.get(f"{metric}_detected", {}).get(key)
    _add_row(
        table,
        key[1],
        key[2],
        name,
        _text(values[f"{metric}_effect"][key]),
        _text(values.get(f"{metric}_threshold", {}).get((*key[:2], *key[3:]))),
        _text(values.get(f"{metric}_pvalue", {}).get(key), "{:.2g}"),
        _text(values.get("ml_feature_missing_ratio", {}).get(key), "{:.2%}"),
        "unknown" if detected is None else ("drifted" if detected else "ok"),
        _since(values, metric, key),
    )


def _since(values: dict[str, dict[tuple[str, ...], Any]], metric: str, key: tuple[str, ...]) -> str:
    """When it began, and how; empty where that is not known."""
    at = values.get(f"{metric}_onset_timestamp_seconds", {}).get(key)
    shapes = [labels[-1] for labels in values.get(f"{metric}_shape", {}) if labels[:-1] == key]
    return "" if at is None else " ".join([f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}", *shapes])


def _silences(silences: Sequence[Silence]) -> Table:
    table = Table("version", "window", "no verdict on", "because", box=None)
    for each in silences:
        _add_row(table, each.version, each.window, each.about, each.why)
    return table


def _bad_values(values: dict[str, dict[tuple[str, ...], Any]]) -> Table:
    """What was detected alone: a feature that is all missing has no drift effect, and stands here."""
    table = Table("version", "window", "feature", "bad values", "share", "reference", "factor", box=None)
    for key, detected in values.get("ml_feature_quality_detected", {}).items():
        if detected:
            *feature, check = key
            _add_row(
                table,
                key[1],
                key[2],
                key[3],
                check,
                _text(values.get(f"ml_feature_{check}_ratio", {}).get(tuple(feature)), "{:.2%}"),
                _text(values.get("ml_feature_quality_reference_ratio", {}).get(key), "{:.2%}"),
                _text(values.get(f"ml_feature_{check}_factor", {}).get(tuple(feature))),
            )
    return table
