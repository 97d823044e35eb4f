"""Where the exporter's own control group lies, for cgroup v1, v2 and both beside each other (hybrid)."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from exporter.host.files import read_if_there
from exporter.host.mounts import Mount, parse

_USUAL = Path("/proc")


@dataclass(frozen=True, slots=True)
class Branch:
    """Groups of one controller that hold the exporter.

    Attributes:
        version: 1 or 2, which name their files differently.
        folders: from the innermost to the outermost that can be seen; empty where there is none.
    """

    version: int
    folders: tuple[Path, ...] = ()


def branch(proc: Path, controller: str) -> Branch:
    """The groups of `controller` (`cpu`, `memory`, …) from the exporter's own up to the root that it sees.

    The group of a systemd service is passed over: it limits the exporter alone, not the machine that models run on.
    """
    own = (proc if (proc / "self/cgroup").exists() else _USUAL) / "self"
    mounts = list(parse(read_if_there(own / "mountinfo") or ""))
    paths = _paths(read_if_there(own / "cgroup") or "")
    if controller in paths:
        return Branch(
            1, _folders([m for m in mounts if m.kind == "cgroup" and controller in m.options], paths[controller])
        )
    return Branch(2, _folders([m for m in mounts if m.kind == "cgroup2"], paths.get("")))


def _paths(text: str) -> dict[str, str]:
    """Controller → path of the group; "" → that of cgroup v2. Lines are `number:controllers:path`."""
    paths = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon:
            paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


def _folders(mounts: list[Mount], path: str | None) -> tuple[Path, ...]:
    if not mounts or path is None:
        return ()
    mount = mounts[-1]
    inner = PurePosixPath(path)
    if ".." in inner.parts:  # the group lies beside what this container sees
        steps: tuple[str, ...] = ()
    elif inner.is_relative_to(mount.root):
        steps = inner.relative_to(mount.root).parts
    else:
        steps = ()  # what is mounted is the container's own group, under another name
    folders = [Path(mount.point, *steps[:depth]) for depth in range(len(steps), -1, -1)]
    if folders[0].name.endswith(".service"):
        folders = folders[1:]
    return tuple(folder for folder in folders if folder.is_dir())
