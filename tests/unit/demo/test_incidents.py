from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from demo import data, incidents
from demo.errors import DemoError
from demo.incidents import INCIDENTS, find, parse_schedule, parse_seconds
from demo.logs import Answered, replicas

ALERTS = Path(__file__).resolve().parents[3] / "prometheus" / "source" / "alerts"


def first_half(flights: pa.Table) -> np.ndarray:
    return np.arange(len(flights)) < len(flights) // 2


def answered(flights: pa.Table) -> Answered:
    n = len(flights)
    return Answered(flights, np.full(n, 0.25), np.full(n, 0.004), (None,) * n, ("v1",) * n)


def assert_same_but(column: str, before: pa.Table, after: pa.Table) -> None:
    assert before.drop_columns(column).equals(after.drop_columns(column))


def test_a_missing_feature_is_missing_while_it_lasts_and_only_then(january: pa.Table) -> None:
    rows = first_half(january)
    after = incidents.lose_departure_delay(january, rows)
    assert after["dep_delay"].filter(pa.array(rows)).null_count == rows.sum()
    assert after["dep_delay"].filter(pa.array(~rows)).equals(january["dep_delay"].filter(pa.array(~rows)))
    assert_same_but("dep_delay", january, after)


def test_a_unit_change_multiplies_by_kilometres_in_a_mile(january: pa.Table) -> None:
    rows = first_half(january)
    after = incidents.give_kilometres(january, rows)
    ratio = data.floats(after["distance"]) / data.floats(january["distance"])
    np.testing.assert_allclose(np.where(rows, 1.609344, 1.0), ratio, rtol=1e-3)
    assert_same_but("distance", january, after)


def test_new_categories_take_the_place_of_two_carriers(january: pa.Table) -> None:
    after = incidents.rename_carriers(january, np.ones(len(january), dtype=bool))
    known, now = set(january["carrier"].to_pylist()), set(after["carrier"].to_pylist())
    assert known - {"UA", "AA"} | {"UAL", "AAL"} == now
    assert_same_but("carrier", january, after)


def test_slow_answers_take_what_was_measured_and_more(january: pa.Table) -> None:
    rows = first_half(january)
    after = incidents.slow_down(answered(january), rows)
    assert (after.latency_seconds[~rows] == 0.004).all()
    assert after.latency_seconds[rows].min() > 0.3
    assert after.latency_seconds[rows].max() < 1.21


def test_one_request_in_five_fails_without_an_answer(january: pa.Table) -> None:
    rows = first_half(january)
    after = incidents.fail_some(answered(january), rows)
    failed = np.array([error is not None for error in after.error])
    np.testing.assert_array_equal(failed, np.isnan(after.value))
    assert failed[~rows].sum() == 0
    assert 0.15 < failed[rows].mean() < 0.25
    assert set(after.error) == {None, "ModelUnavailable", "FeatureStoreTimeout"}


def test_a_concept_flip_turns_every_outcome_of_one_carrier(january: pa.Table) -> None:
    after = incidents.flip_carrier(january, np.ones(len(january), dtype=bool))
    landed = january["minutes"].is_valid().to_numpy()
    mine = pc.equal(january["carrier"], "UA").to_numpy() & landed
    before_late, after_late = (data.floats(table["minutes"]) > data.LATE_MINUTES for table in (january, after))
    np.testing.assert_array_equal(before_late[mine], ~after_late[mine])
    np.testing.assert_array_equal(before_late[~mine], after_late[~mine])
    assert_same_but("minutes", january, after)


def test_a_crowded_origin_is_asked_for_four_times(january: pa.Table) -> None:
    rows = first_half(january)
    crowded = rows & pc.equal(january["origin"], incidents.CROWDED_ORIGIN).to_numpy()
    np.testing.assert_array_equal(incidents.crowd_one_origin(january, rows), np.where(crowded, 4, 1))


def test_a_strained_host_is_slow_alone(january: pa.Table) -> None:
    rows = first_half(january)
    mine = rows & (np.array(replicas(january["request_id"])) == incidents.STRAINED_HOST)
    assert 0.3 < mine.sum() / rows.sum() < 0.7
    for change in (incidents.slow_one_host, incidents.choke_one_host):
        after = change(answered(january), rows)
        assert (after.latency_seconds[~mine] == 0.004).all()
        assert after.latency_seconds[mine].min() > 0.3
        failed = np.array([error is not None for error in after.error])
        np.testing.assert_array_equal(failed, np.isnan(after.value))
        assert not failed[~mine].any()
    assert 0.04 < failed[mine].mean() < 0.16


def test_what_looks_drawn_is_the_same_each_time(january: pa.Table) -> None:
    one, two = (incidents.shares(january["request_id"], "salt") for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert abs(one.mean() - 0.5) < 0.05


def test_every_incident_does_something_and_has_a_name_of_its_own() -> None:
    assert len({each.name for each in INCIDENTS}) == len(INCIDENTS)
    for each in INCIDENTS:
        assert any((each.features, each.answers, each.truth, each.traffic, each.machine, each.fails_runs)) or (
            each.holds_labels or each.holds_predictions
        )
        assert each.models


def test_expected_alerts_exist() -> None:
    rules = "".join(path.read_text() for path in ALERTS.glob("*.yml"))
    named = {alert for each in INCIDENTS for alert in each.alerts}
    assert {alert for alert in named if f"alert: {alert}\n" not in rules} == set()


@pytest.mark.parametrize(
    ("text", "start", "length"),
    [
        ("errors@120s+60s", 120, 60),
        ("errors@2m+0.5m", 120, 30),
        ("errors@90", 90, 60),
        ("errors+1h", 120, 3600),
        ("errors", 120, 60),
    ],
)
def test_a_schedule_says_what_when_and_how_long(text: str, start: float, length: float) -> None:
    assert parse_schedule([text]) == ((find("errors"), start, length),)


@pytest.mark.parametrize("text", ["errors@", "errors@-5s", "errors 120s", "@120s", "errors@1d", "errors@1.2.3s"])
def test_what_is_no_schedule_is_told_with_an_example(text: str) -> None:
    with pytest.raises(DemoError, match=r"such as|as in errors@120s"):
        parse_schedule([text])


def test_an_unknown_incident_is_told_with_those_that_exist() -> None:
    with pytest.raises(DemoError, match="no incident is called 'eror'; there are: missing_feature, "):
        find("eror")


def test_the_default_incident_exists() -> None:
    assert len(parse_schedule([incidents.DEFAULT_INCIDENT])) == 1


def test_seconds() -> None:
    assert [parse_seconds(text) for text in ("90", "90s", "1.5m", "2h")] == [90, 90, 90, 7200]
