"""Connections that cost little: one that keeps the server waiting is closed, and the longest idle one makes room."""

import asyncio
import resource
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 256
ARRIVAL_SECONDS = 10.0
"""How long a request and its body may take to arrive, whatever trickles meanwhile."""
TAKING_SECONDS = 60.0
"""How long an answer may take to be taken."""
HANDSHAKE_SECONDS = 5.0


class Connection(H11Protocol):
    """One client. Whoever it is, others are not held up by it.

    uvicorn closes connections that rest between requests; it waits for ever for the rest of a request.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting_since: float | None = None
        self.last_heard = self.loop.time()
        """When it came or was last answered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """There is room for it: the one that has rested longest goes where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            others = (cast("Connection", each) for each in self.connections)
            resting = [each for each in others if not each.answering and each is not self]
            if resting:
                min(resting, key=lambda each: each.last_heard).drop()

    def on_response_complete(self) -> None:
        """What the client does next is waited for anew."""
        self._waiting_since = None
        self.last_heard = self.loop.time()
        super().on_response_complete()

    def drop(self) -> None:
        """The connection is gone at once."""
        self.connections.discard(self)
        self.transport.abort()

    def drop_if_overdue(self) -> None:
        """The connection is gone where the client has been waited for too long; asked once in a while."""
        now = self.loop.time()
        if not (self._is_unsent or self._is_arriving):
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since > (TAKING_SECONDS if self._is_unsent else ARRIVAL_SECONDS):
            self.drop()

    @property
    def answering(self) -> bool:
        """Whether a request of it is in work."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_unsent(self) -> bool:
        """Whether the client has not taken all that it was sent."""
        return self.transport.get_write_buffer_size() > 0

    @property
    def _is_arriving(self) -> bool:
        """Whether its first request, the rest of a later one, or a body that nobody asked for is on the way."""
        if self.answering:
            return False
        return self.cycle is None or bool(self.conn.trailing_data[0]) or self.conn.their_state is h11.SEND_BODY


def take_all_descriptors() -> None:
    """As many files and sockets may be open as the system lets this process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
