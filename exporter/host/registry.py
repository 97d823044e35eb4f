"""All collectors: name → what it reads, which families it can give, and how it is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.host import (
    cgroup,
    cost,
    cpu,
    descriptors,
    disk,
    filesystem,
    gpu,
    load,
    memory,
    network,
    pressure,
    process,
    temperature,
)
from exporter.host.collector import Collector, HostMetric
from exporter.host.plan import HostPlan


@dataclass(frozen=True, slots=True)
class Entry:
    """One collector.

    Attributes:
        reads: what it reads and from where, for people.
        metrics: all families that it can give; no other has one of them.
        make: the collector for a plan; None where this machine or the plan has nothing for it. May be slow, may fail:
            it is called where it is read, under the same time limit.
        limit_seconds: a reading that takes longer is left out of the scrape.
        uses: what of the plan it goes by: while that stays the same, a reload leaves it and what it remembers alone.
    """

    reads: str
    metrics: tuple[HostMetric, ...]
    make: Callable[[HostPlan, Clock], Collector | None]
    limit_seconds: float = 1.0
    uses: Callable[[HostPlan], object] = lambda plan: plan


COLLECTORS: Mapping[str, Entry] = {
    "cpu": Entry("Time of the processors: `/proc/stat`.", cpu.METRICS, cpu.CpuCollector.made),
    "load": Entry(
        "Load, start, clock and name of the machine: `/proc/loadavg`, `/proc/stat`, uname.",
        load.METRICS,
        load.LoadCollector.made,
    ),
    "pressure": Entry(
        "How long tasks waited for what they needed: `/proc/pressure`.",
        pressure.METRICS,
        pressure.PressureCollector.made,
    ),
    "memory": Entry("Memory and swap: `/proc/meminfo`, `/proc/vmstat`.", memory.METRICS, memory.MemoryCollector.made),
    "filesystem": Entry(
        "Room on file systems: `/proc/1/mountinfo` and statvfs.",
        filesystem.METRICS,
        filesystem.FilesystemCollector.made,
    ),
    "disk": Entry(
        "What disks did: `/proc/diskstats`, `/sys/block/*/device/ioerr_cnt`.", disk.METRICS, disk.DiskCollector.made
    ),
    "network": Entry(
        "What network interfaces carried: `/proc/net/dev`.", network.METRICS, network.NetworkCollector.made
    ),
    "descriptors": Entry(
        "Open files of the machine: `/proc/sys/fs/file-nr`.", descriptors.METRICS, descriptors.DescriptorsCollector.made
    ),
    "temperature": Entry(
        "Sensors: `/sys/class/hwmon`, `/sys/class/thermal`.", temperature.METRICS, temperature.TemperatureCollector.made
    ),
    "cgroup": Entry(
        "Limits of the exporter's container and what is used of them: `/proc/self/cgroup`, `/sys/fs/cgroup`.",
        cgroup.METRICS,
        cgroup.CgroupCollector.made,
    ),
    "process": Entry(
        "Processes that the configuration names: `/proc/PID`.",
        process.METRICS,
        process.ProcessCollector.made,
        uses=lambda plan: (plan.roots, plan.processes, plan.leak_window),
    ),
    # Opening the driver's library may take longer than a reading.
    "gpu": Entry("NVIDIA's GPUs: NVML.", gpu.METRICS, gpu.GpuCollector.made, limit_seconds=2.0),
    "cost": Entry("Prices of the configuration.", cost.METRICS, cost.CostCollector.made),
}

METRICS: tuple[HostMetric, ...] = tuple(metric for entry in COLLECTORS.values() for metric in entry.metrics)
"""Every family of the machine, in the order of the documentation."""
