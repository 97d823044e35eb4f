"""What the kernel says of one process: the files below /proc/PID, each read in one go."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_CHUNK = 65536
_GONE = (b"Z", b"X", b"x")


@dataclass(frozen=True, slots=True)
class Stat:
    """One reading of /proc/PID/stat.

    Attributes:
        start: when the process began, in ticks since boot: with the process id it names a process for good.
        user, system: CPU time in ticks, children that ended not included.
    """

    name: str
    parent: int
    start: int
    user: int
    system: int
    threads: int
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that went between the process and storage, as in /proc/PID/io; what caches served is not in it.

    Those of children that ended are in it as soon as the process has waited for them.
    """

    read: int
    written: int


def read_bytes(path: str) -> bytes:
    """All that the file holds now.

    Raises:
        OSError: it cannot be read; ESRCH or ENOENT where the process is gone.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.read(handle, _CHUNK)
        if len(content) == _CHUNK:
            while more := os.read(handle, _CHUNK):
                content += more
        return content
    finally:
        os.close(handle)


def read_stat(folder: str) -> Stat | None:
    """The process's numbers; None where it is gone, dead and only not yet waited for, or hidden from us (hidepid)."""
    try:
        content = read_bytes(f"{folder}/stat")
    except (FileNotFoundError, NotADirectoryError, PermissionError, ProcessLookupError):
        return None
    # The name stands in parentheses and may itself hold blanks and parentheses.
    opening, closing = content.find(b"("), content.rfind(b")")
    if opening < 0 or closing < 0:
        return None
    fields = content[closing + 2 :].split()
    if fields[0] in _GONE:
        return None
    return Stat(
        name=content[opening + 1 : closing].decode(errors="replace"),
        parent=int(fields[1]),
        start=int(fields[19]),
        user=int(fields[11]),
        system=int(fields[12]),
        threads=int(fields[17]),
        resident_bytes=max(0, int(fields[21])) * _PAGE_BYTES,
    )


def read_swap(folder: str) -> int:
    """Bytes of the process that are swapped out."""
    content = read_bytes(f"{folder}/status")
    place = content.find(b"\nVmSwap:")
    return int(content[place + 8 :].split(None, 1)[0]) * 1024 if place >= 0 else 0


def read_traffic(folder: str) -> Traffic:
    """What the process read from storage and wrote to it.

    Raises:
        OSError: gone, or the kernel does not show it to us (another user's process).
    """
    content = read_bytes(f"{folder}/io")
    if not content:
        raise ProcessLookupError(f"{folder}/io: the process is gone")
    return Traffic(_number_after(content, b"\nread_bytes:"), _number_after(content, b"\nwrite_bytes:"))


def _number_after(content: bytes, key: bytes) -> int:
    start = content.index(key) + len(key)
    end = content.find(b"\n", start)
    return int(content[start : end if end >= 0 else None])


def sizes_tell_descriptors(proc: Path) -> bool:
    """Whether the size of /proc/PID/fd is the number of open descriptors: since Linux 6.2."""
    try:
        return (proc / "self/fd").stat().st_size > 0
    except OSError:
        return False


def count_descriptors(folder: str, *, by_size: bool) -> int:
    """How many file descriptors are open; `by_size` costs the same however many there are.

    Raises:
        OSError: gone, or the kernel does not show it to us (another user's process).
    """
    path = f"{folder}/fd"
    if by_size and os.access(path, os.R_OK):
        return os.stat(path).st_size  # noqa: PTH116 - runs for every process at a scrape
    return len(os.listdir(path))  # noqa: PTH208 - likewise


def read_descriptor_limit(folder: str) -> int | None:
    """How many file descriptors the process may have open; None where there is no limit or it is not shown."""
    try:
        content = read_bytes(f"{folder}/limits")
    except OSError:
        return None
    place = content.find(b"Max open files")
    words = content[place + len(b"Max open files") :].split(None, 1) if place >= 0 else []
    return int(words[0]) if words and words[0].isdigit() else None


def read_command_line(folder: str) -> tuple[str, ...]:
    """Words of the command line; none for a thread of the kernel and for what is gone."""
    try:
        content = read_bytes(f"{folder}/cmdline")
    except OSError:
        return ()
    return tuple(word.decode(errors="replace") for word in content.rstrip(b"\0").split(b"\0")) if content else ()


def read_cgroups(folder: str) -> tuple[tuple[str, str], ...]:
    """(controllers, path) of each control group that the process is in; controllers is "" for version 2."""
    try:
        lines = read_bytes(f"{folder}/cgroup").decode(errors="replace").splitlines()
    except OSError:
        return ()
    found = (line.split(":", 2) for line in lines)
    return tuple((each[1], each[2]) for each in found if len(each) == 3)  # noqa: PLR2004 - id:controllers:path


def boot_seconds(proc: Path) -> float:
    """When the machine was started, in Unix time.

    Raises:
        OSError: /proc/stat does not say.
    """
    for line in read_bytes(f"{proc}/stat").splitlines():
        if line.startswith(b"btime "):
            return float(line.split()[1])
    raise OSError(f"{proc}/stat does not say when the machine was started")
