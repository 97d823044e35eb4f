"""A worker's thread: what it says of a backlog, and of cycles that fail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from exporter.engine import worker as work
from exporter.engine.runner import BACKLOG_SECONDS, Runner
from exporter.errors import SourceError, StateError
from tests.exporters import Exporter, row


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[Exporter]:
    one = Exporter(tmp_path, reference={})
    yield one
    one.close()


def slowly(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step takes four seconds."""
    step = exporter.worker.step

    def slow() -> bool:
        exporter.clock.advance(4.0)
        return step()

    monkeypatch.setattr(exporter.worker, "step", slow)


def runner_of(exporter: Exporter, said: list[dict[str, Any]]) -> Runner:
    """A runner whose cycle lasts an hour."""

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
    slowly(exporter, monkeypatch)
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


def test_a_backlog_whose_log_fails_is_not_read(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is away in the middle of it, then back: only then is there an end to tell."""
    monkeypatch.setattr(work, "POLL_ROWS", 100)
    exporter.predict(*(row(n) for n in range(1000)))
    said: list[dict[str, Any]] = []
    runner = runner_of(exporter, said)
    slowly(exporter, monkeypatch)
    stream = exporter.worker._streams[0]
    poll, polls = stream.poll, 0

    def cut(*arguments: Any) -> Any:
        nonlocal polls
        polls += 1
        if polls == 6:
            raise SourceError("the network is gone")
        return poll(*arguments)

    monkeypatch.setattr(stream, "poll", cut)
    runner.cycle_once(exporter.clock.monotonic())
    assert [event["event"] for event in said] == ["reading a backlog"]
    assert exporter.rows_read() == 500.0
    exporter.clock.advance(5.0)
    runner.cycle_once(exporter.clock.monotonic())
    assert exporter.rows_read() == 1000.0
    assert [event["event"] for event in said].count("backlog is read") == 1
    assert said[-1]["event"] == "backlog is read"


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
