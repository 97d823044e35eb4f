"""A publisher, and a real server on a free port."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog

from exporter.clock import ManualClock
from exporter.exposition.fresh import Fresh, Part
from exporter.exposition.server import Hooks, Server, ServerSettings
from exporter.exposition.snapshot import Publisher
from exporter.exposition.status import Status
from exporter.health import Health


@dataclass
class Rig:
    """Everything around a server, with what a test wants to look at."""

    health: Health = field(default_factory=Health)
    clock: ManualClock = field(default_factory=lambda: ManualClock(1000.0))
    events: list[dict[str, Any]] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    parts: dict[str, Callable[[], Any]] = field(default_factory=dict)
    status: Callable[[], Status] = lambda: Status("0.1.0", 1000.0, 900.0)
    on_reload: Callable[[], None] = lambda: None
    strict: bool = True

    def __post_init__(self):
        structlog.configure(processors=[self._note], cache_logger_on_first_use=False)
        self.log = structlog.get_logger()
        self.publisher = Publisher(self.health, self.clock, self.log, strict=self.strict)

    def _note(self, _logger, method, event):
        self.events.append({"level": method, **event})
        raise structlog.DropEvent

    def server(self, **settings):
        def reload():
            self.called.append("reload")
            self.on_reload()

        hooks = Hooks(
            snapshot=lambda: self.publisher.current,
            fresh=Fresh(
                self.health, {name: Part(read, 0.05) for name, read in self.parts.items()}, self.clock, self.log
            ),
            status=self.status,
            reload=reload,
            quit=lambda: self.called.append("quit"),
        )
        return Server(ServerSettings(**{"port": 0, **settings}), hooks, self.log)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    structlog.reset_defaults()


@pytest.fixture
def serve(rig):
    """Starts servers and stops them at the end of the test."""
    servers = []

    def start(**settings):
        server = rig.server(**settings)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()
