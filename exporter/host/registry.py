"""All collectors: name → what it reads, which families it can give, and how it is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.host import cpu, load, process
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
    """

    reads: str
    metrics: tuple[HostMetric, ...]
    make: Callable[[HostPlan, Clock], Collector | None]
    limit_seconds: float = 1.0


COLLECTORS: Mapping[str, Entry] = {
    "cpu": Entry("Time of the processors: /proc/stat.", cpu.METRICS, lambda plan, _: cpu.CpuCollector.made(plan)),
    "load": Entry(
        "Load, start and name of the machine: /proc/loadavg, /proc/stat, uname.",
        load.METRICS,
        lambda plan, clock: load.LoadCollector.made(plan, clock.now),
    ),
    "process": Entry(
        "Processes that the configuration names: /proc/PID.", process.METRICS, process.ProcessCollector.made
    ),
}

METRICS: tuple[HostMetric, ...] = tuple(metric for entry in COLLECTORS.values() for metric in entry.metrics)
"""Every family of the machine, in the order of the documentation."""
