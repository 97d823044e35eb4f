"""Reading the kernel's small files: whole, at once, as it wrote them."""

import os
from collections.abc import Iterable, Iterator
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


def named(text: str, names: Iterable[str]) -> Iterator[tuple[str, float]]:
    """Name → number behind it, for each of `names` that begins a line, with or without a colon; in their order.

    The other lines, of which such files have hundreds, are not looked at.
    """
    text = f"\n{text}\n"
    for name in names:
        for mark in (" ", ":"):
            start = text.find(f"\n{name}{mark}")
            if start >= 0:
                words = text[start + len(name) + 2 : text.index("\n", start + 1)].split(None, 1)
                if words and (value := as_number(words[0])) is not None:
                    yield name, value
                break
