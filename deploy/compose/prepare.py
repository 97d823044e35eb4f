# ruff: noqa: INP001 - a script, no part of a package
"""Lays ready what the other containers of docker-compose.yml read: models, references, rules, dashboards, an empty run.

    python deploy/compose/prepare.py /demo

Below the folder: `models` and `references` (links into `cache`), `bundle` (configuration of Prometheus, Alertmanager,
Grafana) and `run` (the replay's logs and the exporter's state). A run that an exporter still reads is left as it is.
"""

import os
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

import yaml
from rich.console import Console

from demo import chain
from demo.errors import DemoError
from demo.machine import Machine
from demo.ports import Ports
from demo.replay import Paths
from demo.train import ensure
from exporter.clock import SystemClock

ADDRESSES = Path(__file__).with_name("values.yml")
EXPORTER_URL = os.environ.get("DEMO_EXPORTER_URL", "http://exporter:9877/-/healthy")
REPLAYED_LATELY_SECONDS = 30.0


def main(folder: Path) -> int:
    """0 where everything is ready, 1 with a line on standard error where it cannot be."""
    try:
        prepare(folder, float(os.environ.get("DEMO_SPEED", "8640")))
    except (DemoError, OSError, ValueError) as error:
        sys.stderr.write(f"prepare: {error}\n")
        return 1
    return 0


def prepare(folder: Path, speed: float) -> None:
    """The folder holds all that the other containers read."""
    console, cache, run = Console(), folder / "cache", folder / "run"
    cache.mkdir(parents=True, exist_ok=True)
    if exporter_answers():
        if not replayed_lately(run):
            raise DemoError("the exporter still runs on an older replay: docker compose down, then up")
        console.print("a replay is running: left as it is")
        return
    shutil.rmtree(run, ignore_errors=True)
    (run / "logs").mkdir(parents=True)
    Machine(Paths(run).machine)
    workshop = ensure(cache, console)
    link(folder / "models", workshop.folder)
    link(folder / "references", chain.ensure_references(cache, workshop, run, Ports(), console))
    write_bundle(folder / "bundle", speed)
    (cache / "current").write_text(str(run))  # where `python -m demo incident` finds the replay
    console.print(f"ready in {folder}")


def write_bundle(folder: Path, speed: float) -> None:
    """Prometheus', Alertmanager's and Grafana's configuration for this speed, new as a whole."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chain.render_bundle(folder, speed, yaml.safe_load(ADDRESSES.read_text()))
    chain.write_grafana(folder)


def link(name: Path, target: Path) -> None:
    """`name` leads to `target`, by a relative path so that it holds wherever the volume is mounted."""
    name.unlink(missing_ok=True)
    name.symlink_to(os.path.relpath(target, name.parent), target_is_directory=True)


def exporter_answers() -> bool:
    try:
        with urllib.request.urlopen(EXPORTER_URL, timeout=2):  # noqa: S310 - an address that the compose file gives
            return True
    except (urllib.error.URLError, OSError):
        return False


def replayed_lately(run: Path) -> bool:
    """Whether a replay said something within the last half minute."""
    try:
        return SystemClock().now() - (run / "status.json").stat().st_mtime < REPLAYED_LATELY_SECONDS
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
