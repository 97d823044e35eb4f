"""Open files of the whole machine, from /proc/sys/fs/file-nr."""

from collections.abc import Iterable
from pathlib import Path

from exporter.clock import Clock
from exporter.host.collector import HostMetric, Reading
from exporter.host.files import read
from exporter.host.plan import HostPlan

ALLOCATED = HostMetric("ml_host_file_descriptors_allocated", "gauge", "Files that are open, of all programs together.")
MAXIMUM = HostMetric("ml_host_file_descriptors_maximum", "gauge", "Files that may be open, of all programs together.")
METRICS = (ALLOCATED, MAXIMUM)


class DescriptorsCollector:
    """Reads one line: allocated, unused, maximum."""

    metrics = METRICS

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def made(cls, plan: HostPlan, _clock: Clock) -> "DescriptorsCollector | None":
        """The collector; None where there is no such file."""
        file = plan.roots.proc / "sys/fs/file-nr"
        return cls(file) if file.exists() else None

    def read(self) -> Iterable[Reading]:
        """Both numbers.

        Raises:
            OSError: the file has gone.
        """
        allocated, _, maximum = read(self._file).split()
        return (ALLOCATED, [((), float(allocated))]), (MAXIMUM, [((), float(maximum))])
