"""Clients that stall, flood or talk nonsense, over real sockets: none may hold up another one."""

import re
import socket
from contextlib import ExitStack, suppress

import pytest

from exporter.exposition import connections, server
from tests.unit.exposition.test_server import ask, publish, until

HEALTHY = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"


class Client:
    """A raw connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.send = self.socket.sendall

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def answer(self):
        """One answer, whole."""
        got = b""
        while b"\r\n\r\n" not in got:
            got += self.socket.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        while length and len(body) < int(length[1]):
            body += self.socket.recv(65536)
        return head + b"\r\n\r\n" + body

    def rest(self):
        """All that is sent until the other side closes, also by force."""
        parts = []
        try:
            while part := self.socket.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)


@pytest.fixture
def impatient(serve, monkeypatch):
    """A server that looks for those who stall ten times a second and gives them little time."""
    monkeypatch.setattr(server, "_TICKS", 1)
    # A test that has to wait for its turn between connecting and asking is none who stalls.
    monkeypatch.setattr(connections, "ARRIVAL_SECONDS", 0.5)
    monkeypatch.setattr(connections, "TAKING_SECONDS", 0.0)
    return serve()


@pytest.mark.parametrize(
    "start",
    [b"", b"GET /metrics HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n", HEALTHY + b"GET /met"],
    ids=["nothing", "line", "header", "second"],
)
def test_a_request_that_does_not_arrive_ends_the_connection(impatient, start):
    with Client(impatient.port) as client:
        client.send(start)
        answers = client.rest()
    assert answers.count(b"ml-exporter is healthy.") == start.count(HEALTHY)


def test_a_body_that_nobody_asked_for_ends_the_connection(impatient):
    with Client(impatient.port) as client:
        client.send(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\nab")
        assert client.rest().startswith(b"HTTP/1.1 405 ")


def test_an_answer_that_is_not_taken_ends_the_connection(impatient):
    """The client asks for more than the system's buffers hold and reads nothing of it."""
    with Client(impatient.port) as client:
        client.socket.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                client.socket.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
        until(lambda: not impatient._uvicorn.server_state.connections)


def test_a_connection_at_rest_stays(impatient):
    """Prometheus finds its connection again: one without a request under way is not waited for."""
    with Client(impatient.port) as client, Client(impatient.port) as stalled:
        client.send(HEALTHY)
        assert client.answer().startswith(b"HTTP/1.1 200 ")
        assert stalled.rest() == b""  # the server has looked at both
        client.send(HEALTHY)
        assert client.answer().startswith(b"HTTP/1.1 200 ")


def test_stalled_connections_make_room(serve, monkeypatch):
    """However many connections are open, one more is served; the one that rested longest goes."""
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 8)
    port = serve().port
    with ExitStack() as stack:
        stalled = []
        for _ in range(20):
            stalled.append(stack.enter_context(Client(port)))
            stalled[-1].send(b"GET /metrics HTTP/1.1\r\n")
        with Client(port) as client:
            client.send(HEALTHY)
            assert client.answer().startswith(b"HTTP/1.1 200 ")
        assert stalled[0].rest() == b""
        stalled[-1].send(b"Host: x\r\n\r\n")
        assert stalled[-1].answer().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03", b"400"),
        (b"\x00\xff\r\n\r\n", b"400"),
        (b"GET /\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET /" + b"a" * (1 << 20), b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (1 << 20), b"400"),
        (b"BREW /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"TRACE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /%00%ff%0d%0aX:y HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /metrics/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"404"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b"200"),
        (b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nRange: bytes=0-3\r\n\r\n", b"200"),
    ],
    ids=lambda value: value[:40] if len(value) > 3 else "",
)
def test_nonsense_is_answered_and_hurts_nobody(rig, serve, sent, expected):
    publish(rig)
    running = serve()
    with Client(running.port) as client:
        client.send(sent)
        assert client.answer()[9:12] == expected
        assert ask(running)[0] == 200
    assert rig.events == []


def test_garbage_behind_a_request_spoils_only_itself(serve):
    with Client(serve().port) as client:
        client.send(HEALTHY * 2 + b"\x00\xff\r\n\r\n" + HEALTHY)
        answers = client.rest()
    assert (answers.count(b"HTTP/1.1 200 "), answers.count(b"HTTP/1.1 400 ")) == (2, 1)
