"""What mutes what, asked of a real Alertmanager on the committed configuration."""

import contextlib
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundle.render import ROOT
from bundle.routing import INHIBITIONS
from tests.contract.test_rules import ALERTS
from tests.e2e.patience import PATIENCE_SECONDS
from tests.e2e.test_alerting import free_port, until

pytestmark = pytest.mark.e2e

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
MATCHER = re.compile(r'(\w+)(=~|!=|=)"(.*)"')
KNOWN = sorted({(rule["alert"], rule["labels"]["severity"]) for rule in ALERTS})
"""Every alert of the bundle, as it may come."""
Labels = Mapping[str, str]


def fits(labels: Labels, matchers: tuple[str, ...]) -> bool:
    """Whether Alertmanager's matchers hold, as its documentation says: anchored, an absent label is empty."""
    for matcher in matchers:
        found = MATCHER.fullmatch(matcher)
        assert found, matcher
        name, operator, value = found.groups()
        mine = labels.get(name, "")
        holds = re.fullmatch(value, mine) is not None if operator == "=~" else (mine == value) == (operator == "=")
        if not holds:
            return False
    return True


class Alertmanager:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/api/v2/alerts"

    def post(self, alerts: list[Labels]) -> None:
        request = urllib.request.Request(
            self.url,
            data=json.dumps([{"labels": each} for each in alerts]).encode(),
            headers={"Content-Type": "application/json"},
        )
        with OPENER.open(request, timeout=PATIENCE_SECONDS):
            pass

    def alerts(self) -> list[dict[str, Any]]:
        with OPENER.open(self.url, timeout=PATIENCE_SECONDS) as response:
            found: list[dict[str, Any]] = json.load(response)
            return found

    def answers(self) -> bool:
        try:
            self.alerts()
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    folder: Path = tmp_path_factory.mktemp("inhibition")
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert program, "install Debian's package prometheus-alertmanager"
    shutil.copytree(ROOT / "alertmanager", folder / "alertmanager")
    # Nobody is to be told anything: groups wait longer than the test lasts.
    config = yaml.safe_load((folder / "alertmanager" / "alertmanager.yml").read_text())
    config["route"] = {"receiver": "nobody", "group_wait": "1h", "group_by": ["..."]}
    config["receivers"] = [{"name": "nobody"}]
    (folder / "alertmanager" / "alertmanager.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        program,
        f"--config.file={folder}/alertmanager/alertmanager.yml",
        f"--storage.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            started = Alertmanager(port)
            until(started.answers, PATIENCE_SECONDS, "Alertmanager answers")
            yield started
        finally:
            process.terminate()


def settle(done: Callable[[], bool]) -> None:
    """Returns once `done`, or after ten seconds: the inhibitor hears of alerts a moment after the interface does."""
    with contextlib.suppress(AssertionError):
        until(done, 10.0, "the inhibitor has heard")


def source_alert(matchers: tuple[str, ...]) -> dict[str, str]:
    """An alert of the bundle that the matchers fit."""
    for name, severity in KNOWN:
        for more in ({}, {"source": "predictions"}, {"source": "labels"}):
            labels = {"alertname": name, "severity": severity, "model": "flights", **more}
            if fits(labels, matchers):
                return labels
    raise AssertionError(f"no alert of the bundle fits {matchers}")


def test_each_cause_mutes_its_symptoms_and_nothing_of_another_model(alertmanager: Alertmanager) -> None:
    """Every inhibition, each with a model of its own on which all alerts fire: who is muted, and who is not."""
    expected: dict[tuple[str, str, str], bool] = {}
    posted: list[Labels] = []
    for number, (why, source, target) in enumerate(INHIBITIONS):
        model = f"model-{number}"
        cause = {**source_alert(source), "model": model}
        posted.append({**cause, "part": "cause"})
        muted = 0
        for name, severity in KNOWN:
            symptom = {"alertname": name, "severity": severity, "model": model}
            others = [other for _, other, over in INHIBITIONS if fits(cause, other) and fits(symptom, over)]
            # An alert that is itself such a cause is left out: then each would be asked who mutes whom.
            if any(fits(symptom, other) for _, other, _ in INHIBITIONS):
                continue
            posted.append({**symptom, "part": "symptom"})
            posted.append({**symptom, "model": f"calm-{number}", "part": "symptom"})
            expected[model, name, severity] = bool(others)
            expected[f"calm-{number}", name, severity] = False
            muted += fits(symptom, target)
        named = [name for name, _ in KNOWN if any(name in each for each in target)]
        assert muted or all(any(fits({"alertname": n}, o) for _, o, _ in INHIBITIONS) for n in named), why
    alertmanager.post(posted)

    def found() -> dict[tuple[str, str, str], bool]:
        return {
            (each["labels"]["model"], each["labels"]["alertname"], each["labels"]["severity"]): bool(
                each["status"]["inhibitedBy"]
            )
            for each in alertmanager.alerts()
            if each["labels"]["part"] == "symptom"
        }

    settle(lambda: found() == expected)
    assert found() == expected


@pytest.mark.parametrize(
    ("cause", "symptom"),
    [
        ("MLInfrastructureHarm", "MLLatencySLOBurn"),
        ("MLInfrastructureHarm", "MLAvailabilitySLOBurn"),
        ("MLHostDown", "MLPredictionsStale"),
        ("MLHostDown", "MLProcessDown"),
        ("MLProcessDown", "MLPredictionsStale"),
        ("MLHostOutOfMemory", "MLHostMemoryShort"),
        ("MLBatchRunMissed", "MLPredictionsStale"),
    ],
)
def test_what_machines_and_jobs_do_mutes_what_follows(alertmanager: Alertmanager, cause: str, symptom: str) -> None:
    """The cause stays, the symptom of the same model is muted, that of another is not."""
    severity = dict(KNOWN)
    model = f"{cause}-{symptom}"
    alertmanager.post(
        [
            {"alertname": cause, "severity": severity[cause], "model": model, "part": "pair"},
            {"alertname": symptom, "severity": "critical", "model": model, "part": "pair"},
            {"alertname": symptom, "severity": "critical", "model": f"other-{model}", "part": "pair"},
        ]
    )
    expected = {(symptom, model): "suppressed", (symptom, f"other-{model}"): "active"}

    def states() -> dict[tuple[str, str], str]:
        found = {
            (each["labels"]["alertname"], each["labels"]["model"]): each["status"]["state"]
            for each in alertmanager.alerts()
            if model in each["labels"]["model"]
        }
        found.pop((cause, model), None)
        return found

    settle(lambda: states() == expected)
    assert states() == expected
