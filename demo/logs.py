"""What the demo's logs look like: the columns of each model's predictions and labels.

Both models log the same flights in two different ways, as two teams would, so that the exporter is shown both.
"""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.data import FEATURES, LATE_MINUTES, NEW_YORK, Integers
from demo.model import Floats, ModelName

REPLICAS = ("host-a", "host-b")


@dataclass(frozen=True, slots=True)
class Answered:
    """Flights whose delay was asked for, and what came back.

    Attributes:
        flights: n rows of `demo.data`'s table; features as the model saw them.
        value: (n,) probability or minutes; NaN where the prediction failed.
        latency_seconds: (n,) measured, NaN where there is none.
        error: n classes of error, None where there is none.
        version: n versions of the model.
    """

    flights: pa.Table
    value: Floats
    latency_seconds: Floats
    error: tuple[str | None, ...]
    version: tuple[str, ...]

    def take(self, rows: Integers) -> "Answered":
        """These rows alone."""
        return Answered(
            self.flights.take(pa.array(rows)),
            self.value[rows],
            self.latency_seconds[rows],
            tuple(self.error[row] for row in rows),
            tuple(self.version[row] for row in rows),
        )


def replicas(request_ids: pa.ChunkedArray) -> list[str]:
    """The host that answers each request: always the same one for the same id."""
    return [REPLICAS[crc32(request_id.encode()) % len(REPLICAS)] for request_id in request_ids.to_pylist()]


def prediction_log(model: ModelName, answered: Answered, time: pa.Array) -> pa.Table:
    """The rows as `model` logs them; `time` as its log writes it."""
    flights = answered.flights
    failed = np.isnan(answered.value)
    features = {name: flights[name] for name in FEATURES}
    if model == "flight_delay":
        late = pa.array(np.nan_to_num(answered.value) > 0.5, mask=failed).cast(pa.int8())
        return pa.table(
            {
                "ts": time,
                "request_id": flights["request_id"],
                "model_version": answered.version,
                "host": replicas(flights["request_id"]),
                **features,
                "probability": pa.array(answered.value, mask=failed),
                "late": late,
                "latency_ms": nullable(answered.latency_seconds * 1000, 3),
                "error": pa.array(answered.error, pa.string()),
            }
        )
    return pa.table(
        {
            "asked_at": time,
            "flight": flights["request_id"],
            "version": answered.version,
            "server": replicas(flights["request_id"]),
            **features,
            "predicted_minutes": pa.array(answered.value, mask=failed),
            "seconds": nullable(answered.latency_seconds, 6),
            "error": pa.array(answered.error, pa.string()),
        }
    )


def label_log(model: ModelName, flights: pa.Table, time: pa.Array) -> pa.Table:
    """The truth of flights that landed as `model`'s label log has it; `time` as that log writes it."""
    if model == "flight_delay":
        late = pc.greater(flights["minutes"], LATE_MINUTES).cast(pa.int8())
        return pa.table({"request_id": flights["request_id"], "late": late, "landed_at": time})
    return pa.table({"flight": flights["request_id"], "minutes": flights["minutes"], "landed_at": time})


def reference_log(model: ModelName, answered: Answered) -> pa.Table:
    """Predictions and, in the same rows, the truth (`actual`) and when it was known (`landed_at`); times in UTC."""
    table = prediction_log(model, answered, answered.flights["time"])
    truth = answered.flights["minutes"]
    if model == "flight_delay":
        truth = pc.greater(truth, LATE_MINUTES).cast(pa.int8())
    return table.append_column("actual", truth).append_column("landed_at", answered.flights["landed"])


def naive_text(time: pa.ChunkedArray) -> pa.Array:
    """Such as 2013-04-01T06:15:00: New York's clocks, without saying so."""
    return pc.strftime(pc.local_timestamp(pc.cast(time, pa.timestamp("s", NEW_YORK))), "%Y-%m-%dT%H:%M:%S")


def offset_text(time: pa.ChunkedArray) -> pa.Array:
    """Such as 2013-04-01T06:15:00-0400."""
    return pc.strftime(pc.cast(time, pa.timestamp("s", NEW_YORK)), "%Y-%m-%dT%H:%M:%S%z")


def nullable(values: Floats, digits: int) -> pa.Array:
    """The rounded values, null where NaN."""
    return pa.array(np.round(values, digits), mask=np.isnan(values))
