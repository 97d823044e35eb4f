"""Trees of the kernel's files, built by tests."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from exporter.clock import ManualClock
from exporter.host.collector import Collector
from exporter.host.plan import HostPlan, Roots
from exporter.host.registry import COLLECTORS


def write(root: Path, files: Mapping[str, str]) -> Path:
    """These files below `root`, with folders."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def made(name: str, root: Path, **plan: object) -> Collector | None:
    """The collector of a machine whose `proc`, `sys` and root folder lie below `root`."""
    roots = Roots(root / "proc", root / "sys", root)
    return COLLECTORS[name].make(HostPlan(roots=roots, **plan), ManualClock(1000.0))  # type: ignore[arg-type]


def told(collector: Collector | None) -> dict[str, dict[tuple[str, ...], float]]:
    """Family → values of labels → value, without families that have none."""
    assert collector is not None
    found = {metric.name: dict(samples) for metric, samples in collector.read()}
    return {name: samples for name, samples in found.items() if samples}


def lines(*texts: str | Iterable[str]) -> str:
    """A file of these lines."""
    return "".join(f"{each}\n" for text in texts for each in ([text] if isinstance(text, str) else text))
