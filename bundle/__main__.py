"""`python -m bundle`: writes or checks what Prometheus and Alertmanager read."""

from pathlib import Path
from typing import Annotated

import typer

from bundle.render import ROOT, render, stale, write
from bundle.values import load
from exporter.errors import ConfigError

DEFAULT = ROOT / "prometheus" / "values.yml"


def main(  # noqa: PLR0917 - an option each
    values: Annotated[list[Path] | None, typer.Option(help="values file; later ones over earlier ones")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="one value: key.of.the.values=value")] = None,
    speed: Annotated[float, typer.Option(help="event seconds a second: processing times are divided by it")] = 1.0,
    out: Annotated[Path | None, typer.Option(help="write prometheus/ and alertmanager/ under this folder")] = None,
    write_: Annotated[bool, typer.Option("--write", help="write the committed files")] = False,
    check: Annotated[bool, typer.Option("--check", help="fail where a committed file is not up to date")] = False,
) -> None:
    """Render rules, alerts, their tests, prometheus.yml and alertmanager.yml from the values."""
    if sum((write_, check, out is not None)) != 1:
        raise typer.BadParameter("say one of --write, --check, --out DIR")
    try:
        files = render(load(values or [DEFAULT], settings or [], speed=speed))
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    if check:
        wrong = stale(files, ROOT)
        for path in wrong:
            typer.echo(f"{path}: not up to date; run: python -m bundle --write", err=True)
        raise typer.Exit(1 if wrong else 0)
    under = ROOT if out is None else out
    for path in write(files, under):
        typer.echo(f"wrote {under / path}")


if __name__ == "__main__":
    typer.run(main)
