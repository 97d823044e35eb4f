"""Paths that a glob names, also where links lead in circles."""

import glob
import os
from collections.abc import Iterator


def matching(pattern: str) -> Iterator[str]:
    """Paths that match an absolute glob; ** stands for any number of directories.

    It goes through links to directories too, but into each directory once: two links to the directory that they stand
    in make paths without number.
    """
    parts = pattern.split("/")
    if "**" not in parts:
        yield from glob.glob(pattern)  # noqa: PTH207 -- text in, text out
        return
    place = parts.index("**")
    behind = "/".join(parts[place + 1 :]) or "*"
    for top in glob.glob("/".join(parts[:place]) or "/"):  # noqa: PTH207 -- likewise
        for directory in _directories(top):
            yield from matching(f"{glob.escape(directory.rstrip('/'))}/{behind}")


def _directories(top: str) -> Iterator[str]:
    """The directory and all below it that can be listed and are not hidden, each once, by its own name if any."""
    seen: set[tuple[int, int]] = set()
    waiting, links = [top], list[str]()
    while waiting or links:
        directory = waiting.pop() if waiting else links.pop(0)
        try:
            found = os.stat(directory)  # noqa: PTH116 -- called for every directory of every poll
            if (found.st_dev, found.st_ino) in seen:
                continue
            seen.add((found.st_dev, found.st_ino))
            with os.scandir(directory) as entries:
                below = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda one: one.name)
        except OSError:
            continue
        yield directory
        for entry in below:
            if entry.is_symlink():
                links.append(entry.path)
            elif entry.is_dir():
                waiting.append(entry.path)
