"""Processes by group: who belongs to it, what it used, and that its totals never fall."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.clock import ManualClock, SystemClock
from exporter.host.plan import HostPlan, ProcessGroup, Roots
from exporter.host.process import ProcessCollector
from tests.unit.host.processes import BOOT, MB, PAGE, FakeMachine

SCRAPE = 15.0


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


class Watch:
    """A collector of groups on a machine, read every fifteen seconds."""

    def __init__(self, machine: FakeMachine, *groups: ProcessGroup) -> None:
        self.clock = ManualClock(5000.0)
        self.collector = ProcessCollector(groups, machine.roots, self.clock, 3600.0)

    def read(self, seconds: float = SCRAPE) -> dict[str, dict[tuple[str, ...], float]]:
        self.clock.advance(seconds)
        return {metric.name: dict(samples) for metric, samples in self.collector.read()}


def cpu(found: dict[str, dict[tuple[str, ...], float]], name: str = "a") -> float:
    return found["ml_process_cpu_seconds_total"][name, "", "user"]


MATCHES = {
    "executable by the kernel's name": (ProcessGroup("a", executable="scorer"), {"name": "scorer", "command": "x"}),
    "executable by the first word": (
        ProcessGroup("a", executable="a-very-long-program-name"),
        {"name": "MainThread", "command": "/opt/bin/a-very-long-program-name -x"},
    ),
    "executable cut by the kernel": (
        ProcessGroup("a", executable="a-very-long-program-name"),
        {"name": "a-very-long-program-name", "command": ""},
    ),
    "command line": (
        ProcessGroup("a", command_line=r"serve --model \w+$"),
        {"name": "py", "command": "py serve --model m"},
    ),
    "control group": (
        ProcessGroup("a", cgroup=r"scorer[.]service$"),
        {"name": "py", "cgroup": "1:memory:/x\n0::/system.slice/scorer.service\n"},
    ),
    "container of systemd": (
        ProcessGroup("a", container="4f1c2d"),
        {"name": "py", "cgroup": "0::/system.slice/docker-4f1c2d9ab03e.scope\n"},
    ),
    "container of Kubernetes": (
        ProcessGroup("a", container="4f1c2d"),
        {"name": "py", "cgroup": "0::/kubepods.slice/pod7.slice/cri-containerd-4f1c2d9ab03e.scope\n"},
    ),
    "container of version 1": (
        ProcessGroup("a", container="4f1c2d"),
        {"name": "py", "cgroup": "4:memory:/docker/4f1c2d9ab03e\n"},
    ),
}
MISSES = {
    "another name": (ProcessGroup("a", executable="scorer"), {"name": "scorer2", "command": "scorer2"}),
    "one condition of two": (
        ProcessGroup("a", executable="py", command_line="serve"),
        {"name": "py", "command": "py train"},
    ),
    "an id within an id": (
        ProcessGroup("a", container="1c2d"),
        {"name": "py", "cgroup": "0::/system.slice/docker-4f1c2d9ab03e.scope\n"},
    ),
    "a zombie": (ProcessGroup("a", executable="scorer"), {"name": "scorer", "state": "Z"}),
}


@pytest.mark.parametrize("case", MATCHES)
def test_a_process_that_fits_belongs_to_the_group(machine: FakeMachine, case: str) -> None:
    group, facts = MATCHES[case]
    machine.run(7, **facts)
    assert Watch(machine, group).read()["ml_processes"] == {("a", ""): 1}


@pytest.mark.parametrize("case", MISSES)
def test_a_process_that_does_not_fit_belongs_to_none(machine: FakeMachine, case: str) -> None:
    group, facts = MISSES[case]
    machine.run(7, **facts)
    found = Watch(machine, group).read()
    assert found["ml_processes"] == {("a", ""): 0}
    assert found["ml_process_resident_memory_bytes"] == {}


def test_the_process_of_a_pid_file_brings_its_descendants(machine: FakeMachine, tmp_path: Path) -> None:
    """Children and theirs are in the group; when the file names another process, those of that one."""
    pid_file = tmp_path / "scorer.pid"
    pid_file.write_text("10\n")
    for pid, parent in ((10, 1), (11, 10), (12, 11), (20, 1), (21, 20)):
        machine.run(pid, "py", parent=parent)
    watch = Watch(machine, ProcessGroup("a", pid_file=pid_file))
    assert watch.read()["ml_processes"] == {("a", ""): 3}
    pid_file.write_text("20")
    assert watch.read()["ml_processes"] == {("a", ""): 2}
    pid_file.unlink()
    assert watch.read()["ml_processes"] == {("a", ""): 0}


def test_the_first_group_that_fits_has_the_process(machine: FakeMachine) -> None:
    machine.run(7, "py", command="py serve")
    machine.run(8, "py", command="py train")
    found = Watch(machine, ProcessGroup("a", command_line="serve"), ProcessGroup("b", "m", executable="py")).read()
    assert found["ml_processes"] == {("a", ""): 1, ("b", "m"): 1}


def test_numbers_of_a_group_are_those_of_its_processes(machine: FakeMachine) -> None:
    machine.run(7, "py (x) y", started=400.0, resident=8 * PAGE, swap=2048, threads=3, descriptors=5, limit="10")
    machine.run(8, "py (x) y", started=500.0, resident=4 * PAGE, threads=2, descriptors=8)
    found = Watch(machine, ProcessGroup("a", "m", executable="py (x) y")).read()
    own = {name: samples["a", "m"] for name, samples in found.items() if ("a", "m") in samples}
    assert own == {
        "ml_processes": 2,
        "ml_process_resident_memory_bytes": 12 * PAGE,
        "ml_process_swap_bytes": 2048,
        "ml_process_memory_limit_bytes": 16_000_000 * 1024,
        "ml_process_threads": 5,
        "ml_process_open_file_descriptors": 5,  # of 10: nearer to its limit than 8 of 1024
        "ml_process_max_file_descriptors": 10,
        "ml_process_read_bytes_total": 0,
        "ml_process_written_bytes_total": 0,
        "ml_process_start_time_seconds": BOOT + 400.0,
        "ml_process_restarts_total": 0,
    }


def test_what_was_used_before_the_watch_does_not_count_and_all_after_does(machine: FakeMachine) -> None:
    """A restart of the exporter is no burst; a worker that was born since counts from its first tick."""
    machine.run(7, "py", started=10.0, user=500.0, system=3.0, read=1000, written=70)
    watch = Watch(machine, ProcessGroup("a", executable="py"))
    assert cpu(watch.read()) == 0
    machine.run(7, "py", started=10.0, user=502.5, system=4.0, read=1500, written=100)
    machine.run(8, "py", started=1001.0, user=1.5, read=11)
    found = watch.read()
    assert found["ml_process_cpu_seconds_total"] == {("a", "", "user"): 4.0, ("a", "", "system"): 1.0}
    assert found["ml_process_read_bytes_total"] == {("a", ""): 511}
    assert found["ml_process_written_bytes_total"] == {("a", ""): 30}


def test_totals_do_not_fall_when_processes_end_and_workers_are_replaced(machine: FakeMachine) -> None:
    machine.run(7, "py", user=5.0)
    watch = Watch(machine, ProcessGroup("a", executable="py"))
    watch.read()
    machine.run(7, "py", user=9.0, read=100)
    assert cpu(watch.read()) == 9.0
    machine.end(7)
    machine.run(8, "py", started=1020.0, user=0.5)
    found = watch.read()
    assert cpu(found) == 9.5
    assert found["ml_process_read_bytes_total"] == {("a", ""): 100}
    assert found["ml_process_restarts_total"] == {("a", ""): 1}
    machine.end(8)
    found = watch.read()
    assert cpu(found) == 9.5
    assert found["ml_processes"] == {("a", ""): 0}
    assert found["ml_process_start_time_seconds"] == {}


@pytest.mark.parametrize("last", [7, 8, 9])
def test_no_counter_falls_by_a_hair_when_one_of_many_ends(machine: FakeMachine, last: int) -> None:
    """Seconds added up in another order differ in the last digit: to Prometheus a fall is a counter that began anew."""
    for pid, user in ((7, 7083.62), (8, 2271.45), (9, 4039.71)):
        machine.run(pid, "py", started=2000.0 + pid, user=user)
    watch = Watch(machine, ProcessGroup("a", executable="py"))
    found = [cpu(watch.read())]
    for pid in ({7, 8, 9} - {last}) | {last}:
        machine.end(pid)
        found.append(cpu(watch.read()))
    assert found == [13394.78] * 4


def test_what_a_child_wrote_counts_once_when_its_parent_takes_it_over(machine: FakeMachine) -> None:
    """The kernel adds what a child read and wrote to its parent's as soon as that has waited for it."""
    machine.run(7, "py", started=1001.0, written=10)
    machine.run(8, "py", started=1002.0, parent=7, written=500, read=30)
    watch = Watch(machine, ProcessGroup("a", executable="py"))
    assert watch.read()["ml_process_written_bytes_total"] == {("a", ""): 510}
    machine.end(8)
    assert watch.read()["ml_process_written_bytes_total"] == {("a", ""): 510}
    machine.run(7, "py", started=1001.0, written=512, read=31)
    found = watch.read()
    assert found["ml_process_written_bytes_total"] == {("a", ""): 512}
    assert found["ml_process_read_bytes_total"] == {("a", ""): 31}
    machine.run(9, "py", started=1003.0, parent=7, written=1000)
    assert watch.read()["ml_process_written_bytes_total"] == {("a", ""): 1512}
    machine.end(7)
    machine.end(9)
    assert watch.read()["ml_process_written_bytes_total"] == {("a", ""): 1512}


def test_a_reused_process_id_is_another_process(machine: FakeMachine) -> None:
    """Told by when it started: its seconds come on top of the old one's, whether or not it fits."""
    machine.run(7, "py", user=5.0)
    watch = Watch(machine, ProcessGroup("a", executable="py"))
    assert cpu(watch.read()) == 5.0
    machine.run(7, "py", started=1010.0, user=2.0)
    found = watch.read(1.0)
    assert (cpu(found), found["ml_process_restarts_total"]["a", ""]) == (7.0, 1)
    machine.end(7)
    machine.run(7, "other", started=1030.0, user=90.0)
    found = watch.read()
    assert (cpu(found), found["ml_processes"]["a", ""]) == (7.0, 0)


def test_a_zombie_has_ended(machine: FakeMachine) -> None:
    machine.run(7, "py", user=5.0)
    watch = Watch(machine, ProcessGroup("a", executable="py"))
    watch.read()
    machine.run(7, "py", user=6.0, state="Z", resident=0)
    assert watch.read()["ml_processes"] == {("a", ""): 0}


def test_new_processes_are_looked_for_seldom_but_a_successor_at_once(machine: FakeMachine) -> None:
    machine.run(7, "py")
    watch = Watch(machine, ProcessGroup("a", executable="py"))
    watch.read()
    machine.run(8, "py")
    assert watch.read(5.0)["ml_processes"] == {("a", ""): 1}
    assert watch.read(10.0)["ml_processes"] == {("a", ""): 2}
    machine.end(8)
    machine.run(9, "py")
    assert watch.read(2.0)["ml_processes"] == {("a", ""): 2}


def test_a_process_that_becomes_another_program_changes_its_group(machine: FakeMachine) -> None:
    """A child looks like its parent between fork and exec: what it used stays where it was used."""
    machine.run(7, "py", user=5.0)
    machine.run(8, "py", parent=7, started=1001.0, user=1.0)
    watch = Watch(machine, ProcessGroup("a", executable="py"), ProcessGroup("b", executable="sh"))
    watch.read()
    machine.run(8, "sh", parent=7, started=1001.0, user=3.0)
    found = watch.read()
    assert found["ml_processes"] == {("a", ""): 1, ("b", ""): 1}
    assert cpu(found) == 6.0


@pytest.mark.parametrize("file", ["io", "fd"])
def test_what_the_kernel_does_not_show_is_absent(machine: FakeMachine, file: str) -> None:
    """Where one process of the group is another user's, there is no sum over the rest."""
    machine.run(7, "py", read=5)
    machine.run(8, "py", read=6)
    hidden = machine.proc / "8" / file
    if file == "io":
        hidden.unlink()
        hidden.mkdir()
    else:
        shutil.rmtree(hidden)
        hidden.touch()
    found = Watch(machine, ProcessGroup("a", executable="py")).read()
    families = {"io": "ml_process_read_bytes_total", "fd": "ml_process_open_file_descriptors"}
    assert {name: bool(found[families[name]]) for name in families} == {"io": file != "io", "fd": file != "fd"}
    assert found["ml_processes"] == {("a", ""): 2}


@pytest.mark.parametrize("file", ["io", "stat"])
def test_a_process_that_is_hidden_from_now_on_fails_nothing(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """It became another user's, or /proc is mounted with hidepid: others are told, and no restart is."""
    machine.run(7, "py", read=5)
    machine.run(8, "py", read=6, user=2.0)
    watch = Watch(machine, ProcessGroup("a", executable="py"))
    assert cpu(watch.read()) == 2.0
    opened = os.open

    def refused(path: str, *rest: int) -> int:
        if str(path).endswith(f"/8/{file}"):
            raise PermissionError(errno.EPERM, "hidden", path)
        return opened(path, *rest)

    monkeypatch.setattr(os, "open", refused)
    for _ in range(2):
        found = watch.read()
        assert cpu(found) == 2.0
        assert found["ml_processes"] == {("a", ""): 2 - (file == "stat")}
        assert found["ml_process_restarts_total"] == {("a", ""): 0}
        assert found["ml_process_read_bytes_total"] == ({} if file == "io" else {("a", ""): 11})


LIMITS = {
    "version 2": (
        "0::/app.slice/x\n",
        {"cgroup/app.slice/memory.max": "2000000", "cgroup/app.slice/x/memory.max": "max"},
        2000000,
    ),
    "version 1": (
        "4:memory:/docker/x\n3:cpu:/docker/x\n",
        {"cgroup/memory/docker/x/memory.limit_in_bytes": "3000000"},
        3000000,
    ),
    "none": ("4:memory:/x\n", {"cgroup/memory/x/memory.limit_in_bytes": str((1 << 63) - 4096)}, 16_000_000 * 1024),
    "inside a container": ("0::/../x\n", {"cgroup/memory.max": "1000000"}, 1000000),
}


@pytest.mark.parametrize("case", LIMITS)
def test_the_limit_is_the_tightest_of_the_control_groups_above_and_the_machine(machine: FakeMachine, case: str) -> None:
    cgroup, files, expected = LIMITS[case]
    for name, content in files.items():
        path = machine.folder / "sys/fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    machine.run(7, "py", cgroup=cgroup)
    found = Watch(machine, ProcessGroup("a", executable="py")).read()
    assert found["ml_process_memory_limit_bytes"] == {("a", ""): expected}


def test_a_leak_is_told_and_a_restart_ends_it(machine: FakeMachine) -> None:
    """Twenty megabytes a minute on a hundred, three hours before the limit at most: the window is an hour."""
    (machine.folder / "sys/fs/cgroup").mkdir(parents=True)
    (machine.folder / "sys/fs/cgroup/memory.max").write_text("1500000000")
    watch = Watch(machine, ProcessGroup("a", executable="py"))
    minute = 0
    for minute in range(62):
        machine.run(7, "py", resident=100 * MB + minute * 20 * MB)
        found = watch.read(60.0)
    assert found["ml_process_memory_leak"] == {("a", ""): 1}
    slope = found["ml_process_memory_growth_bytes_per_second"]["a", ""]
    assert slope == pytest.approx(20 * MB / 60, rel=0.01)
    bounds = found["ml_process_memory_growth_bound_bytes_per_second"]
    assert bounds["a", "", "lower"] <= slope <= bounds["a", "", "upper"]
    left = (1500 - 100 - 20 * minute) * MB / slope
    assert found["ml_process_memory_exhausted_seconds"]["a", ""] == pytest.approx(left, abs=120.0)
    machine.end(7)
    machine.run(8, "py", started=9000.0, resident=100 * MB)
    found = watch.read()
    assert found["ml_process_memory_growth_bytes_per_second"] == found["ml_process_memory_leak"] == {}


def test_without_groups_there_is_no_collector() -> None:
    assert ProcessCollector.made(HostPlan(), ManualClock()) is None


def test_a_real_process_is_read_as_the_kernel_shows_it() -> None:
    """A child that keeps a known amount of memory, files and threads."""
    code = "import os,sys; x=bytearray(50_000_000); f=[open(os.devnull) for _ in range(20)]; print('up',flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        group = ProcessGroup("a", command_line=r"x=bytearray\(50_000_000\)")
        collector = ProcessCollector([group], Roots(), SystemClock(), 3600.0)
        found = {metric.name: dict(samples) for metric, samples in collector.read()}
        descriptors = len(list(Path(f"/proc/{child.pid}/fd").iterdir()))
        status = dict(line.split(":", 1) for line in Path(f"/proc/{child.pid}/status").read_text().splitlines())
        child.communicate()
    assert found["ml_processes"] == {("a", ""): 1}
    resident = int(status["VmRSS"].split()[0]) * 1024
    assert found["ml_process_resident_memory_bytes"]["a", ""] == pytest.approx(resident, rel=0.02)
    assert found["ml_process_open_file_descriptors"]["a", ""] == descriptors
    assert found["ml_process_threads"]["a", ""] == int(status["Threads"])
