"""Which predictions are known, and which wait for their label: the join of labels that come days later.

Two kinds of sorted runs (see state/runs.py): predictions (*waiting*, *settled* once their wait is over) and *labels*.
Both only grow: a label is never written into a prediction's row, it gets a row of its own, and the newest row of an id
holds. Runs belong to a bucket of time and go as a whole when it is over; small runs of a bucket are merged, so that
each row is rewritten a logarithmic number of times.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats
from exporter.profile.cells import NO_TIME, Bools
from exporter.profile.count import Outcomes
from exporter.profile.ids import Hashes
from exporter.profile.rows import LabelRows, Rows
from exporter.state.runs import Run, find, merge, sorted_run
from exporter.state.store import Store

Ints = NDArray[np.int64]
Kind = Literal["waiting", "settled", "labels"]

_UNMATCHED, _JOINED, _ASSUMED = 0, 1, 2
"""States of a label: no prediction yet, counted, assumed when the wait was over."""
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class LedgerRules:
    """How labels live (DESIGN §2), in seconds.

    Attributes:
        dedupe: an id is remembered at least so long.
        wait: a prediction waits so long for its label; None: the model has no label log, ids are only remembered.
        default: label assumed after the wait; None: the prediction stays unlabelled.
    """

    dedupe: int
    wait: int | None = None
    default: float | None = None
    conflict: Literal["first", "last"] = "last"

    @property
    def keep(self) -> int:
        return max(self.dedupe, self.wait or 0)

    @property
    def bucket(self) -> int:
        """Runs go as a whole: a bucket is small beside what is kept."""
        return max(3600, self.keep // 24)


@dataclass(slots=True)
class Joined:
    """What a step joined: outcomes to be counted, corrections that windows get and counters do not, and tallies."""

    fresh: Outcomes
    corrections: Outcomes
    duplicates: Bools
    conflicts: Bools


class Ledger:
    """All ids of one model. `flush` writes what changed; a ledger whose write failed must be built anew."""

    def __init__(self, store: Store, rules: LedgerRules, dimensions: int, tallies: dict[str, int]) -> None:
        """Reads the runs of `store`; `tallies` are what `tallies` said when they were last written."""
        self._rules = rules
        self._dimensions = dimensions
        self._runs: dict[Kind, list[Run]] = {"waiting": [], "settled": [], "labels": []}
        for kind in self._runs:
            self._runs[kind] = store.runs(kind)
        self._number = 1 + max((run.number for runs in self._runs.values() for run in runs), default=0)
        self._written: list[tuple[Kind, Run]] = []
        self._dropped: list[int] = []
        self.waiting = tallies.get("waiting", 0)
        self.unmatched = tallies.get("unmatched", 0)
        self.versions: list[str] = []

    @property
    def tallies(self) -> dict[str, int]:
        return {"waiting": self.waiting, "unmatched": self.unmatched}

    # Predictions

    def known(self, ids: Hashes, has_id: Bools) -> Bools:
        """(n,) True where the id was seen before, in an earlier batch or earlier in this one."""
        seen = np.zeros(len(ids), dtype=np.bool_)
        rows = np.flatnonzero(has_id)
        if len(rows) == 0:
            return seen
        unique, first, inverse = np.unique(ids[rows], return_index=True, return_inverse=True)
        repeated = first[inverse] != np.arange(len(rows))
        found = np.zeros(len(unique), dtype=np.bool_)
        for kind in ("waiting", "settled"):
            for run in self._runs[kind]:
                found |= find(run, unique)[1]
        seen[rows] = repeated | found[inverse]
        return seen

    def add_predictions(self, rows: Rows, slots: Ints) -> Outcomes:
        """Remembers predictions (of ids not known before) and joins the labels that were there first."""
        if rows.ids is None or rows.has_id is None:
            return self._none()
        chosen = np.flatnonzero(rows.has_id)
        columns: dict[str, NDArray[np.generic]] = {"time": rows.time[chosen]}
        if self._rules.wait is not None:
            columns |= self._prediction_columns(rows, slots, chosen)
        bucket = rows.time[chosen] // (self._rules.bucket * _MICRO)
        ids = rows.ids[chosen]
        for number in np.unique(bucket):
            part = bucket == number
            self._append("waiting", int(number), ids[part], {name: column[part] for name, column in columns.items()})
        if self._rules.wait is None:
            return self._none()
        failed = np.isnan(rows.prediction[chosen]) & np.isnan(rows.score[chosen])
        self.waiting += int((~failed).sum())
        if self.unmatched == 0:
            return self._none()
        return self._join_early_labels(ids, columns)

    def _prediction_columns(self, rows: Rows, slots: Ints, chosen: NDArray[np.intp]) -> dict[str, NDArray[np.generic]]:
        table = np.array([self._version(name) for name in rows.version.names], dtype=np.uint16)
        weight = np.ones(len(chosen)) if rows.weight is None else rows.weight[chosen]
        columns: dict[str, NDArray[np.generic]] = {
            "version": table[rows.version.codes[chosen]],
            "prediction": rows.prediction[chosen],
            "score": rows.score[chosen],
            "slots": slots[chosen].astype(np.int16),
            "weight": weight,
        }
        if rows.scores is not None:
            columns["scores"] = rows.scores[chosen]
        return columns

    def _version(self, name: str) -> int:
        if name not in self.versions:
            self.versions.append(name)
        return self.versions.index(name)

    def _join_early_labels(self, ids: Hashes, columns: dict[str, NDArray[np.generic]]) -> Outcomes:
        found, label = self._labels_of(ids)
        early = found & (label["state"] == _UNMATCHED)
        if not early.any():
            return self._none()
        picked = {name: column[early] for name, column in columns.items()}
        values, times = label["value"][early], label["time"][early]
        self._append_labels(ids[early], values, times, _JOINED, label["bucket"][early])
        self.unmatched -= int(early.sum())
        outcomes = self._outcomes(picked, values, times)
        self.waiting -= len(outcomes)
        return outcomes

    # Labels

    def add_labels(self, labels: LabelRows, now: float) -> Joined:
        """Joins labels with their predictions; those without one wait."""
        ids, value, time = labels.ids, labels.value, labels.time
        n = len(ids)
        duplicates = np.zeros(n, dtype=np.bool_)
        conflicts = np.zeros(n, dtype=np.bool_)
        rows = self._one_a_label(ids, value, duplicates, conflicts)
        ids, value, time = ids[rows], value[rows], time[rows]
        had, old = self._labels_of(ids)
        same = had & (old["value"] == value) & (old["state"] != _ASSUMED)
        other = had & ~same
        duplicates[rows[same]] = True
        held = (
            other & (old["state"] != _ASSUMED)
            if self._rules.conflict == "first"
            else np.zeros(len(ids), dtype=np.bool_)
        )
        conflicts[rows[other & (old["state"] != _ASSUMED)]] = True
        new = ~same & ~held
        ids, value, time, had = ids[new], value[new], time[new], had[new]
        old = {name: column[new] for name, column in old.items()}
        found, prediction = self._predictions_of(ids)
        # All rows of one id stay in one bucket: merging a bucket then never makes an old row newer than another's.
        bucket = np.where(had, old["bucket"].astype(np.int64), int(now // self._rules.bucket))
        state = np.where(found, _JOINED, _UNMATCHED).astype(np.uint8)
        self._append_labels(ids, value, time, state, bucket)
        corrected = found & had & (old["state"] != _UNMATCHED)
        self.unmatched += int((~found).sum()) - int((had & (old["state"] == _UNMATCHED)).sum())
        fresh = found & ~corrected
        outcomes = self._outcomes(_rows(prediction, fresh), value[fresh], time[fresh])
        self.waiting -= len(outcomes)
        undone = self._outcomes(
            _rows(prediction, corrected), old["value"][corrected], old["time"][corrected], sign=-1.0
        )
        redone = self._outcomes(_rows(prediction, corrected), value[corrected], time[corrected])
        return Joined(outcomes, concatenate(undone, redone), duplicates, conflicts)

    def _one_a_label(self, ids: Hashes, value: Floats, duplicates: Bools, conflicts: Bools) -> NDArray[np.intp]:
        """Rows that hold for their id within the batch: the first or the last one; marks the others."""
        n = len(ids)
        if self._rules.conflict == "last":
            _, place, inverse = np.unique(ids[::-1], return_index=True, return_inverse=True)
            rows, inverse = n - 1 - place, inverse[::-1]
        else:
            _, rows, inverse = np.unique(ids, return_index=True, return_inverse=True)
        kept = rows[inverse]
        repeated = kept != np.arange(n)
        differs = value != value[kept]
        duplicates |= repeated & ~differs
        conflicts |= repeated & differs
        return rows

    # The end of waiting

    def expire(self, now: float) -> tuple[Outcomes, int, int]:
        """Ends waits and forgets: outcomes of assumed labels, predictions left unlabelled, labels left orphans."""
        rules = self._rules
        assumed, unlabelled, orphans = self._none(), 0, 0
        for run in list(self._runs["waiting"]):
            if now >= (run.bucket + 1) * rules.bucket + (rules.wait or 0):
                outcomes, left = self._settle(run)
                assumed, unlabelled = concatenate(assumed, outcomes), unlabelled + left
        for run in list(self._runs["labels"]):
            if now >= (run.bucket + 2) * rules.bucket + rules.keep:
                orphans += self._orphans(run)
                self._drop("labels", run)
        self.unmatched -= orphans
        for run in list(self._runs["settled"]):
            if now >= (run.bucket + 1) * rules.bucket + rules.keep:
                self._drop("settled", run)
        return assumed, unlabelled, orphans

    def _settle(self, run: Run) -> tuple[Outcomes, int]:
        self._drop("waiting", run)
        self._add("settled", Run(self._next(), run.bucket, run.hashes, run.columns))
        if self._rules.wait is None:
            return self._none(), 0
        found, _ = self._labels_of(run.hashes)
        failed = np.isnan(run.columns["prediction"]) & np.isnan(run.columns["score"])
        left = ~found & ~failed
        count = int(left.sum())
        self.waiting -= count
        if self._rules.default is None or count == 0:
            return self._none(), count
        value = np.full(count, self._rules.default)
        time = np.full(count, NO_TIME, dtype=np.int64)
        self._append_labels(run.hashes[left], value, time, _ASSUMED, np.full(count, run.bucket))
        return self._outcomes({name: column[left] for name, column in run.columns.items()}, value, time), 0

    def _orphans(self, run: Run) -> int:
        waiting = run.columns["state"] == _UNMATCHED
        if not waiting.any():
            return 0
        _, newest = self._labels_of(run.hashes[waiting])
        # A newer row of the same id speaks for it; this one is the newest only if it is found unmatched still.
        return int((newest["state"] == _UNMATCHED).sum())

    # Look-ups: the newest row of each id

    def _labels_of(self, ids: Hashes) -> tuple[Bools, dict[str, NDArray[np.generic]]]:
        n = len(ids)
        found = np.zeros(n, dtype=np.bool_)
        label: dict[str, NDArray[np.generic]] = {
            "value": np.full(n, np.nan),
            "time": np.full(n, NO_TIME, dtype=np.int64),
            "state": np.zeros(n, dtype=np.uint8),
            "bucket": np.zeros(n, dtype=np.int64),
        }
        for run in sorted(self._runs["labels"], key=lambda run: -run.number):
            place, here = find(run, ids)
            here &= ~found
            if here.any():
                for name in ("value", "time", "state"):
                    label[name][here] = run.columns[name][place[here]]
                label["bucket"][here] = run.bucket
                found |= here
        return found, label

    def _predictions_of(self, ids: Hashes) -> tuple[Bools, dict[str, NDArray[np.generic]]]:
        found = np.zeros(len(ids), dtype=np.bool_)
        columns: dict[str, NDArray[np.generic]] = {}
        for run in (*self._runs["waiting"], *self._runs["settled"]):
            place, here = find(run, ids)
            here &= ~found
            if not here.any():
                continue
            for name, column in run.columns.items():
                if name not in columns:
                    columns[name] = np.zeros((len(ids), *column.shape[1:]), dtype=column.dtype)
                columns[name][here] = column[place[here]]
            found |= here
        return found, columns

    def _outcomes(
        self, prediction: dict[str, NDArray[np.generic]], value: Floats, time: Ints, sign: float = 1.0
    ) -> Outcomes:
        """Outcomes of predictions with their labels; failed predictions have none."""
        if len(value) == 0 or not prediction:
            return self._none()
        predicted, score = prediction["prediction"].astype(np.float64), prediction["score"].astype(np.float64)
        good = ~(np.isnan(predicted) & np.isnan(score))
        made = prediction["time"].astype(np.int64)
        known = time != NO_TIME
        delay = np.where(known, (np.where(known, time, made) - made) / _MICRO, np.nan)
        return Outcomes(
            versions=tuple(self.versions),
            version=prediction["version"].astype(np.int64)[good],
            time=made[good],
            prediction=predicted[good],
            score=score[good],
            actual=value[good],
            delay=delay[good],
            slots=prediction["slots"].astype(np.int64)[good],
            sign=prediction["weight"].astype(np.float64)[good] * sign,
            scores=prediction["scores"].astype(np.float64)[good] if "scores" in prediction else None,
        )

    def _none(self) -> Outcomes:
        none = np.empty(0)
        whole = np.empty(0, dtype=np.int64)
        slots = np.empty((0, self._dimensions), dtype=np.int64)
        return Outcomes(tuple(self.versions), whole, whole, none, none, none, none, slots, none)

    # Runs

    def _next(self) -> int:
        self._number += 1
        return self._number - 1

    def _append_labels(
        self, ids: Hashes, value: Floats, time: Ints, state: int | NDArray[np.uint8], bucket: Ints
    ) -> None:
        states = np.broadcast_to(np.asarray(state, dtype=np.uint8), (len(ids),))
        for number in np.unique(bucket):
            part = bucket == number
            columns: dict[str, NDArray[np.generic]] = {"value": value[part], "time": time[part], "state": states[part]}
            self._append("labels", int(number), ids[part], columns)

    def _append(self, kind: Kind, bucket: int, ids: Hashes, columns: dict[str, NDArray[np.generic]]) -> None:
        """Adds a run and merges the newest runs of its bucket while they are of about one size."""
        if len(ids) == 0:
            return
        run = sorted_run(self._next(), bucket, ids, columns)
        same = sorted((r for r in self._runs[kind] if r.bucket == bucket), key=lambda r: r.number)
        group = [run]
        while same and len(same[-1]) <= 2 * sum(len(r) for r in group) and _same_columns(same[-1], run):
            group.insert(0, same.pop())
        if len(group) > 1:
            for old in group[:-1]:
                self._drop(kind, old)
            run = merge(self._next(), bucket, group)
        self._add(kind, run)

    def _add(self, kind: Kind, run: Run) -> None:
        self._runs[kind].append(run)
        self._written.append((kind, run))

    def _drop(self, kind: Kind, run: Run) -> None:
        self._runs[kind].remove(run)
        unwritten = [item for item in self._written if item[1] is not run]
        if len(unwritten) == len(self._written):
            self._dropped.append(run.number)
        self._written = unwritten

    def flush(self, store: Store) -> None:
        """Writes what changed since the last flush; inside a transaction."""
        for number in self._dropped:
            store.drop_run(number)
        for kind, run in self._written:
            store.put_run(kind, run)
        self._dropped, self._written = [], []


def _same_columns(one: Run, other: Run) -> bool:
    return {n: c.shape[1:] for n, c in one.columns.items()} == {n: c.shape[1:] for n, c in other.columns.items()}


def _rows(columns: dict[str, NDArray[np.generic]], mask: Bools) -> dict[str, NDArray[np.generic]]:
    return {name: column[mask] for name, column in columns.items()}


def concatenate(one: Outcomes, other: Outcomes) -> Outcomes:
    """Both one after the other; both number versions alike."""
    if len(one) == 0:
        return other
    if len(other) == 0:
        return one
    scores = None if one.scores is None or other.scores is None else np.concatenate((one.scores, other.scores))
    return Outcomes(
        versions=max(one.versions, other.versions, key=len),
        version=np.concatenate((one.version, other.version)),
        time=np.concatenate((one.time, other.time)),
        prediction=np.concatenate((one.prediction, other.prediction)),
        score=np.concatenate((one.score, other.score)),
        actual=np.concatenate((one.actual, other.actual)),
        delay=np.concatenate((one.delay, other.delay)),
        slots=np.concatenate((one.slots, other.slots)),
        sign=np.concatenate((one.sign, other.sign)),
        scores=scores,
    )
