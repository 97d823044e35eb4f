"""A worker's thread: what it says of a backlog, and of cycles that fail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from exporter.engine import worker as work
from exporter.engine.runner import BACKLOG_SECONDS, Runner
from exporter.errors import StateError
from tests.exporters import Exporter, row


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[Exporter]:
    one = Exporter(tmp_path, reference={})
    yield one
    one.close()


def runner_of(exporter: Exporter, said: list[dict[str, Any]]) -> Runner:
    """A runner whose cycle lasts an hour and whose every poll takes four seconds."""

    def note(_logger: Any, level: str, event: Any) -> Any:
        said.append({**event, "level": level})
        raise structlog.DropEvent

    return Runner(
        exporter.worker, 3600.0, exporter.clock, exporter.health, structlog.wrap_logger(None, processors=[note])
    )


def test_a_backlog_is_spoken_of_until_it_is_read(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at every poll, and not where there is none."""
    monkeypatch.setattr(work, "POLL_ROWS", 100)
    exporter.predict(*(row(n) for n in range(1000)))
    said: list[dict[str, Any]] = []
    runner = runner_of(exporter, said)
    step = exporter.worker.step

    def slow() -> bool:
        exporter.clock.advance(4.0)
        return step()

    monkeypatch.setattr(exporter.worker, "step", slow)
    runner.cycle_once(exporter.clock.monotonic())
    told = [(event["event"], event["rows"], event["rows_per_second"]) for event in said]
    assert told[:2] == [("reading a backlog", 400, 25), ("reading a backlog", 700, 25)]
    assert {event["model"] for event in said} == {"m"}
    assert [event["backlog_bytes"] for event in said] == sorted((e["backlog_bytes"] for e in said), reverse=True)
    assert BACKLOG_SECONDS == 10.0
    said.clear()
    exporter.predict(row(2000))
    runner.cycle_once(exporter.clock.monotonic())
    assert said == []


def test_a_cycle_that_fails_is_told_once_and_counted_each_time(
    exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    runner = runner_of(exporter, said)
    failures = ("ml_exporter_cycle_failures_total", ("m",))
    assert exporter.health.value(*failures) == 0.0
    left = 3

    def fail() -> bool:
        nonlocal left
        left -= 1
        if left == 0:
            runner.stop.set()
        raise StateError("m.sqlite: database or disk is full")

    monkeypatch.setattr(exporter.worker, "step", fail)
    runner.start()
    assert runner.join()
    told = [(event["level"], event["event"], event["error"]) for event in said]
    assert told == [("error", "cycle failed", "m.sqlite: database or disk is full")]
    assert exporter.health.value(*failures) == 3.0
