"""An exporter behind TLS and a password, and curl as its client."""

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bcrypt
import yaml

from demo import chain as servers
from demo.children import Children
from tests.e2e.patience import PATIENCE_SECONDS
from tests.e2e.test_alerting import free_port, until

ROOT = Path(__file__).parents[2]
USER, PASSWORD = "prometheus", "pässword:with colon"


def openssl(*arguments: str | Path, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


class Authority:
    """Signs certificates in a folder: `NAME.crt` with `NAME.key`; its own is `NAME.crt` too."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.file = folder / f"{name}.crt"
        self._request(name, "-x509", "-days", "2", "-out", f"{name}.crt")

    def sign(self, name: str, *, addresses: Sequence[str] = ()) -> None:
        self._request(name, "-out", f"{name}.csr")
        names = ",".join(["DNS:localhost", *(f"IP:{address}" for address in addresses)])
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        signer = ("-CA", f"{self.name}.crt", "-CAkey", f"{self.name}.key", "-CAcreateserial")
        files = ("-in", f"{name}.csr", "-extfile", f"{name}.ext", "-out", f"{name}.crt")
        openssl("x509", "-req", "-days", "2", *signer, *files, folder=self.folder)

    def _request(self, name: str, *more: str) -> None:
        kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", *kind, "-subj", f"/CN={name}", "-keyout", f"{name}.key", *more, folder=self.folder)


class Host:
    """A network of its own on this machine, with an address beside its loopback; needs no privilege."""

    address = "192.0.2.1"

    def __init__(self, keeper: int) -> None:
        self.within = ("nsenter", "--target", str(keeper), "--user", "--preserve-credentials", "--net")


@contextmanager
def host() -> Iterator[Host]:
    """A network namespace that goes with the process that keeps it."""
    setup = f"ip link set lo up && ip address add {Host.address}/32 dev lo && echo up && exec sleep infinity"
    command = ["unshare", "--map-root-user", "--net", "sh", "-c", setup]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as keeper:
        try:
            assert keeper.stdout is not None
            assert keeper.stdout.readline() == "up\n"
            yield Host(keeper.pid)
        finally:
            keeper.kill()


class Site:
    """One exporter with one model `m` and all that it needs, in a folder; it and curl run on a host, if one is given."""

    def __init__(self, folder: Path, *, listen: str = "127.0.0.1", on: Host | None = None) -> None:
        self.folder = folder
        self.within = on.within if on is not None else ()
        self.port = free_port()
        self.children = Children(folder / "output")
        self.config: dict[str, Any] = {
            "server": {"listen": f"{listen}:{self.port}", "web_config_file": "web.yml"},
            "cycle": "1s",
            "state_dir": "state",
            "models": {
                "m": {
                    "task": "binary",
                    "windows": ["1h"],
                    "predictions": {
                        "source": {"type": "files", "path": "logs/*.jsonl"},
                        "columns": {"time": "ts", "id": "id", "prediction": "late", "score": "p"},
                    },
                }
            },
        }
        (folder / "logs").mkdir()
        self.authority = Authority(folder, "ca")
        self.client_tls: tuple[str | Path, ...] = ("--cacert", self.authority.file)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def protect(self, **tls: str) -> None:
        """TLS and one user; takes hold without a restart."""
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        web = {
            "tls_server_config": {"cert_file": "server.crt", "key_file": "server.key", **tls},
            "basic_auth_users": {USER: hashed},
        }
        new = self.folder / "web.new"
        new.write_text(yaml.safe_dump(web))
        new.replace(self.folder / "web.yml")

    def log(self, rows: Iterable[Mapping[str, Any]]) -> None:
        with (self.folder / "logs" / "a.jsonl").open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`ml-exporter …` on this configuration, to its end."""
        self.write_config()
        command = [*servers.EXPORTER, *arguments, "--config", str(self.folder / "ml-exporter.yml")]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)

    def write_config(self) -> None:
        (self.folder / "ml-exporter.yml").write_text(yaml.safe_dump(self.config))

    def start(self, environment: Mapping[str, str] | None = None, fmt: str = "logfmt") -> None:
        """Runs it until it has published."""
        self.write_config()
        options = ("--config", str(self.folder / "ml-exporter.yml"), "--log.level", "debug", "--log.format", fmt)
        command = [*self.within, *servers.EXPORTER, "run", *options]
        self.children.start("exporter", command, {"PYTHONPATH": str(ROOT), **(environment or {})})
        until(self.is_ready, PATIENCE_SECONDS, "the exporter is ready")

    def is_ready(self) -> bool:
        self.children.check()
        return self.curl("/-/ready")[0] == 200

    def curl(
        self, path: str, *options: str | Path, user: str | None = f"{USER}:{PASSWORD}", url: str | None = None
    ) -> tuple[int, str, str]:
        """Status (0: no answer), headers and body. Client and server speak as `options` and `client_tls` say."""
        command = [
            *self.within,
            "curl",
            "--silent",
            "--include",
            "--http1.1",
            "--max-time",
            "30",
            *self.client_tls,
            *options,
        ]
        if user is not None:
            command += ["--user", user]
        done = subprocess.run([*command, f"{url or self.url}{path}"], capture_output=True, check=False)
        if done.returncode:
            return 0, "", f"curl ended with {done.returncode}"
        head, _, body = done.stdout.decode().partition("\r\n\r\n")
        return int(head.split()[1]), head, body

    def output(self) -> str:
        """What the exporter has written to standard output and error."""
        return (self.folder / "output" / "exporter.log").read_text(errors="backslashreplace")

    def stop(self) -> None:
        self.children.stop()
