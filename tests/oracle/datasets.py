"""Public data sets with published results, read out of a wheel of the package registry; fetched once, by hash.

`python -m tests.oracle.datasets` fetches it; so does the first test that needs it.
"""

import io
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

CACHE = Path(__file__).parents[2] / ".cache" / "datasets"
WHEEL = "nannyml-0.13.1-py3-none-any.whl"
"""23 MB, Apache-2.0. The package itself is neither installed nor imported."""
REQUIREMENT = "nannyml==0.13.1 --hash=sha256:cf5f4a33489834ae6773cb1baa33a0f98c0a3ee6ed9b43049478b25ce22fe869\n"


class Unavailable(Exception):
    """The data could not be fetched."""


def fetch() -> Path:
    """The wheel, whole and with the right hash; downloaded where it is not there yet."""
    wheel = CACHE / WHEEL
    if wheel.exists():
        return wheel
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        wanted = Path(folder) / "requirement.txt"
        wanted.write_text(REQUIREMENT)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run(
            [*pip, "--require-hashes", "--dest", folder, "--requirement", str(wanted)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            why = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise Unavailable(f"{WHEEL} could not be downloaded for the published results; be online once: {why}")
        # Other tests may fetch it at the same time: what is in its place is whole at any instant.
        (Path(folder) / WHEEL).replace(wheel)
    return wheel


@cache
def read(name: str) -> pa.Table:
    """A CSV file of the wheel by its name without ending."""
    with zipfile.ZipFile(fetch()) as wheel:
        return csv.read_csv(io.BytesIO(wheel.read(f"nannyml/datasets/data/{name}.csv")))


if __name__ == "__main__":
    fetch()
