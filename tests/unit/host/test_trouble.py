"""What is told of two readings: thresholds are those of the bundle, what is not read is not told."""

from pathlib import Path

import pytest

from bundle.values import load as load_values
from exporter.host import trouble
from exporter.host.trouble import Interval, moment, severities, usages

VALUES = Path(__file__).parents[3] / "prometheus/values.yml"
NONE = ()
DISK = ("sda",)
ROOM = ("/dev/sda1", "/data", "ext4")
GPU = ("2", "GPU-x", "", "")


def between(seconds=10.0, **series):
    """An interval in which each metric went from the first to the second value; (labels, from, to) for labels."""
    rows = {name: each if isinstance(each, list) else [(NONE, *each)] for name, each in series.items()}
    before, now = (
        moment((name, [(row[0], row[place]) for row in found]) for name, found in rows.items()) for place in (1, 2)
    )
    return Interval(before, now, seconds)


CASES = [
    ("cpu_starved", "", {"ml_host_pressure_cpu_waiting_seconds_total": (5.0, 9.0)}, 1.0),
    (
        "cpu_throttled",
        "",
        {
            "ml_host_cgroup_cpu_periods_total": (0.0, 100.0),
            "ml_host_cgroup_cpu_throttled_periods_total": (0.0, 50.0),
        },
        2.0,
    ),
    ("memory_short", "", {"ml_host_pressure_memory_stalled_seconds_total": (0.0, 1.0)}, 1.0),
    (
        "memory_short",
        "",
        {"ml_host_memory_total_bytes": (100.0, 100.0), "ml_host_memory_available_bytes": (90.0, 5.0)},
        1.0,
    ),
    (
        "memory_short",
        "",
        {"ml_host_cgroup_memory_limit_bytes": (10.0, 10.0), "ml_host_cgroup_memory_working_set_bytes": (0.0, 9.5)},
        1.0,
    ),
    ("swapping", "", {"ml_host_swap_in_pages_total": (0.0, 4000.0)}, 2.0),
    ("out_of_memory", "", {"ml_host_oom_kills_total": (3.0, 4.0)}, 1.0),
    ("out_of_memory", "", {"ml_host_oom_kills_total": (3.0, 3.0)}, 0.0),
    (
        "disk_full",
        "/data",
        {
            "ml_host_filesystem_size_bytes": [(ROOM, 100.0, 100.0)],
            "ml_host_filesystem_avail_bytes": [(ROOM, 50.0, 5.0)],
        },
        1.0,
    ),
    (
        "disk_full",
        "/data",
        {"ml_host_filesystem_files": [(ROOM, 100.0, 100.0)], "ml_host_filesystem_files_free": [(ROOM, 50.0, 5.0)]},
        1.0,
    ),
    (
        "disk_slow",
        "sda",
        {
            "ml_host_disk_io_time_seconds_total": [(DISK, 0.0, 9.0)],
            "ml_host_pressure_io_waiting_seconds_total": (0.0, 6.0),
        },
        1.0,
    ),
    ("disk_errors", "sda", {"ml_host_disk_errors_total": [(DISK, 0.0, 1.0)]}, 1.0),
    ("gpu_errors", "GPU 2", {"ml_gpu_xid_errors_total": [((*GPU, "79"), 0.0, 1.0)]}, 1.0),
    ("gpu_errors", "GPU 2", {"ml_gpu_ecc_errors_total": [((*GPU, "uncorrected"), 0.0, 1.0)]}, 1.0),
    ("gpu_errors", "GPU 2", {"ml_gpu_up": [(GPU, 1.0, 0.0)]}, 1.0),
    ("gpu_throttled", "GPU 2", {"ml_gpu_clocks_throttled": [((*GPU, "hw_thermal_slowdown"), 0.0, 1.0)]}, 2.0),
]


@pytest.mark.parametrize(("reason", "subject", "series", "expected"), CASES)
def test_how_much_is_too_much(reason, subject, series, expected) -> None:
    assert severities(between(**series)) == {(reason, subject): pytest.approx(expected)}


@pytest.mark.parametrize(
    "series",
    [
        {},
        {"ml_host_swap_in_pages_total": (4000.0, 10.0)},  # it began anew
        {"ml_gpu_clocks_throttled": [((*GPU, "sw_power_cap"), 0.0, 1.0)]},  # at its limit it simply works
        {"ml_gpu_ecc_errors_total": [((*GPU, "corrected"), 0.0, 9.0)]},
        {"ml_host_disk_io_time_seconds_total": [(DISK, 0.0, 10.0)]},  # busy, and nobody is known to wait
        {
            "ml_host_filesystem_size_bytes": [((*ROOM[:2], "tmpfs"), 100.0, 100.0)],
            "ml_host_filesystem_avail_bytes": [((*ROOM[:2], "tmpfs"), 0.0, 0.0)],
        },
    ],
)
def test_what_is_not_known_or_no_trouble_is_not_told(series) -> None:
    assert severities(between(**series)) == {}


def test_a_busy_disk_for_which_nobody_waits_is_not_slow() -> None:
    series = {
        "ml_host_disk_io_time_seconds_total": [(DISK, 0.0, 10.0)],
        "ml_host_pressure_io_waiting_seconds_total": (0.0, 0.3),
    }
    assert severities(between(**series)) == {("disk_slow", "sda"): pytest.approx(0.1)}


def test_thresholds_are_those_of_the_bundle() -> None:
    values = load_values([VALUES]).threshold
    assert values["cpu_waiting_ratio"] == trouble.CPU_WAITING
    assert values["cpu_throttled_ratio"] == trouble.CPU_THROTTLED
    assert values["memory_ratio"] == trouble.MEMORY
    assert values["memory_stalled_ratio"] == trouble.MEMORY_STALLED
    assert values["swap_pages"] == trouble.SWAP_PAGES
    assert values["filesystem_ratio"] == trouble.FILESYSTEM
    assert values["disk_busy_ratio"] == trouble.DISK_BUSY
    assert values["io_waiting_ratio"] == trouble.IO_WAITING
    assert load_values([VALUES]).gpu_throttle_reasons == trouble.GPU_THROTTLE_REASONS.pattern


def test_use_of_processors_of_a_container_is_of_its_limit() -> None:
    times = [(("", mode), 0.0, value) for mode, value in (("user", 10.0), ("idle", 25.0), ("iowait", 5.0))]
    machine = {"ml_host_cpu_seconds_total": times}
    assert usages(between(**machine)) == {"cpu": pytest.approx(0.25)}
    limit = {"ml_host_cgroup_cpu_limit_cores": (2.0, 2.0), "ml_host_cgroup_cpu_usage_seconds_total": (0.0, 15.0)}
    assert usages(between(**machine, **limit)) == {"cpu": pytest.approx(0.75)}


def test_use_of_memory_and_gpus() -> None:
    memory = {"ml_host_memory_total_bytes": (100.0, 100.0), "ml_host_memory_available_bytes": (90.0, 60.0)}
    assert usages(between(**memory, ml_gpu_utilization_ratio=[(GPU, 0.0, 0.9)])) == {
        "memory": pytest.approx(0.4),
        "GPU 2": 0.9,
    }
