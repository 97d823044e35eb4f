"""Debian's node_exporter, started for a test or a benchmark, and pages of numbers as dictionaries."""

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

Page = dict[str, dict[frozenset[tuple[str, str]], float]]
"""Name → labels → value."""


def page(text: str) -> Page:
    """Every sample of a page."""
    found: Page = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


class NodeExporter:
    """One that runs."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self.pid = process.pid

    def text(self) -> str:
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            return str(answer.read().decode())


@contextmanager
def node_exporter(arguments: Sequence[str] = ()) -> Iterator[NodeExporter]:
    """node_exporter on a free port of the loopback, once it answers."""
    program = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    assert program, "install Debian's package prometheus-node-exporter"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, f"--web.listen-address=127.0.0.1:{port}", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        node = NodeExporter(f"http://127.0.0.1:{port}/metrics", process)
        _wait(node, process)
        yield node
    finally:
        process.terminate()
        process.wait(10)


def _wait(node: NodeExporter, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while True:
        assert process.poll() is None, "node_exporter ended at once"
        try:
            node.text()
        except urllib.error.URLError:
            assert time.monotonic() < deadline, "node_exporter does not answer"
            time.sleep(0.02)
        else:
            return
