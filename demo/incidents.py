"""What can go wrong in the demo: named incidents, what each does to the flights, and how it should be told."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from demo.data import Integers
from demo.errors import DemoError
from demo.logs import REPLICAS, Answered, replicas
from demo.machine import MIB, Strain
from demo.model import MODELS, ModelName

Mask = NDArray[np.bool_]
FeatureChange = Callable[[pa.Table, Mask], pa.Table]
AnswerChange = Callable[[Answered, Mask], Answered]
TruthChange = Callable[[pa.Table, Mask], pa.Table]
TrafficChange = Callable[[pa.Table, Mask], Integers]

FLIPPED_CARRIER = "UA"
CROWDED_ORIGIN = "LGA"
STRAINED_HOST = REPLICAS[0]
"""The replica that runs on the simulated machine."""
RENAMED_CARRIERS = {"UA": "UAL", "AA": "AAL"}
KILOMETRES_PER_MILE = 1.609344
DEFAULT_START_SECONDS = 120.0
DEFAULT_INCIDENT = "missing_feature@120s+60s"
"""What `make demo` shows: the departure delay goes missing, the models answer on, and answer badly."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that goes wrong. Its changes apply to flights that depart while it lasts.

    Attributes:
        what: one sentence for a person.
        models: whose logs it touches.
        seconds: how long it lasts unless told otherwise, in seconds of the demo.
        alerts: names of the alerts that should tell it, the surest first.
        features: changes what the models see; the models are really asked with it.
        answers: changes what came back.
        truth: changes how the flights arrive.
        traffic: (n,) how often each of n flights is asked for, once by itself.
        machine: what goes wrong with host-a while it lasts.
        fails_runs: runs of the batch job fail: what they should have published comes with the next good one.
        holds_predictions, holds_labels: nothing is written while it lasts; all of it is afterwards.
    """

    name: str
    what: str
    alerts: tuple[str, ...]
    models: tuple[ModelName, ...] = MODELS
    seconds: float = 60.0
    features: FeatureChange | None = None
    answers: AnswerChange | None = None
    truth: TruthChange | None = None
    traffic: TrafficChange | None = None
    machine: Strain | None = None
    fails_runs: bool = False
    holds_predictions: bool = False
    holds_labels: bool = False


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An incident at its place in event time: [start, end) in Unix seconds; end is inf until it is stopped."""

    incident: Incident
    start: float
    end: float

    def mask(self, time: NDArray[np.int64]) -> Mask:
        """(n,) which of these event times lie within."""
        inside: Mask = (time >= self.start) & (time < self.end)
        return inside


def lose_departure_delay(flights: pa.Table, rows: Mask) -> pa.Table:
    """`dep_delay` is missing in these rows."""
    return put(flights, "dep_delay", rows, pa.nulls(len(flights), pa.float64()))


def give_kilometres(flights: pa.Table, rows: Mask) -> pa.Table:
    """`distance` is in kilometres in these rows."""
    flights = flights.set_column(
        flights.schema.get_field_index("distance"), "distance", flights["distance"].cast("float64")
    )
    return put(flights, "distance", rows, pc.round(pc.multiply(flights["distance"], KILOMETRES_PER_MILE), 1))


def rename_carriers(flights: pa.Table, rows: Mask) -> pa.Table:
    """`carrier` of two airlines is written as ICAO does, UAL for UA, in these rows."""
    renamed = [RENAMED_CARRIERS.get(carrier, carrier) for carrier in flights["carrier"].to_pylist()]
    return put(flights, "carrier", rows, pa.array(renamed, pa.string()))


def slow_down(answered: Answered, rows: Mask) -> Answered:
    """Each of these answers took 0.3 to 1.2 s more than was measured, as behind a saturated server."""
    wait = 0.3 + 0.9 * shares(answered.flights["request_id"], "slow")
    return replace(answered, latency_seconds=answered.latency_seconds + np.where(rows, wait, 0.0))


def fail_some(answered: Answered, rows: Mask) -> Answered:
    """One in five of these requests failed: no answer, and the class of its error."""
    share = shares(answered.flights["request_id"], "fail")
    kinds = np.where(share < 0.12, "ModelUnavailable", "FeatureStoreTimeout")
    failed = rows & (share < 0.2)
    errors = tuple(
        str(kind) if fails else error for kind, fails, error in zip(kinds, failed, answered.error, strict=True)
    )
    return replace(answered, value=np.where(failed, np.nan, answered.value), error=errors)


def flip_carrier(flights: pa.Table, rows: Mask) -> pa.Table:
    """Late and punctual change places for one carrier: its arrival delays are mirrored between 15 and 16 minutes."""
    mine = rows & np.asarray(pc.fill_null(pc.equal(flights["carrier"], FLIPPED_CARRIER), False))
    return put(flights, "minutes", mine, pc.subtract(31.0, flights["minutes"]))


def slow_one_host(answered: Answered, rows: Mask) -> Answered:
    """The answers of the strained host alone take 0.3 to 1.2 s more."""
    return slow_down(answered, rows & _on_strained_host(answered))


def choke_one_host(answered: Answered, rows: Mask) -> Answered:
    """The answers of the strained host are slow, and one in ten of its requests does not get its features in time."""
    late = rows & _on_strained_host(answered)
    answered = slow_down(answered, late)
    failed = late & (shares(answered.flights["request_id"], "choke") < 0.1)
    errors = tuple(
        "FeatureStoreTimeout" if fails else error for fails, error in zip(failed, answered.error, strict=True)
    )
    return replace(answered, value=np.where(failed, np.nan, answered.value), error=errors)


def _on_strained_host(answered: Answered) -> Mask:
    return np.array([host == STRAINED_HOST for host in replicas(answered.flights["request_id"])], dtype=bool)


def crowd_one_origin(flights: pa.Table, rows: Mask) -> Integers:
    """Flights of one origin are asked for four times in these rows."""
    mine = rows & np.asarray(pc.fill_null(pc.equal(flights["origin"], CROWDED_ORIGIN), False))
    return np.where(mine, 4, 1)


def put(flights: pa.Table, column: str, rows: Mask, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The table with `values` in these rows of a column."""
    place = flights.schema.get_field_index(column)
    return flights.set_column(place, column, pc.if_else(pa.array(rows), values, flights[column]))


def shares(request_ids: pa.ChunkedArray, salt: str) -> NDArray[np.float64]:
    """(n,) a number from 0 to 1 for each request, as if drawn, yet always the same for the same request."""
    return np.array([crc32(f"{salt}:{request_id}".encode()) / 2**32 for request_id in request_ids.to_pylist()])


INCIDENTS: tuple[Incident, ...] = (
    Incident(
        name="missing_feature",
        what="the departure delay no longer reaches the models; they answer without it",
        alerts=("MLPerformanceDegraded", "MLFeatureQuality"),
        features=lose_departure_delay,
    ),
    Incident(
        name="unit_change",
        what="an upstream sends distances in kilometres instead of miles",
        alerts=("MLFeatureQuality",),
        features=give_kilometres,
    ),
    Incident(
        name="new_category",
        what="an upstream writes UAL and AAL for the carriers UA and AA",
        alerts=("MLFeatureQuality",),
        features=rename_carriers,
    ),
    Incident(
        name="slow_responses",
        what="each answer of flight_delay takes 0.3 to 1.2 s longer",
        alerts=("MLLatencySLOBurn",),
        models=("flight_delay",),
        answers=slow_down,
    ),
    Incident(
        name="errors",
        what="one in five requests to flight_delay fails",
        alerts=("MLAvailabilitySLOBurn", "MLLatencySLOBurn"),
        models=("flight_delay",),
        answers=fail_some,
    ),
    Incident(
        name="stale_source",
        what="the log shipper of flight_delay hangs: no predictions arrive, then all of them at once",
        alerts=("MLPredictionsStale",),
        models=("flight_delay",),
        holds_predictions=True,
    ),
    Incident(
        name="labels_stop",
        what="arrivals are no longer reported to arrival_delay, then all of them at once",
        alerts=("MLLabelsMissing",),
        models=("arrival_delay",),
        holds_labels=True,
    ),
    Incident(
        name="concept_flip",
        what=f"late and punctual change places for carrier {FLIPPED_CARRIER}, though no feature tells",
        alerts=("MLPerformanceDegraded",),
        truth=flip_carrier,
    ),
    Incident(
        name="traffic_burst",
        what=f"somebody asks for each flight from {CROWDED_ORIGIN} four times",
        alerts=("MLSliceTraffic",),
        traffic=crowd_one_origin,
    ),
    Incident(
        name="failed_batch",
        what="the job that writes arrival_delay's predictions fails at each run; the next good one writes them all",
        alerts=("MLBatchRunFailed", "MLBatchRunMissed", "MLPredictionsStale"),
        models=("arrival_delay",),
        fails_runs=True,
    ),
    Incident(
        name="cpu_starvation",
        what=f"a job beside the models on {STRAINED_HOST} wants all its processors: answers from there are slow",
        alerts=("MLHostCPUStarved", "MLLatencySLOBurn"),
        answers=slow_one_host,
        machine=Strain(cores=12),
    ),
    Incident(
        name="memory_leak",
        what=f"the server of flight_delay on {STRAINED_HOST} takes memory and keeps it, until the kernel ends it",
        alerts=("MLProcessMemoryLeak", "MLHostOutOfMemory"),
        models=("flight_delay",),
        seconds=100.0,
        machine=Strain(leak=55 * MIB),
    ),
    Incident(
        name="slow_disk",
        what=f"the disk of {STRAINED_HOST} is worn out: features come late or not at all",
        alerts=("MLHostDiskSlow", "MLAvailabilitySLOBurn"),
        answers=choke_one_host,
        machine=Strain(disk=0.95),
    ),
)


def find(name: str) -> Incident:
    """The incident of this name.

    Raises:
        DemoError: there is none.
    """
    for incident in INCIDENTS:
        if incident.name == name:
            return incident
    raise DemoError(f"no incident is called {name!r}; there are: {', '.join(each.name for each in INCIDENTS)}")


SCHEDULE = re.compile(r"(?P<name>\w+)(?:@(?P<start>[\d.]+[smh]?))?(?:\+(?P<length>[\d.]+[smh]?))?")


def parse_schedule(texts: Iterable[str]) -> tuple[tuple[Incident, float, float], ...]:
    """(incident, start, length) of texts such as `errors@120s+60s`, `errors@2m` or `errors`; seconds of the demo.

    Raises:
        DemoError: a text that is not one, or an incident that does not exist.
    """
    planned = []
    for text in texts:
        match = SCHEDULE.fullmatch(text.strip())
        if match is None:
            raise DemoError(
                f"{text!r} is no incident's schedule; write NAME, NAME@START or NAME@START+LENGTH as in errors@120s+60s"
            )
        incident = find(match["name"])
        start = parse_seconds(match["start"]) if match["start"] else DEFAULT_START_SECONDS
        length = parse_seconds(match["length"]) if match["length"] else incident.seconds
        planned.append((incident, start, length))
    return tuple(planned)


def parse_seconds(text: str) -> float:
    """Seconds of `90`, `90s`, `1.5m` or `2h`.

    Raises:
        DemoError: it is none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        raise DemoError(f"{text!r} is no duration; write such as 90s, 2m or 1h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
