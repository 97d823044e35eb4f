"""Whose memory is on a GPU: its processes by the groups of the configuration."""

from collections.abc import Iterator, Sequence

from exporter.host.gpu.nvml import Handle, Nvml, ask
from exporter.host.plan import ProcessGroup, Roots
from exporter.host.process_groups import GroupFinder

_KINDS = ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses")


class Owners:
    """Tells the group of a process on a GPU by what /proc says of it: name, command line, control group, parents.

    The driver gives process ids as the host sees them. In a container that does not see the host's processes none is
    found, and all memory is that of process "".
    """

    def __init__(self, groups: Sequence[ProcessGroup], roots: Roots) -> None:
        self._groups = tuple(groups)
        self._finder = GroupFinder(groups, roots.proc) if groups else None

    def read(self, nvml: Nvml, handle: Handle) -> Iterator[tuple[str, str, float]]:
        """(process, model, bytes) of each group that has memory there.

        Raises:
            GpuLost, DriverGone: nothing can be read any more.
        """
        memory: dict[int, int] = {}
        for function in _KINDS:
            for process in ask(nvml, function, handle) or ():
                # One that computes and draws stands in both lists, with all its memory in each.
                if process.usedGpuMemory is not None:
                    memory[process.pid] = max(memory.get(process.pid, 0), int(process.usedGpuMemory))
        sums: dict[tuple[str, str], int] = {}
        for pid, used in memory.items():
            owner = self._owner(pid)
            sums[owner] = sums.get(owner, 0) + used
        for (process_name, model), used in sums.items():
            yield process_name, model, float(used)

    def _owner(self, pid: int) -> tuple[str, str]:
        index = self._finder.find(pid) if self._finder else None
        return ("", "") if index is None else (self._groups[index].name, self._groups[index].model)
