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
class Prices:
    """What resources cost, None where that is not said.

    Attributes:
        gpu_hour: (a part of the GPU's name, price).
        gpu_default: price of a GPU that none of them names.
    """

    currency: str
    cpu_core_hour: float | None = None
    memory_gb_hour: float | None = None
    gpu_hour: tuple[tuple[str, float], ...] = ()
    gpu_default: float | None = None
    energy_kwh: float | None = None

    def of_gpu(self, name: str) -> float | None:
        """Price of a GPU with this name for an hour: of the longest part that occurs in it, whatever the case."""
        fitting = [each for each in self.gpu_hour if each[0].lower() in name.lower()]
        return max(fitting, key=lambda each: len(each[0]))[1] if fitting else self.gpu_default


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What is read at a scrape.

    Attributes:
        collectors: names of those that are read, as in `exporter.host.registry.COLLECTORS`.
        per_core: whether CPU times are told core by core.
        processes: groups of processes.
        leak_window: seconds over which growth of memory is judged.
        prices: what resources cost, where that is configured.
        name: how the machine is called, as Prometheus calls it; "": as its network does.
        trouble_window: seconds over which it is judged whether something is wrong with it.
    """

    collectors: tuple[str, ...] = ()
    roots: Roots = field(default_factory=Roots)
    per_core: bool = False
    processes: tuple[ProcessGroup, ...] = ()
    leak_window: float = 6 * 3600.0
    prices: Prices | None = None
    name: str = ""
    trouble_window: float = 300.0
