"""Which process belongs to which group of the configuration."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exporter.host.plan import ProcessGroup
from exporter.host.process_files import Stat, read_bytes, read_cgroups, read_command_line, read_stat

_SETTLED_SECONDS = 60.0
"""So old a process is not expected to become another program: between fork and exec lie milliseconds."""
_FULL_SECONDS = 300.0
"""So often all are looked at again, for what did become another program or gave itself another command line."""
_NAME_LIMIT = 15
"""The kernel keeps so many characters of a program's name."""
_ANCESTORS = 64


@dataclass(slots=True)
class _Seen:
    """A process as it was when it was looked at; `fits` are the groups whose conditions but `pid_file` hold."""

    identity: int
    start: int
    parent: int
    since: float
    looked: float
    fits: tuple[int, ...]


class GroupFinder:
    """Finds the processes of each group; the first group of the list that fits has a process for its own.

    A scan costs one listing of /proc and a few files of each process that is new. A process is known again by its id
    and the inode number of its folder, which the listing gives for nothing: the next process with that id has another.
    """

    def __init__(self, groups: Sequence[ProcessGroup], proc: Path) -> None:
        self._groups = tuple(groups)
        self._proc = str(proc)
        self._lines = [re.compile(group.command_line) if group.command_line else None for group in groups]
        self._cgroups = [re.compile(group.cgroup) if group.cgroup else None for group in groups]
        self._wants_line = any(group.command_line or group.executable for group in groups)
        self._wants_cgroup = any(group.cgroup or group.container for group in groups)
        self._seen: dict[int, _Seen] = {}
        self._last_full = float("-inf")

    def scan(self, now: float) -> dict[tuple[int, int], int]:
        """(process id, start) → index of its group, for all processes that have one.

        Args:
            now: seconds of a clock that never goes back.

        Raises:
            OSError: /proc cannot be listed.
        """
        full = now - self._last_full >= _FULL_SECONDS
        if full:
            self._last_full = now
        seen: dict[int, _Seen] = {}
        with os.scandir(self._proc) as entries:
            for entry in entries:
                if entry.name.isdigit():
                    found = self._look(int(entry.name), entry.inode(), now, full=full)
                    if found:
                        seen[int(entry.name)] = found
        self._seen = seen
        roots = self._roots()
        owned: dict[tuple[int, int], int] = {}
        for pid, each in seen.items():
            group = self._owner(pid, each, roots) if each.fits else None
            if group is not None:
                owned[pid, each.start] = group
        return owned

    def find(self, pid: int) -> int | None:
        """Index of the group of one process, by what /proc says of it now; None where it has none or is not seen."""
        stat = read_stat(f"{self._proc}/{pid}")
        fits = self._fitting(pid, stat) if stat else ()
        roots = self._roots() if fits else {}
        line = [pid]
        while roots and stat and stat.parent > 0 and len(line) < _ANCESTORS:
            line.append(stat.parent)
            stat = read_stat(f"{self._proc}/{stat.parent}")
        for group in fits:
            if self._groups[group].pid_file is None or roots.get(group) in line:
                return group
        return None

    def _look(self, pid: int, identity: int, now: float, *, full: bool) -> _Seen | None:
        known = self._seen.get(pid)
        if known and known.identity == identity and not full and known.looked - known.since >= _SETTLED_SECONDS:
            return known
        stat = read_stat(f"{self._proc}/{pid}")
        if stat is None:
            return None
        since = known.since if known and known.start == stat.start else now
        return _Seen(identity, stat.start, stat.parent, since, now, self._fitting(pid, stat))

    def _fitting(self, pid: int, stat: Stat) -> tuple[int, ...]:
        folder = f"{self._proc}/{pid}"
        words = read_command_line(folder) if self._wants_line else ()
        paths = [path for _, path in read_cgroups(folder)] if self._wants_cgroup else []
        return tuple(i for i in range(len(self._groups)) if self._fits(i, stat.name, words, paths))

    def _fits(self, index: int, name: str, words: tuple[str, ...], paths: list[str]) -> bool:
        group, line, cgroup = self._groups[index], self._lines[index], self._cgroups[index]
        if group.executable is not None:
            first = words[0].rsplit("/", 1)[-1] if words else ""
            if group.executable != first and group.executable[:_NAME_LIMIT] != name:
                return False
        if line and not line.search(" ".join(words)):
            return False
        if cgroup and not any(cgroup.search(path) for path in paths):
            return False
        return not group.container or any(_in_container(path, group.container) for path in paths)

    def _roots(self) -> dict[int, int]:
        """Group → process id in its pid file, where there is one that can be read."""
        roots = {}
        for index, group in enumerate(self._groups):
            if group.pid_file is not None:
                try:
                    roots[index] = int(read_bytes(str(group.pid_file)).split()[0])
                except (OSError, ValueError, IndexError):
                    continue
        return roots

    def _owner(self, pid: int, each: _Seen, roots: dict[int, int]) -> int | None:
        for group in each.fits:
            if self._groups[group].pid_file is None or (group in roots and self._descends(pid, roots[group])):
                return group
        return None

    def _descends(self, pid: int, root: int) -> bool:
        for _ in range(_ANCESTORS):
            if pid == root:
                return True
            parent = self._seen.get(pid)
            if parent is None:
                return False
            pid = parent.parent
        return False


def _in_container(path: str, container: str) -> bool:
    """Whether the path names the container: `/docker/<id>`, `…/docker-<id>.scope`, `…/cri-containerd-<id>.scope`."""
    return any(
        part.removesuffix(".scope").rsplit("-", 1)[-1].rsplit(":", 1)[-1].startswith(container)
        for part in path.split("/")
    )
