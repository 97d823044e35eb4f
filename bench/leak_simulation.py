"""How often leaks of memory are told, and how often where there are none: `python -m bench.leak_simulation`."""

import argparse
import sys

import numpy as np

from exporter.host.process_leak import MemoryTrend
from tests.unit.host.memories import HOUR, LEAKING, LIMIT, WELL, Memory, drawn

_WINDOW = 6 * HOUR


def first_told(memory: Memory, seed: int) -> float | None:
    """Hours until a leak is told; None where none is."""
    trend = MemoryTrend(_WINDOW)
    limit = LIMIT if seed % 3 else None
    for time, used in zip(*(each.tolist() for each in drawn(memory, seed, limit)), strict=True):
        growth = trend.observe(time, used, None if limit is None else limit - used)
        if growth is not None and growth.leak:
            return time / HOUR
    return None


def main(arguments: list[str]) -> int:
    """Prints one line a kind of memory; the exit code says whether the limits hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=500)
    options = parser.parse_args(arguments)
    kept = True
    for kinds, leaking in ((WELL, False), (LEAKING, True)):
        for name, memory in kinds.items():
            found = [first_told(memory, seed) for seed in range(options.draws)]
            hours = [each for each in found if each is not None]
            share = len(hours) / len(found)
            kept &= share >= 0.9 if leaking else share <= 0.01
            when = ", ".join(f"{hour:.1f}" for hour in np.quantile(hours, [0.1, 0.5, 0.9])) if hours else "-"
            print(f"{name:22} told {share:7.2%}  after hours (10, 50, 90 %): {when}", flush=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
