"""A network between a client and a server on loopback that breaks as a test wants it to."""

import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Self

_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards connections to a port.

    Attributes:
        port: where it listens.
        allowed: bytes of the server that still come through, over all connections; None: all.
        stalls: beyond `allowed`, nothing comes through any more; else connections are reset.
        connections: how many were made.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.allowed: int | None = None
        self.stalls = False
        self.connections = 0
        self._released = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._released.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join()
        for each in self._open:
            each.close()

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self.target))
            self._open += [client, server]
            self._start(self._pump, client, server, False)
            self._start(self._pump, server, client, True)

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(1 << 14):
                if counted and self.allowed is not None:
                    content = content[: self.allowed]
                    self.allowed -= len(content)
                sink.sendall(content)
                if counted and self.allowed == 0:
                    if self.stalls:
                        self._released.wait()
                    else:
                        sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    break
        for each in (sink, source):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
