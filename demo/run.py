"""The whole demo: flights replayed, models watched, pages delivered, and told in a line now and then."""

import json
import shutil
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from demo import chain, story
from demo.children import Children
from demo.errors import DemoError
from demo.machine import Machine
from demo.ports import HOST, Ports
from demo.receiver import Inbox, Receiver
from demo.replay import Paths
from demo.train import ensure
from exporter.clock import Clock

READY_SECONDS = 120.0
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Our own servers are never asked through a proxy."""
KEPT_RUNS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was asked to be.

    Attributes:
        speed: seconds of 2013 in one second.
        seconds: how long it runs; None until it is stopped.
        start_day: day of 2013 on which the clock starts.
        schedule: texts such as `errors@120s+60s`, handed to the replay.
        grafana: False: not even where it is installed.
    """

    cache: Path
    ports: Ports
    speed: float
    seconds: float | None
    schedule: tuple[str, ...]
    start_day: str
    grafana: bool = True

    @property
    def line_seconds(self) -> float:
        """From one line to the next: a minute, in short runs 20 s."""
        return 20.0 if self.seconds is not None and self.seconds <= 600 else 60.0


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo on its way.

    Attributes:
        folder: of this run.
        stop: set when the person has had enough.
    """

    options: Options
    folder: Path
    children: Children
    inbox: Inbox
    console: Console
    clock: Clock
    stop: threading.Event

    def wait_for(self, what: str, ready: Callable[[], bool]) -> None:
        """`ready` said so, or the demo was stopped; `what` is shown meanwhile.

        Raises:
            DemoError: a server ended, or it took over two minutes.
        """
        deadline = self.clock.monotonic() + READY_SECONDS
        with self.console.status(what):
            while not ready():
                self.children.check()
                if self.clock.monotonic() > deadline:
                    output = self.children.log_folder
                    raise DemoError(f"{what}, yet is not ready after {READY_SECONDS:g} s, see {output}")
                if self.clock.wait(self.stop, 0.2):
                    return

    def watch(self, begun: float) -> None:
        """A line was printed now and then until the demo was stopped, its time was over or all flights had landed.

        Time counts from when the replay's clock started: `begun`, Unix seconds.
        """
        options = self.options
        next_line = options.line_seconds / 2
        while not self.stop.is_set():
            self.children.check()
            elapsed = self.clock.now() - begun
            if options.seconds is not None and elapsed >= options.seconds:
                return
            if elapsed >= next_line:
                next_line += options.line_seconds
                self.tell(elapsed)
            status = read_status(self.folder)
            if status and status["finished"]:
                self.console.print("the year is over: all flights were replayed")
                return
            self.clock.wait(self.stop, 0.5)

    def tell(self, elapsed: float) -> None:
        """One line of what is going on was printed."""
        status = read_status(self.folder)
        if status is None:
            line = "the replay is loading its flights"
        else:
            metrics = fetch(self.options.ports, "/metrics")
            line = story.describe_progress(elapsed, status, metrics, self.inbox.told)
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def conclude(self, begun: float) -> None:
        """The table of incidents was printed, and pages that none of them explains; `begun` in Unix seconds."""
        happened = story.read_incidents(Paths(self.folder).incidents)
        told = self.inbox.told
        if happened:
            self.console.print(story.incident_table(happened, told, begun))
        for page in story.other_pages(happened, told):
            after = f"after {page.at - begun:.0f} s"
            line = f"page that no incident explains, {after}: {page.model} {page.alert}: {page.summary}"
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)


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
    demo = Demo(options, folder, Children(folder / "output"), inbox, console, clock, stop)
    receiver = Receiver(options.ports.receiver, inbox)
    receiver.start()
    begun = clock.now()
    try:
        environment = chain.environment(folder, workshop, references, options.ports)
        # In this order: an exporter on empty logs would call its sources down, and a Prometheus that is there before it
        # would call the exporter down.
        demo.children.start("replay", replay_command(options, folder), environment)
        demo.wait_for("the replay writes its first days", Paths(folder).status.exists)
        begun = clock.now()
        demo.children.start("exporter", chain.exporter_command(), environment)
        demo.wait_for("the exporter starts", lambda: fetch(options.ports, "/-/healthy") is not None)
        demo.children.start("alertmanager", chain.alertmanager_command(programs, folder, options.ports))
        demo.children.start("prometheus", chain.prometheus_command(programs, folder, options.ports))
        if grafana:
            chain.write_grafana(folder)
            command, variables = chain.grafana_command(programs), chain.grafana_environment(folder, options.ports)
            demo.children.start("grafana", command, variables)
        console.print(describe_servers(options, folder, grafana=grafana), highlight=False, soft_wrap=True)
        demo.watch(begun)
    finally:
        console.print("stopping")
        demo.children.stop()
        receiver.stop()
        demo.conclude(begun)


def make_run_folder(cache: Path, clock: Clock) -> Path:
    """A new folder for this run, named in `cache/current`; of older ones a few are kept."""
    old = sorted(cache.glob("run-*"))
    for folder in old[: max(0, len(old) - KEPT_RUNS + 1)]:
        shutil.rmtree(folder, ignore_errors=True)
    folder = cache / datetime.fromtimestamp(clock.now()).astimezone().strftime("run-%Y%m%d-%H%M%S")
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    Machine(Paths(folder).machine)  # references are fitted before the replay starts it
    (cache / "current").write_text(str(folder.resolve()))
    return folder.resolve()


def replay_command(options: Options, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "demo", "replay", "--out", str(folder), "--cache", str(options.cache.resolve())]
    command += ["--speed", str(options.speed), "--start-day", options.start_day]
    for text in options.schedule:
        command += ["--incident", text]
    return command


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
        with DIRECT.open(f"http://{HOST}:{ports.exporter}{path}", timeout=5) as response:
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
        f"flights of 2013 from {options.start_day} on, a day in {days:g} s",
        f"  exporter      http://{HOST}:{ports.exporter}",
        f"  Prometheus    http://{HOST}:{ports.prometheus}",
        f"  Alertmanager  http://{HOST}:{ports.alertmanager}",
        f"  Grafana       http://{HOST}:{ports.grafana}" if grafana else "  Grafana       not installed: skipped",
        f"  files         {folder}",
        f"incidents: {planned}. More: python -m demo incident start NAME (python -m demo incidents lists them)",
        "tickets may come before: seasons and schedules really change. Ctrl-C ends the demo.",
    ]
    return "\n".join(lines)
