# ruff: noqa: INP001 - a script, no part of a package
"""Prints the pages and tickets that Alertmanager delivers: `docker compose logs -f pager` shows them."""

from rich.console import Console

from demo.cli import stop_on_signals
from demo.ports import Ports
from demo.receiver import Inbox, Receiver
from exporter.clock import SystemClock

if __name__ == "__main__":
    stop = stop_on_signals()
    receiver = Receiver(Ports().receiver, Inbox(Console(force_terminal=True, width=160), SystemClock()))
    receiver.start()
    stop.wait()
    receiver.stop()
