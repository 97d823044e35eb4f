"""What of the machine is read, as the configuration says it: plain values."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the kernel's files are seen: elsewhere than usual where the exporter runs in a container."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    root: Path = Path("/")


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The processes that are shown as one: those that every given condition fits.

    Attributes:
        name: value of the label `process`.
        model: value of the label `model`: whom they serve; "" where none.
        executable: name as in /proc/PID/comm or the first word of the command line, without its folder.
        command_line: regular expression that occurs in the command line, words joined by blanks.
        cgroup: regular expression that occurs in the path of the process's control group.
        container: beginning of the id of the container, as it stands in the path of the control group.
        pid_file: file that holds the process id; its children belong to it.
    """

    name: str
    model: str = ""
    executable: str | None = None
    command_line: str | None = None
    cgroup: str | None = None
    container: str | None = None
    pid_file: Path | None = None


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What is read at a scrape.

    Attributes:
        collectors: names of those that are read, as in `exporter.host.registry.COLLECTORS`.
        per_core: whether CPU times are told core by core.
        processes: groups of processes.
        leak_window: seconds over which growth of memory is judged.
    """

    collectors: tuple[str, ...] = ()
    roots: Roots = field(default_factory=Roots)
    per_core: bool = False
    processes: tuple[ProcessGroup, ...] = ()
    leak_window: float = 6 * 3600.0
