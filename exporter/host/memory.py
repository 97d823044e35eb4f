"""Memory, swap, faults and processes killed for memory, from /proc/meminfo and /proc/vmstat."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from exporter.clock import Clock
from exporter.host.collector import HostMetric, Reading
from exporter.host.files import named, read, read_if_there
from exporter.host.plan import HostPlan

_KIB = 1024.0

SIZES: Mapping[str, HostMetric] = {
    "MemTotal": HostMetric("ml_host_memory_total_bytes", "gauge", "Memory of the machine."),
    "MemAvailable": HostMetric(
        "ml_host_memory_available_bytes", "gauge", "Memory that programs could still get without swapping."
    ),
    "MemFree": HostMetric("ml_host_memory_free_bytes", "gauge", "Memory that nothing uses, not even a cache."),
    "Cached": HostMetric("ml_host_memory_cached_bytes", "gauge", "Memory that holds contents of files."),
    "Buffers": HostMetric("ml_host_memory_buffers_bytes", "gauge", "Memory that holds blocks of disks."),
    "Dirty": HostMetric("ml_host_memory_dirty_bytes", "gauge", "Memory that waits to be written to a disk."),
    "SwapTotal": HostMetric("ml_host_swap_total_bytes", "gauge", "Swap of the machine."),
    "SwapFree": HostMetric("ml_host_swap_free_bytes", "gauge", "Swap that nothing uses."),
}
"""Line of /proc/meminfo → metric."""
EVENTS: Mapping[str, HostMetric] = {
    "pswpin": HostMetric("ml_host_swap_in_pages_total", "counter", "Pages that came back from swap."),
    "pswpout": HostMetric("ml_host_swap_out_pages_total", "counter", "Pages that went to swap."),
    "pgmajfault": HostMetric(
        "ml_host_page_faults_major_total", "counter", "Times a program waited for a page that a disk had to give."
    ),
    "oom_kill": HostMetric(
        "ml_host_oom_kills_total", "counter", "Processes that the kernel killed because memory was out."
    ),
}
"""Line of /proc/vmstat → metric."""
METRICS = (*SIZES.values(), *EVENTS.values())


class MemoryCollector:
    """Reads two files; a line that this kernel does not have is absent."""

    metrics = METRICS

    def __init__(self, proc: Path) -> None:
        self._meminfo = proc / "meminfo"
        self._vmstat = proc / "vmstat"

    @classmethod
    def made(cls, plan: HostPlan, _clock: Clock) -> "MemoryCollector":
        """The collector that the plan asks for."""
        return cls(plan.roots.proc)

    def read(self) -> Iterable[Reading]:
        """Bytes and counts.

        Raises:
            OSError: there is no /proc/meminfo.
        """
        yield from _told(read(self._meminfo), SIZES, _KIB)
        yield from _told(read_if_there(self._vmstat) or "", EVENTS, 1.0)


def _told(text: str, metrics: Mapping[str, HostMetric], unit: float) -> Iterator[Reading]:
    for name, value in named(text, metrics):
        yield metrics[name], [((), value * unit)]
