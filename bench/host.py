"""CPU that a scrape of the machine costs, ours beside node_exporter's: `python -m bench.host`."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog

import exporter.exposition.fresh as fresh_module
from exporter.clock import SystemClock
from exporter.exposition.fresh import Fresh
from exporter.exposition.machine import machine_parts
from exporter.exposition.server import Hooks, Server, ServerSettings
from exporter.exposition.status import Status
from exporter.health import Health
from exporter.host.plan import HostPlan, ProcessGroup
from exporter.host.registry import COLLECTORS
from exporter.memory import shared_heaps
from exporter.scheduling import scrapes_first
from tests.conformance.nodes import node_exporter

SCRAPES = 400
ROUNDS = 3
OURS_ALONE = ("cgroup", "process", "gpu", "cost")
"""Collectors for which node_exporter has none."""
THEIRS = (
    "cpu", "loadavg", "time", "uname", "stat", "pressure", "meminfo", "vmstat", "filesystem", "diskstats", "netdev",
    "filefd", "hwmon", "thermal_zone",
)  # fmt: skip

ABOUT = {
    "host_scrape_all_cpu": "CPU a scrape with all collectors on, one group of processes too, over HTTP, text format, "
    "readings not shared. The machine is the models': 20 ms.",
    "host_scrape_cpu": f"The same without {', '.join(OURS_ALONE)}.",
    "host_node_exporter_cpu": "CPU a scrape of node_exporter, limited to collectors of the same files.",
    "host_scrape_ratio": "Ours without what node_exporter lacks, by node_exporter's.",
    "host_scrape_all_p50": "Median scrape with all collectors on, as a client on the same machine sees it.",
    "host_scrape_all_growth": "Resident memory that the last half of the scrapes added.",
}


def serve(kind: str) -> None:
    """Serves the machine's numbers until the input ends; its port is the first line of the output."""
    scrapes_first()
    shared_heaps()
    fresh_module.SHARED_SECONDS = 0.0  # every scrape reads anew
    names = tuple(name for name in COLLECTORS if kind == "all" or name not in OURS_ALONE)
    group = ProcessGroup("python", "m", command_line="python")
    clock, health = SystemClock(), Health()
    fresh = Fresh(health, machine_parts(HostPlan(names, processes=(group,)), clock), clock, structlog.get_logger())
    hooks = Hooks(lambda: None, fresh, lambda: Status("", 0, 0), lambda: None, lambda: None)
    server = Server(ServerSettings(port=0), hooks, structlog.get_logger())
    server.start()
    print(server.port, flush=True)
    sys.stdin.read()
    server.stop()


@contextmanager
def ours(kind: str) -> Iterator[tuple[int, int]]:
    """Process id and port of a server of ours."""
    command = [sys.executable, "-m", "bench.host", kind]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent)
    assert process.stdin
    assert process.stdout
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(30)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def scrape(pid: int, port: int, times: int = SCRAPES) -> tuple[float, float, int]:
    """CPU milliseconds a scrape, median milliseconds, and bytes that memory grew in the last half."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took, half = [], 0
    for _ in range(20):
        _ask(connection)
    before = cpu_seconds(pid)
    for number in range(times):
        half = resident_bytes(pid) if number == times // 2 else half
        began = time.perf_counter()
        _ask(connection)
        took.append(time.perf_counter() - began)
    cpu = (cpu_seconds(pid) - before) / times
    connection.close()
    return cpu * 1000, sorted(took)[times // 2] * 1000, resident_bytes(pid) - half


def _ask(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/metrics")
    body = connection.getresponse().read()
    assert b"cpu_seconds_total" in body


def row(value: float, unit: str, limit: float | None) -> dict[str, Any]:
    return {"value": value, "unit": unit, "limit": limit, "ok": limit is None or value <= limit}


def run(progress: Callable[[str], None] = print) -> dict[str, dict[str, Any]]:
    """All figures, the median of rounds that take turns."""
    rounds = []
    theirs = ("--collector.disable-defaults", *(f"--collector.{name}" for name in THEIRS))
    with ours("all") as everything, ours("machine") as machine, node_exporter(theirs) as node:
        port = urlsplit(node.url).port
        assert port
        for _ in range(ROUNDS):
            rounds.append((scrape(*everything), scrape(*machine), scrape(node.pid, port)))
            progress(
                "CPU ms a scrape: all {:.2f}, machine {:.2f}, node_exporter {:.2f}".format(*(c for c, *_ in rounds[-1]))
            )
    middle = sorted(rounds, key=lambda each: each[1][0] / each[2][0])[ROUNDS // 2]
    (cpu_all, median, grown), (cpu, *_), (cpu_node, *_) = middle
    grown = rounds[-1][0][2]
    return {
        "host_scrape_all_cpu": row(cpu_all, "ms", 20.0),
        "host_scrape_cpu": row(cpu, "ms", None),
        "host_node_exporter_cpu": row(cpu_node, "ms", None),
        "host_scrape_ratio": row(cpu / cpu_node, "× node_exporter", None),
        "host_scrape_all_p50": row(median, "ms", None),
        "host_scrape_all_growth": row(grown / 1024, "KiB", 512.0),
    }


if __name__ == "__main__":
    serve(sys.argv[1]) if len(sys.argv) > 1 else print(run())
