"""What the first rows of a log say about the roles that the configuration gives its columns."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pyarrow as pa

from exporter.config.likeness import suggest
from exporter.config.sample import Sample, has_offset, kind_of, numbers_of, times_of, valid_share
from exporter.engine.plan import ModelPlan
from exporter.profile.cells import read_names, used_names
from exporter.profile.class_names import class_table
from exporter.profile.columns import SECONDS_OF_UNIT, Columns

Finding = tuple[Literal["ok", "warning", "problem"], str]

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WORD = re.compile(r"[^\W_]+")
_SOME = 0.05
"""Share of unreadable values from which on a column is wrong rather than dirty."""
_MANY_VERSIONS = 20
_SLOW_SECONDS = 60.0
_DAY = 86400


def prediction_findings(
    model: ModelPlan, columns: Columns, sample: Sample, features: tuple[str, ...], now: float | None
) -> Iterator[Finding]:
    """Each role of a prediction log: is its column there, and does it hold what it should.

    Args:
        model: whose log it is.
        columns: the log's roles.
        sample: its first rows.
        features: those of the reference, for where the configuration names none.
        now: Unix seconds; None where the log is old by its nature.
    """
    if columns.time is not None:
        yield from _time("time", columns.time, columns.timezone, sample)
        if now is not None:
            yield from _age(model, columns, sample, now)
    yield from _identity(columns, sample)
    yield from _outputs(model, columns, sample)
    yield from _latency(columns, sample)
    yield from _optional(model, columns, sample)
    yield from _features(model, columns, sample, features)


def label_findings(model: ModelPlan, columns: Columns, sample: Sample) -> Iterator[Finding]:
    """Each role of a label log."""
    yield from _identity(columns, sample)
    if columns.label is not None:
        yield from _outcome(model, "label", columns.label, sample)
    if columns.label_time is not None:
        yield from _time("time", columns.label_time, columns.timezone, sample)


def _find(role: str, name: str, sample: Sample) -> tuple[pa.Array | None, list[Finding]]:
    column = sample.column(name)
    if column is None:
        return None, [("problem", f"{role}: there is no column `{name}`; {suggest(name, sample.names)}")]
    if valid_share(column) == 0:
        return None, [("problem", f"{role}: column `{name}` is empty in all {len(sample)} rows; is it the right one?")]
    return column, []


def _time(role: str, name: str, timezone: str, sample: Sample) -> Iterator[Finding]:
    column, missing = _find(role, name, sample)
    yield from missing
    if column is None:
        return
    times, bad = times_of(column, timezone)
    if bad > _SOME or not len(times):
        fix = "use ISO 8601, a timestamp type, or Unix time"
        yield "problem", f"{role}: {bad:.0%} of `{name}` ({kind_of(column)}) cannot be read as times; {fix}"
        return
    zone = "" if has_offset(column) else f", without offset: taken as {timezone}"
    yield "ok", f"{role}: `{name}` ({kind_of(column)}{zone}) from {moment(times.min())} to {moment(times.max())}"


def _age(model: ModelPlan, columns: Columns, sample: Sample, now: float) -> Iterator[Finding]:
    column = sample.column(columns.time or "")
    times = times_of(column, columns.timezone)[0] if column is not None else np.empty(0)
    if not len(times) or model.clock != "wall":
        return
    longest = max(model.windows.values())
    if times.max() > now + model.max_future:
        ahead = (times.max() - now) / 3600
        yield (
            "problem",
            (
                f"time: the newest row is {ahead:.1f} hours in the future; "
                f"check `timezone` (now {columns.timezone}) and the clocks"
            ),
        )
    elif sample.exhausted and times.max() < now - longest:
        age = (now - times.max()) / _DAY
        yield (
            "warning",
            (
                f"time: the newest row is {age:.0f} days old, before all windows; "
                "for a replay or backfill set `clock: watermark`"
            ),
        )


def _identity(columns: Columns, sample: Sample) -> Iterator[Finding]:
    if columns.id is None:
        yield "warning", "id: none is named: copies of a row are counted again"
        return
    column, missing = _find("id", columns.id, sample)
    yield from missing
    if column is None:
        return
    ids = ids_of(column)
    copies = len(ids) - len(set(ids))
    if len(ids) < len(sample):
        yield "warning", f"id: {len(sample) - len(ids)} of {len(sample)} rows have no `{columns.id}`"
    if copies > len(ids) * _SOME:
        yield "warning", f"id: {copies} of {len(ids)} rows repeat an id of `{columns.id}`; does it name the prediction?"
    else:
        yield "ok", f"id: `{columns.id}` ({kind_of(column)}), {len(set(ids))} different"


def _outputs(model: ModelPlan, columns: Columns, sample: Sample) -> Iterator[Finding]:
    if columns.prediction is not None:
        yield from _outcome(model, "prediction", columns.prediction, sample)
    if columns.score is not None:
        yield from _probability("score", columns.score, sample)
    for name, column in columns.scores.items():
        yield from _probability(f"scores.{name}", column, sample)
    if columns.label is not None:
        yield from _outcome(model, "label", columns.label, sample)
    if columns.label_time is not None:
        yield from _time("label_time", columns.label_time, columns.timezone, sample)


def _outcome(model: ModelPlan, role: str, name: str, sample: Sample) -> Iterator[Finding]:
    column, missing = _find(role, name, sample)
    yield from missing
    if column is None:
        return
    if model.task == "regression":
        numbers, bad = numbers_of(column)
        if bad > _SOME or not len(numbers):
            yield "problem", f"{role}: {bad:.0%} of `{name}` ({kind_of(column)}) are no numbers; is it a regression?"
        else:
            yield "ok", f"{role}: `{name}` ({kind_of(column)})"
        return
    found = used_names(read_names(column))
    classes = model.classes or (("0", "1") if model.task == "binary" else ())
    strange = [each for each in found if classes and each not in class_table(classes)]
    if strange:
        fix = "name them as `positive_class` and `classes`" if model.task == "binary" else "add them to `classes`"
        known = ", ".join(classes)
        yield (
            "problem",
            f"{role}: {len(strange)} of {len(found)} classes in `{name}` are not known (known: {known}); {fix}",
        )
    else:
        yield "ok", f"{role}: `{name}` ({kind_of(column)}), {len(found)} class{'' if len(found) == 1 else 'es'}"


def _probability(role: str, name: str, sample: Sample) -> Iterator[Finding]:
    column, missing = _find(role, name, sample)
    yield from missing
    if column is None:
        return
    numbers, bad = numbers_of(column)
    outside = float(((numbers < 0) | (numbers > 1)).mean()) if len(numbers) else 1.0
    if bad > _SOME:
        yield (
            "problem",
            f"{role}: {bad:.0%} of `{name}` ({kind_of(column)}) are no numbers; name the column of the probability",
        )
    elif outside > 0:
        percent = "; percentages must be divided by 100" if len(numbers) and numbers.max() <= 100 else ""  # noqa: PLR2004
        yield "problem", f"{role}: {outside:.0%} of `{name}` lie outside 0 to 1, so they are no probabilities{percent}"
    else:
        yield "ok", f"{role}: `{name}` ({kind_of(column)} between 0 and 1)"


def _latency(columns: Columns, sample: Sample) -> Iterator[Finding]:
    if columns.latency is None:
        return
    column, missing = _find("latency", columns.latency, sample)
    yield from missing
    if column is None:
        return
    numbers, bad = numbers_of(column)
    if bad > _SOME or not len(numbers):
        yield "problem", f"latency: {bad:.0%} of `{columns.latency}` ({kind_of(column)}) are no numbers"
        return
    median = float(np.median(numbers)) * SECONDS_OF_UNIT[columns.latency_unit]
    shown = f"`{columns.latency}` in {columns.latency_unit}: the median is {median:.3g} s"
    if (numbers < 0).any():
        yield "warning", f"latency: {shown}; {int((numbers < 0).sum())} are negative and not counted"
    if median > _SLOW_SECONDS:
        yield "warning", f"latency: {shown}; if that is too slow to be true, correct `unit`"
    else:
        yield "ok", f"latency: {shown}"


def _optional(model: ModelPlan, columns: Columns, sample: Sample) -> Iterator[Finding]:
    named = {"error": columns.error, "version": columns.version, "replica": columns.replica, "weight": columns.weight}
    # Of combinations each column is looked at by itself.
    named |= {
        f"slice {dimension}" if len(several) == 1 else f"slice {dimension}: {column}": column
        for dimension, several in columns.slices.items()
        for column in several
    }
    for role, name in named.items():
        if name is None:
            continue
        column = sample.column(name)
        if column is None:
            # Such columns may be written only where they say something.
            yield "warning", f"{role}: no row looked at has a column `{name}`; {suggest(name, sample.names)}"
            continue
        found = len(used_names(read_names(column)))
        most = model.slice_values.get(role.removeprefix("slice "), 0)
        if role == "version" and found > _MANY_VERSIONS:
            yield "warning", f"version: `{name}` has {found} values in {len(sample)} rows: is it an id?"
        elif role == "error" and valid_share(column) > 0.5:  # noqa: PLR2004 - most
            share = valid_share(column)
            yield "warning", f"error: `{name}` is filled in {share:.0%} of the rows: each of them counts as failed"
        elif most and found >= most and not (model.replicas and role == "slice replica"):
            yield (
                "warning",
                f"{role}: `{name}` has {found} values or more, {most - 1} are told apart; raise `max_values`?",
            )
        else:
            yield "ok", f"{role}: `{name}` ({kind_of(column)}), {found} different"


def _features(model: ModelPlan, columns: Columns, sample: Sample, features: tuple[str, ...]) -> Iterator[Finding]:
    wanted = columns.features or {name: model.feature_columns.get(name, name) for name in features}
    wanted = {name: column for name, column in wanted.items() if name not in model.excluded_features}
    if not wanted:
        return
    found = 0
    for name, where in wanted.items():
        if sample.column(where) is None:
            yield "problem", f"feature {name}: there is no column `{where}`; {suggest(where, sample.names)}"
            continue
        found += 1
        override = model.feature_overrides.get(name)
        column = sample.column(where)
        if override is not None and override.type == "numeric" and column is not None:
            _, bad = numbers_of(column)
            if bad > _SOME:
                yield "problem", f"feature {name}: {bad:.0%} of `{where}` are no numbers, though its type is numeric"
    yield "ok", f"features: {found} of {len(wanted)} found"


def moment(seconds: float) -> str:
    """A time as a person reads it, in UTC."""
    try:
        return datetime.fromtimestamp(float(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f}"


def ids_of(column: pa.Array) -> list[str]:
    """Ids as text, without those that are missing."""
    return [str(each) for each in column.to_pylist() if each is not None and str(each)]


def look_of(ids: Iterable[str]) -> str:
    """The form of ids without their content: `a-9` for letters, a dash, digits; `x` where both are mixed."""
    first = next(iter(ids), "")
    if not first:
        return "nothing"
    return "a UUID" if _UUID.fullmatch(first) else f"`{_WORD.sub(_form, first)}`"


def _form(word: re.Match[str]) -> str:
    return "9" if word[0].isdigit() else "a" if word[0].isalpha() else "x"
