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
        self.hosts = logs.replicas(flights["request_id"])
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
            self._predict(now, mine)
        if not any(incident.holds_labels for incident in active):
            self._label(now, mine)

    def answer(self, rows: slice, occurrences: Sequence[Occurrence]) -> Answered:
        """The answers for these flights, as one request to each version, with its measured latency.

        Measured is the processor's time: what a busy laptop makes the model wait for is not the model's.
        """
        flights = self.flights.slice(rows.start, rows.stop - rows.start)
        times = self.times[rows]
        for each in occurrences:
            if each.incident.features and (mask := each.mask(times)).any():
                flights = each.incident.features(flights, mask)
        versions = np.array(
            [version_of(self.name, int(at), host) for at, host in zip(times, self.hosts[rows], strict=True)],
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

    def _predict(self, now: float, occurrences: Sequence[Occurrence]) -> None:
        last = int(np.searchsorted(self.times, now, side="right"))
        rows = slice(self.due, last)
        if last > self.due:
            self._write_predictions(self.answer(rows, occurrences), self.times[rows], now)
            self.predictions += last - self.due
            self.due = last
        else:
            self._write_predictions(None, self.times[rows], now)

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
        table = logs.label_log(self.name, flights, logs.offset_text(flights["landed"]))
        self.label_log.write(table, self.landing_times[self.landing : last])
        self.labels += len(chosen)
        self.landing = last

    def _prediction_writer(self, folder: Path) -> Callable[[Answered | None, Integers, float], None]:
        if self.name == "flight_delay":
            lines = LineLog(folder, "predictions", "jsonl")

            def write_lines(answered: Answered | None, times: Integers, _now: float) -> None:
                if answered is not None:
                    stamp = logs.naive_text(answered.flights["time"])
                    lines.write(logs.prediction_log(self.name, answered, stamp), times)

            return write_lines
        files = ParquetLog(folder, "predictions", PARQUET_SECONDS)

        def write_files(answered: Answered | None, times: Integers, now: float) -> None:
            if answered is None:
                files.write(pa.table({}), times, now)
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
                )

        return write_files
