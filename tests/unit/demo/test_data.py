from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from demo import data
from demo.errors import DemoError


def find(flights: pa.Table, request_id: str) -> dict[str, object]:
    rows = flights.filter(pc.equal(flights["request_id"], request_id)).to_pylist()
    assert len(rows) == 1
    row: dict[str, object] = rows[0]
    return row


def test_a_known_flight_is_joined_with_its_weather(flights: pa.Table) -> None:
    """UA1545 left Newark at 5:17 (two minutes late) and landed in Houston at 8:30 local time, eleven minutes late."""
    row = find(flights, "20130101-EWR-UA1545")
    assert row["time"] == datetime(2013, 1, 1, 10, 17, tzinfo=UTC)
    assert row["landed"] == datetime(2013, 1, 1, 14, 30, tzinfo=UTC)
    assert {name: row[name] for name in ("minutes", "dep_delay", "scheduled_minutes", "hour")} == {
        "minutes": 11,
        "dep_delay": 2,
        "scheduled_minutes": 244,
        "hour": 5,
    }
    assert {name: row[name] for name in ("carrier", "origin", "dest", "weekday", "distance")} == {
        "carrier": "UA",
        "origin": "EWR",
        "dest": "IAH",
        "weekday": "Tue",
        "distance": 1400,
    }
    assert {name: row[name] for name in ("temp", "pressure", "visib", "wind_gust")} == {
        "temp": 39.02,
        "pressure": 1011.9,
        "visib": 10.0,
        "wind_gust": None,
    }


def test_a_cancelled_flight_is_asked_for_at_its_scheduled_time_and_never_lands(flights: pa.Table) -> None:
    row = find(flights, "20130101-EWR-EV4308")
    assert row["time"] == datetime(2013, 1, 1, 21, 30, tzinfo=UTC)
    assert (row["dep_delay"], row["landed"], row["minutes"]) == (None, None, None)


def test_an_airport_without_a_zone_of_its_own_is_on_atlantic_time(flights: pa.Table) -> None:
    """San Juan is four hours away, also in January, when its clocks are an hour ahead."""
    minutes = data.integers(flights.filter(pc.equal(flights["dest"], "SJU"))["scheduled_minutes"])
    assert minutes.min() > 200
    assert minutes.max() < 270


def test_landings_are_at_the_clock_time_that_the_records_say(flights: pa.Table, raw_flights: pa.Table) -> None:
    """Computed from schedule and delay, yet equal to `arr_time`, which is another column: local time at the destination."""
    recorded = dict(zip(data.request_ids(raw_flights).to_pylist(), raw_flights["arr_time"].to_pylist(), strict=True))
    landed = flights.filter(flights["landed"].is_valid())
    zones = data.airport_zones()
    at = data.seconds(landed["landed"])
    names = np.array([zones[code] for code in landed["dest"].to_pylist()])
    local = np.empty(len(at), dtype=np.int64)
    for zone in np.unique(names):
        local[names == zone] = at[names == zone] + data.utc_offset(at[names == zone], str(zone))
    minute = local // 60 % 1440
    clock = minute // 60 * 100 + minute % 60
    expected = np.array([recorded[request_id] % 2400 for request_id in landed["request_id"].to_pylist()])
    np.testing.assert_array_equal(expected, clock)


def test_flights_are_in_the_order_of_their_event_time(flights: pa.Table) -> None:
    assert (np.diff(data.seconds(flights["time"])) >= 0).all()


def test_days_cut_the_table_at_new_yorks_midnight(flights: pa.Table) -> None:
    cut = data.days(flights)
    assert [day.date for day in cut] == ["2013-01-01", "2013-01-02", "2013-01-03", "2013-07-10", "2013-07-11"]
    assert [day.first for day in cut[1:]] == [day.last for day in cut[:-1]]
    first = flights.slice(cut[1].first, 1)["time"][0].as_py()
    assert first >= datetime(2013, 1, 2, 5, tzinfo=UTC)


def test_between_holds_both_its_days(january: pa.Table) -> None:
    assert [day.date for day in data.days(january)] == ["2013-01-01", "2013-01-02"]


def test_between_of_days_without_flights_is_empty(flights: pa.Table) -> None:
    assert len(data.between(flights, "2012-01-01", "2012-01-02")) == 0


def test_missing_data_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "find_spec", lambda _name: None)
    with pytest.raises(DemoError, match="pip install"):
        data.data_folder()
