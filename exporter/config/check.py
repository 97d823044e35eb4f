"""`ml-exporter check`: tries what the configuration names, and says what a person should know before `run`."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from exporter.config.batch_findings import clock_findings, column_findings, log_findings
from exporter.config.findings import Finding, ids_of, label_findings, look_of, prediction_findings
from exporter.config.fitted import fit_command, reference_findings
from exporter.config.sample import Sample, read_sample
from exporter.engine.plan import ModelPlan, Plan, StreamPlan
from exporter.errors import ReferenceFileError, SourceError
from exporter.profile.late_truth import lacks_truth
from exporter.profile.reference import Reference
from exporter.sources.source import Source

ROWS = 1000
"""Rows of each log that are looked at."""

Level = Literal["ok", "warning", "problem"]
LoadReference = Callable[[Path], Reference]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line for a person.

    Attributes:
        level: `problem` where the model cannot be watched as configured; `warning` where it may not be what is meant.
        subject: the model and what of it, such as `flight_delay predictions`.
        message: what was found, and the fix where there is something to mend.
    """

    level: Level
    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.level:<8} {self.subject}: {self.message}"


def check(plan: Plan, load_reference: LoadReference, now: float) -> list[CheckResult]:
    """What was found when every log and reference of `plan` was tried; nothing is written.

    Args:
        plan: what `load` gave.
        load_reference: reads a reference file; raises ReferenceFileError.
        now: Unix seconds, to judge the logs' times.
    """
    return [result for model in plan.models for result in _model(model, load_reference, now)]


def _model(model: ModelPlan, load_reference: LoadReference, now: float) -> Iterator[CheckResult]:
    references: list[Reference] = []
    for version, path in model.references.items():
        reference = yield from _reference(model, version, path, load_reference)
        references += [reference] if reference is not None else []
    if not model.references:
        yield CheckResult(
            "warning",
            f"{model.name} reference",
            "there is none: traffic and performance are shown, drift is not; "
            "fit one with `ml-exporter reference fit` and name it as `reference`",
        )
    features = tuple(references[0].layout.features) if references else ()
    predictions = yield from _stream(f"{model.name} predictions", model.predictions)
    if predictions is not None:
        subject = f"{model.name} predictions"
        yield from _told(subject, prediction_findings(model, model.predictions.columns, predictions, features, now))
    if model.labels is not None and model.labels.stream is not None:
        labels = yield from _stream(f"{model.name} labels", model.labels.stream)
        if labels is not None:
            yield from _told(f"{model.name} labels", label_findings(model, model.labels.stream.columns, labels))
            if predictions is not None:
                yield from _joined(model, model.labels.stream, predictions, labels)
    yield from _batch(model, predictions)
    if model.reference_stream is not None:
        sample = yield from _stream(f"{model.name} reference_data", model.reference_stream)
        if sample is not None:
            yield from _told(f"{model.name} reference_data", _reference_findings(model, sample, features))


def _batch(model: ModelPlan, predictions: Sample | None) -> Iterator[CheckResult]:
    batch, subject = model.batch, f"{model.name} batch"
    if batch is None:
        return
    yield from _told(subject, clock_findings(batch))
    if batch.log is not None:
        runs = yield from _stream(subject, batch.log.stream)
        if runs is not None:
            yield from _told(subject, log_findings(batch.log.columns, runs))
    elif batch.column is not None and predictions is not None:
        yield from _told(subject, column_findings(batch.column, predictions))


def _reference_findings(model: ModelPlan, sample: Sample, features: tuple[str, ...]) -> Iterator[Finding]:
    assert model.reference_stream is not None
    columns = model.reference_stream.columns
    late = model.labels is not None and model.labels.stream is not None
    if late and lacks_truth(sample.rows, columns):
        yield "ok", f"label: there is no column `{columns.label}`, so it is taken from the label log, by `{columns.id}`"
        columns = replace(columns, label=None, label_time=None)
    yield from prediction_findings(model, columns, sample, features, None)


def _told(subject: str, findings: Iterator[Finding]) -> Iterator[CheckResult]:
    for level, message in findings:
        yield CheckResult(level, subject, message)


def _stream(subject: str, stream: StreamPlan) -> Generator[CheckResult, None, Sample | None]:
    """Yields what reading the first rows gave; returns the sample, None where there is none."""
    try:
        source = _open_whole(stream)
        try:
            sample = read_sample(source, ROWS)
        finally:
            source.close()
    except SourceError as error:
        yield CheckResult("problem", subject, f"cannot be read: {error}")
        return None
    if sample.rejects:
        first = sample.rejects[0]
        yield CheckResult(
            "warning",
            subject,
            f"{len(sample.rejects)} of the first {len(sample) + len(sample.rejects)} rows are rejected, "
            f"the first one as {first.reason}; look at {first.origin}:{first.row}",
        )
    if len(sample) == 0:
        message = f"nothing to read in {stream.description} yet; check the path if there should be"
        yield CheckResult("warning", subject, message)
        return None
    columns = len(sample.rows.schema.names)
    message = f"{stream.description} is readable ({len(sample)} rows with {columns} columns looked at)"
    yield CheckResult("ok", subject, message)
    return sample


def _open_whole(stream: StreamPlan) -> Source:
    """The source with all its columns, so that a misspelt one can be told from those that are there."""
    return stream.open(columns=None) if isinstance(stream.open, partial) else stream.open()


def _joined(model: ModelPlan, stream: StreamPlan, predictions: Sample, labels: Sample) -> Iterator[CheckResult]:
    ours = predictions.column(model.predictions.columns.id or "")
    theirs = labels.column(stream.columns.id or "")
    if ours is None or theirs is None:
        return
    subject = f"{model.name} labels"
    known, ids = ids_of(ours), ids_of(theirs)
    among = set(known)
    joined = sum(each in among for each in ids)
    look, look_there = look_of(known), look_of(ids)
    if joined:
        message = f"{joined} of {len(ids)} labels belong to one of the {len(predictions)} predictions looked at"
        yield CheckResult("ok", subject, message)
    elif look != look_there:
        message = (
            f"no label found its prediction: ids look like {look} in predictions, but like {look_there} in labels; "
            "check both `id` columns"
        )
        yield CheckResult("problem" if predictions.exhausted else "warning", subject, message)
    elif predictions.exhausted:
        message = "no label found its prediction, though ids look alike; are both logs of the same time and model?"
        yield CheckResult("warning", subject, message)
    else:
        message = f"none of {len(ids)} labels belongs to the first {len(predictions)} predictions, but ids look alike"
        yield CheckResult("ok", subject, message)


def _reference(
    model: ModelPlan, version: str, path: Path, load: LoadReference
) -> Generator[CheckResult, None, Reference | None]:
    subject = f"{model.name} reference" + (f" of version {version}" if version else "")
    fit = fit_command(model)
    if not path.exists():
        # Where it can be fitted, the next step is to fit it; else a file is missing that nobody can make.
        if model.reference_stream is not None:
            yield CheckResult("warning", subject, f"{path} is not there yet; make it with {fit}")
        else:
            yield CheckResult(
                "problem", subject, f"there is no {path}; correct the path, or give `reference_data` and run {fit}"
            )
        return None
    try:
        reference = load(path)
    except ReferenceFileError as error:
        yield CheckResult("problem", subject, str(error))
        return None
    layout = reference.layout
    if layout.task != model.task:
        message = (
            f"{path} is of a {layout.task} model, this one is {model.task}; name another file, or make it with {fit}"
        )
        yield CheckResult("problem", subject, message)
        return None
    yield from _told(subject, reference_findings(model, reference, path))
    timed = (
        f"blocks of {reference.block_seconds} s"
        if reference.block_seconds
        else "no time: no verdict on drift in windows"
    )
    message = f"{path} fits: {reference.total.rows:.0f} predictions, {len(layout.features)} features, {timed}"
    yield CheckResult("ok", subject, message)
    return reference
