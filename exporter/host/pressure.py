"""How long tasks waited for processors, memory and disks (pressure stall information), from /proc/pressure."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from exporter.clock import Clock
from exporter.host.collector import HostMetric, Reading
from exporter.host.files import as_number, read_if_there
from exporter.host.plan import HostPlan

_MICRO = 1e-6

WAITS: Mapping[str, tuple[str, str, str]] = {
    "cpu_waiting": ("cpu", "some", "some task waited for a processor"),
    "memory_waiting": ("memory", "some", "some task waited for memory"),
    "memory_stalled": ("memory", "full", "all tasks waited for memory and none could go on"),
    "io_waiting": ("io", "some", "some task waited for a disk"),
    "io_stalled": ("io", "full", "all tasks waited for a disk and none could go on"),
}
"""Part of the name → file, line, what it says."""


def families(prefix: str, where: str) -> Mapping[str, HostMetric]:
    """A counter for each of `WAITS`, named with `prefix`; `where` says whose tasks they are."""
    return {
        name: HostMetric(f"{prefix}_{name}_seconds_total", "counter", f"Time in which {says}, {where}.")
        for name, (_, _, says) in WAITS.items()
    }


def waited(resource: str, text: str, metrics: Mapping[str, HostMetric]) -> Iterator[Reading]:
    """The counters of `resource` as the text of its file tells them."""
    for name, (of, kind, _) in WAITS.items():
        for line in text.splitlines() if of == resource else ():
            words = line.split()
            if words[:1] != [kind]:
                continue
            total = as_number(words[-1].removeprefix("total="))
            if total is not None:
                yield metrics[name], [((), total * _MICRO)]


PRESSURE = families("ml_host_pressure", "anywhere on the machine")
METRICS = tuple(PRESSURE.values())


class PressureCollector:
    """Reads three files; a kernel may have them and yet refuse to tell (`psi=0`)."""

    metrics = METRICS

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def made(cls, plan: HostPlan, _clock: Clock) -> "PressureCollector | None":
        """The collector; None where the kernel knows no pressure."""
        folder = plan.roots.proc / "pressure"
        return cls(folder) if folder.is_dir() else None

    def read(self) -> Iterable[Reading]:
        """Seconds of waiting."""
        for resource in ("cpu", "memory", "io"):
            text = read_if_there(self._folder / resource)
            if text is not None:
                yield from waited(resource, text, PRESSURE)
