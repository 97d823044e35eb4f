"""Which predictions are known, and which wait for their label: the join of labels that come days later.

Two kinds of sorted runs (see state/runs.py): predictions (*waiting*, *settled* once their wait is over) and *labels*.
Both only grow: a label is never written into a prediction's row, it gets a row of its own, and the newest row of an id
holds. Runs belong to a bucket of time and go as a whole when it is over; small runs of a bucket are merged, so that
each row is rewritten a logarithmic number of times.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exporter.engine.codings import Codings
from exporter.engine.rulings import rule
from exporter.engine.runs_of_before import Source, adapt_slots, make_joinable
from exporter.engine.versions import OTHER
from exporter.profile.bins import Floats
from exporter.profile.cells import NO_TIME, Bools
from exporter.profile.ids import Hashes
from exporter.profile.outcomes import Outcomes, concatenate
from exporter.profile.rows import LabelRows, Rows
from exporter.state.order import rising
from exporter.state.runs import Column, Run, find, put
from exporter.state.shelf import Shelf, nothing
from exporter.state.store import Store

Ints = NDArray[np.int64]

_UNMATCHED, _JOINED, _ASSUMED = 0, 1, 2
"""States of a label: no prediction yet, counted, assumed when the wait was over."""
_MICRO = 1_000_000
_MOST_VERSIONS = 65_000
"""Versions that rows can have by number, in 16 bits."""
_FREE = ""
"""Stands where the number of a version that was forgotten waits for the next one."""


@dataclass(frozen=True, slots=True)
class LedgerRules:
    """How labels live, in seconds.

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
        self._shelf = Shelf(store, ("waiting", "settled", "labels"))
        self.score_width = 0
        """Multiclass: columns of class scores that outcomes have; more come when a reference brings new classes."""
        if rules.wait is not None:
            make_joinable(self._shelf, dimensions)
        self._ordered: tuple[Hashes, NDArray[np.intp]] = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.intp)
        self.waiting = tallies.get("waiting", 0)
        self.unmatched = tallies.get("unmatched", 0)
        self.versions: list[str] = []
        self.codings = Codings([], 0)

    @property
    def tallies(self) -> dict[str, int]:
        return {"waiting": self.waiting, "unmatched": self.unmatched}

    def adapt_slots(self, sources: Sequence[Source]) -> None:
        """Makes slice slots those of other dimensions, see `runs_of_before.adapt_slots`."""
        adapt_slots(self._shelf, sources)

    # Predictions

    def known(self, ids: Hashes, has_id: Bools) -> Bools:
        """(n,) True where the id was seen before, in an earlier batch or earlier in this one."""
        seen = np.zeros(len(ids), dtype=np.bool_)
        rows = np.flatnonzero(has_id)
        if len(rows) == 0:
            return seen
        chosen = ids if len(rows) == len(ids) else ids[rows]
        order = rising(chosen)
        ordered = chosen.take(order)
        self._ordered = chosen, order
        found = np.append(False, ordered[1:] == ordered[:-1])
        suspects = np.flatnonzero(self._shelf.may_hold(ordered, "waiting", "settled"))
        if len(suspects):
            wanted = ordered[suspects]
            for run in self._shelf.runs("waiting", "settled"):
                found[suspects[find(run, wanted)[1]]] = True
        seen[rows[order]] = found
        return seen

    def _order(self, ids: Hashes) -> NDArray[np.intp]:
        """Rows by rising id: most often those that `known` has ordered already."""
        same, order = self._ordered
        return order if np.array_equal(ids, same) else rising(ids)

    def add_predictions(self, rows: Rows, slots: Ints) -> Outcomes:
        """Remembers predictions (of ids not known before) and joins the labels that were there first."""
        if rows.ids is None or rows.has_id is None:
            return self._none()
        chosen = slice(None) if rows.has_id.all() else np.flatnonzero(rows.has_id)
        columns: dict[str, NDArray[np.generic]] = {"time": rows.time[chosen]}
        if self._rules.wait is not None:
            columns |= self._prediction_columns(rows, slots, chosen)
        bucket = rows.time[chosen] // (self._rules.bucket * _MICRO)
        ids = rows.ids[chosen]
        numbers = _different(bucket)
        for number in numbers:
            if len(numbers) == 1:
                self._shelf.append("waiting", number, ids, columns, self._order(ids))
            else:
                part = bucket == number
                self._shelf.append("waiting", number, ids[part], _rows(columns, part))
        if self._rules.wait is None:
            return self._none()
        failed = np.isnan(rows.prediction[chosen]) & np.isnan(rows.score[chosen])
        self.waiting += int((~failed).sum())
        if self.unmatched == 0:
            return self._none()
        return self._join_early_labels(ids, columns)

    def _prediction_columns(
        self, rows: Rows, slots: Ints, chosen: NDArray[np.intp] | slice
    ) -> dict[str, NDArray[np.generic]]:
        codes = rows.version.codes[chosen]
        table = np.zeros(len(rows.version.names), dtype=np.uint16)
        for code in _different(codes):
            table[code] = self._version(rows.version.names[code])
        # What is the same in all rows is kept as one.
        version = np.broadcast_to(table, len(codes)) if len(table) == 1 else table[codes]
        weight = np.broadcast_to(np.ones(1), len(codes)) if rows.weight is None else rows.weight[chosen]
        columns: dict[str, NDArray[np.generic]] = {
            "version": version,
            "prediction": rows.prediction[chosen],
            "score": rows.score[chosen],
            "slots": slots[chosen].astype(np.int16),
            "weight": weight,
        }
        if rows.scores is not None:
            columns["scores"] = rows.scores[chosen]
        coded = rows.coded if rows.coded is None or isinstance(chosen, slice) else rows.coded.take(chosen)
        return columns | self.codings.columns(coded)

    def _version(self, name: str) -> int:
        if name not in self.versions and _FREE in self.versions:
            self.versions[self.versions.index(_FREE)] = name
        if name not in self.versions:
            name = name if len(self.versions) < _MOST_VERSIONS else OTHER
            if name not in self.versions:
                self.versions.append(name)
        return self.versions.index(name)

    def forget_versions(self, known: Collection[str]) -> None:
        """Frees the numbers of versions that are not `known` any more, where no row has them."""
        held: set[int] = set()
        codings: set[int] = set()
        for run in self._shelf.runs("waiting", "settled"):
            for name, numbers in (("version", held), ("coding", codings)):
                if name in run.names:
                    numbers.update(np.unique(run.columns[name]).tolist())
        self.codings.forget(codings)
        self.versions = [name if name in known or code in held else _FREE for code, name in enumerate(self.versions)]

    def _join_early_labels(self, ids: Hashes, columns: dict[str, NDArray[np.generic]]) -> Outcomes:
        found, label = self._labels_of(ids)
        early = found & (label["state"] == _UNMATCHED)
        if not early.any():
            return self._none()
        values, times = label["value"][early], label["time"][early]
        self._append_labels(ids[early], values, times, _JOINED, label["bucket"][early])
        self.unmatched -= int(early.sum())
        outcomes = self._outcomes(_rows(columns, early), values, times)
        self.waiting -= len(outcomes)
        return outcomes

    # Labels

    def add_labels(self, labels: LabelRows, now: float) -> Joined:
        """Joins labels with their predictions; those without one wait. As if each label had come alone."""
        rulings = rule(labels.ids, labels.value, self._rules.conflict, self._held)
        ids = labels.ids[rulings.last]
        first, last = ((labels.value[rows], labels.time[rows]) for rows in (rulings.first, rulings.last))
        had, old = self._labels_of(ids)
        found, prediction = self._predictions_of(ids)
        # All rows of one id stay in one bucket: merging a bucket then never makes an old row newer than another's.
        bucket = np.where(had, old["bucket"].astype(np.int64), int(now // self._rules.bucket))
        state = np.where(found, _JOINED, _UNMATCHED).astype(np.uint8)
        self._append_labels(ids, *last, state, bucket)
        waited = had & (old["state"] == _UNMATCHED)
        self.unmatched += int((~found).sum()) - int(waited.sum())
        fresh = found & (~had | waited)
        outcomes = self._outcomes(_rows(prediction, fresh), first[0][fresh], first[1][fresh])
        self.waiting -= len(outcomes)
        # What was counted before this label, in this batch or earlier, is taken back.
        counted = [
            np.where(fresh, mine, theirs) for mine, theirs in zip(first, (old["value"], old["time"]), strict=True)
        ]
        corrected = found & ~(fresh & (rulings.first == rulings.last))
        undone, redone = (
            self._outcomes(_rows(prediction, corrected), value[corrected], time[corrected], sign)
            for (value, time), sign in ((counted, -1.0), (last, 1.0))
        )
        return Joined(outcomes, concatenate(undone, redone), rulings.duplicates, rulings.conflicts)

    def _held(self, ids: Hashes) -> Floats:
        """(n,) label of each id that a later one is measured by; NaN: none, or only an assumed one."""
        had, label = self._labels_of(ids)
        held: Floats = np.where(had & (label["state"] != _ASSUMED), label["value"], np.nan)
        return held

    # The end of waiting

    def expire(self, now: float) -> tuple[Outcomes, int, int]:
        """Ends waits and forgets: outcomes of assumed labels, predictions left unlabelled, labels left orphans."""
        rules = self._rules
        assumed, unlabelled, orphans = self._none(), 0, 0
        for run in self._shelf.runs("waiting"):
            if now >= (run.bucket + 1) * rules.bucket + (rules.wait or 0):
                outcomes, left = self._settle(run)
                assumed, unlabelled = concatenate(assumed, outcomes), unlabelled + left
        for run in self._shelf.runs("labels"):
            if now >= (run.bucket + 2) * rules.bucket + rules.keep:
                orphans += self._orphans(run)
                self._shelf.drop("labels", run)
        self.unmatched -= orphans
        for run in self._shelf.runs("settled"):
            if now >= (run.bucket + 1) * rules.bucket + rules.keep:
                self._shelf.drop("settled", run)
        return assumed, unlabelled, orphans

    def _settle(self, run: Run) -> tuple[Outcomes, int]:
        self._shelf.move(run, "waiting", "settled")
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
        return self._outcomes(_rows(run.columns, left), value, time), 0

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
        for run, place, rows in self._hits(ids, "labels", newest_first=True):
            for name in ("value", "time", "state"):
                label[name][rows] = run.columns[name].take(place)
            label["bucket"][rows] = run.bucket
            found[rows] = True
        return found, label

    def _predictions_of(self, ids: Hashes) -> tuple[Bools, dict[str, NDArray[np.generic]]]:
        found = np.zeros(len(ids), dtype=np.bool_)
        columns: dict[str, NDArray[np.generic]] = {}
        for run, place, rows in self._hits(ids, "waiting", "settled"):
            for name, stored in run.columns.items():
                column = {"scores": self._as_wide, "codes": self.codings.as_wide}.get(name, np.asarray)(stored)
                if name not in columns:
                    columns |= nothing({name: column}, len(ids))
                put(columns[name], rows, column.take(place, axis=0))
            found[rows] = True
        return found, columns

    def _hits(
        self, ids: Hashes, *kinds: str, newest_first: bool = False
    ) -> Iterator[tuple[Run, NDArray[np.intp], NDArray[np.intp]]]:
        """Runs that hold some of the ids: the run, places in it, and which of the ids stand there; each id once."""
        left = np.flatnonzero(self._shelf.may_hold(ids, *kinds))
        if len(left) == 0:
            return
        wanted = ids[left]
        if (wanted[1:] < wanted[:-1]).any():
            # Searched for in their order they are found several times as fast.
            order = rising(wanted)
            left, wanted = left[order], wanted[order]
        runs = self._shelf.runs(*kinds)
        for run in sorted(runs, key=lambda run: -run.number) if newest_first else runs:
            place, here = find(run, wanted)
            if here.any():
                yield run, place[here], left[here]
                left, wanted = left[~here], wanted[~here]

    def _as_wide(self, scores: Column) -> Column:
        """Class scores with a column for each class that is known by now; NaN where there was none."""
        missing = max(0, self.score_width - scores.shape[1])
        return np.pad(scores, ((0, 0), (0, missing)), constant_values=np.nan) if missing else scores

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
        delay = np.where(known, (np.where(known, np.maximum(time, made), made) - made) / _MICRO, np.nan)
        outcomes = Outcomes(
            versions=tuple(self.versions),
            version=prediction["version"].astype(np.int64),
            time=made,
            prediction=predicted,
            score=score,
            actual=value,
            delay=delay,
            slots=prediction["slots"].astype(np.int64),
            sign=prediction["weight"].astype(np.float64) * sign,
            scores=self._as_wide(prediction["scores"]).astype(np.float64) if "scores" in prediction else None,
            coded=self.codings.coded(prediction),
        )
        return outcomes if good.all() else outcomes.take(good)

    def _none(self) -> Outcomes:
        none = np.empty(0)
        whole = np.empty(0, dtype=np.int64)
        slots = np.empty((0, self._dimensions), dtype=np.int64)
        return Outcomes(tuple(self.versions), whole, whole, none, none, none, none, slots, none)

    # Runs

    def _append_labels(
        self, ids: Hashes, value: Floats, time: Ints, state: int | NDArray[np.uint8], bucket: Ints
    ) -> None:
        states = np.broadcast_to(np.asarray(state, dtype=np.uint8), (len(ids),))
        for number in _different(bucket):
            part = bucket == number
            columns: dict[str, NDArray[np.generic]] = {"value": value[part], "time": time[part], "state": states[part]}
            self._shelf.append("labels", number, ids[part], columns)

    def flush(self, store: Store) -> None:
        """Writes what changed since the last flush; inside a transaction."""
        self._shelf.flush(store)


def _rows(columns: dict[str, NDArray[np.generic]], mask: Bools) -> dict[str, NDArray[np.generic]]:
    if mask.all():
        return columns
    rows = np.flatnonzero(mask)
    return {name: column.take(rows, axis=0) for name, column in columns.items()}


def _different(numbers: Ints) -> list[int]:
    """The numbers there are, rising; most often there is one."""
    if len(numbers) and numbers.min() == numbers.max():
        return [int(numbers[0])]
    return [int(number) for number in np.unique(numbers)]
