"""The demo as a person runs it: real flights, real models, an incident, its page, its end, and a clean stop."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.ports import HOST
from tests.e2e.test_alerting import free_port, until

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
TRAINING = 400.0
"""Seconds in which two models are trained and their references fitted on a machine that does much else; 40 on a calm one."""
LATEST = 200.0


class Demo:
    """`python -m demo …` from the checkout, on free ports, its models in the usual cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output.txt"
        ports = ("exporter", "prometheus", "alertmanager", "receiver", "grafana")
        self.ports = {name: free_port() for name in ports}
        options = [part for name, port in self.ports.items() for part in (f"--{name}-port", str(port))]
        # An end in any case; the test ends it sooner.
        environment = os.environ | {"DEMO_SECONDS": "600", "COLUMNS": "200"}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "demo", "run", "--calm", "--no-grafana", "--cache", str(folder), *options],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
            )

    def says(self, pattern: str, seconds: float = LATEST) -> re.Match[str]:
        """What the output says, as soon as it does."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            found[:] = re.finditer(pattern, self.text, flags=re.MULTILINE)
            assert found or self.process.poll() is None, self.text
            return bool(found)

        until(look, seconds, f"{pattern!r} in the demo's output")
        return found[0]

    @property
    def text(self) -> str:
        return self.output.read_text()

    def incident(self, verb: str, name: str) -> None:
        command = [sys.executable, "-m", "demo", "incident", verb, name, "--cache", str(self.folder)]
        subprocess.run(command, cwd=ROOT, check=True, timeout=LATEST, capture_output=True)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    # The cache's own runs and steering are this test's; the models are everybody's.
    cache = ROOT / ".cache" / "demo"
    subprocess.run(
        [sys.executable, "-m", "demo", "train", "--cache", str(cache)], cwd=ROOT, check=True, timeout=TRAINING
    )
    for models in cache.glob("models-*"):
        if (models / "report.json").exists():
            (tmp_path / models.name).symlink_to(models)
    running = Demo(tmp_path)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGINT)
            running.process.wait(120)


def test_an_incident_of_the_demo_is_told(demo: Demo) -> None:
    """Started by hand: paged, resolved, in the closing table; nothing of the demo is left running."""
    demo.says(rf"exporter +http://{HOST}:{demo.ports['exporter']}", TRAINING)
    demo.says(r"flight_delay: .*accuracy 0\.\d+, reference accuracy 0\.\d+")
    assert "PAGE" not in demo.text
    demo.incident("start", "missing_feature")
    page = demo.says(r"^ *PAGE .* (\w+_delay) MLPerformanceDegraded: .*performance fell over")
    demo.says(r"runbook: \S+/MLPerformanceDegraded$")
    demo.incident("stop", "missing_feature")
    demo.says(rf"^ *resolved .* {page[1]} page MLPerformanceDegraded")
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(120) == 0, demo.text
    table = demo.text[demo.text.index("Incidents and how they were told") :]
    assert re.search(r"missing_feature.*MLPerformanceDegraded.*page", table), table
    assert "Traceback" not in demo.text
    logs = [path.read_text() for path in demo.folder.glob("run-*/output/exporter.log")]
    assert len(logs) == 1
    assert "please report" not in logs[0]
