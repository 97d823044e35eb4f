"""Every target holds on its seeds, on what fuzzing has found so far, and on a few changes of these."""

import random
from pathlib import Path

import pytest

from tests.fuzz.mutation import mutated, seeds
from tests.fuzz.targets import TARGETS

FOUND = Path(__file__).parent / "found"
MUTATIONS = 60


def found(target: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted(FOUND.glob(f"{target}-*")))


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_seeds_and_findings(target: str) -> None:
    for data in (*seeds()[target], *found(target), b"", b"\n", b"\0"):
        TARGETS[target](data)


@pytest.mark.parametrize("target", sorted(set(TARGETS) - {"parquet"}))
def test_changes_of_them(target: str) -> None:
    draw, pool = random.Random(target), (*seeds()[target], *found(target))
    for _ in range(MUTATIONS):
        data = mutated(draw, pool)
        try:
            TARGETS[target](data)
        except Exception as error:
            raise AssertionError(f"{target}: {data!r}") from error
