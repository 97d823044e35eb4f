"""The HTTP server: /metrics is a look-up of ready bytes; the rest is for people and for process managers."""

import asyncio
import errno
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from exporter.errors import ExporterError
from exporter.exposition import landing, web_config
from exporter.exposition.access import Guard, is_cross_site, is_local
from exporter.exposition.connections import HANDSHAKE_SECONDS, MOST_CONNECTIONS, Connection
from exporter.exposition.fresh import Fresh
from exporter.exposition.negotiation import OPENMETRICS_TYPE, TEXT_TYPE, wants_gzip, wants_openmetrics
from exporter.exposition.render import Rendered
from exporter.exposition.snapshot import EMPTY, Snapshot
from exporter.exposition.status import Status
from exporter.exposition.web_config import ChangingTls, WebConfig
from exporter.log import Logger

_START_SECONDS = 10.0
_TICKS = 10
"""uvicorn's, a second."""
_STOP_SECONDS = 5
_KEEP_ALIVE_SECONDS = 75
"""Longer than any usual scrape interval, so that Prometheus finds its connection again."""
_PIECE_BYTES = 1 << 20
"""Sent at once: what the kernel does not take of it is copied, again and again the larger it is."""
_REASONS = {
    errno.EADDRINUSE: "is taken by another program; stop it or set another port in server.listen",
    errno.EACCES: "may not be used by this user; set a port above 1023 in server.listen",
    errno.EADDRNOTAVAIL: "is no address of this machine; correct server.listen",
}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where to listen and whom to trust.

    Attributes:
        port: 0 takes a free one.
        web_config_file: TLS and basic authentication; None: neither.
        remote_reload: `/-/reload` and `/-/quit` are open to other machines too.
    """

    host: str = "127.0.0.1"
    port: int = 9877
    web_config_file: Path | None = None
    remote_reload: bool = False


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the server asks the program for. All may be called from any thread.

    Attributes:
        snapshot: the present one; None before the first cycle.
        fresh: what is read at the scrape.
        status: for the landing page and the API.
        reload: takes up the changed configuration, or raises ExporterError and keeps the old one.
        quit: begins an orderly stop and returns at once.
    """

    snapshot: Callable[[], Snapshot | None]
    fresh: Fresh
    status: Callable[[], Status]
    reload: Callable[[], None]
    quit: Callable[[], None]


class Server:
    """Serves from a thread of its own between `start` and `stop`."""

    def __init__(self, settings: ServerSettings, hooks: Hooks, log: Logger) -> None:
        self._settings = settings
        self._hooks = hooks
        self._log = log
        self._web = _web(settings)
        self._guard = Guard(_application(hooks, log, remote_reload=settings.remote_reload), self._web)
        self._tls = ChangingTls(self._web.tls) if self._web.tls else None
        self._seen = self._stamps()
        self._uvicorn: _Uvicorn | None = None
        self._thread: threading.Thread | None = None
        self.port = settings.port
        """The port in use, known after `start` where 0 was asked for."""

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._settings.host, self._settings.host)  # noqa: S104 - compared with, not bound
        return f"{'https' if self._tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def start(self) -> None:
        """Requests are answered from now on. Raises ExporterError where the address cannot be had."""
        listener = _listener(self._settings.host, self._settings.port)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._guard,
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,  # a header must not make a stranger a neighbour
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS + 1,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        config.load()
        config.ssl = self._tls.listening if self._tls else None
        self._uvicorn = _Uvicorn(config, self._take_changed_files)
        self._thread = threading.Thread(target=self._uvicorn.serve_from, args=(listener,), name="http", daemon=True)
        self._thread.start()
        if not self._uvicorn.ready.wait(_START_SECONDS) or self._uvicorn.failure is not None:
            listener.close()
            raise ExporterError(f"the HTTP server did not start: {self._uvicorn.failure}") from self._uvicorn.failure

    def stop(self) -> None:
        """Requests in progress are answered, connections closed, the port is free."""
        if self._uvicorn is not None and self._thread is not None:
            self._uvicorn.should_exit = True
            self._thread.join(_STOP_SECONDS + 1)
            self._uvicorn = self._thread = None

    def reload_web_config(self) -> None:
        """Users, headers, certificates and TLS versions are those of the web-config file as it is now.

        Raises ConfigError for a bad file and ExporterError where TLS came or went; all stays as it was then.
        """
        web = _web(self._settings)
        if (web.tls is None) != (self._tls is None):
            raise ExporterError(f"{self._settings.web_config_file}: TLS came or went; restart the exporter")
        if web.tls and self._tls:
            self._tls.use(web.tls)
        self._web = web
        self._guard.use(web)

    def _take_changed_files(self) -> None:
        """As Prometheus does: a certificate that was renewed and a user who was added count at once, without reload."""
        taken = False
        # Again where other files are named now: what was read of them may be older than their stamps.
        while (stamps := self._stamps()) != self._seen:
            self._seen = stamps
            try:
                self.reload_web_config()
            except (ExporterError, OSError, ValueError) as error:
                # Also where one of two files is written already: the other one's change brings us back.
                self._log.error("changed web-config files not taken, the old ones stay", error=str(error))
                return
            taken = True
        if taken:
            self._log.info("changed web-config files taken", file=str(self._settings.web_config_file))

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        """When each file of the web-config was last written, also those that are gone."""
        file = self._settings.web_config_file
        return [_stamp(each) for each in (file, *self._web.files())] if file else []


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class _Uvicorn(uvicorn.Server):
    """Tells when it answers, and why it does not; calls `refresh` now and then."""

    def __init__(self, config: uvicorn.Config, refresh: Callable[[], None]) -> None:
        super().__init__(config)
        self._refresh = refresh
        self.ready = threading.Event()
        self.failure: BaseException | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's own, but a TLS handshake does not take for ever."""
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                lambda: Connection(config=self.config, server_state=self.server_state, app_state={}),
                sock=listener,
                ssl=self.config.ssl,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if self.config.ssl else None,
                backlog=self.config.backlog,
            )
            for listener in sockets or ()
        ]
        self.started = True
        self.ready.set()

    async def on_tick(self, counter: int) -> bool:
        """Once a second those who keep the server waiting are looked at, and whether its files have changed."""
        if counter % _TICKS == 0:
            for each in tuple(self.server_state.connections):
                cast("Connection", each).drop_if_overdue()
            await anyio.to_thread.run_sync(self._refresh)
        return await super().on_tick(counter)

    def serve_from(self, listener: socket.socket) -> None:
        """Runs until `should_exit`."""
        try:
            self.run([listener])
        except BaseException as error:  # noqa: BLE001 - the thread's last act is to tell the one who waits
            self.failure = error
        finally:
            self.ready.set()


def _web(settings: ServerSettings) -> WebConfig:
    return web_config.load(settings.web_config_file) if settings.web_config_file else WebConfig()


def _listener(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        dual = family == socket.AF_INET6 and host in ("", "::") and socket.has_dualstack_ipv6()
        listener = socket.create_server(address[:2], family=family, dualstack_ipv6=dual)
        # Connections inherit it; asyncio would set it only where a socket names its protocol. Without it the end of
        # an answer waits for an acknowledgement that the other side holds back for 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except socket.gaierror as error:
        raise ExporterError(f"server.listen: {host} is no address or name that can be found") from error
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"cannot be used: {error.strerror}")
        raise ExporterError(f"server.listen: {host}:{port} {reason}") from error
    return listener


def _application(hooks: Hooks, log: Logger, *, remote_reload: bool) -> Starlette:
    """The routes. A path asked by another method answers 405, GET answers HEAD too."""
    pages = _Pages(hooks, log, remote_reload=remote_reload)
    reading: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/": pages.landing,
        "/metrics": pages.metrics,
        "/api/v1/status": pages.status,
        "/-/healthy": pages.healthy,
        "/-/ready": pages.ready,
    }
    acting = {"/-/reload": pages.reload, "/-/quit": pages.quit}
    application = Starlette(
        routes=[
            *(Route(path, page, methods=["GET"]) for path, page in reading.items()),
            *(Route(path, page, methods=["POST"]) for path, page in acting.items()),
        ]
    )
    application.router.redirect_slashes = False  # it would redirect to whatever host the request names
    return application


class _Pieces(Response):
    """Bytes that lie ready, and a few more behind them, without a copy of the whole."""

    def __init__(self, head: bytes, tail: bytes, headers: Mapping[str, str]) -> None:
        self._head = head
        self._tail = tail
        super().__init__(headers={**headers, "Content-Length": str(len(head) + len(tail))})

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """ASGI. Each piece waits until the connection has taken the one before."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        last = len(self._head) // _PIECE_BYTES * _PIECE_BYTES
        for start in range(0, last, _PIECE_BYTES):
            piece = self._head[start : start + _PIECE_BYTES]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": self._head[last:] + self._tail})


class _Pages:
    """What is answered at each path."""

    def __init__(self, hooks: Hooks, log: Logger, *, remote_reload: bool) -> None:
        self._hooks = hooks
        self._log = log
        self._remote_reload = remote_reload

    async def metrics(self, request: Request) -> Response:
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        gzip = wants_gzip(request.headers.get("accept-encoding", ""))
        # First what may take long: it tells of the snapshot, which is not older than that.
        fresh = await self._fresh()
        snapshot = self._hooks.snapshot() or EMPTY
        head, tail = snapshot.body(fresh, openmetrics=openmetrics, gzip=gzip)
        headers = {"Vary": "Accept, Accept-Encoding"}
        if gzip:
            headers["Content-Encoding"] = "gzip"
        headers["Content-Type"] = OPENMETRICS_TYPE if openmetrics else TEXT_TYPE
        return _Pieces(head, tail, headers)

    async def _fresh(self) -> Rendered:
        fresh = self._hooks.fresh
        try:
            return await anyio.to_thread.run_sync(fresh.read) if fresh.may_block else fresh.read()
        except Exception as error:  # noqa: BLE001 - the models' series must not fail with the exporter's own
            self._log.error("own metrics left out of a scrape", error=repr(error))
            return Rendered(b"", b"")

    async def landing(self, _: Request) -> Response:
        status = await self._status()
        if status is None:
            return _line("The status cannot be told at the moment; see the log. The metrics are at /metrics.", 500)
        return HTMLResponse(landing.page(status), headers={"Content-Security-Policy": landing.CONTENT_SECURITY_POLICY})

    async def status(self, _: Request) -> Response:
        status = await self._status()
        if status is None:
            return _json({"status": "error", "error": "the status cannot be told at the moment; see the log"}, 500)
        return _json({"status": "success", "data": status})

    async def _status(self) -> Status | None:
        try:
            return await anyio.to_thread.run_sync(self._hooks.status)
        except Exception as error:  # noqa: BLE001 - a page that fails is told on the page and in the log
            self._log.error("status failed", error=repr(error))
            return None

    async def healthy(self, _: Request) -> Response:
        return _line("ml-exporter is healthy.")

    async def ready(self, _: Request) -> Response:
        if self._hooks.snapshot() is None:
            return _line("ml-exporter is not ready: its first cycle is still running.", 503)
        return _line("ml-exporter is ready.")

    async def reload(self, request: Request) -> Response:
        if not self._may_act(request):
            return _refused("reload")
        try:
            await anyio.to_thread.run_sync(self._hooks.reload)
        except ExporterError as error:
            return _line(f"failed to reload, the old configuration stays in force:\n{error}", 500)
        except Exception as error:  # noqa: BLE001 - told to the one who asked, and in the log
            self._log.error("reload failed", error=repr(error))
            return _line(f"failed to reload: {type(error).__name__}: {error}", 500)
        return _line("Reloaded.")

    async def quit(self, request: Request) -> Response:
        if not self._may_act(request):
            return _refused("quit")
        self._hooks.quit()
        return _line("Stopping.")

    def _may_act(self, request: Request) -> bool:
        return not is_cross_site(request) if self._remote_reload else is_local(request)


def _line(text: str, status: int = 200) -> Response:
    return PlainTextResponse(f"{text}\n", status)


def _json(value: object, status: int = 200) -> Response:
    # A file's name may hold bytes that are no text: they are escaped, as all that is not ASCII.
    plain = json.dumps(value, default=asdict, separators=(",", ":"))
    return Response(plain, status, media_type="application/json")


def _refused(action: str) -> Response:
    return _line(f"{action} is for programs on this machine only; server.remote_reload: true opens it", 403)
