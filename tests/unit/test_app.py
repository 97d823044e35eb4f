"""The program from start to stop: what a reload keeps and changes, and what a restart goes on with."""

import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from exporter.app import App, importance
from exporter.clock import ManualClock
from exporter.config import load
from exporter.engine.evaluate import MetricSamples
from exporter.engine.runner import Runner
from exporter.errors import ExporterError
from exporter.exposition.fresh import Part
from exporter.log import Logger
from exporter.metrics.registry import WINDOW_METRICS
from exporter.state.store import StateLock

NOW = 1_767_312_000.0
"""2026-01-02 00:00 UTC."""
MODEL = """\
  {name}:
    task: binary
    owner: {owner}
    predictions:
      source: {{type: files, path: "{name}.jsonl"}}
      columns: {{time: ts, id: id, prediction: p}}
    windows: [1h]
    clock: watermark
"""


def configuration(*models: str, owner: str = "team", more: str = "") -> str:
    head = f"server: {{listen: '127.0.0.1:0'}}\nstate_dir: state\ncycle: 1s\n{more}models:\n"
    return head + "".join(MODEL.format(name=name, owner=owner) for name in models)


def append(folder: Path, model: str, count: int, first: int = 0) -> None:
    """So many predictions, one a second, the ids counting on from `first`; and a line that is no JSON."""
    rows = [{"ts": NOW - 600 + n, "id": f"{model}-{n}", "p": n % 2} for n in range(first, first + count)]
    with (folder / f"{model}.jsonl").open("a") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows) + "no JSON\n")


def samples(page: str) -> dict[tuple[str, ...], float]:
    """(name, label=value, …) → value."""
    return {
        (s.name, *(f"{name}={value}" for name, value in sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(page)
        for s in family.samples
    }


def fetch(url: str, method: str = "GET") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Inline(Runner):
    """Works one cycle when it is started, in the caller's thread."""

    def start(self) -> None:
        self.cycle_once(self.clock.monotonic())

    def join(self) -> bool:
        self.worker.close()
        return True


@dataclass
class Rig:
    """An app on `folder`, with its events and a look at its pages."""

    folder: Path
    app: App
    clock: ManualClock
    events: list[dict[str, Any]]

    @property
    def config(self) -> Path:
        return self.folder / "ml-exporter.yml"

    def get(self, path: str) -> tuple[int, str]:
        return fetch(self.app.server.url + path)

    def reload(self) -> tuple[int, str]:
        return fetch(f"{self.app.server.url}-/reload", "POST")

    def metrics(self) -> dict[tuple[str, ...], float]:
        self.app.publish()
        return samples(self.get("metrics")[1])

    def models(self) -> set[str]:
        return {part for key in self.metrics() for part in key[1:] if part.startswith("model=")}


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A started app with the model `a`, of which ten predictions are logged; nothing is published yet."""
    monkeypatch.setattr("exporter.app.Runner", Inline)
    append(tmp_path, "a", 10)
    path = tmp_path / "ml-exporter.yml"
    path.write_text(configuration("a"))
    events: list[dict[str, Any]] = []
    clock = ManualClock(NOW)
    app = App(path, load(path), clock, quiet(events))
    app.start()
    try:
        yield Rig(tmp_path, app, clock, events)
    finally:
        app.stop()


def quiet(events: list[dict[str, Any]]) -> Logger:
    def note(_logger: Any, level: str, event: Any) -> str:
        events.append({"level": level, **event})
        raise structlog.DropEvent

    logger: Logger = structlog.wrap_logger(
        structlog.PrintLogger(), processors=[note], wrapper_class=structlog.stdlib.BoundLogger
    )
    return logger


def test_ready_after_the_first_snapshot(rig: Rig) -> None:
    """Before it a process manager hears 503, and a scrape still gets the exporter's own numbers."""
    assert rig.get("-/ready")[0] == 503
    assert rig.get("-/healthy")[0] == 200
    before = samples(rig.get("metrics")[1])
    assert before["ml_exporter_start_time_seconds",] == NOW
    assert not any(key[0] == "ml_predictions_total" for key in before)
    rig.app.publish()
    assert rig.get("-/ready")[0] == 200
    assert rig.metrics()["ml_predictions_total", "model=a", "version=unversioned"] == 10


def test_reload_adds_and_takes_away_models(rig: Rig) -> None:
    """After a POST to /-/reload the page is about the models of the file, and about no others."""
    assert rig.models() == {"model=a"}
    append(rig.folder, "b", 4)
    rig.config.write_text(configuration("a", "b", owner="others"))
    rig.clock.advance(5)
    assert rig.reload() == (200, "Reloaded.\n")
    metrics = rig.metrics()
    assert metrics["ml_predictions_total", "model=b", "version=unversioned"] == 4
    assert ("ml_model_info", "model=a", "owner=others", "reference=", "task=binary", "tier=") in metrics
    assert ("ml_model_info", "model=a", "owner=team", "reference=", "task=binary", "tier=") not in metrics
    assert metrics["ml_exporter_config_last_reload_success_timestamp_seconds",] == NOW + 5
    rig.config.write_text(configuration("b"))
    assert rig.reload()[0] == 200
    assert rig.models() == {"model=b"}
    assert rig.metrics()["ml_exporter_series", "model=b"] > 0


def test_reload_keeps_every_count(rig: Rig) -> None:
    """Counters of models and of the exporter go on where they stood: nothing falls, nothing is counted twice."""
    mine = {key: value for key, value in rig.metrics().items() if "model=a" in key and "state_bytes" not in key[0]}
    assert mine["ml_exporter_rows_total", "model=a", "source=predictions"] == 11
    assert mine["ml_exporter_rows_rejected_total", "model=a", "reason=unreadable", "source=predictions"] == 1
    rig.config.write_text(configuration("a", "b"))
    assert rig.reload()[0] == 200
    metrics = rig.metrics()
    # No new row was there to read, so there is no news of when the source last had one.
    gone = {"ml_exporter_source_lag_seconds"}
    assert {key: metrics.get(key) for key in mine if key[0] not in gone} == {
        key: value for key, value in mine.items() if key[0] not in gone
    }


def test_reload_takes_up_what_is_read_of_the_machine(rig: Rig) -> None:
    """By default its numbers; afterwards what the file says; with the program, its threads end."""

    def collectors() -> set[str]:
        rig.clock.advance(1.0)
        return {key[1].removeprefix("collector=") for key in rig.metrics() if key[0] == "ml_exporter_collector_success"}

    assert collectors() >= {"cpu", "memory", "filesystem", "network"}
    assert {each.state for each in rig.app.status().collectors if each.collector in ("cpu", "memory")} == {"ok"}
    rig.config.write_text(configuration("a", more="host: {collectors: [cpu], cpu: {per_core: true}}\n"))
    assert rig.reload()[0] == 200
    assert collectors() == {"cpu"}
    assert ("ml_host_cpu_seconds_total", "cpu=0", "mode=idle") in rig.metrics()
    rig.config.write_text(configuration("a", more="host: {collectors: []}\n"))
    assert rig.reload()[0] == 200
    assert collectors() == set()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models: {a: {task: guess}}", "ml-exporter.yml:1: models.a.task"),
        ("models: [", "ml-exporter.yml:1"),
        (configuration("a").replace("state_dir: state", "state_dir: elsewhere"), "restart it"),
        (configuration("a").replace("127.0.0.1:0", "127.0.0.1:1"), "restart it"),
        (configuration("a", "b") + "    reference: broken.mlref\n", "broken.mlref"),
        (
            configuration("a", more="server: {web_config_file: none.yml}\n").replace("server: {listen", "x: {listen"),
            "x",
        ),
    ],
    ids=["key", "yaml", "state_dir", "server", "reference", "unknown"],
)
def test_a_bad_reload_changes_nothing(rig: Rig, text: str, told: str) -> None:
    """The old configuration stays in force, and says so in the answer, on the page, in the log and as a metric."""
    (rig.folder / "broken.mlref").write_bytes(b"no reference")
    before = rig.metrics()
    rig.config.write_text(text)
    status, answer = rig.reload()
    assert (status, told in answer) == (500, True), answer
    assert "Traceback" not in answer
    after = rig.metrics()
    assert after["ml_exporter_config_last_reload_successful",] == 0
    steady = {key: value for key, value in before.items() if "model=a" in key and "state_bytes" not in key[0]}
    assert {key: after.get(key) for key in steady} == steady
    assert rig.models() == {"model=a"}
    assert told in rig.app.status().config_error
    assert [event["level"] for event in rig.events if "reload failed" in event["event"]] == ["error"]
    # It goes on counting.
    append(rig.folder, "a", 5, first=10)
    rig.app._runners["a"].start()
    assert rig.metrics()["ml_predictions_total", "model=a", "version=unversioned"] == 15
    rig.config.write_text(configuration("a"))
    assert rig.reload()[0] == 200
    assert rig.metrics()["ml_exporter_config_last_reload_successful",] == 1
    assert rig.app.status().config_error == ""


def test_a_reload_whose_state_cannot_be_had_brings_the_old_models_back(rig: Rig) -> None:
    """Found out after the old models were stopped: they start again, and their counters stand where they stood."""
    before = rig.metrics()
    (rig.folder / "state" / "b.sqlite").mkdir()
    rig.config.write_text(configuration("a", "b"))
    assert rig.reload()[0] == 500
    after = rig.metrics()
    for name in ("ml_exporter_rows_total", "ml_model_info", "ml_predictions_total"):
        assert {k: v for k, v in after.items() if k[0] == name} == {k: v for k, v in before.items() if k[0] == name}
    append(rig.folder, "a", 5, first=10)
    rig.app._runners["a"].start()
    assert rig.metrics()["ml_predictions_total", "model=a", "version=unversioned"] == 15


def test_a_page_is_never_about_some_of_the_models(rig: Rig) -> None:
    """While a reload goes on, scrapes find the last whole snapshot."""
    rig.app.publish()
    seen: list[set[str]] = []

    class Slow(Inline):
        def start(self) -> None:
            super().start()
            self.ready.clear()
            rig.app.publish()
            seen.append({key[1] for key in samples(rig.get("metrics")[1]) if key[0] == "ml_predictions_total"})
            self.ready.set()

    append(rig.folder, "b", 4)
    rig.config.write_text(configuration("a", "b"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exporter.app.Runner", Slow)
        rig.app.reload()
    assert seen == [{"model=a"}, {"model=a"}]
    assert {key[1] for key in rig.metrics() if key[0] == "ml_predictions_total"} == {"model=a", "model=b"}


def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """The state directory is free for the next one."""
    path = tmp_path / "ml-exporter.yml"
    path.write_text(configuration("a", "b"))
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "b.sqlite").mkdir()
    app = App(path, load(path), ManualClock(NOW), quiet([]))
    with pytest.raises(ExporterError, match=r"b\.sqlite"):
        app.start()
    StateLock(tmp_path / "state").release()


# With a process of its own: signals


class Process:
    """`ml-exporter run` in a folder, until the end of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        command = [sys.executable, "-c", "from exporter.cli import main; main()", "run", "--log.format", "json"]
        self._seen = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(command, cwd=folder, stderr=log, env={"PYTHONPATH": str(ROOT)})
        self.url = ""

    def event(self, name: str) -> dict[str, Any]:
        """The next event of this name."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            text = self.log.read_bytes()[self._seen :]
            for line in text[: text.rfind(b"\n") + 1].splitlines(keepends=True):
                self._seen += len(line)
                assert line.startswith(b"{"), text.decode()
                if (event := json.loads(line))["event"] == name:
                    found.append(event)
                    return True
            assert self.child.poll() is None, self.log.read_text()
            return False

        until(look, name)
        return found[0]

    def metrics(self) -> dict[tuple[str, ...], float]:
        return samples(fetch(f"{self.url}metrics")[1])

    def wait_for(self, *key: str, value: float) -> None:
        until(lambda: self.metrics().get(key) == value, f"{key} {value}")

    def end(self) -> int:
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(60)


ROOT = Path(__file__).parents[2]


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Returns once `true` holds."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        pause.wait(0.05)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Process]]:
    running: list[Process] = []

    def begin() -> Process:
        running.append(Process(tmp_path))
        running[-1].url = running[-1].event("listening")["url"]
        return running[-1]

    try:
        yield begin
    finally:
        for process in running:
            if process.child.poll() is None:
                process.child.kill()
                process.child.wait(10)


PREDICTIONS = ("ml_predictions_total", "model=a", "version=unversioned")
ROWS = ("ml_exporter_rows_total", "model=a", "source=predictions")


def test_a_restart_goes_on(tmp_path: Path, start: Callable[[], Process]) -> None:
    """SIGTERM ends it with 0; what came meanwhile is counted after the start, and what was counted stays so."""
    append(tmp_path, "a", 10)
    (tmp_path / "ml-exporter.yml").write_text(configuration("a"))
    first = start()
    first.wait_for(*PREDICTIONS, value=10)
    assert first.end() == 0
    assert first.event("stopped")["level"] == "info"
    append(tmp_path, "a", 7, first=10)
    second = start()
    second.wait_for(*PREDICTIONS, value=17)
    assert second.metrics()[ROWS] == 19
    # Killed and started once more: nothing new, nothing twice.
    second.child.kill()
    second.child.wait(10)
    third = start()
    third.wait_for(*PREDICTIONS, value=17)
    assert third.metrics()[ROWS] == 19
    assert third.end() == 0


def test_sighup_takes_up_the_configuration(tmp_path: Path, start: Callable[[], Process]) -> None:
    """A good file is taken up, a bad one is told and the old one stays; the process lives on."""
    append(tmp_path, "a", 10)
    config = tmp_path / "ml-exporter.yml"
    config.write_text(configuration("a"))
    process = start()
    process.wait_for(*PREDICTIONS, value=10)
    config.write_text("models: {}\n")
    process.child.send_signal(signal.SIGHUP)
    assert "ml-exporter.yml:1" in process.event("reload failed: the old configuration stays")["error"]
    process.wait_for("ml_exporter_config_last_reload_successful", value=0)
    append(tmp_path, "b", 3)
    config.write_text(configuration("a", "b"))
    process.child.send_signal(signal.SIGHUP)
    assert process.event("configuration reloaded")["models"] == 2
    process.wait_for("ml_predictions_total", "model=b", "version=unversioned", value=3)
    metrics = process.metrics()
    assert (metrics[PREDICTIONS], metrics[ROWS]) == (10, 11)
    assert metrics["ml_exporter_config_last_reload_successful",] == 1
    assert fetch(f"{process.url}-/quit", "POST") == (200, "Stopping.\n")
    assert process.child.wait(60) == 0


def test_signals_and_the_first_snapshot_wait_for_no_cycle(tmp_path: Path, start: Callable[[], Process]) -> None:
    """However long a cycle is: the first page comes when it is ready, a reload and an end at once."""
    append(tmp_path, "a", 10)
    config = tmp_path / "ml-exporter.yml"
    config.write_text(configuration("a").replace("cycle: 1s", "cycle: 1d"))
    process = start()
    process.wait_for(*PREDICTIONS, value=10)
    process.child.send_signal(signal.SIGHUP)
    assert process.event("configuration reloaded")["models"] == 1
    assert process.end() == 0


def test_a_model_whose_cycles_fail_makes_the_last_cycle_old(rig: Rig) -> None:
    """The time of the last cycle is that of the model that is furthest behind, however often others finish."""
    before = rig.metrics()[("ml_exporter_last_cycle_timestamp_seconds",)]
    rig.config.write_text(configuration("a", "b"))
    append(rig.folder, "b", 10)
    assert rig.reload()[0] == 200
    rig.clock.advance(100)
    rig.app._runners["a"].cycle_once(rig.clock.monotonic())
    assert rig.metrics()[("ml_exporter_last_cycle_timestamp_seconds",)] == before
    rig.app._runners["b"].cycle_once(rig.clock.monotonic())
    assert rig.metrics()[("ml_exporter_last_cycle_timestamp_seconds",)] == before + 100


def test_a_cycle_that_ends_while_a_snapshot_is_made_is_not_told_to_be_in_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, runner = rig.app._publisher.publish, rig.app._runners["a"]

    def meanwhile(families: Any) -> None:
        publish(families)
        rig.clock.advance(100)
        runner.cycle_once(rig.clock.monotonic())

    monkeypatch.setattr(rig.app._publisher, "publish", meanwhile)
    assert rig.metrics()[("ml_exporter_last_cycle_timestamp_seconds",)] == NOW


def test_a_page_is_as_new_as_it_says_though_the_machine_was_slow(rig: Rig) -> None:
    """What is published while collectors are waited for is what the page shows beside the time of its cycle."""
    rig.app.publish()

    def slow() -> tuple[()]:
        append(rig.folder, "a", 5, first=10)
        rig.clock.advance(100)
        rig.app._runners["a"].cycle_once(rig.clock.monotonic())
        rig.app.publish()
        return ()

    rig.app._fresh.replace({"slow": Part(slow, limit_seconds=60.0)})
    page = samples(rig.get("metrics")[1])
    assert page["ml_exporter_last_cycle_timestamp_seconds",] == NOW + 100
    assert page["ml_predictions_total", "model=a", "version=unversioned"] == 15


def test_a_snapshot_that_fails_ends_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that was there is served on, and the log says why there is no new one."""
    rig.app.publish()
    page = rig.get("metrics")[1]
    monkeypatch.setattr(rig.app._publisher, "publish", lambda _: 1 / 0)
    rig.app._publish_quietly()
    assert rig.get("metrics") == (200, page)
    assert "snapshot failed: please report this" in [event["event"] for event in rig.events]


def test_a_stuck_model_keeps_a_reload_from_opening_its_state_twice(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reload is refused with the model's name, and all models go on as they were."""
    monkeypatch.setattr(Inline, "join", lambda _: False)
    status, text = rig.reload()
    assert (status, "model a did not finish its batch" in text) == (500, True)
    assert rig.models() == {"model=a"}
    assert not rig.app._runners["a"].stop.is_set()


def test_a_broken_feature_keeps_its_series_longest() -> None:
    """A feature that is missing altogether has no drift effect; it is what a person asks for first all the same."""
    metrics = {metric.name: metric for metric in WINDOW_METRICS}
    effect = [(("m", "v", "1h", name), value) for name, value in (("calm", 0.01), ("drifted", 0.9), ("gone", 0.0))]
    found = [
        MetricSamples(metrics["ml_feature_drift_effect"], effect),
        MetricSamples(metrics["ml_feature_quality_detected"], [(("m", "v", "1h", "gone", "missing"), 1.0)]),
    ]
    assert importance(found) == ["gone", "drifted", "calm"]
