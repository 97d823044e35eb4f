"""What the host's collectors tell is what Debian's node_exporter tells, asked before and after them."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import structlog

from exporter.clock import SystemClock
from exporter.exposition.fresh import Fresh
from exporter.exposition.machine import machine_parts
from exporter.health import Health
from exporter.host.plan import HostPlan
from exporter.host.registry import COLLECTORS, METRICS
from tests.conformance.nodes import NodeExporter, Page, node_exporter, page

MACHINE = tuple(name for name in COLLECTORS if name not in ("process", "gpu", "cost"))
Series = dict[frozenset[tuple[str, str]], float]
MIB = 2.0**20
# Debian's own leaves out more: `lo`, and places such as /mnt and /media, where data of models often lie.
_HIDDEN = "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
UPSTREAM = (
    f"--collector.filesystem.mount-points-exclude={_HIDDEN}",
    "--collector.netdev.device-exclude=^$",
)


@dataclass(frozen=True)
class Twin:
    """A family of ours and theirs.

    Attributes:
        name: theirs.
        tolerance: by how much ours may lie outside of what they said before and after.
        view: their series as ours are told.
    """

    name: str
    tolerance: float = 0.0
    view: Callable[[Series], Series] = dict


def without(*labels: str) -> Callable[[Series], Series]:
    """Their series added up over these labels."""

    def view(series: Series) -> Series:
        found: Series = {}
        for key, value in series.items():
            kept = frozenset(pair for pair in key if pair[0] not in labels)
            found[kept] = found.get(kept, 0.0) + value
        return found

    return view


def cores(series: Series) -> Series:
    return {frozenset(): float(len({dict(key)["cpu"] for key in series}))}


def all_cores(series: Series) -> Series:
    return {key | {("cpu", "")}: value for key, value in without("cpu")(series).items()}


def named(series: Series) -> Series:
    wanted = ("nodename", "release", "machine")
    return {frozenset(pair for pair in key if pair[0] in wanted): value for key, value in series.items()}


def same(parts: str, **known: float) -> dict[str, Twin]:
    """Families that differ by their prefix alone: name behind it → tolerance."""
    return {f"ml_host_{part}": Twin(f"node_{part}", known.get(part, 0.0)) for part in parts.split()}


TWINS: dict[str, Twin] = {
    # Theirs are read core by core, one behind the other, and added up: a tick of each may lie between.
    "ml_host_cpu_seconds_total": Twin("node_cpu_seconds_total", 0.05, all_cores),
    "ml_host_cpus": Twin("node_cpu_seconds_total", 0.0, cores),
    **same("load1 load5 load15 boot_time_seconds time_seconds"),
    "ml_host_info": Twin("node_uname_info", 0.0, named),
    **same("pressure_cpu_waiting_seconds_total pressure_memory_waiting_seconds_total"),
    **same("pressure_memory_stalled_seconds_total pressure_io_waiting_seconds_total pressure_io_stalled_seconds_total"),
    "ml_host_memory_total_bytes": Twin("node_memory_MemTotal_bytes"),
    "ml_host_memory_available_bytes": Twin("node_memory_MemAvailable_bytes", 64 * MIB),
    "ml_host_memory_free_bytes": Twin("node_memory_MemFree_bytes", 64 * MIB),
    "ml_host_memory_cached_bytes": Twin("node_memory_Cached_bytes", 64 * MIB),
    "ml_host_memory_buffers_bytes": Twin("node_memory_Buffers_bytes", MIB),
    "ml_host_memory_dirty_bytes": Twin("node_memory_Dirty_bytes", 64 * MIB),
    "ml_host_swap_total_bytes": Twin("node_memory_SwapTotal_bytes"),
    "ml_host_swap_free_bytes": Twin("node_memory_SwapFree_bytes", MIB),
    "ml_host_swap_in_pages_total": Twin("node_vmstat_pswpin"),
    "ml_host_swap_out_pages_total": Twin("node_vmstat_pswpout"),
    "ml_host_page_faults_major_total": Twin("node_vmstat_pgmajfault"),
    "ml_host_oom_kills_total": Twin("node_vmstat_oom_kill"),
    **same(
        "filesystem_size_bytes filesystem_free_bytes filesystem_avail_bytes filesystem_files filesystem_files_free"
        " filesystem_readonly filesystem_device_error",
        filesystem_free_bytes=64 * MIB,
        filesystem_avail_bytes=64 * MIB,
        filesystem_files_free=2000.0,
    ),
    **same(
        "disk_reads_completed_total disk_read_bytes_total disk_read_time_seconds_total disk_writes_completed_total"
        " disk_written_bytes_total disk_write_time_seconds_total disk_io_time_seconds_total"
        " disk_io_time_weighted_seconds_total"
    ),
    **same(
        "network_receive_bytes_total network_receive_packets_total network_receive_errs_total"
        " network_receive_drop_total network_transmit_bytes_total network_transmit_packets_total"
        " network_transmit_errs_total network_transmit_drop_total"
    ),
    "ml_host_file_descriptors_allocated": Twin("node_filefd_allocated", 500.0),
    "ml_host_file_descriptors_maximum": Twin("node_filefd_maximum"),
    "ml_host_temperature_celsius": Twin("node_hwmon_temp_celsius", 3.0),
}
"""Ours → theirs."""
OURS_ALONE = {"ml_host_disk_errors_total"}
"""What node_exporter 1.5 does not tell, beside the limits of containers."""


def test_the_table_has_every_family_of_the_machine() -> None:
    told = {metric.name for name in MACHINE for metric in COLLECTORS[name].metrics}
    assert {name for name in told if not name.startswith("ml_host_cgroup_")} == set(TWINS) | OURS_ALONE


@pytest.fixture(scope="module")
def theirs() -> Iterator[NodeExporter]:
    with node_exporter(UPSTREAM) as node:
        yield node


def ours(**plan: object) -> str:
    """A real page, in the text format."""
    parts = machine_parts(HostPlan(collectors=MACHINE, **plan), SystemClock())  # type: ignore[arg-type]
    fresh = Fresh(Health(), parts, SystemClock(), structlog.get_logger())
    try:
        return fresh.read().text.decode()
    finally:
        fresh.replace({})


def differing(own: Page, before: Page, after: Page, twins: dict[str, Twin]) -> list[str]:
    """Series of ours that lie outside of theirs, before and after."""
    found = []
    for name, twin in twins.items():
        first, last = (twin.view(each.get(twin.name, {})) for each in (before, after))
        for labels, value in own.get(name, {}).items():
            # Theirs leave out the root of a container, and zones of the firmware have other names.
            if ("fstype", "overlay") in labels or any(pair[1].startswith("thermal_zone") for pair in labels):
                continue
            ends = [each[labels] for each in (first, last) if labels in each]
            slack = twin.tolerance + 1e-9 * abs(value)
            if not ends or not min(ends) - slack <= value <= max(ends) + slack:
                found.append(f"{name}{dict(labels)} {value} against {twin.name} {ends}")
    return found


def settled(compare: Callable[[], list[str]]) -> list[str]:
    """What differs each time of five: a number that goes up and down between two looks may be elsewhere in one."""
    found = compare()
    for _ in range(4):
        if not found:
            break
        again = compare()
        names = {line.split("{")[0] for line in again}
        found = [line for line in found if line.split("{")[0] in names]
    return found


def test_every_shared_number_is_theirs(theirs: NodeExporter) -> None:
    def compare() -> list[str]:
        before, own, after = page(theirs.text()), page(ours()), page(theirs.text())
        assert set(own) & set(TWINS) >= {"ml_host_cpu_seconds_total", "ml_host_filesystem_size_bytes"}
        return differing(own, before, after, TWINS)

    assert settled(compare) == []


def test_core_by_core(theirs: NodeExporter) -> None:
    def compare() -> list[str]:
        before, own, after = page(theirs.text()), page(ours(per_core=True)), page(theirs.text())
        twins = {"ml_host_cpu_seconds_total": Twin("node_cpu_seconds_total")}
        assert set(own["ml_host_cpu_seconds_total"]) == set(after["node_cpu_seconds_total"])
        return differing(own, before, after, twins)

    assert settled(compare) == []


def test_no_disk_and_no_interface_is_missed(theirs: NodeExporter) -> None:
    """Those that other tests make meanwhile come and go."""

    def compare() -> list[str]:
        before, own, after = page(theirs.text()), page(ours()), page(theirs.text())
        missed = []
        for name in ("disk_read_bytes_total", "network_receive_bytes_total"):
            known = set(before[f"node_{name}"]) & set(after[f"node_{name}"])
            known = {key for key in known if not dict(key)["device"].startswith(("veth", "cali", "lxc"))}
            missed += [f"{name}{dict(key)}" for key in known - set(own.get(f"ml_host_{name}", {}))]
        return missed

    assert settled(compare) == []


def test_what_they_tell_and_we_can_is_not_absent(theirs: NodeExporter) -> None:
    """A family that theirs has on this machine, ours has too."""
    there, own = page(theirs.text()), page(ours())
    assert [name for name, twin in TWINS.items() if twin.name in there and name not in own] == []


def test_promtool_finds_nothing() -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: install Debian's package prometheus"
    text = ours(per_core=True)
    assert set(page(text)) & {metric.name for metric in METRICS}
    run = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")
