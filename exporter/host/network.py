"""What network interfaces carried, from /proc/net/dev."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from exporter.clock import Clock
from exporter.host.collector import HostMetric, Reading
from exporter.host.files import read, read_if_there
from exporter.host.plan import HostPlan

SKIPPED = re.compile(r"(?:veth|cali|lxc).+")
"""The host's ends of containers' interfaces: they come and go, and what they carry is counted elsewhere too."""
_USUAL = Path("/proc")


def _counter(name: str, says: str) -> HostMetric:
    return HostMetric(f"ml_host_network_{name}_total", "counter", f"{says}.", ("device",))


COLUMNS: Mapping[int, HostMetric] = {
    0: _counter("receive_bytes", "Bytes that were received"),
    1: _counter("receive_packets", "Packets that were received"),
    2: _counter("receive_errs", "Packets that arrived broken"),
    3: _counter("receive_drop", "Packets that arrived and were dropped for want of room"),
    8: _counter("transmit_bytes", "Bytes that were sent"),
    9: _counter("transmit_packets", "Packets that were sent"),
    10: _counter("transmit_errs", "Packets that could not be sent"),
    11: _counter("transmit_drop", "Packets that were dropped before they were sent"),
}
"""Column behind the interface's name → metric."""
METRICS = tuple(COLUMNS.values())


class NetworkCollector:
    """Reads one file: of the exporter's own network where `/proc` is the usual one, else of the first process."""

    metrics = METRICS

    def __init__(self, proc: Path) -> None:
        self._proc = proc

    @classmethod
    def made(cls, plan: HostPlan, _clock: Clock) -> "NetworkCollector":
        """The collector that the plan asks for."""
        return cls(plan.roots.proc)

    def read(self) -> Iterable[Reading]:
        """Counts by interface.

        Raises:
            OSError: there is no such file.
        """
        # `net` leads to the reader's own network: in a container that sees its host's /proc, not the host's.
        text = None if self._proc == _USUAL else read_if_there(self._proc / "1/net/dev")
        lines = (read(self._proc / "net/dev") if text is None else text).splitlines()
        devices = [
            (name.strip(), counts.split()) for name, colon, counts in (line.rpartition(":") for line in lines) if colon
        ]
        shown = [
            (name, counts) for name, counts in devices if len(counts) > max(COLUMNS) and not SKIPPED.fullmatch(name)
        ]
        return [
            (metric, [((name,), float(counts[column])) for name, counts in shown]) for column, metric in COLUMNS.items()
        ]
