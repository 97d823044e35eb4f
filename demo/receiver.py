"""The webhook that Alertmanager calls: prints pages and tickets as a person would read them, and remembers them."""

import json
import textwrap
import threading
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rich.console import Console
from rich.markup import escape

from demo.ports import HOST
from exporter.clock import Clock

TICKET_CHARACTERS = 300
"""Of a ticket's description so much is printed; pages are printed in full."""


@dataclass(frozen=True, slots=True)
class Told:
    """An alert as it was delivered for the first time.

    Attributes:
        kind: `page` or `ticket`.
        at: Unix seconds when it was delivered.
        resolved_at: Unix seconds when its end was delivered; None while it lasts.
    """

    kind: str
    alert: str
    model: str
    at: float
    summary: str
    resolved_at: float | None = None


class Inbox:
    """What was delivered so far; used by the receiver's threads and read by the demo's."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self.console = console
        self.clock = clock
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str, str], Told] = {}  # kind, fingerprint, start → what was told

    @property
    def told(self) -> tuple[Told, ...]:
        with self._lock:
            return tuple(self._told.values())

    def deliver(self, kind: str, message: dict[str, Any]) -> None:
        """A message of Alertmanager (webhook format 4) is remembered; what is new in it is printed."""
        now = self.clock.now()
        fresh: list[dict[str, Any]] = []
        over: list[dict[str, Any]] = []
        with self._lock:
            for alert in message.get("alerts", []):
                key = (kind, alert.get("fingerprint", ""), alert.get("startsAt", ""))
                known = self._told.get(key)
                if alert.get("status") == "resolved":
                    if known is not None and known.resolved_at is None:
                        self._told[key] = Told(kind, known.alert, known.model, known.at, known.summary, now)
                        over.append(alert)
                elif known is None:
                    labels, notes = alert.get("labels", {}), alert.get("annotations", {})
                    self._told[key] = Told(
                        kind, labels.get("alertname", "?"), labels.get("model", ""), now, notes.get("summary", "")
                    )
                    fresh.append(alert)
        if lines := describe(kind, fresh, over, now):
            # In one piece, as two messages may come at once.
            self.console.print("\n".join(lines), highlight=False, soft_wrap=True)


def describe(kind: str, fresh: list[dict[str, Any]], over: list[dict[str, Any]], now: float) -> list[str]:
    """Lines for a person, in rich markup: pages in full, tickets and ends shortly."""
    clock = datetime.fromtimestamp(now).astimezone().strftime("%H:%M:%S")
    lines: list[str] = []
    for name, alerts in by_name(fresh).items():
        labels, notes = alerts[0]["labels"], alerts[0].get("annotations", {})
        about = escape(labels.get("model", "") or "the exporter")
        more = f" (and {len(alerts) - 1} more like it)" if len(alerts) > 1 else ""
        summary = escape(notes.get("summary", ""))
        if kind == "page":
            lines.append(f"[bold white on red] PAGE [/] {clock} [bold]{about}[/] {name}: {summary}{more}")
            lines += [f"        {escape(line)}" for line in notes.get("description", "").strip().splitlines()]
            links = [f"{key.removesuffix('_url')}: {notes[key]}" for key in sorted(notes) if key.endswith("_url")]
            lines += [f"        [dim]{escape(link)}[/]" for link in links]
        else:
            lines.append(f"[yellow] ticket [/] {clock} [bold]{about}[/] {name}: {summary}{more}")
            details = " ".join(notes.get("description", "").split())
            lines.append(f"        [dim]{escape(textwrap.shorten(details, TICKET_CHARACTERS, placeholder=' …'))}[/]")
    for name, alerts in by_name(over).items():
        about = escape(alerts[0]["labels"].get("model", "") or "the exporter")
        lines.append(f"[green] resolved [/] {clock} [bold]{about}[/] {kind} {name} ({len(alerts)})")
    return lines


def by_name(alerts: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Alerts under their names, in the order of coming."""
    named: dict[str, list[dict[str, Any]]] = {}
    for alert in alerts:
        named.setdefault(alert.get("labels", {}).get("alertname", "?"), []).append(alert)
    return named


class Receiver:
    """An HTTP server on 127.0.0.1: POST /page, /ticket and /watchdog."""

    def __init__(self, port: int, inbox: Inbox) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                kind = self.path.strip("/")
                try:
                    message = json.loads(content)
                except ValueError:
                    self.send_error(400, "no JSON")
                    return
                if kind in ("page", "ticket"):
                    inbox.deliver(kind, message)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Silent: what was delivered is printed by the inbox."""

        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nothing listens any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
