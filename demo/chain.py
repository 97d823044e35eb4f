"""The chain around the exporter: its references, the rules at the replay's speed, and the commands of all servers."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from demo.errors import DemoError
from demo.ports import HOST, Ports
from demo.train import Workshop
from exporter.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
CONFIG = Path(__file__).with_name("ml-exporter.yml")
WINDOWS = {
    "drift": ["1d", "7d"],
    "performance": ["1d", "7d"],
    "quality": ["1d"],
    "labels": ["1d", "7d"],
    "traffic": ["1d"],
}
"""Which of the demo's windows the alerts look at."""

WALL_SECONDS = {
    "hold": {"exporter_down": 15, "source_down": 20, "cycle": 4},
    "range": {"cycle": 20},
    "keep": {"quality": 10, "infrastructure": 20},
}
"""The exporter's own health goes by the clock on the wall, however fast its models live.

Bad data stays told a little longer than the drift it makes, which it mutes, and a machine in trouble longer than the
errors it made; at this speed both would end within one evaluation of each other."""

Command = list[str]
EXPORTER: Command = [sys.executable, "-c", "import sys; from exporter.cli import main; sys.exit(main())"]


@dataclass(frozen=True, slots=True)
class Programs:
    """The servers that are not ours; Grafana's is None where it is not installed."""

    prometheus: str
    alertmanager: str
    grafana: str | None


def find_programs() -> Programs:
    """The installed servers.

    Raises:
        DemoError: Prometheus or Alertmanager is missing; says how to install both.
    """
    prometheus = shutil.which("prometheus")
    # Debian's package gives its server a longer name than its makers do.
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if prometheus is None or alertmanager is None:
        missing = " and ".join(
            name for name, found in (("prometheus", prometheus), ("alertmanager", alertmanager)) if found is None
        )
        raise DemoError(
            f"{missing} not found: on Debian, apt-get install prometheus prometheus-alertmanager; "
            "elsewhere, put the binaries of https://prometheus.io/download into PATH"
        )
    home = grafana_home()
    return Programs(prometheus, alertmanager, shutil.which("grafana-server") if home else None)


def grafana_home() -> Path | None:
    """Where Grafana's own files are; None where it is not installed."""
    home = Path(os.environ.get("GF_PATHS_HOME", "/usr/share/grafana"))
    return home if home.is_dir() else None


def environment(run: Path, workshop: Workshop, references: Path, ports: Ports) -> dict[str, str]:
    """What demo/ml-exporter.yml asks the environment for."""
    return {
        "DEMO_RUN": str(run.resolve()),
        "DEMO_MODELS": str(workshop.folder.resolve()),
        "DEMO_REFERENCES": str(references.resolve()),
        "DEMO_EXPORTER_PORT": str(ports.exporter),
        "PYTHONPATH": str(ROOT),
    }


def ensure_references(cache: Path, workshop: Workshop, run: Path, ports: Ports, console: Console) -> Path:
    """The folder of the fitted references: from the cache, else fitted now by `ml-exporter reference fit`.

    Raises:
        DemoError: fitting failed; says why.
    """
    folder = cache / f"references-{workshop.folder.name.removeprefix('models-')}-{exporter_fingerprint()}"
    if (folder / "complete").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with console.status("fitting references"):
        done = subprocess.run(
            [*EXPORTER, "reference", "fit", "--config", str(CONFIG)],
            env=os.environ | environment(run, workshop, folder, ports),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise DemoError(f"the references could not be fitted: {(done.stderr or done.stdout).strip()}")
    (folder / "complete").touch()
    return folder


def exporter_fingerprint() -> str:
    """12 hex digits that change with the exporter's code and with the demo's configuration."""
    digest = hashlib.sha256(CONFIG.read_bytes())
    for path in sorted((ROOT / "exporter").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def write_bundle(run: Path, speed: float, ports: Ports) -> None:
    """`prometheus/` and `alertmanager/` under `run`: the bundle's own, at the replay's speed and on these ports.

    Raises:
        DemoError: the bundle's values do not fit.
    """
    receiver = f"http://{HOST}:{ports.receiver}"
    addresses = {
        "links": {"grafana": f"http://{HOST}:{ports.grafana}"},
        "prometheus": {
            "exporters": [f"{HOST}:{ports.exporter}"],
            "prometheus": [f"{HOST}:{ports.prometheus}"],
            "alertmanagers": [f"{HOST}:{ports.alertmanager}"],
        },
        "receivers": {kind: {"webhook": {"url": f"{receiver}/{kind}"}} for kind in ("page", "ticket", "watchdog")},
    }
    render_bundle(run, speed, addresses)


def render_bundle(folder: Path, speed: float, addresses: Mapping[str, Any]) -> None:
    """The bundle for the demo's windows and this speed stands in `folder`; `addresses` is the rest of its values.

    Raises:
        DemoError: the bundle's values do not fit.
    """
    from bundle.render import render, write  # noqa: PLC0415 - lies beside the demo, not in the wheel
    from bundle.values import load  # noqa: PLC0415

    values = {
        **addresses,
        "windows": WINDOWS,
        # Written at the replay's speed, by which the bundle divides them.
        **{
            part: {name: f"{int(value * speed)}s" for name, value in all_.items()}
            for part, all_ in WALL_SECONDS.items()
        },
    }
    path = folder / "values.yml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    try:
        write(render(load([ROOT / "prometheus" / "values.yml", path], [], speed=speed)), folder)
    except ConfigError as error:
        raise DemoError(f"the rules could not be rendered: {error}") from error


def exporter_command() -> Command:
    return [*EXPORTER, "run", "--config", str(CONFIG)]


def prometheus_command(programs: Programs, run: Path, ports: Ports) -> Command:
    return [
        programs.prometheus,
        f"--config.file={run / 'prometheus' / 'prometheus.yml'}",
        f"--storage.tsdb.path={run / 'prometheus-data'}",
        f"--web.listen-address={HOST}:{ports.prometheus}",
        "--log.level=warn",
    ]


def alertmanager_command(programs: Programs, run: Path, ports: Ports) -> Command:
    return [
        programs.alertmanager,
        f"--config.file={run / 'alertmanager' / 'alertmanager.yml'}",
        f"--storage.path={run / 'alertmanager-data'}",
        f"--web.listen-address={HOST}:{ports.alertmanager}",
        "--cluster.listen-address=",  # alone: no gossip, no port for it
        "--log.level=warn",
    ]


def grafana_command(programs: Programs) -> Command:
    return [str(programs.grafana), f"--homepath={grafana_home()}"]


def write_grafana(run: Path) -> None:
    """`grafana/` under `run`: provisioning for a scrape each 2 s, and dashboards of the last minutes."""
    provisioning = run / "grafana" / "provisioning"
    shutil.copytree(ROOT / "grafana" / "provisioning", provisioning, dirs_exist_ok=True)
    for path in (provisioning / "datasources").glob("*.yml"):
        tree = yaml.safe_load(path.read_text())
        for source in tree["datasources"]:
            source["jsonData"]["timeInterval"] = "2s"
        path.write_text(yaml.safe_dump(tree, sort_keys=False))
    dashboards = run / "grafana" / "dashboards"
    shutil.copytree(ROOT / "grafana" / "dashboards", dashboards, dirs_exist_ok=True)
    # The generator's library is for developers. Without it stays what lies there: the committed dashboards, which show
    # a day, or in the demo's image those that its build wrote.
    if find_spec("grafana_foundation_sdk") is not None:
        from grafana.source.__main__ import render  # noqa: PLC0415
        from grafana.source.layout import DEMO  # noqa: PLC0415

        for name, text in render(DEMO).items():
            (dashboards / name).write_text(text)


def grafana_environment(run: Path, ports: Ports) -> dict[str, str]:
    """Grafana on loopback, readable without a login, with our dashboards and the demo's Prometheus."""
    return {
        "GF_SERVER_HTTP_ADDR": HOST,
        "GF_SERVER_HTTP_PORT": str(ports.grafana),
        "GF_PATHS_DATA": str(run / "grafana-data"),
        "GF_PATHS_LOGS": str(run / "grafana-data" / "logs"),
        "GF_PATHS_PROVISIONING": str(run / "grafana" / "provisioning"),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_DASHBOARDS_MIN_REFRESH_INTERVAL": "1s",
        "DASHBOARDS_PATH": str(run / "grafana" / "dashboards"),
        "PROMETHEUS_URL": f"http://{HOST}:{ports.prometheus}",
    }
