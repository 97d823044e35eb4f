"""Whether `batch:` says which runs there are, and nothing that it has no use for."""

from collections.abc import Iterator

from exporter.config.model import ModelSection
from exporter.config.roles import shared_columns
from exporter.config.tree import Path
from exporter.metrics.batch.schedule import usual_grace
from exporter.profile.run_log import STATUSES
from exporter.sources.sql_config import SqlConfig

Fault = tuple[Path, str]
_LOG_KEYS, _COLUMN_KEYS = ("columns", "statuses", "timeout"), ("idle",)
_EXAMPLE = "`columns: {run: run_id, start: started_at, end: ended_at, status: status}`"


def batch_faults(model: ModelSection) -> Iterator[Fault]:
    """All that does not go together in `batch`."""
    batch = model.batch
    if batch is None:
        return
    if batch.column is None and batch.source is None:
        yield (
            ("batch",),
            "nothing says which runs there are; add `column: run_id` (of the prediction log), or a run log's `source`",
        )
    elif batch.column is not None and batch.source is not None:
        yield ("batch", "column"), "the run log tells of runs too; keep either `column` or `source`"
    elif batch.source is not None:
        yield from _log_faults(model)
    else:
        yield from _column_faults(model)
    yield from _schedule_faults(model)


def _log_faults(model: ModelSection) -> Iterator[Fault]:
    batch = model.batch
    assert batch is not None
    for key in _COLUMN_KEYS:
        if key in batch.model_fields_set:
            yield ("batch", key), "is for runs told by `column`; a run log itself says when they are over: take it out"
    columns = batch.columns
    if columns is None:
        yield ("batch",), f"`columns` is missing; add {_EXAMPLE}"
        return
    given = columns.model_dump()
    if not (columns.start or columns.end or columns.time):
        yield ("batch", "columns"), "nothing says when runs were; name the column of `start`, `end` or `time`"
    # A run without an id of its own may be told by its start.
    yield from shared_columns({role: name for role, name in given.items() if role != "run"}, ("batch", "columns"))
    if batch.statuses and columns.status is None:
        yield ("batch", "statuses"), "there is no `status` among the `columns`; name it, or take `statuses` out"
    for word, meaning in batch.statuses.items():
        known = STATUSES.get(word.lower())
        if known == meaning:
            yield ("batch", "statuses", word), f"`{word}` is known to be {meaning}; take it out"
    if isinstance(batch.source, SqlConfig):
        for key, message in batch.source.faults(columns.run):
            yield ("batch", "source", key), message


def _column_faults(model: ModelSection) -> Iterator[Fault]:
    batch = model.batch
    assert batch is not None
    for key in _LOG_KEYS:
        if key in batch.model_fields_set:
            yield ("batch", key), "is of a run log, but there is no `source`; take it out, or add the log's `source`"
    roles = model.predictions.columns.model_dump(exclude={"latency", "scores"})
    role = next((role for role, name in roles.items() if name == batch.column), None)
    if role is not None:
        yield (
            ("batch", "column"),
            f"column `{batch.column}` is already `{role}`; name the column that all rows of a run share",
        )
    elif batch.column in (model.features.include or ()):
        yield ("batch", "column"), f"`{batch.column}` is among `features.include` too; take it out there"


def _schedule_faults(model: ModelSection) -> Iterator[Fault]:
    batch = model.batch
    assert batch is not None
    due = batch.schedule
    if due is None:
        if batch.grace is not None:
            yield (
                ("batch", "grace"),
                "does nothing without a `schedule`; add one, such as `schedule: 24h`, or take it out",
            )
    elif batch.grace is not None and batch.grace >= due.spacing:
        usual = round(usual_grace(due) / 60)
        yield (
            ("batch", "grace"),
            f"is as long as the time between two runs: a run would be missed after the next one is due; use {usual}m",
        )
