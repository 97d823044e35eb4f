"""Load, when the machine started, its time and its name."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from exporter.clock import Clock
from exporter.host.collector import HostMetric, Reading, Sample
from exporter.host.files import named, read
from exporter.host.plan import HostPlan

LOADS = tuple(
    HostMetric(
        f"ml_host_load{minutes}", "gauge", f"Tasks that run, wait for a processor or for a disk; mean of {minutes} min."
    )
    for minutes in (1, 5, 15)
)
BOOT = HostMetric("ml_host_boot_time_seconds", "gauge", "When the machine started, in Unix time.")
TIME = HostMetric("ml_host_time_seconds", "gauge", "The machine's clock, in Unix time.")
INFO = HostMetric(
    "ml_host_info",
    "gauge",
    "Always 1; the machine's name in its network, release of its kernel, kind of processor.",
    ("nodename", "release", "machine"),
)
METRICS = (*LOADS, BOOT, TIME, INFO)


class LoadCollector:
    """Reads /proc/loadavg and one line of /proc/stat."""

    metrics = METRICS

    def __init__(self, proc: Path, now: Callable[[], float]) -> None:
        self._loadavg = proc / "loadavg"
        self._stat = proc / "stat"
        self._now = now

    @classmethod
    def made(cls, plan: HostPlan, clock: Clock) -> "LoadCollector":
        """The collector that the plan asks for."""
        return cls(plan.roots.proc, clock.now)

    def read(self) -> Iterable[Reading]:
        """Everything.

        Raises:
            OSError: one of the files is not there.
        """
        averages: list[list[Sample]] = [[((), float(word))] for word in read(self._loadavg).split()[: len(LOADS)]]
        booted = [value for _, value in named(read(self._stat), ("btime",))]
        system = os.uname()
        return (
            *zip(LOADS, averages, strict=False),
            (BOOT, [((), value) for value in booted]),
            (TIME, [((), self._now())]),
            (INFO, [((system.nodename, system.release, system.machine), 1.0)]),
        )
