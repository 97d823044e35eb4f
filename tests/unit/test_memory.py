"""Memory that was used once and is free again does not stay with the program."""

from pathlib import Path

import numpy as np

from exporter.memory import give_back, shared_heaps


def resident() -> int:
    """Bytes of memory in use, as the machine sees it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_free_memory_is_given_back() -> None:
    """Many small arrays leave heaps behind that only a trim returns; what is in use stays."""
    shared_heaps()
    kept = np.ones(1000)
    arrays = [np.ones(8000) for _ in range(2000)]
    full = resident()
    del arrays
    give_back()
    assert full - resident() > 100_000_000
    assert kept.sum() == 1000
