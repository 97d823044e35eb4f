"""Records what NVML says on this machine, beside nvidia-smi: `python -m tests.gpu.record FILE [--watch SECONDS]`.

The file is a fixture for machines without a GPU: put it into tests/gpu/recordings/ and the tests replay it, and compare
what the collector made of it with what nvidia-smi said at the same moment. Best under load. Ids of processes stay in
it; names, command lines and serial numbers are not asked for.
"""

import argparse
import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import structlog

from exporter.clock import SystemClock
from exporter.host.gpu.collector import GpuCollector
from exporter.host.plan import HostPlan
from tests.gpu.compare import COLUMNS, differences
from tests.gpu.recording import Recorder


def ask_smi() -> list[dict[str, str]]:
    """One row a GPU of what nvidia-smi says, in its own words and units."""
    command = ["nvidia-smi", f"--query-gpu={','.join(COLUMNS)}", "--format=csv,noheader,nounits"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    rows = csv.reader(io.StringIO(answer), skipinitialspace=True)
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def record(seconds: float) -> tuple[dict[str, Any], dict[str, dict[tuple[str, ...], float]]]:
    """The recording, and what the collector made of it."""
    recorder = Recorder()
    collector = GpuCollector(HostPlan(), SystemClock(), structlog.get_logger(), lambda: recorder)
    collector.read()
    # The first samples of PCIe are taken behind the scrape.
    time.sleep(seconds)
    readings = {metric.name: dict(samples) for metric, samples in collector.read()}
    recording = {
        "about": "answers of NVML to the collector's questions, and nvidia-smi's at the same moment",
        "made_up": False,
        "calls": dict(sorted(recorder.calls.items())),
        "smi": ask_smi(),
    }
    return recording, readings


def main(arguments: list[str]) -> int:
    """Writes the file and tells where the two differ; the exit code is how many values do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--watch", type=float, default=3.0, help="seconds between the first reading and the recorded")
    options = parser.parse_args(arguments)
    recording, readings = record(options.watch)
    if not readings:
        sys.stderr.write("no GPU was found: is the driver loaded, and nvidia-ml-py installed?\n")
        return 2
    options.file.write_text(json.dumps(recording, indent=1) + "\n", encoding="utf-8")
    found = differences(recording["smi"], readings)
    for line in found:
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"{len(recording['calls'])} questions recorded, {len(found)} values differ from nvidia-smi\n")
    return min(1, len(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
