"""`python -m bundle`: writes, checks, and says what is wrong."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bundle.__main__ import main

APP = typer.Typer()
APP.command()(main)


def test_out_writes_everything_once(tmp_path: Path) -> None:
    """The second time there is nothing to write."""
    first = CliRunner().invoke(APP, ["--out", str(tmp_path), "--speed", "8640", "--set", "prometheus.job=demo"])
    again = CliRunner().invoke(APP, ["--out", str(tmp_path), "--speed", "8640", "--set", "prometheus.job=demo"])
    assert (first.exit_code, again.exit_code, again.output) == (0, 0, "")
    assert 'up{job="demo"} == 0' in (tmp_path / "prometheus" / "alerts" / "exporter.yml").read_text()
    assert (tmp_path / "alertmanager" / "templates" / "ml-exporter.tmpl").is_file()


def test_check_is_content_with_what_is_committed() -> None:
    assert CliRunner().invoke(APP, ["--check"]).exit_code == 0


def test_check_names_what_is_old() -> None:
    result = CliRunner().invoke(APP, ["--check", "--set", "hold.drift=31m"])
    assert (result.exit_code, "prometheus/alerts/drift.yml: not up to date" in result.output) == (1, True)


@pytest.mark.parametrize("options", [[], ["--write", "--check"], ["--check", "--speed", "0"]])
def test_wrong_use_exits_with_2(options: list[str]) -> None:
    assert CliRunner().invoke(APP, options).exit_code == 2
