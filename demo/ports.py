"""The ports that the demo's servers listen on, all on 127.0.0.1."""

import socket
from dataclasses import dataclass, fields

from demo.errors import DemoError

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    exporter: int = 9877
    prometheus: int = 9090
    alertmanager: int = 9093
    receiver: int = 9095
    grafana: int = 3000

    def check(self, *, without: frozenset[str] = frozenset()) -> None:
        """All of them can be listened on; those of servers in `without` are not asked.

        Raises:
            DemoError: one is taken, or two are the same; says which option changes it.
        """
        seen: dict[int, str] = {}
        for name in (field.name for field in fields(self) if field.name not in without):
            port = getattr(self, name)
            if port in seen:
                raise DemoError(f"port {port} is given to {seen[port]} and to {name}: choose another --{name}-port")
            seen[port] = name
            if not free(port):
                raise DemoError(f"port {port} for {name} is taken: stop what listens there, or choose --{name}-port")


def free(port: int) -> bool:
    """True if nothing listens on this port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
        return True
