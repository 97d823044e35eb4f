import socket

import pytest

from demo.errors import DemoError
from demo.ports import HOST, Ports


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def free_ports(number: int) -> list[int]:
    listeners = [socket.create_server((HOST, 0)) for _ in range(number)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def test_a_taken_port_is_told_with_the_option_that_changes_it(taken: int) -> None:
    with pytest.raises(DemoError, match=rf"^port {taken} for prometheus is taken: .* --prometheus-port$"):
        Ports(free_ports(1)[0], taken).check()


def test_a_port_given_twice_is_told() -> None:
    port = free_ports(1)[0]
    with pytest.raises(DemoError, match=rf"^port {port} is given to exporter and to prometheus: .* --prometheus-port$"):
        Ports(port, port).check()


def test_a_server_that_is_not_started_needs_no_port(taken: int) -> None:
    Ports(*free_ports(4), taken).check(without=frozenset({"grafana"}))
