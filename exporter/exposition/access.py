"""Who gets an answer: security headers on everything, basic authentication, and what only this machine may ask for."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
import bcrypt
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.exposition.web_config import WebConfig

SECURITY_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer, unless it or the web-config file says otherwise."""

_FOREIGN = frozenset(("origin", "forwarded", "via", "x-real-ip"))
"""Headers that browsers and proxies send, and programs do not."""
_HOST = re.compile(r"([^:\[\]@/]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")

_BCRYPT_BYTES = 72
_BCRYPTS_AT_ONCE = 1
"""Whoever tries passwords gets one core at most."""
_COST = slice(0, len("$2b$10$"))


class Passwords:
    """Checks basic authentication; a right password is hashed slowly once and then found again quickly.

    What is remembered is a keyed hash under a key that never leaves the process.
    """

    def __init__(self, users: Mapping[str, bytes]) -> None:
        self._users = dict(users)
        # Of the same costs as the users': names cannot be told by the time an answer takes.
        self._nobodies = [stored[_COST] + b"." * 53 for stored in users.values()]
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._limiter: anyio.CapacityLimiter | None = None  # belongs to the event loop: made there
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def accepts(self, authorization: str, client: str = "") -> bool:
        """Whether the Authorization header names a user and the right password.

        A client that tries many waits for itself: of each address one password at a time is hashed.
        """
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return False
        name, _, password = given.partition(":")
        digest = hmac.digest(self._key, given.encode(), hashlib.sha256)
        known = self._right.get(name)
        if known is not None and hmac.compare_digest(known, digest):
            return True
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(_BCRYPTS_AT_ONCE)
        stored = self._users.get(name)
        # Always the same one for a name, as it would be with a user.
        nobody = self._nobodies[hmac.digest(self._key, name.encode(), hashlib.sha256)[0] % len(self._nobodies)]
        async with self._turns.setdefault(client, asyncio.Lock()):
            right = await anyio.to_thread.run_sync(_is_right, password, stored or nobody, limiter=self._limiter)
        if not right or stored is None:
            return False
        self._right[name] = digest
        return True


def _is_right(password: str, stored: bytes) -> bool:
    try:
        return bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], stored)
    except ValueError:  # a NUL in the password, or a salt that bcrypt does not take
        return False


class Guard:
    """Lets a request through to the app, or answers 401; adds headers to what comes back.

    `web` may be replaced while requests are served: `use` does it.
    """

    def __init__(self, app: ASGIApp, web: WebConfig) -> None:
        self._app = app
        self.use(web)

    def use(self, web: WebConfig) -> None:
        """From now on these users and headers count."""
        self._passwords = Passwords(web.users) if web.users else None
        self._headers = {**SECURITY_HEADERS, **web.headers}
        self._forced = frozenset(web.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, forced = self._headers, self._forced

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = MutableHeaders(scope=message)
                for name, value in headers.items():
                    if name in forced or name not in present:
                        present[name] = value
            await send(message)

        passwords = self._passwords
        client = (scope.get("client") or ("",))[0]
        if passwords and not await passwords.accepts(Headers(scope=scope).get("authorization", ""), client):
            refusal = PlainTextResponse("Unauthorized\n", 401, {"WWW-Authenticate": 'Basic realm="ml-exporter"'})
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def is_local(request: Request) -> bool:
    """Whether the request comes from a program on this machine, and not from a web page or through a proxy.

    A page of some site can make a browser on this machine send requests here; such a request has an Origin, or a Host
    that is not ours.
    """
    if request.client is None or not _is_loopback(request.client.host):
        return False
    if any(name in _FOREIGN or name.startswith(("x-forwarded-", "sec-fetch-")) for name in request.headers):
        return False
    # As it was sent: what stands for a Host that is none would be our own address.
    named = _HOST.fullmatch(request.headers.get("host", ""))
    host = named[1].strip("[]") if named else ""
    return host.lower() == "localhost" or _is_loopback(host)


def is_cross_site(request: Request) -> bool:
    """Whether a browser sends the request for a page of another site."""
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
