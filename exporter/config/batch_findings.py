"""What the first rows of a log say about the runs that they are to tell of."""

from collections.abc import Iterator

import numpy as np

from exporter.batch import Batch
from exporter.config.findings import Finding, moment
from exporter.config.likeness import suggest
from exporter.config.sample import Sample, kind_of
from exporter.engine.plan import BatchPlan
from exporter.profile.cells import read_names, used_names
from exporter.profile.run_log import RunColumns, decode_runs, status_of

_SHOWN = 3


def clock_findings(batch: BatchPlan) -> Iterator[Finding]:
    """A clock that stands still finds no run missed."""
    if batch.schedule is not None and batch.clock == "watermark":
        still = "by `watermark` time stands still when nothing is logged, so that no run is missed"
        yield "warning", f"clock: {still}; set `batch.clock: wall`, unless this is a replay"


def column_findings(name: str, sample: Sample) -> Iterator[Finding]:
    """Whether a column of the prediction log names runs."""
    column = sample.column(name)
    if column is None:
        yield "problem", f"column: there is no column `{name}`; {suggest(name, sample.names)}"
        return
    names = read_names(column)
    runs, named = len(used_names(names)), int((names.codes >= 0).sum())
    if runs > 1 and runs > named / 2:
        yield "warning", f"column: `{name}` has {runs} values in {named} rows; does it name runs, or predictions?"
    elif named == 0:
        yield "warning", f"column: `{name}` is empty in all {len(sample)} rows; is it the right one?"
    else:
        yield "ok", f"column: `{name}` ({kind_of(column)}), {_several(runs, 'run')} in {named} rows"


def log_findings(columns: RunColumns, sample: Sample) -> Iterator[Finding]:
    """Each role of a run log, and what is read from it."""
    roles = {
        role: getattr(columns, role)
        for role in ("run", "start", "end", "time", "status", "rows_in", "rows_out", "failed")
    }
    for role, name in roles.items():
        if name is not None and sample.column(name) is None:
            # A column may be written only where it says something; without its run a row says nothing.
            told = f"{role}: no row looked at has a column `{name}`; {suggest(name, sample.names)}"
            yield ("problem", told) if role in ("run", "status") else ("warning", told)
    yield from _statuses(columns, sample)
    rows, refused = decode_runs(Batch(sample.rows, "", 1), columns, np.inf, keep_rows=False)
    if not rows:
        yield "problem", f"none of {len(sample)} rows tells of a run: each needs a run, a time and a known status"
        return
    over = {row.run for row in rows if row.status != "running"}
    newest = moment(max(row.said for row in rows))
    runs = _several(len({row.run for row in rows}), "run")
    told = f"{runs} in {_several(len(rows), 'row')}, {len(over)} over; the newest is of {newest}"
    lost = sum(refused.tally.values())
    yield (
        ("warning", f"{told}; {_several(lost, 'row')} without a run, a time or a known status")
        if lost
        else ("ok", told)
    )


def _statuses(columns: RunColumns, sample: Sample) -> Iterator[Finding]:
    column = None if columns.status is None else sample.column(columns.status)
    if column is None:
        return
    strange = [word for word in used_names(read_names(column)) if status_of(word, columns.statuses) is None]
    if strange:
        words = ", ".join(f"`{word}`" for word in strange[:_SHOWN])
        more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
        yield (
            "problem",
            f"status: nobody knows what {words}{more} means; tell it as `statuses: {{{strange[0]}: succeeded}}`",
        )


def _several(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
