"""Every incident of the demo, without servers: what is recommended while it lasts."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import structlog
from rich.console import Console

from demo.chain import CONFIG, environment
from demo.incidents import INCIDENTS, parse_schedule
from demo.machine import Machine as Simulated
from demo.ports import Ports
from demo.replay import Paths, Replay, midnight, open_streams
from demo.train import Workshop, ensure
from exporter.clock import ManualClock
from exporter.config import load
from exporter.engine import references
from exporter.engine.machine import Machine
from exporter.engine.worker import Worker
from exporter.exposition.machine import machine_parts
from exporter.health import Health
from exporter.host.plan import HostPlan
from exporter.references import fit_references

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("advice")]

DAY = 86400.0
FIRST, START, LAST = "2013-09-10", "2013-09-14", "2013-09-16"
EXPECTED = {
    "calm": ("flight_delay", {("none", "well", ""), ("none", "drift_without_harm", "scheduled_minutes")}),
    "missing_feature": ("flight_delay", {("fix_data_pipeline", "missing", "dep_delay")}),
    "unit_change": ("flight_delay", {("fix_data_pipeline", "unit_change", "distance")}),
    "new_category": ("arrival_delay", {("fix_data_pipeline", "unseen", "carrier")}),
    "slow_responses": ("flight_delay", {("scale_out", "latency", "latency")}),
    "errors": ("flight_delay", {("fix_serving", "errors", "availability")}),
    "labels_stop": ("arrival_delay", {("wait_for_labels", "labels_late", "")}),
    "concept_flip": ("flight_delay", {("review_slice", "slice", "carrier=UA")}),
    # Other carriers fly from there: a real shift, of the kind that hurts nobody.
    "traffic_burst": (
        "flight_delay",
        {("none", "well", ""), *(("none", "drift_without_harm", subject) for subject in ("carrier", "distance"))},
    ),
    "cpu_starvation": ("flight_delay", {("fix_infrastructure", "cpu_starved", "host-a")}),
    "slow_disk": ("flight_delay", {("fix_infrastructure", "disk_slow", "host-a sda")}),
}
"""Incident → the model that is looked at, and what may be recommended for it."""
SLOW = {"slow_responses", "cpu_starvation", "slow_disk"}
SILENT = {"stale_source", "failed_batch", "memory_leak"}
"""Nothing new can be said of predictions: none arrives, or nothing happens to them yet. Alerts tell these."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workshop, Path]]:
    """Trained models, and the folder of their fitted references; what these teach is learned once."""
    folder = tmp_path_factory.mktemp("demo")
    trained = ensure(folder, Console(quiet=True))
    fitted = folder / "references"
    fitted.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(folder / "run", trained, fitted, Ports()).items():
            patch.setenv(name, value)
        Simulated(Paths(folder / "run").machine)
        for _ in fit_references(load(CONFIG), ManualClock(midnight(START)), None, None, lambda _: None):
            pass
        patch.setattr(references, "load_reference", cache(references.load_reference))
        yield trained, fitted


@pytest.mark.parametrize("incident", EXPECTED)
def test_what_is_recommended(
    tmp_path: Path, workshop: tuple[Workshop, Path], monkeypatch: pytest.MonkeyPatch, incident: str
) -> None:
    """After a day of it, over that day, by the version with the most traffic."""
    trained, fitted = workshop
    for name, value in environment(tmp_path, trained, fitted, Ports()).items():
        monkeypatch.setenv(name, value)
    schedule = () if incident == "calm" else parse_schedule([f"{incident}@0s+1000s"])
    replay = Replay(
        open_streams(trained, Paths(tmp_path), FIRST, LAST),
        Paths(tmp_path),
        start=midnight(START),
        speed=DAY / 10,
        schedule=schedule,
    )
    clock = ManualClock(midnight(START))
    replay.write_history(midnight(FIRST), clock)
    name, expected = EXPECTED[incident]
    whole = load(CONFIG)
    (plan,) = (model for model in whole.models if model.name == name)
    # How long answers take on this machine while it tests is no part of what is asked but by the one incident.
    asked = tuple(each for each in plan.objectives if each.latency_seconds is None or incident in SLOW)
    plan = replace(plan, objectives=asked)
    (tmp_path / "state").mkdir()
    machine = Machine(whole, clock)
    state = tmp_path / "state" / "m.sqlite"
    worker = Worker(plan, state, clock, Health(), structlog.wrap_logger(None), machine=machine.of(plan))
    try:
        if any(each.machine is not None for each, _, _ in schedule):
            # Where the machine has a part in it, it is known how far the log had come when it began.
            watched(machine, whole.host, replay, clock, seconds=20, strained=False)
            evaluated(worker)
        replay.advance(midnight(START) + DAY, clock.now())
        watched(machine, whole.host, replay, clock, seconds=10, strained=True)
        samples = evaluated(worker)
    finally:
        worker.close()
    rows = {labels[1]: value for labels, value in samples["ml_window_predictions"] if labels[2] == "1d"}
    main = max(rows, key=lambda version: rows[version])
    advice = {labels[3:] for labels, _ in samples["ml_recommended_action"] if labels[1:3] == (main, "1d")}
    assert advice
    assert advice <= expected


def evaluated(worker: Worker) -> dict[str, list[tuple[tuple[str, ...], object]]]:
    """Everything is read; what is so then."""
    while worker.step():
        pass
    worker.finish_waits()
    return {found.metric.name: list(found.samples) for found in worker.evaluate()}


def watched(
    machine: Machine, plan: HostPlan, replay: Replay, clock: ManualClock, *, seconds: int, strained: bool
) -> None:
    """So many seconds passed on the machine, which was looked at each second."""
    parts = machine_parts(plan, clock)
    active = [each.incident.machine for each in replay.occurrences if strained and each.incident.machine is not None]
    for _ in range(seconds):
        clock.advance(1.0)
        replay.machine.advance(clock.now(), active)
        found = [family for part in parts.values() for family in part.read() or ()]
        machine.look((family.name, family.samples) for family in found)


def test_every_incident_is_looked_at() -> None:
    assert set(EXPECTED) | SILENT == {each.name for each in INCIDENTS} | {"calm"}
