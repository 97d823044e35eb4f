"""The rendered bundle in a real Prometheus and a real Alertmanager: one page a model, muted as promised, resolved."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bundle.render import ROOT, render, write
from bundle.values import load
from tests.e2e.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.e2e

INFO = 'ml_model_info{model="flights",owner="flights-team",task="binary",tier="critical",reference="r"} 1\n'
VERDICTS = """
ml_performance_degraded{{model="flights",version="v1",window="24h",metric="accuracy"}} {bad}
ml_performance{{model="flights",version="v1",window="24h",metric="accuracy"}} 0.71
ml_performance_reference{{model="flights",version="v1",window="24h",metric="accuracy"}} 0.8
ml_feature_quality_detected{{model="flights",version="v1",window="24h",feature="wind",check="missing"}} {broken}
ml_feature_missing_ratio{{model="flights",version="v1",window="24h",feature="wind"}} 0.35
ml_feature_drift_detected{{model="flights",version="v1",window="24h",feature="wind"}} {broken}
ml_feature_drift_effect{{model="flights",version="v1",window="24h",feature="wind"}} 0.4
"""
WELL, BROKEN, HARMFUL = (VERDICTS.format(bad=b, broken=q) for b, q in ((0, 0), (0, 1), (1, 1)))

Messages = list[tuple[str, dict[str, Any]]]


class Chain:
    """Fake exporter → Prometheus → Alertmanager → this."""

    def __init__(self) -> None:
        self.metrics: str | None = INFO + WELL
        self.messages: Messages = []

    def of(self, kind: str, model: str = "flights") -> list[dict[str, Any]]:
        return [m for to, m in list(self.messages) if to == f"/{kind}" and m["groupLabels"].get("model", "") == model]

    def names(self, kind: str) -> set[str]:
        return {alert["labels"]["alertname"] for message in self.of(kind) for alert in message["alerts"]}

    def handler(self) -> type[BaseHTTPRequestHandler]:
        chain = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if chain.metrics is not None else 503)
                self.end_headers()
                self.wfile.write((chain.metrics or "").encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                chain.messages.append((self.path, json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        return Handler


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Returns once `true` holds; an AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    waiting = threading.Event()
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        waiting.wait(0.2)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    folder: Path = tmp_path_factory.mktemp("chain")
    chain = Chain()
    server = ThreadingHTTPServer(("127.0.0.1", 0), chain.handler())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here, ours, theirs = f"127.0.0.1:{server.server_port}", free_port(), free_port()
    settings = [
        f'prometheus.exporters=["{here}"]',
        f'prometheus.prometheus=["127.0.0.1:{ours}"]',
        f'prometheus.alertmanagers=["127.0.0.1:{theirs}"]',
        "keep.quality=1d",  # 10 s at this speed: longer than the drift that it mutes
        *(f"receivers.{kind}.webhook.url=http://{here}/{kind}" for kind in ("page", "ticket", "watchdog")),
    ]
    write(render(load([ROOT / "prometheus" / "values.yml"], settings, speed=8640)), folder)
    prometheus = shutil.which("prometheus")
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert prometheus, "install Debian's package prometheus"
    assert alertmanager, "install Debian's package prometheus-alertmanager"
    with (folder / "log").open("wb") as log:
        commands = (
            [
                alertmanager,
                f"--config.file={folder}/alertmanager/alertmanager.yml",
                f"--storage.path={folder}/alertmanager-data",
                f"--web.listen-address=127.0.0.1:{theirs}",
                "--cluster.listen-address=",
            ],
            [
                prometheus,
                f"--config.file={folder}/prometheus/prometheus.yml",
                f"--storage.tsdb.path={folder}/prometheus-data",
                f"--web.listen-address=127.0.0.1:{ours}",
                # What fires before Prometheus has found its Alertmanager is sent again this much later.
                "--rules.alert.resend-delay=4s",
            ],
        )
        running = [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]
        try:
            yield chain
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(20)
            server.shutdown()
            server.server_close()


def test_an_incident_from_first_sign_to_recovery(chain: Chain) -> None:
    """Heartbeat, ticket, page, resolved, exporter down: each told once, to the right place, and nothing else."""
    until(lambda: bool(chain.of("watchdog", "")), PATIENCE_SECONDS, "the heartbeat")
    assert (chain.of("page"), chain.of("ticket")) == ([], [])

    chain.metrics = INFO + BROKEN
    until(lambda: bool(chain.of("ticket")), PATIENCE_SECONDS, "a ticket for broken data")
    # Drift of broken data is muted.
    assert chain.names("ticket") == {"MLFeatureQuality"}

    chain.metrics = INFO + HARMFUL
    until(lambda: bool(chain.of("page")), PATIENCE_SECONDS, "a page for the fallen accuracy")
    page = chain.of("page")[0]
    assert (page["status"], page["groupLabels"], len(page["alerts"])) == ("firing", {"model": "flights"}, 1)
    labels, texts = page["alerts"][0]["labels"], page["alerts"][0]["annotations"]
    assert (labels["alertname"], labels["owner"]) == ("MLPerformanceDegraded", "flights-team")
    assert "accuracy of version v1 is 0.71 (reference 0.8)" in texts["description"]
    assert texts["runbook_url"].endswith("/MLPerformanceDegraded")
    assert "var-model=flights" in texts["dashboard_url"]

    chain.metrics = INFO + WELL
    until(lambda: chain.of("page")[-1]["status"] == "resolved", PATIENCE_SECONDS, "the recovery")
    assert chain.names("ticket") == {"MLFeatureQuality"}
    assert len(chain.of("page")) == 2

    chain.metrics = None
    until(lambda: bool(chain.of("page", "")), PATIENCE_SECONDS, "a page for the dead exporter")
    assert {a["labels"]["alertname"] for m in chain.of("page", "") for a in m["alerts"]} == {"MLExporterDown"}
    assert len(chain.of("page")) == 2
