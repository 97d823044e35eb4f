"""How much memory a process may take before the kernel ends something."""

from exporter.host.plan import Roots
from exporter.host.process_files import read_bytes, read_cgroups

_UNLIMITED = 1 << 60
"""Version 1 says "no limit" as the largest number of whole pages."""


def memory_limit(folder: str, roots: Roots) -> int | None:
    """Bytes that the process in `folder` may take at most, alone on the machine; None where that is not known.

    The tightest limit: of its control group, of those above it, and the machine's memory.
    """
    machine = machine_memory(roots, b"MemTotal:")
    own = [limit for path in _memory_files(folder, roots) if (limit := _number(path)) is not None]
    tightest = min(own + ([machine] if machine else []), default=_UNLIMITED)
    return tightest if tightest < _UNLIMITED else None


def machine_memory(roots: Roots, key: bytes) -> int | None:
    """A line of /proc/meminfo in bytes: `MemTotal:`, `MemAvailable:`; None where there is none."""
    try:
        content = read_bytes(f"{roots.proc}/meminfo")
    except OSError:
        return None
    place = content.find(key)
    return int(content[place + len(key) :].split(None, 1)[0]) * 1024 if place >= 0 else None


def has_swap(roots: Roots) -> bool:
    """Whether the machine has any swap; true where that is not known."""
    try:
        return len(read_bytes(f"{roots.proc}/swaps").splitlines()) > 1
    except OSError:
        return True


def _memory_files(folder: str, roots: Roots) -> list[str]:
    files = []
    for controllers, path in read_cgroups(folder):
        if not controllers:
            top, name = f"{roots.sys}/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = f"{roots.sys}/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        # Seen from inside a container the path may start above what is mounted: `..` has no files here.
        parts = [part for part in path.split("/") if part and part != ".."]
        files += ["/".join([top, *parts[:depth], name]) for depth in range(len(parts) + 1)]
    return files


def _number(path: str) -> int | None:
    try:
        word = read_bytes(path).strip()
    except OSError:
        return None
    return int(word) if word.isdigit() and int(word) < _UNLIMITED else None
