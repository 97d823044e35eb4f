"""TLS, basic authentication and headers, from a file in the format that Prometheus' own programs read.

The format is that of prometheus/exporter-toolkit, `docs/web-configuration.md`. What this server cannot do is refused,
never ignored in silence: a setting that protects must protect.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.bounded_yaml import BoundedLoader, read_bounded
from exporter.errors import ConfigError, Problem

_TLS_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_UNVERIFIED = ("RequestClientCert", "RequireAnyClientCert")
_HEADERS = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)
_TLS_KEYS = ("cert_file", "key_file", "client_auth_type", "client_ca_file", "min_version", "max_version")
_REFUSED = {
    "cert": "put the certificate into a file and name it in cert_file",
    "key": "put the key into a file and name it in key_file",
    "client_ca": "put the certificate into a file and name it in client_ca_file",
    "cipher_suites": "remove it; the suites are those of the system's OpenSSL",
    "curve_preferences": "remove it; the curves are those of the system's OpenSSL",
    "prefer_server_cipher_suites": "remove it; the server's order always counts",
    "client_allowed_sans": "not supported; use a client_ca_file that signs only the clients you allow",
}
_BCRYPT = re.compile(r"\$2[abxy]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")


@dataclass(frozen=True, slots=True)
class Tls:
    """How connections are encrypted and whose certificates are asked for."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    client_auth: ssl.VerifyMode = ssl.CERT_NONE
    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    max_version: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED

    def context(self) -> ssl.SSLContext:
        """A server's context with these settings, its files as they are now."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # An empty password, because OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(self.cert_file, self.key_file, password="")
        if self.client_ca_file:
            context.load_verify_locations(self.client_ca_file)
        # A client whose certificate is no longer good must not come back by a ticket.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        self.limit(context)
        return context

    def limit(self, context: ssl.SSLContext) -> None:
        """What is fixed before a client has said anything: versions, and whether it is asked for a certificate."""
        context.minimum_version = self.min_version
        context.maximum_version = self.max_version
        context.verify_mode = self.client_auth


class ChangingTls:
    """A context to listen with, whose settings change while it is in use."""

    def __init__(self, tls: Tls) -> None:
        self.listening = tls.context()
        self._now = tls.context()
        # A context forgets no certificate authority: each handshake gets the latest context.
        self.listening.sni_callback = self._switch

    def use(self, tls: Tls) -> None:
        """New connections follow these settings. Raises OSError or ValueError and changes nothing."""
        self._now = tls.context()
        tls.limit(self.listening)

    def _switch(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._now


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Who may connect, and how. The default: anybody, unencrypted.

    Attributes:
        users: name → bcrypt hash of the password; empty: nobody is asked.
        headers: added to every answer.
    """

    tls: Tls | None = None
    users: Mapping[str, bytes] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def files(self) -> tuple[Path, ...]:
        """The files that its settings name."""
        named = (self.tls.cert_file, self.tls.key_file, self.tls.client_ca_file) if self.tls else ()
        return tuple(file for file in named if file)


def load(path: Path) -> WebConfig:
    """The file's settings, its certificates tried. Raises ConfigError with all its problems."""
    try:
        content = read_bounded(path)
        text = None if content is None else content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error}; check server.web_config_file")]) from error
    if text is None:
        raise ConfigError([Problem(str(path), "is larger than any web-config file; check server.web_config_file")])
    reader = _Reader(path)
    value = _parsed(text, path, reader)
    config = reader.config(value)
    if reader.problems:
        raise ConfigError(reader.problems)
    return config


def _parsed(text: str, path: Path, reader: "_Reader") -> Any:
    """What the file holds; its keys' lines are noted."""
    try:
        loader = BoundedLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        reader.note(node, "")
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError) as error:  # a date or a number that is none is a ValueError
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        what = "" if isinstance(error, yaml.constructor.ConstructorError) else getattr(error, "problem", None) or error
        message = f"not YAML: {what or 'a tag or a key that this file does not have; quote text that begins with `!`'}"
        raise ConfigError([Problem(where, message)]) from error


class _Reader:
    """Turns the parsed file into settings and collects what is wrong, with its line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self._lines: dict[str, int] = {}
        self._noted: set[yaml.Node] = set()

    def note(self, node: yaml.Node, at: str) -> None:
        """Remembers the line of every key below the node."""
        # Aliases can name a mapping a million times over, or within itself.
        if not isinstance(node, yaml.MappingNode) or node in self._noted:
            return
        self._noted.add(node)
        for key, value in node.value:
            place = f"{at}.{key.value}" if at else str(key.value)
            if place in self._lines:
                self._lines[place] = key.start_mark.line + 1
                self.wrong(place, "stands here a second time; remove one")
            self._lines[place] = key.start_mark.line + 1
            self.note(value, place)

    def wrong(self, place: str, message: str) -> None:
        line, known = self._lines.get(place), place
        while line is None and known:
            known = known.rpartition(".")[0]
            line = self._lines.get(known)
        where = f"{self.path}:{line}" if line else str(self.path)
        self.problems.append(Problem(f"{where}: {place}" if place else where, message))

    def config(self, value: Any) -> WebConfig:
        top = self._mapping("", value, ("tls_server_config", "http_server_config", "basic_auth_users"))
        return WebConfig(
            self._tls(top["tls_server_config"]) if "tls_server_config" in top else None,
            self._users(top.get("basic_auth_users")),
            self._headers(top.get("http_server_config")),
        )

    def _mapping(self, at: str, value: Any, keys: tuple[str, ...] | None) -> dict[str, Any]:
        """The mapping at `at` without the keys that are not in `keys`, which are told."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.wrong(at, f"must be a mapping, not {type(value).__name__}")
            return {}
        known = {}
        for key, item in value.items():
            place = f"{at}.{key}" if at else str(key)
            if at == "tls_server_config" and key in _REFUSED:
                self.wrong(place, _REFUSED[key])
            elif keys is not None and key not in keys:
                self.wrong(place, f"unknown; known are {', '.join(keys)}")
            else:
                known[str(key)] = item
        return known

    def _tls(self, value: Any) -> Tls | None:
        at = "tls_server_config"
        before = len(self.problems)
        found = self._mapping(at, value, _TLS_KEYS)
        cert, key = (self._file(at, found, name, required=True) for name in ("cert_file", "key_file"))
        client_ca = self._file(at, found, "client_ca_file", required=False)
        auth = self._client_auth(f"{at}.client_auth_type", found.get("client_auth_type"), client_ca)
        lowest = self._choice(f"{at}.min_version", found.get("min_version", "TLS12"), _TLS_VERSIONS)
        highest = self._choice(f"{at}.max_version", found.get("max_version", "TLS13"), _TLS_VERSIONS)
        if lowest and highest and lowest > highest:
            self.wrong(f"{at}.max_version", "is lower than min_version; raise it")
        if len(self.problems) > before or cert is None or key is None or lowest is None or highest is None:
            return None
        tls = Tls(cert, key, client_ca, auth, lowest, highest)
        try:
            tls.context()
        except (OSError, ValueError) as error:  # SSLError is an OSError
            self.wrong(f"{at}.cert_file", f"certificate, key or client CA cannot be used: {error}; check the files")
        return tls

    def _client_auth(self, at: str, value: Any, client_ca: Path | None) -> ssl.VerifyMode:
        if value in _UNVERIFIED:
            self.wrong(at, f"{value} takes unverified certificates; use VerifyClientCertIfGiven or none")
            return ssl.CERT_NONE
        # As in exporter-toolkit: a client CA without a type asks for nothing and is a mistake.
        mode = self._choice(at, value or "NoClientCert", _CLIENT_AUTH) or ssl.CERT_NONE
        if mode is ssl.CERT_NONE and client_ca:
            self.wrong(at, "a client_ca_file is given but no certificate is asked for; set RequireAndVerifyClientCert")
        if mode is not ssl.CERT_NONE and not client_ca:
            self.wrong(at, "needs a client_ca_file to verify certificates with")
        return mode

    def _choice(self, at: str, value: Any, choices: Mapping[str, Any]) -> Any:
        if not isinstance(value, str) or value not in choices:
            self.wrong(at, f"{value} is unknown; known are {', '.join(choices)}")
            return None
        return choices[value]

    def _file(self, at: str, found: Mapping[str, Any], name: str, *, required: bool) -> Path | None:
        value = found.get(name)
        if not value:
            if required:
                self.wrong(at, f"{name} is missing; name a PEM file")
            return None
        if not isinstance(value, str):
            self.wrong(f"{at}.{name}", "must be the path of a PEM file")
            return None
        path = self.path.parent / value  # an absolute path stays what it is
        if not path.is_file():
            self.wrong(f"{at}.{name}", f"{path} is no file; a relative path starts at the folder of this file")
            return None
        return path

    def _users(self, value: Any) -> dict[str, bytes]:
        users = {}
        for name, password in self._mapping("basic_auth_users", value, None).items():
            if not isinstance(password, str) or not _BCRYPT.fullmatch(password):
                self.wrong(f"basic_auth_users.{name}", "must be a bcrypt hash, such as `htpasswd -nBC 10 NAME` prints")
            elif ":" in name:
                self.wrong(f"basic_auth_users.{name}", "a user name cannot hold a colon")
            else:
                users[name] = password.encode()
        return users

    def _headers(self, value: Any) -> dict[str, str]:
        at = "http_server_config"
        found = self._mapping(at, value, ("headers", "http2"))
        if not isinstance(found.get("http2", False), bool):
            self.wrong(f"{at}.http2", "must be true or false; this server speaks HTTP/1.1 either way")
        headers = self._mapping(f"{at}.headers", found.get("headers"), _HEADERS)
        for name, header in headers.items():
            if not isinstance(header, str) or not header.isprintable() or not header.isascii():
                self.wrong(f"{at}.headers.{name}", "must be one line of plain ASCII text")
        return {name: header for name, header in headers.items() if isinstance(header, str)}
