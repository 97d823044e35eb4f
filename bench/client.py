"""Scrapes in a process of its own: `python -m bench.client port encoding times`; prints milliseconds as JSON.

As Prometheus does: one kept connection, a pause between scrapes, the body read to its end and thrown away.
"""

import json
import socket
import sys
import time

PAUSE_SECONDS = 0.005
_BUFFER = 1 << 20


def scrape(connection: socket.socket, request: bytes, buffer: bytearray) -> float:
    """Milliseconds from the request to the last byte of the answer."""
    began = time.perf_counter()
    connection.sendall(request)
    view, got, head = memoryview(buffer), 0, -1
    while head < 0:
        got += _received(connection, view[got:])
        head = buffer.find(b"\r\n\r\n", 0, got)
    fields = bytes(buffer[:head]).lower().split(b"\r\n")
    length = next(int(field.partition(b":")[2]) for field in fields if field.startswith(b"content-length:"))
    left = length - (got - head - 4)
    while left > 0:
        left -= _received(connection, view)
    return (time.perf_counter() - began) * 1e3


def _received(connection: socket.socket, view: memoryview) -> int:
    count = connection.recv_into(view)
    if count == 0:
        raise ConnectionError("the server closed the connection")
    return count


def main(port: int, encoding: str, times: int) -> None:
    accept = "application/openmetrics-text;version=1.0.0"
    request = f"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nAccept-Encoding: {encoding}\r\n\r\n"
    buffer = bytearray(_BUFFER)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        taken = []
        for _ in range(times):
            taken.append(scrape(connection, request.encode(), buffer))
            time.sleep(PAUSE_SECONDS)
    print(json.dumps(sorted(taken)))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
