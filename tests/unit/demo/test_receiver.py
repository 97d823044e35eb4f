import io
import json
import urllib.request
from typing import Any

import pytest
from rich.console import Console

from demo.ports import HOST
from demo.receiver import Inbox, Receiver
from exporter.clock import ManualClock
from tests.unit.demo.test_ports import free_ports


def alert(name: str = "MLPerformanceDegraded", status: str = "firing", fingerprint: str = "f1") -> dict[str, Any]:
    return {
        "status": status,
        "fingerprint": fingerprint,
        "startsAt": "2026-01-01T00:00:00Z",
        "labels": {"alertname": name, "model": "flight_delay", "severity": "critical"},
        "annotations": {
            "summary": "flight_delay: performance fell over 1d",
            "description": "accuracy is 0.7",
            "runbook_url": "https://runbooks.example/x",
        },
    }


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def inbox(screen: io.StringIO) -> Inbox:
    return Inbox(Console(file=screen, width=200, color_system=None), ManualClock(1000.0))


def test_a_page_is_read_out_in_full(inbox: Inbox, screen: io.StringIO) -> None:
    inbox.deliver("page", {"alerts": [alert()]})
    shown = screen.getvalue()
    for part in (
        "PAGE",
        "flight_delay",
        "MLPerformanceDegraded",
        "performance fell over 1d",
        "accuracy is 0.7",
        "runbook: https://",
    ):
        assert part in shown


def test_a_ticket_is_told_once_for_all_that_are_alike(inbox: Inbox, screen: io.StringIO) -> None:
    inbox.deliver("ticket", {"alerts": [alert(fingerprint="f1"), alert(fingerprint="f2")]})
    assert screen.getvalue().count("ticket") == 1
    assert "and 1 more like it" in screen.getvalue()


def test_what_was_told_is_not_told_again(inbox: Inbox, screen: io.StringIO) -> None:
    inbox.deliver("page", {"alerts": [alert()]})
    length = len(screen.getvalue())
    inbox.deliver("page", {"alerts": [alert()]})
    assert len(screen.getvalue()) == length
    assert [(each.kind, each.alert, each.at, each.resolved_at) for each in inbox.told] == [
        ("page", "MLPerformanceDegraded", 1000.0, None)
    ]


def test_an_end_is_told_once(inbox: Inbox, screen: io.StringIO) -> None:
    inbox.deliver("page", {"alerts": [alert()]})
    inbox.deliver("page", {"alerts": [alert(status="resolved")]})
    inbox.deliver("page", {"alerts": [alert(status="resolved")]})
    assert screen.getvalue().count("resolved") == 1
    assert [each.resolved_at for each in inbox.told] == [1000.0]


def test_the_end_of_what_nobody_heard_of_is_not_told(inbox: Inbox, screen: io.StringIO) -> None:
    inbox.deliver("page", {"alerts": [alert(status="resolved")]})
    assert screen.getvalue() == ""


def post(port: int, path: str, content: bytes) -> int:
    request = urllib.request.Request(f"http://{HOST}:{port}{path}", data=content)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_alertmanagers_messages_reach_the_inbox(inbox: Inbox) -> None:
    port = free_ports(1)[0]
    receiver = Receiver(port, inbox)
    receiver.start()
    try:
        message = json.dumps({"alerts": [alert()]}).encode()
        assert [post(port, path, message) for path in ("/page", "/watchdog")] == [200, 200]
        assert post(port, "/page", b"{") == 400
    finally:
        receiver.stop()
    assert [each.kind for each in inbox.told] == ["page"]
