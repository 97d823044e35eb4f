"""The commands: parse, call, say in one line what went wrong, and exit with a code."""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from exporter import __version__
from exporter.clock import SystemClock
from exporter.errors import ConfigError, ExporterError
from exporter.log import LogFormat, LogLevel, configure
from exporter.visible import one_line, visible

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_CODES = {
    0: "Done; of `run`: stopped by SIGTERM, SIGINT or a POST to `/-/quit`, with everything committed.",
    EXIT_FAILURE: "Something else is in the way, told in one line: the state directory is in use, full, read-only, "
    "damaged or of another version, the port is taken, a reference cannot be read; of `check`: a problem was found.",
    EXIT_USAGE: "The configuration or the command line is wrong; every problem is a line.",
    EXIT_INTERRUPTED: "Interrupted by Ctrl-C; not of `run`, which then stops as told.",
}
"""Exit code → what it means."""

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
reference_cli = typer.Typer(
    no_args_is_help=True, help="Fit and look at references: what a model's windows are measured against."
)
cli.add_typer(reference_cli, name="reference")

ConfigOption = Annotated[Path, typer.Option("--config", "--config.file", "-c", help="The configuration file.")]
ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="Only this model.")]
LevelOption = Annotated[LogLevel, typer.Option("--log.level", help="Least severe messages shown.")]
FormatOption = Annotated[LogFormat, typer.Option("--log.format", help="How messages are written.")]

_DEFAULT_CONFIG = Path("ml-exporter.yml")
_PAGE_CHARACTERS = 200


def main() -> None:
    """Runs the command line; problems that a user can mend are one line each on standard error."""
    try:
        code = cli(standalone_mode=False)
    except ConfigError as error:
        _tell(str(error))
        sys.exit(EXIT_USAGE)
    except ExporterError as error:
        _tell(str(error))
        sys.exit(EXIT_FAILURE)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILURE)
    except OSError as error:
        # What the system refuses beyond the program's own files, such as a place for temporary ones.
        _tell(f"{f'{error.filename}: ' if error.filename else ''}{error.strerror or error}")
        sys.exit(EXIT_FAILURE)
    except Exception as error:
        # A usage error of click, which knows how to show itself.
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        sys.exit(getattr(error, "exit_code", EXIT_USAGE))
    # What `typer.Exit` was raised with is returned; commands return nothing.
    sys.exit(code if isinstance(code, int) else 0)


def _tell(message: str) -> None:
    sys.stderr.write(f"{visible(message)}\n")


@cli.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@cli.command()
def run(config: ConfigOption = _DEFAULT_CONFIG, level: LevelOption = "info", fmt: FormatOption = "logfmt") -> None:
    """Read the logs, serve /metrics, until stopped. SIGHUP or a POST to /-/reload takes up a changed configuration."""
    from exporter.app import App  # noqa: PLC0415 - other commands need no server
    from exporter.config import load  # noqa: PLC0415

    App(config, load(config), SystemClock(), configure(level, fmt)).run()


@cli.command()
def check(
    config: ConfigOption = _DEFAULT_CONFIG,
    *,
    sources: Annotated[bool, typer.Option("--sources/--no-sources", help="Try each source too.")] = True,
) -> None:
    """Validate the configuration and try each source; every problem is told at once."""
    from exporter.config import load  # noqa: PLC0415
    from exporter.config.check import check as check_plan  # noqa: PLC0415
    from exporter.engine.references import load_reference  # noqa: PLC0415

    plan = load(config)
    typer.echo(f"{config}: valid, {len(plan.models)} model{'s' if len(plan.models) != 1 else ''}")
    if not sources:
        return
    results = check_plan(plan, load_reference, SystemClock().now())
    # What needs mending stands last, where a reader's eye is when it ends.
    for result in sorted(results, key=lambda each: ("ok", "warning", "problem").index(each.level)):
        typer.echo(one_line(str(result)))
    if any(result.level == "problem" for result in results):
        raise typer.Exit(EXIT_FAILURE)


@cli.command()
def init(
    samples: Annotated[
        list[Path], typer.Argument(help="A sample of your prediction log, and of your label log if there is one.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; standard output if left out.")
    ] = None,
) -> None:
    """Write a commented configuration from a sample of your log; every guess is explained."""
    from exporter.config.init import init as guess  # noqa: PLC0415

    text = guess(samples, SystemClock().now(), output.parent if output else Path())
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ExporterError(f"{output} exists already; remove it or name another file") from error
    except OSError as error:
        raise ExporterError(f"{output}: {error.strerror}; make the folder writable or name another file") from error
    typer.echo(f"wrote {output}; look for `unsure`, then: ml-exporter check --config {output}")


@cli.command()
def evaluate(
    config: ConfigOption = _DEFAULT_CONFIG,
    model: ModelOption = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
    at_log_end: Annotated[bool, typer.Option(help="Let windows end where the log ends, not now.")] = False,
    level: LevelOption = "error",
) -> None:
    """Read all logs once, into a state of its own, and print the present state: no Prometheus needed."""
    from exporter.config import load  # noqa: PLC0415
    from exporter.evaluation import evaluate_once, render_json, render_tables  # noqa: PLC0415

    with _progress() as progress:
        task = progress.add_task("reading logs", total=None)
        found = evaluate_once(
            load(config),
            SystemClock(),
            configure(level),
            model,
            at_log_end=at_log_end,
            progress=lambda n: progress.advance(task, n),
        )
    if as_json:
        typer.echo(json.dumps(render_json(found), indent=2))
    else:
        render_tables(found, _page())


@cli.command()
def rejects(
    config: ConfigOption = _DEFAULT_CONFIG,
    model: ModelOption = None,
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="How many of each model, the latest first.")] = 20,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of lines.")] = False,
) -> None:
    """List rows that were set aside: place, reason, hash, and content where `rejects.keep_rows` keeps it.

    The exporter may be running; nothing is changed.
    """
    from exporter.config import load  # noqa: PLC0415 - as above
    from exporter.rejects import latest_rejects, render_lines  # noqa: PLC0415 - as above

    found = list(latest_rejects(load(config), model, most))
    if as_json:
        typer.echo(json.dumps([each.to_json() for each in found], indent=2))
    else:
        typer.echo("\n".join(render_lines(found)))


@reference_cli.command("fit")
def reference_fit(
    config: ConfigOption = _DEFAULT_CONFIG,
    model: ModelOption = None,
    version_: Annotated[str | None, typer.Option("--version", help="Only the reference of this version.")] = None,
) -> None:
    """Fit references from `reference_data` and write them to the files that the configuration names."""
    from exporter.config import load  # noqa: PLC0415
    from exporter.references import fit_references  # noqa: PLC0415

    with _progress() as progress:
        task = progress.add_task("reading reference data", total=None)
        fitted = list(fit_references(load(config), SystemClock(), model, version_, lambda n: progress.advance(task, n)))
    for line in (line for one in fitted for line in one.lines()):
        typer.echo(one_line(line))


@reference_cli.command("show")
def reference_show(
    file: Annotated[Path, typer.Argument(help="A reference file.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Show what is in a reference: features, bins, blocks, rates."""
    from exporter.engine.references import load_reference  # noqa: PLC0415
    from exporter.references import describe, render_description  # noqa: PLC0415

    described = describe(load_reference(file))
    if as_json:
        typer.echo(json.dumps(described, indent=2))
    else:
        render_description(described, _page())


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def demo(context: typer.Context) -> None:
    """Real flights, real models, real servers: `demo run`, `demo incidents`, … (needs a checkout of the repository)."""
    try:
        commands = importlib.import_module("demo.cli")
    except ModuleNotFoundError as error:
        raise ExporterError(
            f"the demo is not installed ({error.name} is missing): in a checkout of the repository run `make demo`"
        ) from error
    commands.app(context.args or ["run"])


def _page() -> Console:
    """Standard output; as wide as the terminal, and wide enough for every table in a file or a pipe."""
    return Console(width=None if sys.stdout.isatty() else _PAGE_CHARACTERS)


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:,.0f} rows"), TimeElapsedColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


if __name__ == "__main__":
    main()
