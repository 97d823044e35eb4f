"""Which file systems are mounted where, from /proc/PID/mountinfo."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.host.files import read, read_if_there

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line.

    Attributes:
        device_number: major and minor, the same for all mounts of one file system.
        root: the folder within the file system that is seen at `point`.
        options: of the file system, and of the mount unless that is the exporter's own.
    """

    device_number: tuple[int, int]
    root: str
    point: str
    kind: str
    device: str
    options: frozenset[str]


class MachineMounts:
    """Those that the machine's first process sees; the exporter's own where that one's cannot be seen."""

    def __init__(self, proc: Path) -> None:
        self._proc = proc
        self._text = ""
        self._mounts: tuple[Mount, ...] = ()

    def read(self) -> tuple[Mount, ...]:
        """What is mounted now: the same object as long as nothing changes.

        Raises:
            OSError: neither can be read.
        """
        text = read_if_there(self._proc / "1/mountinfo")
        # A hardened service sees everything mounted read-only; that says nothing of the machine.
        own = text is None
        text = read(self._proc / "self/mountinfo") if text is None else text
        if text != self._text:
            self._mounts = tuple(parse(text, of_mount=not own))
            self._text = text
        return self._mounts


def parse(text: str, *, of_mount: bool = True) -> Iterator[Mount]:
    """The mounts in the order of the file; lines that are none are left out.

    Args:
        text: the file.
        of_mount: whether the options of the mount count beside those of the file system.
    """
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        words, others = before.split(" "), after.split(" ")
        if not dash or len(words) < 6 or len(others) < 3:  # noqa: PLR2004 - fields of the format
            continue
        major, _, minor = words[2].partition(":")
        if not (major.isdigit() and minor.isdigit()):
            continue
        yield Mount(
            (int(major), int(minor)),
            _unescaped(words[3]),
            _unescaped(words[4]),
            others[0],
            _unescaped(others[1]),
            frozenset((*(words[5].split(",") if of_mount else ()), *others[2].split(","))),
        )


def _unescaped(text: str) -> str:
    r"""Blanks, tabs, line feeds and backslashes are written as octal numbers, such as `\040`."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
