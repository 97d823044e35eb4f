"""Samples of logs that were given to `init`: which is of predictions and which of labels, and what joins them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from exporter.config.findings import ids_of
from exporter.config.guesses import guess_role
from exporter.config.sample import Sample, read_sample, times_of
from exporter.config.traits import Traits, traits_of, words_of
from exporter.errors import ConfigError, Problem, SourceError
from exporter.sources.registry import SourceConfig

ROWS = 20_000
"""Rows of each file that are looked at."""

_LABEL_WORDS = frozenset(
    {"label", "labels", "truth", "actual", "actuals", "outcome", "outcomes", "feedback", "target", "targets", "gt"}
)


@dataclass(frozen=True, slots=True)
class Log:
    """Files of one log: the same columns in all."""

    paths: tuple[Path, ...]
    sample: Sample
    columns: dict[str, Traits]


@dataclass(frozen=True, slots=True)
class Join:
    """The columns by which labels find their predictions, and how many of the labels seen do."""

    prediction_id: str
    label_id: str
    share: float


def read_logs(paths: Sequence[Path]) -> list[Log]:
    """The logs that `paths` are files of, the one with most columns first.

    Raises:
        ConfigError: a file cannot be read or holds no row.
    """
    logs: list[Log] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            sample = _sample(path)
        except SourceError as error:
            problems.append(Problem(str(path), f"cannot be read: {error}"))
            continue
        if len(sample) == 0:
            fix = "give a JSONL, CSV or Parquet file with some predictions in it"
            problems.append(Problem(str(path), f"holds no row that can be read; {fix}"))
            continue
        columns = traits_of(sample)
        same = next((index for index, log in enumerate(logs) if set(log.columns) == set(columns)), None)
        if same is None:
            logs.append(Log((path,), sample, columns))
        else:
            logs[same] = Log((*logs[same].paths, path), logs[same].sample, logs[same].columns)
    if problems:
        raise ConfigError(problems)
    return sorted(logs, key=lambda log: -len(log.columns))


def _sample(path: Path) -> Sample:
    if not path.exists():
        raise SourceError("there is no such file; give the path of a log of predictions")
    try:
        config: Any = TypeAdapter(SourceConfig).validate_python(
            {"type": "files", "path": str(path / "*" if path.is_dir() else path)}
        )
    except ValidationError as error:
        raise SourceError("is no path that can be read") from error
    # A sample is finished: its last line counts even where it has no line end.
    source = config.open(keep_rows=False, columns=None, complete=True)
    try:
        return read_sample(source, ROWS)
    finally:
        source.close()


def split_logs(logs: list[Log]) -> tuple[Log, Log | None]:
    """The log of predictions and that of labels, if there is one."""
    if len(logs) == 1:
        return logs[0], None
    ranked = sorted(logs[:2], key=_likeness_to_labels)
    return ranked[0], ranked[-1]


def _likeness_to_labels(log: Log) -> int:
    named = {word for path in log.paths for word in (*words_of(path.stem), *words_of(path.parent.name))}
    points = 2 * bool(named & _LABEL_WORDS) - 2 * any(word.startswith("pred") for word in named)
    points += guess_role("label", log.columns, set()) is not None
    points -= guess_role("prediction", log.columns, set()) is not None
    points -= guess_role("score", log.columns, set()) is not None
    return points * 100 - len(log.columns)


def find_join(predictions: Log, labels: Log) -> Join | None:
    """The pair of columns in which most labels find a prediction; None where no pair joins any."""
    best: tuple[float, bool, Join] | None = None
    ours = {each.name: set(_ids(predictions, each.name)) for each in predictions.columns.values() if _may_be_id(each)}
    for theirs in labels.columns.values():
        if theirs.shape not in ("text", "integer"):
            continue
        ids = _ids(labels, theirs.name)
        for name, known in ours.items():
            share = sum(each in known for each in ids) / len(ids) if ids else 0.0
            candidate = (share, name == theirs.name, Join(name, theirs.name, share))
            if share > 0 and (best is None or candidate[:2] > best[:2]):
                best = candidate
    return best[2] if best else None


def _may_be_id(column: Traits) -> bool:
    return (column.shape == "integer" or "text" in column.kind) and column.unique and column.times is None


def _ids(log: Log, name: str) -> list[str]:
    column = log.sample.column(name)
    return [] if column is None else ids_of(column)


def times_by_id(log: Log, key: str, when: str) -> Mapping[str, float]:
    """Id → Unix seconds of each row of the sample; empty where they cannot be told."""
    ids, times = log.sample.column(key), log.sample.column(when)
    if ids is None or times is None:
        return {}
    seconds = times_of(times)[0]
    if len(seconds) != len(ids):
        return {}
    return dict(zip((str(each) for each in ids.to_pylist()), seconds.tolist(), strict=True))
