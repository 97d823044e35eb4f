"""One model's flights as they come due: asked, answered, logged, and later their truth."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo import logs
from demo.data import NEW_YORK, Integers, seconds
from demo.incidents import Occurrence
from demo.logs import Answered
from demo.model import Model, ModelName
from demo.rollout import version_of
from demo.writers import LineLog, ParquetLog

PARQUET_SECONDS = 3 * 3600
"""arrival_delay's predictions come as a Parquet file for each three hours."""


class Stream:
    """Replays the flights for one model.

    Attributes:
        predictions, labels: how many rows were written.
    """

    def __init__(self, name: ModelName, versions: dict[str, Model], flights: pa.Table, folder: Path) -> None:
        self.name = name
        self.versions = versions
        self.flights = flights
        self.times = seconds(flights["time"])
        landed = flights["landed"].is_valid().to_numpy(zero_copy_only=False)
        landings = seconds(flights["landed"])
        order = np.argsort(landings, kind="stable")
        self.landing_order: Integers = order[landed[order]]
        self.landing_times = landings[self.landing_order]
        self.predictions = 0
        self.labels = 0
        self.due = 0  # first flight not yet asked
        self.landing = 0  # first landing not yet reported
        self._write_predictions = self._prediction_writer(folder / name)
        self.label_log = LineLog(folder / name, "labels", "jsonl" if name == "flight_delay" else "csv")

    @property
    def finished(self) -> bool:
        return self.due == len(self.times) and self.landing == len(self.landing_times)

    def advance(self, now: float, occurrences: Sequence[Occurrence]) -> None:
        """All flights that departed, and all that landed, until event time `now` are in the logs."""
        mine = [each for each in occurrences if self.name in each.incident.models]
        active = [each.incident for each in mine if each.start <= now < each.end]
        if not any(incident.holds_predictions for incident in active):
            self._predict(now, mine, fails=any(incident.fails_runs for incident in active))
        if not any(incident.holds_labels for incident in active):
            self._label(now, mine)

    def answer(self, flights: pa.Table, times: Integers, occurrences: Sequence[Occurrence]) -> Answered:
        """The answers for these flights, as one request to each version, with its measured latency.

        Measured is the processor's time: what a busy laptop makes the model wait for is not the model's.
        """
        for each in occurrences:
            if each.incident.features and (mask := each.mask(times)).any():
                flights = each.incident.features(flights, mask)
        hosts = logs.replicas(flights["request_id"])
        versions = np.array(
            [version_of(self.name, int(at), host) for at, host in zip(times, hosts, strict=True)],
            dtype=object,
        )
        value = np.empty(len(flights))
        latency = np.empty(len(flights))
        for version in sorted(set(versions.tolist())):
            asked = versions == version
            features = flights.filter(pa.array(asked))
            started = time.thread_time()
            value[asked] = self.versions[version].answer(features)
            latency[asked] = time.thread_time() - started
        answered = Answered(flights, value, latency, (None,) * len(flights), tuple(versions))
        for each in occurrences:
            if each.incident.answers and (mask := each.mask(times)).any():
                answered = each.incident.answers(answered, mask)
        return answered

    def _predict(self, now: float, occurrences: Sequence[Occurrence], *, fails: bool) -> None:
        last = int(np.searchsorted(self.times, now, side="right"))
        flights, times = self.flights.slice(self.due, last - self.due), self.times[self.due : last]
        if last > self.due:
            flights, times = _asked(flights, times, times, occurrences)
            self._write_predictions(self.answer(flights, times, occurrences), times, now, fails)
            self.predictions += len(times)
            self.due = last
        else:
            self._write_predictions(None, times, now, fails)

    def _label(self, now: float, occurrences: Sequence[Occurrence]) -> None:
        last = int(np.searchsorted(self.landing_times, now, side="right"))
        chosen = self.landing_order[self.landing : last]
        # The truth of a flight whose prediction still waits in a hanging shipper is reported all the same.
        if len(chosen) == 0:
            return
        flights = self.flights.take(pa.array(chosen))
        for each in occurrences:
            if each.incident.truth and (mask := each.mask(self.times[chosen])).any():
                flights = each.incident.truth(flights, mask)
        flights, landings = _asked(flights, self.times[chosen], self.landing_times[self.landing : last], occurrences)
        table = logs.label_log(self.name, flights, logs.offset_text(flights["landed"]))
        self.label_log.write(table, landings)
        self.labels += len(landings)
        self.landing = last

    def _prediction_writer(self, folder: Path) -> Callable[[Answered | None, Integers, float, bool], None]:
        if self.name == "flight_delay":
            lines = LineLog(folder, "predictions", "jsonl")

            def write_lines(answered: Answered | None, times: Integers, _now: float, _fails: bool) -> None:
                if answered is not None:
                    stamp = logs.naive_text(answered.flights["time"])
                    lines.write(logs.prediction_log(self.name, answered, stamp), times)

            return write_lines
        files = ParquetLog(folder, "predictions", PARQUET_SECONDS)

        def write_files(answered: Answered | None, times: Integers, now: float, fails: bool) -> None:
            if answered is None:
                files.write(pa.table({}), times, now, fails=fails)
            else:
                stamp = pc.cast(answered.flights["time"], pa.timestamp("us", NEW_YORK))
                rows = logs.prediction_log(self.name, answered, stamp)
                # One file's rows have one type, whatever an incident did to a column.
                files.write(
                    rows.set_column(
                        rows.schema.get_field_index("distance"), "distance", rows["distance"].cast("float64")
                    ),
                    times,
                    now,
                    fails=fails,
                )

        return write_files


def _asked(
    flights: pa.Table, departures: Integers, times: Integers, occurrences: Sequence[Occurrence]
) -> tuple[pa.Table, Integers]:
    """The flights and their `times`; those that incidents have asked for repeatedly so often, each under its own id."""
    repeats = np.ones(len(flights), dtype=np.int64)
    for each in occurrences:
        if each.incident.traffic and (mask := each.mask(departures)).any():
            repeats *= each.incident.traffic(flights, mask)
    if (repeats == 1).all():
        return flights, times
    rows = np.repeat(np.arange(len(flights)), repeats)
    number = np.arange(len(rows)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    flights = flights.take(pa.array(rows))
    ids = [
        f"{one}+{again}" if again else one for one, again in zip(flights["request_id"].to_pylist(), number, strict=True)
    ]
    place = flights.schema.get_field_index("request_id")
    return flights.set_column(place, "request_id", pa.array(ids, flights.schema.field(place).type)), times[rows]
