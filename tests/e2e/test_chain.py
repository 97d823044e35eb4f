"""The whole chain on a log that grows: exporter → Prometheus → Alertmanager → one page, its text, its end.

A log of a made-up model is written at the replay's speed; once all is calm its truth turns and one input is lost. Every
step waits for what it needs to see and then goes on, so a slow machine only takes longer.
"""

import json
import random
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from demo import chain as servers
from demo.children import Children
from demo.ports import HOST, Ports
from exporter.metrics.drift.population_stability_index import index as psi
from tests.e2e.patience import PATIENCE_SECONDS
from tests.e2e.test_alerting import free_port, until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("chain")]

ROOT = Path(__file__).parents[2]
SPEED = 8640
"""A day in ten seconds."""
DAY, HOUR = 86400, 3600
START = 1_767_225_600
"""2026-01-01 00:00 UTC: the reference's first row; the log begins behind its last one."""
REFERENCE_DAYS = 30
EVERY = 144
"""Seconds of event time from one prediction to the next: 600 a day."""
KINDS = ("oak", "oak", "oak", "oak", "steel", "steel", "steel", "glass", "glass", "other")
"""With the rarest one called `other`, a window's test groups the categories as they are shown."""

CONFIG = """\
server: {{listen: "{host}:{port}"}}
state_dir: state
cycle: 1s
models:
  doors:
    task: binary
    owner: doors-team
    tier: gold
    predictions:
      source: {{type: files, path: "logs/predictions.jsonl"}}
      columns: {{time: ts, id: id, score: score, latency: seconds, version: version}}
    labels:
      source: {{type: files, path: "logs/labels.jsonl"}}
      columns: {{id: id, label: truth, time: ts}}
    features: {{include: [load, kind]}}
    slices: [kind]
    reference: doors.mlref
    reference_data:
      source: {{type: files, path: reference.jsonl}}
      columns: {{label: truth, label_time: told}}
    windows: [1d]
    pane: 1h
    clock: watermark
    max_jump: 30d
    max_counter_age: 7d
    thresholds: {{methods: [jensen_shannon, population_stability_index]}}
    slo:
      - {{name: availability, objective: 0.999}}
      - {{name: latency, objective: 0.99, latency: 250ms}}
"""
VALUES = {
    "windows": {question: ["1d"] for question in ("drift", "performance", "quality", "labels", "traffic")},
    # The exporter's own health goes by the clock on the wall, and this machine may be slow.
    "hold": {"exporter_down": f"{60 * SPEED}s", "cycle": f"{30 * SPEED}s", "source_down": f"{60 * SPEED}s"},
    "range": {"cycle": f"{60 * SPEED}s"},
}


class Writer:
    """The model's log: event time runs `SPEED` times as fast as the clock, from a thread of its own."""

    def __init__(self, folder: Path) -> None:
        (folder / "logs").mkdir()
        self.predictions = folder / "logs" / "predictions.jsonl"
        self.labels = folder / "logs" / "labels.jsonl"
        self.draw = random.Random(5)
        self.now = START
        self.broken = False
        self.waiting: list[dict[str, Any]] = []
        self.stop = threading.Event()
        self.resting = False
        reference = [
            row | {"truth": truth["truth"], "told": truth["ts"]} for row, truth in self.rows(REFERENCE_DAYS * DAY)
        ]
        (folder / "reference.jsonl").write_text("".join(json.dumps(row) + "\n" for row in reference))

    def rows(self, seconds: float) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Predictions of the next seconds of event time, each with its label, which is told two hours later."""
        until_ = self.now + seconds
        while self.now < until_:
            at = self.now
            self.now += EVERY
            score = round(self.draw.random() ** 2 if self.draw.random() < 0.6 else 1 - self.draw.random() ** 2, 4)
            truth = int(self.draw.random() < score)
            load = round(50 + 20 * (self.draw.random() + self.draw.random()), 2)
            row = {
                "ts": at,
                "id": f"d{at}",
                "version": "v1",
                "score": score,
                "seconds": round(0.01 + 0.05 * self.draw.random(), 4),
                "kind": KINDS[int(self.draw.random() * len(KINDS))],
                "load": None if self.broken else load,
            }
            yield row, {"id": row["id"], "ts": at + 2 * HOUR, "truth": 1 - truth if self.broken else truth}

    def advance(self, seconds: float) -> None:
        """So much event time has passed in both logs."""
        rows = list(self.rows(seconds))
        self.waiting += [label for _, label in rows]
        due = [label for label in self.waiting if label["ts"] <= self.now]
        self.waiting = self.waiting[len(due) :]
        for path, written in ((self.predictions, [row for row, _ in rows]), (self.labels, due)):
            with path.open("a") as file:
                file.write("".join(json.dumps(row) + "\n" for row in written))

    def run(self) -> None:
        before = time.monotonic()
        while not self.stop.wait(0.2):
            now = time.monotonic()
            if not self.resting:
                self.advance((now - before) * SPEED)
            before = now

    @contextmanager
    def rest(self) -> Iterator[None]:
        """Event time stands still, so that numbers of one moment can be compared."""
        self.resting = True
        try:
            yield
        finally:
            self.resting = False


class Webhook:
    """Where Alertmanager delivers."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.messages.append((self.path.strip("/"), json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def pages(self) -> list[dict[str, Any]]:
        return [message for kind, message in list(self.messages) if kind == "page"]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Chain:
    """All servers in `folder`, and questions to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.webhook = Webhook()
        self.children = Children(folder / "output")
        self.ports = Ports(free_port(), free_port(), free_port(), self.webhook.server.server_port, free_port())
        self.writer = Writer(folder)

    def start(self) -> None:
        """References are fitted, rules rendered, all servers run and the log grows."""
        config = self.folder / "ml-exporter.yml"
        config.write_text(CONFIG.format(host=HOST, port=self.ports.exporter))
        self._command(*servers.EXPORTER, "reference", "fit", "--config", str(config))
        values = VALUES | {
            "prometheus": {
                "exporters": [f"{HOST}:{self.ports.exporter}"],
                "prometheus": [f"{HOST}:{self.ports.prometheus}"],
                "alertmanagers": [f"{HOST}:{self.ports.alertmanager}"],
            },
            "receivers": {
                kind: {"webhook": {"url": f"http://{HOST}:{self.ports.receiver}/{kind}"}}
                for kind in ("page", "ticket", "watchdog")
            },
        }
        (self.folder / "values.yml").write_text(yaml.safe_dump(values))
        bundle = [sys.executable, "-m", "bundle", "--speed", str(SPEED), "--out", str(self.folder)]
        for path in (ROOT / "prometheus" / "values.yml", self.folder / "values.yml"):
            bundle += ["--values", str(path)]
        self._command(*bundle)
        self.writer.advance(2 * DAY)
        programs = servers.find_programs()
        environment = {"PYTHONPATH": str(ROOT)}
        command = [*servers.EXPORTER, "run", "--config", str(config), "--log.format", "json"]
        self.children.start("exporter", command, environment)
        until(lambda: self.ask(self.ports.exporter, "/-/ready") is not None, PATIENCE_SECONDS, "the exporter is ready")
        self.children.start("alertmanager", servers.alertmanager_command(programs, self.folder, self.ports))
        self.children.start(
            "prometheus",
            [*servers.prometheus_command(programs, self.folder, self.ports), "--rules.alert.resend-delay=5s"],
        )
        threading.Thread(target=self.writer.run, daemon=True).start()

    def _command(self, *command: str) -> None:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def stop(self) -> None:
        self.writer.stop.set()
        self.children.stop()
        self.webhook.close()

    def ask(self, port: int, path: str) -> str | None:
        """The answer's text; None where there is none."""
        self.children.check()
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=30) as answer:
                text: str = answer.read().decode()
        except OSError:
            return None
        return text

    def prometheus(self, path: str, **query: str) -> Any:
        """`data` of an API answer; None while there is none."""
        text = self.ask(self.ports.prometheus, f"/api/v1/{path}?{urllib.parse.urlencode(query)}")
        return None if text is None else json.loads(text)["data"]

    def query(self, expr: str) -> dict[tuple[str, ...], float]:
        """(label=value, …) → value, without the labels of the scrape."""
        data = self.prometheus("query", query=expr)
        return {
            tuple(
                f"{k}={v}" for k, v in sorted(each["metric"].items()) if k not in {"__name__", "job", "instance"}
            ): float(each["value"][1])
            for each in (data["result"] if data else [])
        }


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    chain = Chain(tmp_path_factory.mktemp("chain"))
    try:
        chain.start()
        yield chain
    finally:
        chain.stop()


def test_an_incident_is_paged_once_and_ends(chain: Chain) -> None:
    """Calm: nobody is woken. Incident: one page that says what, since when and where to look. Recovery: its end."""
    seen(chain, 'ml_performance_degraded{model="doors", metric="accuracy"} == 0', "a verdict on the accuracy")
    seen(chain, 'ALERTS{alertname="MLWatchdog", alertstate="firing"}', "rules are evaluated")
    until(
        lambda: any(kind == "watchdog" for kind, _ in chain.webhook.messages), PATIENCE_SECONDS, "the heartbeat arrives"
    )
    until(lambda: chain.writer.now > START + (REFERENCE_DAYS + 4) * DAY, PATIENCE_SECONDS, "two calm days have passed")
    assert chain.webhook.pages == []

    chain.writer.broken, began = True, time.time()
    until(lambda: bool(chain.webhook.pages), PATIENCE_SECONDS, "a page")
    page = chain.webhook.pages[0]
    assert (page["status"], page["groupLabels"], len(page["alerts"])) == ("firing", {"model": "doors"}, 1)
    (alert,) = page["alerts"]
    assert {
        name: alert["labels"].get(name) for name in ("alertname", "model", "window", "severity", "owner", "tier")
    } == {
        "alertname": "MLPerformanceDegraded",
        "model": "doors",
        "window": "1d",
        "severity": "critical",
        "owner": "doors-team",
        "tier": "gold",
    }
    assert datetime.fromisoformat(alert["startsAt"]).timestamp() >= began
    text = rendered(chain.folder, page)
    assert text.startswith("PAGE doors (doors-team): MLPerformanceDegraded\n"), text
    for part in (
        "[critical] doors: performance fell over 1d\n",
        f"since {datetime.fromisoformat(alert['startsAt']).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, tier gold\n",
        "accuracy of version v1 is 0.",
        "(reference 0.",
        "Dashboard: http://127.0.0.1:3000/d/ml-why?var-model=doors&var-window=1d\n",
        "/MLPerformanceDegraded\n",
    ):
        assert part in text

    chain.writer.broken = False
    until(lambda: chain.webhook.pages[-1]["status"] == "resolved", PATIENCE_SECONDS, "the page's end")
    assert [message["status"] for message in chain.webhook.pages] == ["firing", "resolved"]
    (resolved,) = chain.webhook.pages[-1]["alerts"]
    assert resolved["fingerprint"] == alert["fingerprint"]
    assert rendered(chain.folder, chain.webhook.pages[-1]).startswith(
        "RESOLVED doors (doors-team): MLPerformanceDegraded\n"
    )
    # Tickets of the broken input may have come, but none about the exporter itself.
    tickets = {a["labels"]["alertname"] for kind, m in chain.webhook.messages if kind == "ticket" for a in m["alerts"]}
    assert (
        tickets & {"MLExporterDown", "MLExporterCycleStalled", "MLExporterRowsRejected", "MLExporterMetricFailing"}
        == set()
    )


def test_recorded_rules_equal_the_gauges(chain: Chain) -> None:
    """PromQL on the window's counts gives the exporter's own index and accuracy; looked at while the log rests."""
    seen(chain, "ml:accuracy", "a recorded accuracy")
    seen(chain, "ml:feature_psi", "a recorded index")
    with chain.writer.rest():
        for rule, gauge in (
            ("ml:accuracy", 'ml_performance{metric="accuracy"}'),
            ("ml:feature_psi", 'ml_feature_drift{method="population_stability_index"}'),
            ("ml:label_coverage:ratio", "ml_label_coverage_ratio"),
            ("ml:drifted_features:count / ml:tested_features:count", "ml_drifted_features_ratio"),
        ):
            # The same instant on both sides; `sum by` leaves what both have, `feature` where there is one.
            sides = (f"sum by (model, window, feature) ({side})" for side in (rule, gauge))
            difference = f"max by (model, window) (abs({' - '.join(sides)}))"
            until(lambda asked=difference: zero(chain.query(asked)), PATIENCE_SECONDS, f"{rule} equals {gauge}")  # type: ignore[misc]


def test_recorded_index_is_that_of_the_shown_bins(chain: Chain) -> None:
    """Of a number, whose bins are shown ten at most, the index is the formula's on just those bins."""

    def told() -> bool:
        counts, shares = (
            {next(part for part in key if part.startswith("bin=")): value for key, value in found.items()}
            for found in (
                chain.query('ml_window_feature_observations{feature="load"}'),
                chain.query('ml_feature_reference_ratio{feature="load"}'),
            )
        )
        recorded = list(chain.query('ml:feature_psi{feature="load"}').values())
        if len(counts) < 2 or counts.keys() != shares.keys() or len(recorded) != 1:
            return False
        q = np.array([[shares[name] for name in counts]])
        p = np.array([list(counts.values())]) + 0.5
        return bool(np.isclose(recorded[0], psi(p / p.sum(), q)[0], rtol=1e-9, atol=1e-12))

    with chain.writer.rest():
        until(told, PATIENCE_SECONDS, "the recorded index is the formula's")


def test_nothing_failed_on_the_way(chain: Chain) -> None:
    """Every rule could be evaluated, every scrape succeeded, and the exporter has no error to tell."""
    seen(chain, 'ALERTS{alertname="MLWatchdog", alertstate="firing"}', "rules are evaluated")
    until(lambda: {r["health"] for r in rules_of(chain)} <= {"ok", "err"}, PATIENCE_SECONDS, "every rule was evaluated")
    rules = rules_of(chain)
    assert len(rules) > 30
    assert [(r["name"], r.get("lastError")) for r in rules if r["health"] != "ok" or r.get("lastError")] == []
    until(
        lambda: len(chain.query("up == 1")) > 0 and "unknown" not in health(chain), PATIENCE_SECONDS, "all are scraped"
    )
    targets = chain.prometheus("targets")["activeTargets"]
    assert {target["labels"]["job"]: (target["health"], target["lastError"]) for target in targets} == dict.fromkeys(
        ("ml-exporter", "prometheus", "alertmanager"), ("up", "")
    )
    assert chain.query("ml_exporter_metric_failures_total") == {}
    assert set(chain.query("ml_exporter_series_dropped_total").values()) == {0.0}
    assert set(chain.query("ml_exporter_rows_rejected_total").values()) == {0.0}
    events = [json.loads(line) for line in (chain.folder / "output" / "exporter.log").read_text().splitlines()]
    assert [event for event in events if event["level"] != "info"] == []


def rules_of(chain: Chain) -> list[dict[str, Any]]:
    return [rule for group in chain.prometheus("rules")["groups"] for rule in group["rules"]]


def health(chain: Chain) -> set[str]:
    return {target["health"] for target in chain.prometheus("targets")["activeTargets"]}


def zero(found: dict[tuple[str, ...], float]) -> bool:
    return found.keys() == {("model=doors", "window=1d")} and max(found.values()) < 1e-9


def seen(chain: Chain, expr: str, what: str) -> None:
    until(lambda: chain.query(expr) != {}, PATIENCE_SECONDS, what)


def rendered(folder: Path, message: dict[str, Any]) -> str:
    """The message as a person gets it, by the bundle's template."""
    amtool = shutil.which("amtool")
    assert amtool, "install Debian's package prometheus-alertmanager"
    data = folder / "message.json"
    data.write_text(json.dumps(message))
    command = [amtool, "template", "render", f"--template.glob={folder}/alertmanager/templates/*.tmpl"]
    command += [f"--template.data={data}", '--template.text={{ template "ml.title" . }}\n{{ template "ml.text" . }}']
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
