"""What the machine did, for the models that it serves, in their own time."""

import math
from dataclasses import replace

import pytest

from exporter.clock import ManualClock
from exporter.engine.machine import Machine
from exporter.engine.passage import Passage
from exporter.engine.plan import ModelPlan, Plan
from exporter.host.plan import HostPlan, ProcessGroup
from exporter.metrics.evaluation import Window

NOW = 1_000_000.0
HOST = HostPlan(name="10.0.0.5", trouble_window=60.0)
HOUR = Window("1h", 3600, int(NOW) - 3600, int(NOW))


def model(**changes) -> ModelPlan:
    return ModelPlan(name="m", task="binary", predictions=None, **changes)  # type: ignore[arg-type]


def seen(plan: Plan, start=NOW - 1800.0, waiting=0.9, seconds=600) -> tuple[Machine, ManualClock]:
    """The machine, which was starved for so long from `start` on, and not since."""
    clock = ManualClock(start - 120)
    machine, waited = Machine(plan, clock), 0.0
    while clock.now() <= NOW:
        machine.look(
            [
                ("ml_host_pressure_cpu_waiting_seconds_total", [((), waited)]),
                ("ml_gpu_utilization_ratio", [(("0", "u", "", ""), 0.5)]),
            ]
        )
        clock.advance(15.0)
        waited += 15 * waiting * (start < clock.now() <= start + seconds)
    return machine, clock


def facts(one: ModelPlan, host: HostPlan = HOST, window: Window = HOUR):
    plan = Plan((one,), None, host=host)  # type: ignore[arg-type]
    return seen(plan)[0].of(one).facts(window, NOW)


SERVER = ProcessGroup("server", "m", executable="server")


@pytest.mark.parametrize(
    ("one", "host", "replicas"),
    [
        (model(replicas={"a": "10.0.0.5", "b": "10.0.0.6", "c": "10.0.0.5"}), HOST, ("a", "c")),
        (model(replicas={"a": "10.0.0.6"}), HOST, None),
        (model(replicas={"a": "10.0.0.6"}), replace(HOST, processes=(SERVER,)), None),
        (model(), replace(HOST, processes=(SERVER,)), ()),
        (model(), replace(HOST, processes=(replace(SERVER, model="other"),)), None),
        (model(), HOST, None),
    ],
)
def test_which_models_it_serves(one, host, replicas) -> None:
    found = facts(one, host)
    assert (None if found is None else found.troubles[0].replicas) == replicas


def test_a_machine_that_serves_none_is_not_judged() -> None:
    machine, _ = seen(Plan((model(),), None, host=HOST))  # type: ignore[arg-type]
    assert not machine.serves_any
    machine.replace(Plan((served := model(replicas={"a": "10.0.0.5"}),), None, host=HOST))  # type: ignore[arg-type]
    assert machine.serves_any
    assert machine.of(served).facts(HOUR, NOW).troubles == ()


def test_trouble_is_told_of_the_windows_that_it_lasted_into() -> None:
    one = model(replicas={"a": "10.0.0.5"})
    (trouble,) = facts(one).troubles
    assert (trouble.reason, trouble.host) == ("cpu_starved", "10.0.0.5")
    assert trouble.since == pytest.approx(NOW - 1800, abs=15)
    assert trouble.until == pytest.approx(NOW - 1200, abs=15)
    assert facts(one, window=Window("1m", 60, int(NOW) - 60, int(NOW))).troubles == ()
    assert facts(one, window=Window("1m", 60, int(NOW) - 2400, int(NOW) - 1900)).troubles == ()


def test_use_is_of_all_machines_or_unknown() -> None:
    half = Window("30m", 1800, int(NOW) - 1800, int(NOW))
    assert facts(model(replicas={"a": "10.0.0.5"}), window=half).utilisation == pytest.approx(0.5)
    assert math.isnan(facts(model(replicas={"a": "10.0.0.5", "b": "10.0.0.6"}), window=half).utilisation)


def test_a_reload_forgets_a_machine_that_is_judged_in_another_way() -> None:
    one = model(replicas={"a": "10.0.0.5"})
    plan = Plan((one,), None, host=HOST)  # type: ignore[arg-type]
    machine, _ = seen(plan)
    machine.replace(replace(plan, cycle=30.0))
    assert machine.of(one).facts(HOUR, NOW).troubles
    machine.replace(replace(plan, host=replace(HOST, trouble_window=90.0)))
    assert machine.of(one).facts(HOUR, NOW).troubles == ()


def test_a_replay_lives_by_when_its_rows_were_read() -> None:
    """2013 passes at 60 times the speed; trouble between two readings is of the rows that were read meanwhile."""
    one = model(replicas={"a": "10.0.0.5"}, clock="watermark")
    plan = Plan((one,), None, host=HOST)  # type: ignore[arg-type]
    machine, _ = seen(plan)
    asked, end = machine.of(one), 0
    for wall in range(int(NOW) - 2400, int(NOW) + 1, 600):
        end += 36_000
        found = asked.facts(Window("1d", 86400, end - 86400, end), float(wall))
    (trouble,) = found.troubles
    assert (trouble.since, trouble.until) == (36_000 * 2, 36_000 * 3)
    assert math.isnan(found.utilisation)


def test_rows_read_before_the_first_look_are_of_before() -> None:
    passage = Passage()
    assert (passage.began(5.0), passage.ended(5.0)) == (None, None)
    for wall, mark in [(10.0, 100.0), (20.0, 200.0), (25.0, 200.0), (30.0, 300.0)]:
        passage.note(wall, mark)
    assert [passage.began(wall) for wall in (5.0, 10.0, 19.0, 27.0, 99.0)] == [100.0, 100.0, 100.0, 200.0, 300.0]
    assert [passage.ended(wall) for wall in (5.0, 10.0, 19.0, 27.0, 99.0)] == [100.0, 100.0, 200.0, 300.0, 300.0]
