"""The simulated machine, read by the exporter's own collectors."""

from pathlib import Path

import pytest

from demo.machine import CORES, MIB, UPTIME_SECONDS, Machine, Strain
from exporter.clock import ManualClock
from exporter.host.collector import Collector
from exporter.host.plan import HostPlan, ProcessGroup, Roots
from exporter.host.registry import COLLECTORS

START = 1_400_000_000.0
SERVER = ("flight-server", "flight_delay")


class Watched:
    """A machine, and what the exporter reads of it each two seconds."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(START)
        self.machine = Machine(folder)
        self.machine.advance(START)
        plan = HostPlan(
            roots=Roots(self.machine.proc, self.machine.sys),
            processes=(ProcessGroup(*SERVER, executable="flight-server"),),
            leak_window=60.0,
        )
        names = ("cpu", "load", "pressure", "memory", "disk", "network", "descriptors", "process")
        made = [COLLECTORS[name].make(plan, self.clock) for name in names]
        self.collectors: list[Collector] = [each for each in made if each is not None]
        assert len(self.collectors) == len(names)
        self.read()

    def read(self) -> dict[tuple[str, tuple[str, ...]], float]:
        return {
            (metric.name, labels): value
            for collector in self.collectors
            for metric, samples in collector.read()
            for labels, value in samples
        }

    def run(self, seconds: int, strain: Strain | None = None) -> dict[tuple[str, tuple[str, ...]], float]:
        for _ in range(seconds // 2):
            self.clock.advance(2.0)
            self.machine.advance(self.clock.now(), [] if strain is None else [strain])
            read = self.read()
        return read


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_calm_machine_lives_at_a_third_of_its_strength(watched: Watched) -> None:
    before, after = watched.read(), watched.run(60)
    spent = {key: after[key] - before[key] for key in after if key[0] == "ml_host_cpu_seconds_total"}
    assert sum(spent.values()) == pytest.approx(CORES * 60, rel=0.01)
    assert spent["ml_host_cpu_seconds_total", ("", "idle")] / (CORES * 60) == pytest.approx(0.67, abs=0.05)
    assert after["ml_host_boot_time_seconds", ()] == pytest.approx(START - UPTIME_SECONDS, abs=1)
    assert after["ml_process_memory_leak", SERVER] == 0
    assert after["ml_host_oom_kills_total", ()] == 0


def test_starved_processors_make_tasks_wait(watched: Watched) -> None:
    key = ("ml_host_pressure_cpu_waiting_seconds_total", ())
    before = watched.read()
    after = watched.run(20, Strain(cores=12))
    assert (after[key] - before[key]) / 20 > 0.5
    idle = ("ml_host_cpu_seconds_total", ("", "idle"))
    assert (after[idle] - before[idle]) / (CORES * 20) < 0.05


def test_a_busy_disk_makes_tasks_wait(watched: Watched) -> None:
    before = watched.read()
    after = watched.run(20, Strain(disk=0.95))
    for key, least in (
        (("ml_host_pressure_io_waiting_seconds_total", ()), 0.4),
        (("ml_host_disk_io_time_seconds_total", ("sda",)), 0.9),
        (("ml_host_disk_io_time_weighted_seconds_total", ("sda",)), 5.0),
    ):
        assert (after[key] - before[key]) / 20 > least, key


def test_a_leak_is_told_before_the_kernel_ends_the_server(watched: Watched) -> None:
    strain = Strain(leak=55 * MIB)
    after = watched.run(64, strain)
    assert after["ml_process_memory_leak", SERVER] == 1
    assert after["ml_process_memory_exhausted_seconds", SERVER] < 60
    after = watched.run(36, strain)
    assert after["ml_host_oom_kills_total", ()] == 1
    assert after["ml_process_restarts_total", SERVER] == 1
    assert after["ml_process_resident_memory_bytes", SERVER] < 2600 * MIB
