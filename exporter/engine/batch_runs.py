"""The runs of a model's batch job: facts that are committed with the cursor of the log they were read from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from exporter.batch import Batch
from exporter.engine.plan import ModelPlan
from exporter.engine.run_records import CountedRun, LoggedRun
from exporter.engine.stream import Stream
from exporter.engine.timeline import Timeline
from exporter.metrics.batch.results import usual_seconds
from exporter.metrics.batch.run import ENDINGS, Run, Runs, Status
from exporter.profile.cells import find_column, read_names
from exporter.profile.refused import Refused
from exporter.profile.rows import Rows
from exporter.profile.run_log import decode_runs, run_name

KEPT = 1000
"""Newest runs that are kept."""
FACT = "batch"
"""Name of what is kept among the state's facts."""
_MICRO = 1e6
_LOST_TIMES, _LOST_LEAST, _LOST_UNKNOWN = 3.0, 3600.0, 86400.0


class BatchRuns:
    """Knows the newest runs of one model; what is not in `facts` yet is lost with it, and read again."""

    def __init__(
        self, model: ModelPlan, timeline: Timeline, facts: Mapping[str, Any], *, keep_rows: bool = False
    ) -> None:
        """Goes on from what an earlier one kept. Of a model without batch runs nothing is known, and nothing changes.

        Where runs are told otherwise than before (by a log instead of a column), they are told anew.
        """
        self._model = model.name
        self._plan = plan = model.batch
        self._timeline = timeline
        self._keep_rows = keep_rows
        self._stream: Stream | None = None
        kept = facts.get(FACT, {})
        record: type[LoggedRun | CountedRun] = LoggedRun if plan is not None and plan.log is not None else CountedRun
        same = kept.get("kind") == record.__name__
        self._kind = record.__name__
        self._records: dict[str, Any] = {
            name: record.from_json(each) for name, each in (kept.get("runs", {}) if same else {}).items()
        }
        self._horizon: float | None = kept.get("horizon") if same else None
        self._since: float | None = kept.get("since")
        self._endings: dict[Status, int] = {status: kept.get("endings", {}).get(status, 0) for status in ENDINGS}
        self._newest: float | None = max((each.newest for each in self._records.values()), default=None)
        self.changed = False
        """True if anything is known that `facts` has not given yet."""

    def watch(self, streams: Sequence[Stream]) -> None:
        """Runs are known to be or not to be while the log that tells of them, one of these, is read to its end."""
        name = "predictions" if self._plan is None or self._plan.log is None else "runs"
        self._stream = next((stream for stream in streams if stream.name == name), None)

    @property
    def _known(self) -> bool:
        return self._stream is None or self._stream.whole

    # Rows

    def take(self, batches: Sequence[Batch], wall: float) -> tuple[Refused, float | None]:
        """Knows what rows of the run log say; those that say nothing, and the latest time that one tells."""
        plan, refused = self._plan, Refused()
        if plan is None or plan.log is None:
            return refused, None
        for batch in batches:
            rows, bad = decode_runs(batch, plan.log.columns, self._latest(wall), keep_rows=self._keep_rows)
            refused.extend(bad)
            for row in rows:
                if row.run not in self._records:
                    if self._is_over_horizon(row.said if row.start is None else row.start):
                        continue
                    self._records[row.run] = LoggedRun()
                record = self._records[row.run]
                self.changed |= record.add(row)
                if row.status != "running":
                    self._tell(record, row.status)
                self._newest = max(row.said, self._newest or row.said)
        if len(self._records) > 2 * KEPT:
            self.end_waits(wall)
        return refused, self._newest

    def _tell(self, record: LoggedRun | CountedRun, status: Status) -> None:
        """Counts that a run ended so, once."""
        if status not in record.told:
            record.told.add(status)
            self._endings[status] += 1
            self.changed = True

    def note(self, batch: Batch, rows: Rows) -> None:
        """Knows to which runs rows of the prediction log belong, that are counted just now."""
        plan = self._plan
        if plan is None or plan.column is None or len(rows) == 0:
            return
        column = find_column(batch.rows, plan.column)
        if column is None:
            return
        names = read_names(column)
        codes = names.codes[rows.place]
        # Rows of a run side by side: a column of ids, taken by mistake, must not cost a pass for each of them.
        order = np.argsort(codes, kind="stable")[int((codes < 0).sum()) :]
        if len(order) == 0:
            return
        found, first = np.unique(codes[order], return_index=True)
        times, weight = rows.time[order] / _MICRO, np.ones(len(order)) if rows.weight is None else rows.weight[order]
        columns = (
            np.minimum.reduceat(times, first),
            np.maximum.reduceat(times, first),
            np.add.reduceat(weight, first),
            np.add.reduceat(np.where(rows.error.codes[order] >= 0, weight, 0.0), first),
        )
        for code, *numbers in zip(found.tolist(), *(column.tolist() for column in columns), strict=True):
            self._add(run_name(names.names[code]), CountedRun(*numbers))

    def _add(self, name: str, found: CountedRun) -> None:
        if name in self._records:
            self._records[name].add(found)
        elif self._is_over_horizon(found.start):
            return
        else:
            self._records[name] = found
        self._newest = max(found.end, self._newest or found.end)
        self.changed = True

    def _is_over_horizon(self, began: float) -> bool:
        """Of runs that were forgotten nothing is known: they are not told anew."""
        return self._horizon is not None and began <= self._horizon

    # Time

    def _now(self, wall: float) -> float | None:
        """What time it is for the runs, Unix seconds; None where that is not known yet."""
        if self._plan is None or self._plan.clock == "wall":
            return wall
        times = (self._timeline.watermark(wall), self._newest)
        return max((float(each) for each in times if each is not None), default=None)

    def _latest(self, wall: float) -> float:
        """A time beyond is no time: by some clock that is wrong."""
        assert self._plan is not None
        now = self._now(wall)
        return max(wall, wall if now is None else now) + self._plan.max_ahead

    def end_waits(self, wall: float) -> None:
        """Counts the runs that are over, and forgets the oldest."""
        now = self._now(wall)
        if self._plan is None or now is None:
            return
        if self._since is None:
            self._since, self.changed = now, True
        patience = self._patience(now)
        for name, record in self._records.items():
            status = record.run(name, now, patience).status
            if status == "running":
                continue
            self._tell(record, status)
            self.changed |= not record.over
            record.over = True
        if len(self._records) > KEPT:
            order = sorted(self._records, key=lambda name: (self._records[name].began, name))
            for name in order[:-KEPT]:
                self._horizon = max(self._records.pop(name).began, self._horizon or 0.0)
            self.changed = True

    def _patience(self, now: float) -> float:
        """Seconds without a word after which a run is over, or lost; never while there is more to read."""
        plan = self._plan
        assert plan is not None
        if not self._known:
            return np.inf
        if plan.log is None:
            return float(plan.idle)
        if plan.timeout is not None:
            return float(plan.timeout)
        runs = self._runs(now, np.inf)
        if not any(run.status == "running" for run in runs):
            return np.inf
        found = usual_seconds([run for run in runs if run.status != "running"])
        spacing = None if plan.schedule is None else plan.schedule.spacing
        if found is None and spacing is None:
            return _LOST_UNKNOWN
        return max(_LOST_LEAST, spacing or 0.0, 0.0 if found is None else _LOST_TIMES * found.upper)

    def _runs(self, now: float, patience: float) -> list[Run]:
        runs = [record.run(name, now, patience) for name, record in self._records.items()]
        return sorted(runs, key=lambda run: (run.began, run.name))

    # Telling

    def view(self, wall: float) -> Runs | None:
        """The runs as they are judged now; None where the model has none."""
        plan, now = self._plan, self._now(wall)
        if plan is None:
            return None
        return Runs(
            model=self._model,
            runs=() if now is None else self._runs(now, self._patience(now)),
            now=now,
            since=self._since if self._since is not None else now or 0.0,
            schedule=plan.schedule,
            grace=plan.grace,
            slack=float(plan.idle) if plan.log is None else 0.0,
            known=self._known,
            endings={status: self._endings[status] for status in ENDINGS},
        )

    def facts(self) -> dict[str, Any]:
        """What is to be kept with the state; empty where that is kept already."""
        if not self.changed:
            return {}
        self.changed = False
        return {
            FACT: {
                "kind": self._kind,
                "since": self._since,
                "endings": self._endings,
                "horizon": self._horizon,
                "runs": {name: record.to_json() for name, record in self._records.items()},
            }
        }
