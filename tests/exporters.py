"""A small model with logs on disk, driven by hand: what tests of the whole chain from a log line to a count share."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import yaml

from exporter.batch import Reject
from exporter.clock import ManualClock
from exporter.config import load
from exporter.engine.evaluate import MetricSamples
from exporter.engine.plan import ModelPlan, Plan
from exporter.engine.worker import Worker
from exporter.health import Health
from exporter.profile.counts import Counts
from exporter.references import fit_references
from exporter.state.store import read_rejects

HOUR, DAY = 3600, 86400
NOW = 1_700_006_400.0
"""A round hour; the wall's time unless a test moves it."""

BINARY: Mapping[str, Any] = {
    "task": "binary",
    "predictions": {
        "source": {"type": "files", "path": "logs/*.jsonl"},
        "columns": {
            "time": "ts",
            "id": "id",
            "prediction": "late",
            "score": "p",
            "latency": "seconds",
            "error": "error",
            "version": "version",
        },
    },
    "labels": {
        "source": {"type": "files", "path": "labels/*.jsonl"},
        "columns": {"id": "id", "label": "late", "time": "at"},
        "wait": "4d",
    },
    "slices": ["carrier"],
    "reference": "m.mlref",
    "reference_data": {"source": {"type": "files", "path": "reference.jsonl"}, "columns": {"label": "y"}},
    "windows": ["1h", "1d"],
    "settle": 0,
    "retention": {"fine": "2d", "hourly": "5d", "daily": "30d"},
}
REGRESSION: Mapping[str, Any] = {
    **BINARY,
    "task": "regression",
    "predictions": {
        "source": {"type": "files", "path": "logs/*.jsonl"},
        "columns": {"time": "ts", "id": "id", "prediction": "value", "version": "version"},
    },
    "labels": {**BINARY["labels"], "columns": {"id": "id", "label": "y", "time": "at"}},
}
MULTICLASS: Mapping[str, Any] = {
    **BINARY,
    "task": "multiclass",
    "predictions": {
        "source": {"type": "files", "path": "logs/*.jsonl"},
        "columns": {"time": "ts", "id": "id", "prediction": "kind", "scores": {"a": "p_a", "b": "p_b"}},
    },
    "labels": {**BINARY["labels"], "columns": {"id": "id", "label": "kind", "time": "at"}},
}


class Exporter:
    """One model `m` in a folder: writes its logs, fits its references, runs its worker."""

    def __init__(self, folder: Path, model: Mapping[str, Any] = BINARY, now: float = NOW, **changes: Any) -> None:
        self.folder = folder
        self.clock = ManualClock(now)
        self.health = Health()
        self.logged: list[dict[str, Any]] = []
        """What the worker told, oldest first."""
        self.model = {**model, **changes}
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        (folder / "labels").mkdir(exist_ok=True)
        self.configure()
        self._worker: Worker | None = None

    def configure(self, **changes: Any) -> None:
        """Changes keys of the model; the worker that is open keeps its own until `restart`."""
        self.model.update(changes)
        path = self.folder / "ml-exporter.yml"
        path.write_text(yaml.safe_dump({"state_dir": "state", "models": {"m": self.model}}))
        self.plan: Plan = load(path)

    @property
    def model_plan(self) -> ModelPlan:
        return self.plan.models[0]

    @property
    def worker(self) -> Worker:
        if self._worker is None:
            state = self.folder / "state"
            state.mkdir(exist_ok=True)
            log = structlog.wrap_logger(None, processors=[self._note])
            self._worker = Worker(self.model_plan, state / "m.sqlite", self.clock, self.health, log)
        return self._worker

    @property
    def book(self) -> Any:
        """What was counted, to look inside."""
        return self.worker._book

    def _note(self, _logger: Any, level: str, event: Any) -> Any:
        self.logged.append({**event, "level": level})
        raise structlog.DropEvent

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def restart(self, **changes: Any) -> None:
        """A new process: only what is on disk is left."""
        self.close()
        self.health = Health()
        if changes:
            self.configure(**changes)

    def write(self, file: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Appends JSON lines to a file of the folder."""
        with (self.folder / file).open("a") as log:
            log.writelines(json.dumps(row) + "\n" for row in rows)

    def predict(self, *rows: Mapping[str, Any]) -> None:
        self.write("logs/a.jsonl", rows)

    def label(self, *rows: Mapping[str, Any]) -> None:
        self.write("labels/a.jsonl", rows)

    def fit(self, rows: Sequence[Mapping[str, Any]] | None = None, version: str | None = None) -> list[str]:
        """Fits the references from `rows`; what a person is told."""
        (self.folder / "reference.jsonl").unlink(missing_ok=True)
        self.write("reference.jsonl", reference_rows() if rows is None else rows)
        told = []
        for fitted in fit_references(self.plan, self.clock, None, version, lambda _: None):
            told += fitted.lines()
        return told

    def read(self) -> None:
        """Reads all there is, and ends the cycle."""
        while self.worker.step():
            pass
        self.worker.finish_waits()

    def samples(self) -> dict[str, dict[tuple[str, ...], Any]]:
        """Metric → labels (less the model's name) → value, as of now."""
        return by_name(self.worker.evaluate())

    def window(self, seconds: int = DAY, version: str = "unversioned", end: int | None = None) -> Counts:
        """A version's window that ends now."""
        end = self.book.timeline.window_end(self.clock.now()) if end is None else end
        return self.book.panes.window(version, self.worker.references.layout(version), seconds, end)

    def total(self, version: str = "unversioned") -> Counts:
        """What the counters of a version show."""
        return self.book.totals[version]

    def rejected(self, stream: str = "predictions") -> dict[str, float]:
        """Reason → rows set aside."""
        counted = {
            labels[2]: value
            for family, values in self.health.read()
            if family.name == "ml_exporter_rows_rejected_total"
            for labels, value in values
            if labels[1] == stream
        }
        return {reason: value for reason, value in counted.items() if value}

    def rejects(self, most: int = 100) -> list[Reject]:
        """The latest rows set aside, newest first, as another process reads them."""
        return [reject for _, reject in read_rejects(self.folder / "state/m.sqlite", most)]

    def rows_read(self, stream: str = "predictions") -> float | None:
        return self.health.value("ml_exporter_rows_total", ("m", stream))


def by_name(samples: Iterable[MetricSamples]) -> dict[str, dict[tuple[str, ...], Any]]:
    return {each.metric.name: {labels[1:]: _plain(value) for labels, value in each.samples} for each in samples}


def _plain(value: Any) -> Any:
    """A histogram as what can be compared."""
    return value if isinstance(value, float | int) else [np.asarray(part).tolist() for part in astuple(value)]


def reference_rows(n: int = 2000, days: int = 40, seed: int = 0, **columns: Any) -> list[dict[str, Any]]:
    """Binary, multiclass and regression reference rows with a numeric and a category feature."""
    rng = np.random.default_rng(seed)
    x = rng.normal(10, 3, n).round(3)
    carrier = rng.choice(["AA", "UA", "DL"], n, p=[0.6, 0.3, 0.1])
    score = (1 / (1 + np.exp(-(x - 10)))).round(4)
    rows = []
    for i in range(n):
        p = float(score[i])
        rows.append(
            {
                "ts": NOW - days * DAY + i * days * DAY / n,
                "id": f"r{i}",
                "late": int(p > 0.5),
                "p": p,
                "y": int(rng.random() < p),
                "x": float(x[i]),
                "carrier": str(carrier[i]),
                **columns,
            }
        )
    return rows


def row(number: int, ago: float = 60.0, **columns: Any) -> dict[str, Any]:
    """A prediction so many seconds before NOW."""
    return {"ts": NOW - ago, "id": f"i{number}", "late": 1, "p": 0.75, "x": 10.0, "carrier": "AA", **columns}


def truth(number: int, late: Any = 1, ago: float = 30.0, **columns: Any) -> dict[str, Any]:
    """A label of a prediction, learned so many seconds before NOW."""
    return {"id": f"i{number}", "late": late, "at": NOW - ago, **columns}
