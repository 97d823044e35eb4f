"""Reading the kernel's small files: whole, at once, as it wrote them."""

import os
from collections.abc import Container, Iterator
from pathlib import Path

_BLOCK = 65536


def read(path: Path | str) -> str:
    """The whole file.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        first = os.read(descriptor, _BLOCK)
        parts = [first]
        # The kernel may give such a file in pieces: only an empty one says that there is no more.
        while parts[-1]:
            parts.append(os.read(descriptor, _BLOCK))
    finally:
        os.close(descriptor)
    return b"".join(parts).decode("utf-8", "replace")


def read_if_there(path: Path | str) -> str | None:
    """The whole file; None where there is none, where it went while it was read, or where it may not be read."""
    try:
        return read(path)
    except OSError:
        return None


def number(path: Path | str) -> float | None:
    """The one number of the file; None where there is none, or `max`."""
    text = read_if_there(path)
    return None if text is None else as_number(text)


def as_number(text: str) -> float | None:
    """`text` as a number; None where it is none."""
    try:
        return float(text)
    except ValueError:
        return None


def pairs(text: str, wanted: Container[str] | None = None) -> Iterator[tuple[str, float]]:
    """First word → second word as a number, for each line that has such; a colon behind the first goes.

    Args:
        text: the file.
        wanted: first words of the lines that are looked at; None: of all.
    """
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        name = name.rstrip(":")
        words = rest.split(None, 1) if wanted is None or name in wanted else ()
        if words and (value := as_number(words[0])) is not None:
            yield name, value
