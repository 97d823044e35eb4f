"""Room on file systems, as statvfs tells it; of the network's each in a thread: a lost server never answers."""

import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter.clock import Clock
from exporter.host.collector import HostMetric, Reading, Sample
from exporter.host.mounts import MachineMounts, Mount
from exporter.host.plan import HostPlan

_POINTS = re.compile(r"/(?:dev|proc|sys|run/credentials/.+|var/lib/docker/.+|var/lib/containers/storage/.+)(?:$|/)")
"""Places of the kernel and of containers' layers. These and the kinds are node_exporter's."""
_KINDS = re.compile(
    r"autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|"
    r"overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs"
)
"""Kinds that hold nothing, or cannot grow."""
_REMOTE = re.compile(r"nfs\d?|cifs|smb\d?|smbfs|ceph|glusterfs|lustre|afs|9p|ncpfs|ocfs2|gfs2|fuse(?:\..+)?|fuseblk")
_REMOTE_SECONDS = 0.3
"""A network file system that has not answered by then is left out until it has."""
_LABELS = ("device", "mountpoint", "fstype")


def _gauge(name: str, says: str) -> HostMetric:
    return HostMetric(f"ml_host_filesystem_{name}", "gauge", says, _LABELS)


SIZE = _gauge("size_bytes", "Size of the file system.")
FREE = HostMetric(
    "ml_host_filesystem_free_bytes",
    "gauge",
    "Bytes that are free, those kept for the administrator too.",
    _LABELS,
    internal=True,
)
AVAIL = _gauge("avail_bytes", "Bytes that programs can still write.")
FILES = _gauge("files", "Files that the file system can hold at most.")
FILES_FREE = _gauge("files_free", "Files that can still be made.")
READONLY = _gauge("readonly", "1 where nothing can be written: mounted so, or after an error of the disk.")
ERROR = _gauge("device_error", "1 where the file system does not answer, else 0.")
METRICS = (SIZE, FREE, AVAIL, FILES, FILES_FREE, READONLY, ERROR)


@dataclass(frozen=True, slots=True)
class Room:
    """What a file system says of itself; bytes and numbers of files."""

    size: float
    free: float
    avail: float
    files: float
    files_free: float


Ask = Callable[[Mount, Path], "Room | None"]
"""Room of the file system that is mounted at the path; None where it is not seen there, or has none."""


def ask(mount: Mount, path: Path) -> Room | None:
    """What statvfs says.

    Raises:
        OSError: the file system does not work.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    major, minor = mount.device_number
    # A service that sees only a part of the machine has something else there; made-up numbers say nothing.
    if not stat.S_ISDIR(status.st_mode) or (major and status.st_dev != os.makedev(major, minor)):
        return None
    told = os.statvfs(path)
    if not told.f_blocks:
        return None
    block = float(told.f_frsize)
    return Room(
        told.f_blocks * block, told.f_bfree * block, told.f_bavail * block, float(told.f_files), float(told.f_ffree)
    )


@dataclass(slots=True)
class _Question:
    """A question to a file system of the network, in a thread of its own."""

    thread: threading.Thread
    answer: list[Room | OSError | None]


class FilesystemCollector:
    """Asks every file system once, where it is mounted nearest to the root."""

    metrics = METRICS

    def __init__(self, proc: Path, root: Path, ask: Ask = ask) -> None:
        self._machine = MachineMounts(proc)
        self._mounts: tuple[Mount, ...] = ()
        self._shown: list[Mount] = []
        self._root = root
        self._ask = ask
        self._questions: dict[Mount, _Question] = {}

    @classmethod
    def made(cls, plan: HostPlan, _clock: Clock) -> "FilesystemCollector":
        """The collector that the plan asks for."""
        return cls(plan.roots.proc, plan.roots.root)

    def read(self) -> Iterable[Reading]:
        """Room by file system.

        Raises:
            OSError: it cannot be told what is mounted.
        """
        if (mounted := self._machine.read()) is not self._mounts:
            self._mounts, self._shown = mounted, shown(mounted)
        mounts = self._shown
        remote = [mount for mount in mounts if _REMOTE.fullmatch(mount.kind)]
        # One that was asked before and is still silent is not waited for again.
        asked = [self._question(mount) for mount in remote if mount not in self._questions]
        answers = {mount: self._answer(mount) for mount in mounts if mount not in remote}
        deadline = time.monotonic() + _REMOTE_SECONDS
        for question in asked:
            question.thread.join(max(0.0, deadline - time.monotonic()))
        answers |= {mount: self._told(mount) for mount in remote}
        self._questions = {mount: each for mount, each in self._questions.items() if each.thread.is_alive()}
        return _readings(answers)

    def _question(self, mount: Mount) -> _Question:
        answer: list[Room | OSError | None] = []
        thread = threading.Thread(
            target=lambda: answer.append(self._answer(mount)), name=f"statvfs-{mount.point}", daemon=True
        )
        question = self._questions[mount] = _Question(thread, answer)
        thread.start()
        return question

    def _told(self, mount: Mount) -> Room | OSError | None:
        question = self._questions[mount]
        if question.thread.is_alive() or not question.answer:
            return TimeoutError("no answer")
        return question.answer[0]

    def _answer(self, mount: Mount) -> Room | OSError | None:
        try:
            return self._ask(mount, self._root / mount.point.lstrip("/"))
        except OSError as error:
            return error


def shown(mounts: Iterable[Mount]) -> list[Mount]:
    """One mount for each file system that can fill, in the order of the file.

    Of several mounts of one file system (bind mounts, subvolumes), which have the same room, the one nearest to the
    root; of several at one place, the last, which hides the others.
    """
    places = {mount.point: mount for mount in mounts}
    first: dict[tuple[int, int], Mount] = {}
    for mount in places.values():
        # What a container has for its root is what its programs fill.
        own_root = mount.point == "/" and mount.kind == "overlay"
        if own_root or not (_POINTS.match(mount.point) or _KINDS.fullmatch(mount.kind)):
            known = first.setdefault(mount.device_number, mount)
            if _depth(mount) < _depth(known):
                first[mount.device_number] = mount
    return list(first.values())


def _depth(mount: Mount) -> tuple[int, int]:
    return mount.point.rstrip("/").count("/"), len(mount.point)


def _readings(answers: Mapping[Mount, Room | OSError | None]) -> Iterable[Reading]:
    samples: dict[HostMetric, list[Sample]] = {metric: [] for metric in METRICS}
    for mount, answer in answers.items():
        if answer is None:
            continue
        labels = (mount.device, mount.point, mount.kind)
        samples[ERROR].append((labels, float(isinstance(answer, OSError))))
        if isinstance(answer, OSError):
            continue
        samples[SIZE].append((labels, answer.size))
        samples[FREE].append((labels, answer.free))
        samples[AVAIL].append((labels, answer.avail))
        samples[READONLY].append((labels, float("ro" in mount.options)))
        if answer.files:  # some file systems make room for files as they go
            samples[FILES].append((labels, answer.files))
            samples[FILES_FREE].append((labels, answer.files_free))
    return samples.items()
