import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from demo import chain
from demo.children import Children
from demo.errors import DemoError
from demo.machine import Machine
from demo.ports import Ports
from demo.replay import Paths
from demo.train import Workshop
from exporter import config

PORTS = Ports(19877, 19090, 19093, 19095, 13000)


def test_the_demos_configuration_is_a_valid_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in chain.environment(tmp_path, Workshop(tmp_path), tmp_path, PORTS).items():
        monkeypatch.setenv(name, value)
    Machine(Paths(tmp_path).machine)
    plan = config.load(chain.CONFIG)
    assert (plan.server.host, plan.server.port) == ("127.0.0.1", 19877)
    assert [(model.name, model.task, list(model.windows)) for model in plan.models] == [
        ("flight_delay", "binary", ["1d", "7d", "28d"]),
        ("arrival_delay", "regression", ["1d", "7d", "28d"]),
    ]


def test_rules_run_at_the_replays_speed_and_talk_to_the_chosen_ports(tmp_path: Path) -> None:
    chain.write_bundle(tmp_path, 8640, PORTS)
    prometheus = (tmp_path / "prometheus" / "prometheus.yml").read_text()
    assert "scrape_interval: 2s" in prometheus
    assert "127.0.0.1:19877" in prometheus
    assert "http://127.0.0.1:19095/page" in (tmp_path / "alertmanager" / "alertmanager.yml").read_text()
    assert list((tmp_path / "prometheus" / "alerts").glob("*.yml"))


def test_grafana_is_told_how_fast_the_demo_is(tmp_path: Path) -> None:
    chain.write_grafana(tmp_path)
    [sources] = (tmp_path / "grafana" / "provisioning" / "datasources").glob("*.yml")
    assert yaml.safe_load(sources.read_text())["datasources"][0]["jsonData"]["timeInterval"] == "2s"
    board = json.loads((tmp_path / "grafana" / "dashboards" / "ml-model.json").read_text())
    assert board["refresh"] == "5s"


def test_a_missing_server_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if "alertmanager" in name else f"/usr/bin/{name}")
    with pytest.raises(
        DemoError, match=r"^alertmanager not found: on Debian, apt-get install prometheus prometheus-al"
    ):
        chain.find_programs()


def test_a_child_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    children = Children(tmp_path)
    children.start("server", [sys.executable, "-c", "import sys; sys.exit('no such port')"])
    children._running["server"].wait()
    with pytest.raises(DemoError, match=r"^server ended with exit code 1, see .*server\.log: no such port$"):
        children.check()


def test_a_child_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"^server cannot be started"):
        Children(tmp_path).start("server", [str(tmp_path / "nothing")])


def test_children_are_gone_once_they_were_stopped(tmp_path: Path) -> None:
    children = Children(tmp_path)
    children.start("sleeper", ["sleep", "600"])
    children.check()
    process = children._running["sleeper"]
    children.stop()
    assert process.returncode == -15


PARENT = """
import pathlib, sys
from demo.children import Children
children = Children(pathlib.Path(sys.argv[1]))
children.start("sleeper", [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"])
while "up" not in (children.log_folder / "sleeper.log").read_text():
    children.check()
print(children._running["sleeper"].pid, flush=True)
sys.stdin.read()
"""


def test_children_end_with_a_demo_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=chain.ROOT
    )
    assert parent.stdout is not None
    # A file descriptor of the child itself: its number may be somebody else's once it is gone.
    child = os.pidfd_open(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    assert select.select([child], [], [], 30)[0] == [child]
    os.close(child)
