"""The replay: flights of April to December as prediction logs that grow as they did in 2013, only faster."""

import json
import math
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # ships no types

from demo import data
from demo.data import NEW_YORK
from demo.errors import DemoError
from demo.incidents import Incident, Occurrence, find
from demo.machine import Machine, Strain
from demo.model import MODELS
from demo.rollout import versions_of
from demo.stream import Stream
from demo.train import Workshop
from demo.writers import days_before, delete_before
from exporter.clock import Clock

HISTORY_STEP_SECONDS = 6 * 3600
DAY_IN_TEN_SECONDS = 8640.0
STEP_SECONDS = 0.2
KEPT_DAYS = 45
"""Older log files are deleted, as log rotation does."""


@dataclass(frozen=True, slots=True)
class Status:
    """How far the replay is, as `status.json` tells other processes. Times in Unix seconds."""

    event_time: float
    predictions: int
    labels: int
    incidents: tuple[str, ...]
    finished: bool


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a replay writes and is steered.

    Attributes:
        logs: the models' logs, a folder each.
        status: how far it is, replaced once a second.
        incidents: a JSON line whenever an incident starts or ends.
        control: JSON lines that others append to start and stop incidents.
        machine: the simulated machine's /proc and /sys.
    """

    folder: Path

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def machine(self) -> Path:
        return self.folder / "host-a"

    @property
    def status(self) -> Path:
        return self.folder / "status.json"

    @property
    def incidents(self) -> Path:
        return self.folder / "incidents.jsonl"

    @property
    def control(self) -> Path:
        return self.folder / "control.jsonl"


def midnight(day: str) -> float:
    """Unix seconds of the start of a day, New York time."""
    return datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(NEW_YORK)).timestamp()


def open_streams(workshop: Workshop, paths: Paths, first_day: str, last_day: str) -> tuple[Stream, ...]:
    """A stream for each model, over the flights of these days (both included)."""
    flights = data.between(data.read_flights(), first_day, last_day)
    return tuple(
        Stream(name, {version: workshop.load(name, version) for version in versions_of(name)}, flights, paths.logs)
        for name in MODELS
    )


class Replay:
    """Event time that runs `speed` times as fast as the clock, and the logs that follow it.

    Attributes:
        start: event time when the clock starts, Unix seconds; flights before it are history.
        speed: seconds of event time in one second.
        machine: what answers the requests of one replica.
    """

    def __init__(
        self,
        streams: Sequence[Stream],
        paths: Paths,
        *,
        start: float,
        speed: float = DAY_IN_TEN_SECONDS,
        schedule: Sequence[tuple[Incident, float, float]] = (),
    ) -> None:
        self.streams = streams
        self.start = start
        self.speed = speed
        self.paths = paths
        self.occurrences = [
            Occurrence(incident, start + begin * speed, start + (begin + length) * speed)
            for incident, begin, length in schedule
        ]
        self.machine = Machine(paths.machine)
        self._told: set[tuple[int, str]] = set()
        self._steered = 0  # bytes of the control file that were obeyed
        self._day = ""

    def write_history(self, first: float, clock: Clock) -> None:
        """Everything from event time `first` to the start is in the logs."""
        now = first
        with threadpool_limits(1):
            while now < self.start:
                now = min(now + HISTORY_STEP_SECONDS, self.start)
                self.advance(now, clock.now())
        self.machine.advance(clock.now())
        self.write_status(self.start)

    def run(self, clock: Clock, stop: threading.Event, *, wait: bool = True) -> None:
        """The logs grow until the flights end or `stop` is set; without `wait`, as fast as they can be written."""
        begun = clock.monotonic()
        last_status = -math.inf
        step = 0
        with threadpool_limits(1):  # requests are small: threads would only take the other processes' time
            while not stop.is_set() and not self.finished:
                step += 1
                elapsed = clock.monotonic() - begun if wait else step * STEP_SECONDS
                now = self.start + elapsed * self.speed
                self.steer(now)
                self.advance(now, clock.now())
                self.machine.advance(clock.now(), self._strains(now))
                if elapsed - last_status >= 1 or self.finished:
                    self.write_status(now)
                    last_status = elapsed
                if wait:
                    clock.wait(stop, begun + elapsed + STEP_SECONDS - clock.monotonic())

    def _strains(self, now: float) -> list[Strain]:
        active = (each.incident.machine for each in self.occurrences if each.start <= now < each.end)
        return [strain for strain in active if strain is not None]

    @property
    def finished(self) -> bool:
        return all(stream.finished for stream in self.streams)

    def advance(self, now: float, wall: float) -> None:
        """Everything that happened until event time `now` is in the logs; incidents that began or ended are told."""
        for stream in self.streams:
            stream.advance(now, self.occurrences)
        for number, each in enumerate(self.occurrences):
            for phase, at in (("start", each.start), ("end", each.end)):
                if at <= now and (number, phase) not in self._told:
                    self._told.add((number, phase))
                    line = {
                        "incident": each.incident.name,
                        "number": number,
                        "phase": phase,
                        "wall": wall,
                        "event_time": at,
                    }
                    with self.paths.incidents.open("ab") as file:
                        file.write(orjson.dumps(line) + b"\n")
        self._rotate(now)

    def steer(self, now: float) -> None:
        """Commands in the control file that were not seen before are obeyed from event time `now` on."""
        if not self.paths.control.exists() or self.paths.control.stat().st_size == self._steered:
            return
        with self.paths.control.open("rb") as file:
            file.seek(self._steered)
            fresh = file.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._steered += len(whole)
        for line in whole.splitlines():
            try:
                self._obey(json.loads(line), now)
            except (ValueError, KeyError, DemoError) as error:
                print(f"control file: {error!r} in {line!r}", file=sys.stderr)

    def _obey(self, command: dict[str, Any], now: float) -> None:
        if command["do"] == "start":
            seconds = command.get("seconds")
            end = now + seconds * self.speed if seconds else math.inf
            self.occurrences.append(Occurrence(find(command["incident"]), now, end))
        else:
            self._stop(command["incident"], now)

    def _stop(self, name: str, now: float) -> None:
        for number, each in enumerate(self.occurrences):
            if each.incident.name == name and each.start <= now < each.end:
                self.occurrences[number] = Occurrence(each.incident, each.start, now)

    def _rotate(self, now: float) -> None:
        today = datetime.fromtimestamp(now, ZoneInfo(NEW_YORK)).date().isoformat()
        if today != self._day:
            self._day = today
            for stream in self.streams:
                delete_before(self.paths.logs / stream.name, days_before(today, KEPT_DAYS))

    def write_status(self, now: float) -> None:
        status = Status(
            event_time=now,
            predictions=self.streams[0].predictions,
            labels=self.streams[0].labels,
            incidents=tuple(each.incident.name for each in self.occurrences if each.start <= now < each.end),
            finished=self.finished,
        )
        unfinished = self.paths.folder / ".status.unfinished"
        unfinished.write_bytes(orjson.dumps(status))
        unfinished.rename(self.paths.status)
