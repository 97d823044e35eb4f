"""The wheel installs and runs by itself: all of the package is in it, and nothing else."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import exporter
from tests import fleet

pytestmark = pytest.mark.xdist_group("wheel")

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    """What it printed; an AssertionError where it failed. Nothing of the checkout is on its path."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the checkout; the build's tools are those of this environment, so that no network is needed."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin` of a fresh virtual environment that holds the wheel; its dependencies are this environment's."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    purelib = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    options = ("--no-deps", "--no-index", "--quiet", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, cwd=folder)
    # Behind the wheel's own folder, so that the checkout, if it is installed there, is not found first.
    (purelib / "zz_dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder / "bin"


def test_the_whole_package_is_in_it(wheel: Path) -> None:
    """Every module and data file of `exporter`, the licence, and nothing of tests, demo or dashboards."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    tracked = run("git", "ls-files", "exporter", cwd=ROOT).split() if (ROOT / ".git").exists() else []
    assert sorted(set(tracked) - names) == []
    (info,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
    assert {name.split("/")[0] for name in names} == {"exporter", info}
    assert any(name.endswith("LICENSE") for name in names)


def test_the_command_runs(installed: Path, tmp_path: Path) -> None:
    """From the environment's own copy, wherever it is called."""
    command = installed / "ml-exporter"
    assert run(command, "version", cwd=tmp_path) == f"{exporter.__version__}\n"
    where = run(installed / "python", "-c", "import exporter; print(exporter.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(installed.parent)


def test_it_checks_and_evaluates(installed: Path, tmp_path: Path) -> None:
    """Sources, formats, references and metrics are all there."""
    fleet.write(tmp_path)
    command = installed / "ml-exporter"
    run(command, "reference", "fit", cwd=tmp_path)
    assert "ml-exporter.yml: valid, 3 models" in run(command, "check", cwd=tmp_path)
    assert "mean_absolute_error" in run(command, "evaluate", "--at-log-end", "--model", "price", cwd=tmp_path)


def test_the_demo_says_what_it_needs(installed: Path, tmp_path: Path) -> None:
    """It is no part of the wheel."""
    done = subprocess.run(
        [installed / "ml-exporter", "demo"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        ["the demo is not installed (demo is missing): in a checkout of the repository run `make demo`"],
    )
