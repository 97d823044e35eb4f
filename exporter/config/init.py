"""`ml-exporter init`: a commented configuration from a sample of somebody's log."""

import fnmatch
import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from exporter.config.findings import moment
from exporter.config.flow import flow
from exporter.config.guesses import Guess
from exporter.config.logs import Log, read_logs, split_logs
from exporter.config.proposal import Proposal, label_delay, propose
from exporter.errors import ConfigError, Problem

_DAY = 86400
_OLD_DAYS = 30
_GENERIC = frozenset(
    {"predictions", "prediction", "logs", "log", "data", "sample", "inference", "part", "output", "monitoring"}
)
_RUNNING = re.compile(r"(\d{4,}(?:[-_.:T]?\d{2,})*)")
"""A date, with an hour perhaps, or a running number in a file's name."""
_ORDER = (
    "time",
    "id",
    "prediction",
    "score",
    "latency",
    "error",
    "version",
    "replica",
    "weight",
    "label",
    "label_time",
)


def init(sample: Path | Sequence[Path], now: float, directory: Path = Path()) -> str:
    """A configuration for the logs that `sample` are files of; each guess says why, unsure ones are marked.

    Args:
        sample: one file, or several: prediction logs and a label log.
        now: Unix seconds, to tell old logs from live ones.
        directory: where the configuration will stand; relative paths in it start there.

    Raises:
        ConfigError: a file cannot be read, or holds nothing that can be a log of predictions.
    """
    paths = [sample] if isinstance(sample, Path) else list(sample)
    if not paths:
        raise ConfigError(
            [Problem("SAMPLE", "no file is named; give a log of predictions, and the log of labels if there is one")]
        )
    logs = read_logs(paths)
    predictions, labels = split_logs(logs)
    proposal = propose(predictions, labels)
    lines = [
        "# Written by `ml-exporter init`. Every guess says what it is made from; look at those marked `unsure`.",
        "# Next: `ml-exporter check`, then `ml-exporter run`. All keys: docs/configuration.md.",
    ]
    used = {id(predictions), id(labels)}
    for log in logs:
        if id(log) not in used:
            names = ", ".join(str(path) for path in log.paths)
            lines.append(f"# unsure: not used, as it is neither the largest log nor its labels: {names}")
    lines += ["models:", f"  {model_name(predictions)}:"]
    lines += [f"    {line}" if line else "" for line in _model(proposal, now, directory)]
    return "\n".join(lines) + "\n"


def model_name(log: Log) -> str:
    """A name for the model from the log's path: the first part that is not a date or a word that every log has."""
    path = log.paths[0].resolve()
    for part in (path.name.split(".")[0], path.parent.name):
        words = [each for each in re.split(r"[^A-Za-z0-9]+", part) if each and not each.isdigit()]
        kept = [each for each in words if each.lower() not in _GENERIC]
        if kept:
            return "_".join(kept)[:64]
    return "model"


def _note(because: str, *, sure: bool) -> str:
    return f"# {because}" if sure else f"# unsure: {because}"


def _model(found: Proposal, now: float, directory: Path) -> Iterator[str]:
    for note in found.notes:
        yield _note(note, sure=False)
    yield _note(found.task.because, sure=found.task.sure)
    yield f"task: {found.task.value}"
    if found.positive is not None:
        yield _note(found.positive.because, sure=found.positive.sure)
        yield f"positive_class: {flow(found.positive.value)}"
    if found.classes:
        yield f"classes: {flow(list(found.classes))}"
    yield "# Who is told, and how important it is: alerts use both."
    yield "owner: unknown"
    yield "predictions:"
    yield from (f"  {line}" for line in _predictions(found, directory))
    if found.labels is not None:
        yield "labels:"
        yield from (f"  {line}" for line in _labels(found, directory))
    yield from _slices(found)
    yield from _features(found)
    yield from _batch(found)
    yield from _clock(found, now)
    yield "# Without a reference there is traffic and performance, but no drift. Fit one from data of a time when all"
    yield "# was well (validation data with predictions, or logs of such days), then take the # away:"
    yield "# reference_data: {source: {type: files, path: validation.parquet}}"
    yield "# reference: model.mlref"


def _source(log: Log, other: Log | None, directory: Path) -> Iterator[str]:
    """How many rows were seen, and the source: a date or a number in a file's name is left open."""
    patterns = list(dict.fromkeys(_pattern(path, other) for path in log.paths))
    paths = [pattern if Path(pattern).is_absolute() else os.path.relpath(pattern, directory) for pattern in patterns]
    open_ended = [pattern for pattern in patterns if pattern.endswith("*") or "[0-9]*" in pattern]
    more = "A glob such as `logs/*.jsonl` reads files to come, too."
    if open_ended:
        now = len({file for pattern in open_ended for file in glob.glob(pattern)})  # noqa: PTH207 - text in, text out
        more = f"`path` matches {now} file{'' if now == 1 else 's'} now, and those to come."
    yield f"# {len(log.sample)} rows looked at. {more}"
    yield f"source: {flow({'type': 'files', 'path': paths[0] if len(paths) == 1 else paths})}"


def _pattern(path: Path, other: Log | None) -> str:
    """A glob of the file and those that differ in a date or a running number; the file alone where it has none."""
    if path.is_dir():
        return str(path / "*")
    name = "".join(
        "[0-9]*" if _RUNNING.fullmatch(part) else glob.escape(part) for part in _RUNNING.split(path.name) if part
    )
    pattern = f"{glob.escape(str(path.parent))}/{name}"
    taken = other is not None and any(fnmatch.fnmatch(str(each), pattern) for each in other.paths)
    return str(path) if taken or not _RUNNING.search(path.name) else pattern


def _predictions(found: Proposal, directory: Path) -> Iterator[str]:
    log = found.predictions
    yield from _source(log, found.labels, directory)
    yield from _timezone(log, found.roles["time"].column)
    yield "columns:"
    for role in _ORDER:
        guess = found.roles.get(role)
        if guess is None:
            continue
        if role == "latency" and found.unit is not None:
            yield "  " + _note(
                f"{guess.because}; in {found.unit.value}: {found.unit.because}", sure=guess.sure and found.unit.sure
            )
            yield f"  latency: {flow({'column': guess.column, 'unit': found.unit.value})}"
        else:
            yield from _role(role, guess)
    if found.scores:
        yield f"  # {len(found.scores)} columns of probabilities of one family."
        yield f"  scores: {flow(found.scores)}"


def _role(role: str, guess: Guess) -> Iterator[str]:
    yield "  " + _note(guess.because, sure=guess.sure)
    yield f"  {role}: {flow(guess.column)}"


def _timezone(log: Log, column: str) -> Iterator[str]:
    if not log.columns[column].offset:
        yield f"# unsure: `{column}` has no offset; name the zone of the machine that wrote it, such as Europe/Vienna."
        yield "timezone: UTC"


def _labels(found: Proposal, directory: Path) -> Iterator[str]:
    log = found.labels
    if log is None:
        return
    yield from _source(log, found.predictions, directory)
    if "time" in found.label_roles:
        yield from _timezone(log, found.label_roles["time"].column)
    yield "columns:"
    for role in ("id", "label", "time"):
        if role in found.label_roles:
            yield from _role(role, found.label_roles[role])
    delay = label_delay(found)
    wait = 30
    if delay is not None:
        wait = min(max(wait, int(delay // _DAY) + 1), 120)
        yield f"# The slowest label seen came after {delay / 3600:.1f} hours."
    yield f"wait: {wait}d"
    if found.default is not None:
        yield _note(found.default.because, sure=found.default.sure)
        yield f"default: {flow(found.default.value)}"


def _slices(found: Proposal) -> Iterator[str]:
    if not found.slices:
        return
    seen = ", ".join(f"{name} ({why})" for name, why in found.slices.items())
    yield f"# Columns with few values, to look at performance by: {seen}."
    short = {_short(name): name for name in found.slices}
    plain = len(short) < len(found.slices) or list(short) == list(found.slices)
    yield f"slices: {flow(list(found.slices) if plain else short)}"


def _features(found: Proposal) -> Iterator[str]:
    if not found.features:
        yield "# No column is left that could be an input of the model."
        return
    names = {_short(column): column for column in found.features}
    if len(names) < len(found.features):
        names = {column: column for column in found.features}
    yield "features:"
    yield "  # All columns without another role. Take out what is no input of the model."
    yield "  include:"
    for name, column in names.items():
        yield f"    - {flow(name)}  # {found.features[column]}"
    renamed = {name: column for name, column in names.items() if name != column}
    if renamed:
        yield f"  columns: {flow(renamed)}"
    for column, why in found.left_out.items():
        yield f"  # left out: {column} ({why})"


def _batch(found: Proposal) -> Iterator[str]:
    run = found.roles.get("run")
    if run is not None:
        yield _note(f"rows that share it are of one run of a batch job: {run.because}", sure=run.sure)
        yield "# Say when runs are due, and missed ones are told: `schedule: 24h`, or cron's `30 2 * * *`."
        yield f"batch: {flow({'column': run.column})}"


def _clock(found: Proposal, now: float) -> Iterator[str]:
    times = found.predictions.columns[found.roles["time"].column].times
    if times is not None and times[1] < now - _OLD_DAYS * _DAY:
        yield f"# unsure: the newest row seen is of {moment(times[1])}: `watermark` follows the log's own time."
        yield "# Use `wall` for live logs."
        yield "clock: watermark"


def _short(column: str) -> str:
    return column.rsplit(".", 1)[-1]
