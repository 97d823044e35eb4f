"""What disks did, from /proc/diskstats, and errors where the driver counts them."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from exporter.clock import Clock
from exporter.host.collector import HostMetric, Reading, Sample
from exporter.host.files import read, read_if_there
from exporter.host.plan import HostPlan

SKIPPED = re.compile(r"(?:ram|loop|fd|(?:h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+")
"""Memory, files and partitions: they are parts of a disk, or none. The same as node_exporter's."""
_SECTOR = 512.0
"""Bytes: in this file always, whatever the disk's own are."""
_MILLI = 1e-3


def _counter(name: str, says: str) -> HostMetric:
    return HostMetric(f"ml_host_disk_{name}_total", "counter", says, ("device",))


IO_TIME = _counter("io_time_seconds", "Time in which the disk was busy.")
COLUMNS: Mapping[int, tuple[HostMetric, float]] = {
    3: (_counter("reads_completed", "Reads that the disk finished."), 1.0),
    5: (_counter("read_bytes", "Bytes read from the disk."), _SECTOR),
    6: (_counter("read_time_seconds", "Time that reads took, added up: more than there was where many ran."), _MILLI),
    7: (_counter("writes_completed", "Writes that the disk finished."), 1.0),
    9: (_counter("written_bytes", "Bytes written to the disk."), _SECTOR),
    10: (
        _counter("write_time_seconds", "Time that writes took, added up: more than there was where many ran."),
        _MILLI,
    ),
    12: (IO_TIME, _MILLI),
    13: (
        _counter(
            "io_time_weighted_seconds", "Time that requests spent waiting and working, added up: grows by the queue."
        ),
        _MILLI,
    ),
}
"""Column of the file → metric and its unit."""
ERRORS = _counter("errors", "Requests that the disk failed, where its driver counts them.")
METRICS = (*(metric for metric, _ in COLUMNS.values()), ERRORS)


class DiskCollector:
    """Reads one file, and a small one for each disk that counts its errors."""

    metrics = METRICS

    def __init__(self, diskstats: Path, block: Path) -> None:
        self._diskstats = diskstats
        self._block = block

    @classmethod
    def made(cls, plan: HostPlan, _clock: Clock) -> "DiskCollector | None":
        """The collector; None where the kernel tells nothing of disks."""
        diskstats = plan.roots.proc / "diskstats"
        return cls(diskstats, plan.roots.sys / "block") if diskstats.exists() else None

    def read(self) -> Iterable[Reading]:
        """Counts by device.

        Raises:
            OSError: the file has gone.
        """
        rows = [line.split() for line in read(self._diskstats).splitlines()]
        disks = [row for row in rows if len(row) > max(COLUMNS) and not SKIPPED.fullmatch(row[2])]
        for column, (metric, unit) in COLUMNS.items():
            yield metric, [((row[2],), float(row[column]) * unit) for row in disks]
        yield ERRORS, [sample for row in disks for sample in self._errors(row[2])]

    def _errors(self, device: str) -> list[Sample]:
        # SCSI and SATA count them, in hexadecimal; a name with a slash is written with `!` there.
        text = read_if_there(self._block / device.replace("/", "!") / "device/ioerr_cnt")
        try:
            return [] if text is None else [((device,), float(int(text, 16)))]
        except ValueError:
            return []
