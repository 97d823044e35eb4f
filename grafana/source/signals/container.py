"""Limits of containers: what they hold back, and how much of them is used."""

from grafana.source.knobs import HOST_MODEL, RATE
from grafana.source.signal import Signal, lines
from grafana.source.signals.host import most
from grafana.source.signals.machine import chosen

NO_LIMIT = "No container with a limit is told: by the exporter's own control group, or by cAdvisor."


def own(expr: str) -> str:
    """What the exporter tells of its own control group."""
    return f"max by (host) ({chosen(expr)})"


def waited(what: str) -> str:
    return own(f"rate(ml_host_cgroup_pressure_{what}_seconds_total[{RATE}])")


THROTTLED = Signal(
    title="Held back by the CPU limit",
    unit="percentunit",
    description="Share of the quota's periods in which the container had to stop: the exporter's own, and those that"
    " cAdvisor tells. Above 0.25 latency has a second hump: raise the limit, or lower the number of threads.",
    queries=lines(
        ("{{host}}", most("host_cpu_throttled:ratio")),
        ("{{host}} {{process}}", f"max by (host, process) (ml:process_cpu_throttled:ratio{{{HOST_MODEL}}})"),
    ),
    decimals=0,
    unknown=NO_LIMIT,
)

OF_LIMIT = Signal(
    title="In use, of the limit",
    unit="percentunit",
    description="CPU and memory of containers as shares of their limits; with caches is what could be freed, too."
    " Memory at 1: the kernel ends it; raise the limit or find the leak.",
    queries=lines(
        ("{{host}} CPU", most("host_cgroup_cpu_utilization:ratio")),
        ("{{host}} memory", most("host_cgroup_memory_utilization:ratio")),
        ("{{host}} with caches", own("ml_host_cgroup_memory_usage_bytes / ml_host_cgroup_memory_limit_bytes")),
        (
            "{{host}} {{process}} memory",
            f"max by (host, process) (ml:process_memory_utilization:ratio{{{HOST_MODEL}}})",
        ),
    ),
    decimals=0,
    unknown=NO_LIMIT,
)

PRESSURE = Signal(
    title="Pressure in the exporter's container",
    unit="percentunit",
    description="Share of time in which some task of the container waited (all: every one did), and seconds a second"
    " for which its tasks were stopped by the CPU limit. More than on the machine: the limit is what is short, not"
    " the machine.",
    queries=lines(
        ("{{host}} processor", waited("cpu_waiting")),
        ("{{host}} memory", waited("memory_waiting")),
        ("{{host}} disk", waited("io_waiting")),
        ("{{host}} memory, all", waited("memory_stalled")),
        ("{{host}} disk, all", waited("io_stalled")),
        ("{{host}} stopped", own(f"rate(ml_host_cgroup_cpu_throttled_seconds_total[{RATE}])")),
    ),
    decimals=1,
    unknown=NO_LIMIT,
)
