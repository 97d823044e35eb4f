"""The demo's commands: parse, call, turn errors into one line."""

import json
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from demo.errors import DemoError
from demo.incidents import DEFAULT_INCIDENT, INCIDENTS, find, parse_schedule

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
steering = typer.Typer(help="Start or stop an incident in the running demo.", no_args_is_help=True)
app.add_typer(steering, name="incident")
# Where nobody looks at a terminal, lines are as wide as the tables want them.
console = Console() if sys.stdout.isatty() else Console(width=130)

CacheOption = Annotated[Path, typer.Option("--cache", help="Where models, references and runs are kept.")]
SpeedOption = Annotated[
    float, typer.Option("--speed", help="Seconds of 2013 in one second; 8640 is a day in 10 s.", min=1)
]
StartOption = Annotated[str, typer.Option("--start-day", help="Day of 2013 on which the clock starts.")]
IncidentOption = Annotated[
    list[str] | None, typer.Option("--incident", help="NAME, NAME@START or NAME@START+LENGTH; repeatable.")
]
CACHE = Path(".cache/demo")
LAST_DAY = "2013-12-31"
START_DAY = "2013-09-14"
"""Chosen by looking: until 7 October no day's mean delay is over 18 minutes and no weather is missing, so that only the
demo's own incident pages in its first minutes. Started on 31 May, 13 June (60 minutes) would page in its midst."""
HISTORY_DAYS = 28
"""So much is in the logs when the clock starts, enough for the longest window."""


def main() -> None:
    """Runs the command line; errors a person can mend are one line on standard error and exit code 2."""
    try:
        app()
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def stop_on_signals() -> threading.Event:
    """An event that Ctrl-C or SIGTERM sets."""
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    return stop


@app.command()
def train(cache: CacheOption = CACHE) -> None:
    """Train the models and write their reference logs, unless they are in the cache; tell how good they are."""
    from demo.train import ensure  # noqa: PLC0415 - scikit-learn takes seconds to import

    workshop = ensure(cache, console)
    table = Table("model", "on", "measure", "value", title=f"models in {workshop.folder}")
    for label, measures in workshop.report().items():
        for measure, value in measures.items():
            where, name = measure.split(".")
            table.add_row(label, where.replace("_", " "), name, f"{value:.4f}")
    console.print(table)


@app.command()
def replay(  # noqa: PLR0917 - the options of a command
    out: Annotated[Path, typer.Option(help="Folder for logs, status and control file.")],
    cache: CacheOption = CACHE,
    speed: SpeedOption = 8640.0,
    start_day: StartOption = START_DAY,
    last_day: str = LAST_DAY,
    history: Annotated[
        int, typer.Option(help="So many days are in the logs before the clock starts.", min=0)
    ] = HISTORY_DAYS,
    incident: IncidentOption = None,
    fast: Annotated[bool, typer.Option("--fast", help="Do not wait: write all logs as fast as they can be.")] = False,
) -> None:
    """Write the prediction and label logs as time goes by."""
    from demo.replay import Paths, Replay, midnight, open_streams  # noqa: PLC0415 - scikit-learn takes seconds to import
    from demo.train import ensure  # noqa: PLC0415
    from demo.writers import days_before  # noqa: PLC0415
    from exporter.clock import SystemClock  # noqa: PLC0415

    schedule = parse_schedule(incident or ())
    workshop = ensure(cache, console)
    out.mkdir(parents=True, exist_ok=True)
    start = midnight(start_day)
    first_day = days_before(start_day, history)
    streams = open_streams(workshop, Paths(out), first_day, last_day)
    replayed = Replay(streams, Paths(out), start=start, speed=speed, schedule=schedule)
    clock = SystemClock()
    replayed.write_history(midnight(first_day), clock)
    replayed.run(clock, stop_on_signals(), wait=not fast)


@app.command()
def incidents() -> None:
    """List the incidents."""
    for each in INCIDENTS:
        models = "" if len(each.models) > 1 else f" ({each.models[0]})"
        console.print(f"[bold]{each.name}[/]{models}, {each.seconds:g} s: {each.what}", highlight=False, soft_wrap=True)
        console.print(f"    told by {', '.join(each.alerts)}", highlight=False, soft_wrap=True)
    console.print(f"by default: {DEFAULT_INCIDENT}; now: python -m demo incident start NAME", highlight=False)


@app.command()
def run(  # noqa: PLR0917 - the options of a command
    seconds: Annotated[
        float | None, typer.Option("--seconds", envvar="DEMO_SECONDS", help="End after so long; else with Ctrl-C.")
    ] = None,
    speed: SpeedOption = 8640.0,
    incident: IncidentOption = None,
    start_day: StartOption = START_DAY,
    calm: Annotated[bool, typer.Option("--calm", help="No incident, unless one is named or started.")] = False,
    exporter_port: int = 9877,
    prometheus_port: int = 9090,
    alertmanager_port: int = 9093,
    receiver_port: int = 9095,
    grafana_port: int = 3000,
    grafana: Annotated[bool, typer.Option(help="Start Grafana where it is installed.")] = True,
    cache: CacheOption = CACHE,
) -> None:
    """Replay the flights, watch the models, deliver the pages."""
    from demo import run as demo  # noqa: PLC0415 - scikit-learn takes seconds to import
    from demo.ports import Ports  # noqa: PLC0415
    from exporter.clock import SystemClock  # noqa: PLC0415

    schedule = tuple(incident or (() if calm else (DEFAULT_INCIDENT,)))
    parse_schedule(schedule)  # a mistake is told before anything starts
    ports = Ports(exporter_port, prometheus_port, alertmanager_port, receiver_port, grafana_port)
    stop = stop_on_signals()
    demo.run(demo.Options(cache, ports, speed, seconds, schedule, start_day, grafana), console, SystemClock(), stop)


@steering.command("start")
def start_incident(
    name: str,
    seconds: Annotated[float | None, typer.Option(help="How long it lasts; else until it is stopped.")] = None,
    cache: CacheOption = CACHE,
) -> None:
    """An incident starts now in the running demo."""
    find(name)
    command(cache, {"do": "start", "incident": name, "seconds": seconds})


@steering.command("stop")
def stop_incident(name: str, cache: CacheOption = CACHE) -> None:
    """An incident ends now in the running demo."""
    find(name)
    command(cache, {"do": "stop", "incident": name})


def command(cache: Path, what: dict[str, str | float | None]) -> None:
    """The running replay has been told; it obeys within a second.

    Raises:
        DemoError: no demo has run with this cache.
    """
    pointer = cache / "current"
    if not pointer.exists():
        raise DemoError("no demo has run here yet: start it with make demo, or name its cache with --cache")
    with (Path(pointer.read_text().strip()) / "control.jsonl").open("a") as file:
        file.write(json.dumps(what) + "\n")
