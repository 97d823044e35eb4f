"""The host's collectors as parts of the page."""

import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.clock import ManualClock
from exporter.exposition.fresh import SHARED_SECONDS, Fresh
from exporter.exposition.machine import machine_parts
from exporter.host.plan import HostPlan, Prices, ProcessGroup, Roots
from exporter.host.registry import COLLECTORS
from tests.unit.host.processes import FakeMachine

CHEAP = tuple(name for name in COLLECTORS if name not in ("gpu", "process"))


def test_only_what_the_plan_names_is_read():
    assert list(machine_parts(HostPlan(("load", "cpu")), ManualClock())) == ["cpu", "load"]
    assert machine_parts(HostPlan(), ManualClock()) == {}


def test_limits_are_the_registrys():
    parts = machine_parts(HostPlan(tuple(COLLECTORS)), ManualClock())
    assert {name: part.limit_seconds for name, part in parts.items()} == {
        name: entry.limit_seconds for name, entry in COLLECTORS.items()
    }


def test_what_cannot_be_made_is_tried_again(tmp_path):
    """A root that is mounted later: an error until then, not a machine without processors."""
    (part,) = machine_parts(HostPlan(("cpu",), Roots(proc=tmp_path)), ManualClock()).values()
    with pytest.raises(FileNotFoundError, match="stat"):
        part.read()
    (tmp_path / "stat").write_text("cpu 1 2 3 4\ncpu0 1 2 3 4\n")
    families = {family.name: family for family in part.read()}
    assert families["ml_host_cpus"].samples == [((), 1.0)]


def test_another_price_makes_no_process_forgotten(rig, tmp_path):
    """Counters and trends go on over a reload that is about something else; other groups are counted anew."""
    machine = FakeMachine(tmp_path)
    groups = (ProcessGroup("a", executable="py"),)
    plan = HostPlan(("process", "cost"), machine.roots, processes=groups, prices=Prices("EUR", cpu_core_hour=1.0))
    reader = Fresh(rig.health, machine_parts(plan, rig.clock), rig.clock, rig.log)

    def told() -> list[bool]:
        rig.clock.advance(SHARED_SECONDS)
        text = reader.read().text.decode()
        lines = ('ml_process_cpu_seconds_total{process="a",model="",mode="user"} 4', 'currency="EUR"} 2\n')
        return [line in text for line in lines]

    machine.run(7, "py", started=1.0, user=500.0)
    assert told() == [False, False]
    machine.run(7, "py", started=1.0, user=504.0)
    plan = replace(plan, prices=Prices("EUR", cpu_core_hour=2.0))
    reader.replace(machine_parts(plan, rig.clock))
    assert told() == [True, True]
    reader.replace(machine_parts(replace(plan, processes=(*groups, ProcessGroup("b", executable="x"))), rig.clock))
    assert told() == [False, True]
    reader.replace({})


def test_repeated_scrapes_leave_nothing_behind(rig):
    """Of this machine, read again and again: no memory, no thread and no open file is left over."""
    reader = Fresh(rig.health, machine_parts(HostPlan(CHEAP), rig.clock), rig.clock, rig.log)

    def scrape(times):
        for _ in range(times):
            rig.clock.advance(SHARED_SECONDS)
            reader.read()

    def held():
        scrape(40)
        return tracemalloc.get_traced_memory()[0], threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    tracemalloc.start()
    try:
        before = held()
        scrape(80)
        after = held()
    finally:
        tracemalloc.stop()
        reader.replace({})
    assert after[0] - before[0] < 30_000
    assert after[1] <= before[1]
    assert after[2] <= before[2]
