"""The whole demo: flights replayed, models watched, pages delivered, and told in a line now and then."""

import json
import shutil
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from demo import chain, story
from demo.children import Children
from demo.errors import DemoError
from demo.ports import HOST, Ports
from demo.receiver import Inbox, Receiver
from demo.replay import Paths
from demo.train import ensure
from exporter.clock import Clock

READY_SECONDS = 60.0
KEPT_RUNS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was asked to be.

    Attributes:
        speed: seconds of 2013 in one second.
        seconds: how long it runs; None until it is stopped.
        schedule: texts such as `errors@120s+60s`, handed to the replay.
        grafana: False: not even where it is installed.
    """

    cache: Path
    ports: Ports
    speed: float
    seconds: float | None
    schedule: tuple[str, ...]
    grafana: bool = True

    @property
    def line_seconds(self) -> float:
        """From one line to the next: a minute, in short runs 20 s."""
        return 20.0 if self.seconds is not None and self.seconds <= 600 else 60.0


def run(options: Options, console: Console, clock: Clock, stop: threading.Event) -> None:
    """Everything ran until `stop` was set or the time was over; nothing of it runs any more.

    Raises:
        DemoError: something is missing, a port is taken, or a server failed.
    """
    programs = chain.find_programs()
    grafana = options.grafana and programs.grafana is not None
    options.ports.check(without=frozenset() if grafana else frozenset({"grafana"}))
    workshop = ensure(options.cache, console)
    folder = make_run_folder(options.cache, clock)
    references = chain.ensure_references(options.cache, workshop, folder, options.ports, console)
    chain.write_bundle(folder, options.speed, options.ports)
    inbox = Inbox(console, clock)
    receiver = Receiver(options.ports.receiver, inbox)
    children = Children(folder / "output")
    environment = chain.environment(folder, workshop, references, options.ports)
    receiver.start()
    begun = clock.now()
    try:
        children.start("alertmanager", chain.alertmanager_command(programs, folder, options.ports))
        children.start("prometheus", chain.prometheus_command(programs, folder, options.ports))
        children.start("exporter", chain.exporter_command(), environment)
        if grafana:
            command, variables = chain.grafana_command(programs), chain.grafana_environment(folder, options.ports)
            children.start("grafana", command, variables)
        wait_for_exporter(options.ports, children, console, clock, stop)
        begun = clock.now()
        children.start("replay", replay_command(options, folder), environment)
        console.print(describe_servers(options, folder, grafana=grafana), highlight=False)
        watch(options, folder, children, inbox, console, clock, stop)
    finally:
        console.print("stopping")
        children.stop()
        receiver.stop()
        conclude(folder, inbox, console, begun)


def make_run_folder(cache: Path, clock: Clock) -> Path:
    """A new folder for this run, named in `cache/current`; of older ones a few are kept."""
    old = sorted(cache.glob("run-*"))
    for folder in old[: max(0, len(old) - KEPT_RUNS + 1)]:
        shutil.rmtree(folder, ignore_errors=True)
    folder = cache / datetime.fromtimestamp(clock.now()).astimezone().strftime("run-%Y%m%d-%H%M%S")
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    (cache / "current").write_text(str(folder.resolve()))
    return folder.resolve()


def replay_command(options: Options, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "demo", "replay", "--out", str(folder), "--cache", str(options.cache.resolve())]
    command += ["--speed", str(options.speed)]
    for text in options.schedule:
        command += ["--incident", text]
    return command


def wait_for_exporter(ports: Ports, children: Children, console: Console, clock: Clock, stop: threading.Event) -> None:
    """The exporter answers.

    Raises:
        DemoError: it ended, or did not answer in a minute.
    """
    deadline = clock.monotonic() + READY_SECONDS
    with console.status("starting the servers"):
        while fetch(ports, "/-/healthy") is None:
            children.check()
            if clock.monotonic() > deadline:
                raise DemoError(f"the exporter did not answer in {READY_SECONDS:g} s, see {children.log_folder}")
            if clock.wait(stop, 0.3):
                return


def watch(
    options: Options,
    folder: Path,
    children: Children,
    inbox: Inbox,
    console: Console,
    clock: Clock,
    stop: threading.Event,
) -> None:
    """A line was printed now and then until the demo was stopped, its time was over or all flights had landed."""
    begun = clock.monotonic()
    next_line = options.line_seconds / 2
    while not stop.is_set() and (options.seconds is None or clock.monotonic() - begun < options.seconds):
        children.check()
        elapsed = clock.monotonic() - begun
        if elapsed >= next_line:
            next_line += options.line_seconds
            tell(elapsed, options.ports, folder, inbox, console)
        status = read_status(folder)
        if status and status["finished"]:
            console.print("the year is over: all flights were replayed")
            return
        clock.wait(stop, 0.5)


def tell(elapsed: float, ports: Ports, folder: Path, inbox: Inbox, console: Console) -> None:
    status = read_status(folder)
    if status is None:
        console.print("the replay is loading its flights", highlight=False)
        return
    line = story.describe_progress(elapsed, status, fetch(ports, "/metrics"), inbox.told)
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def read_status(folder: Path) -> dict[str, Any] | None:
    """What the replay last said of itself; None before it did."""
    path = Paths(folder).status
    if not path.exists():
        return None
    status: dict[str, Any] = json.loads(path.read_bytes())
    return status


def fetch(ports: Ports, path: str) -> str | None:
    """What the exporter answers; None where it does not."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{ports.exporter}{path}", timeout=5) as response:
            content: bytes = response.read()
    except (urllib.error.URLError, OSError):
        return None
    return content.decode()


def describe_servers(options: Options, folder: Path, *, grafana: bool) -> str:
    """Where to look, and how to steer."""
    ports = options.ports
    days = 86400 / options.speed
    planned = ", ".join(options.schedule) or "none: start one yourself"
    lines = [
        f"flights of April to December 2013, a day in {days:g} s",
        f"  exporter      http://{HOST}:{ports.exporter}",
        f"  Prometheus    http://{HOST}:{ports.prometheus}",
        f"  Alertmanager  http://{HOST}:{ports.alertmanager}",
        f"  Grafana       http://{HOST}:{ports.grafana}" if grafana else "  Grafana       not installed: skipped",
        f"  files         {folder}",
        f"incidents: {planned}. More: python -m demo incident start NAME (python -m demo incidents lists them)",
        "until the first incident no page should come; tickets may: the seasons really change. Ctrl-C ends the demo.",
    ]
    return "\n".join(lines)


def conclude(folder: Path, inbox: Inbox, console: Console, begun: float) -> None:
    """The table of incidents was printed, and pages that none of them explains."""
    happened = story.read_incidents(Paths(folder).incidents)
    if happened:
        console.print(story.incident_table(happened, inbox.told, begun))
    for page in story.other_pages(happened, inbox.told):
        console.print(
            f"page that no incident explains, after {page.at - begun:.0f} s: {page.model} {page.alert}: {page.summary}",
            highlight=False,
            markup=False,
        )
