"""A real Postgres for tests: a server in a temporary directory, on a loopback port and a Unix socket; one a process.

server = running()                  started at first use, stopped when the process ends
database = server.database()        a new, empty database
database.execute("create table …")  as the superuser, through the socket
server.host, server.port, database.name, server.user, server.password   how the exporter gets in
server.crash(); server.start()      as pulling the plug, and coming back
"""

import atexit
import contextlib
import functools
import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

USER, PASSWORD = "watcher", "correct horse"
"""Who reads: may connect and select what it is granted, or all where the test made the table `readable`."""
_FIRST_PORT = 10_000
_SETTINGS = """
fsync = off
shared_buffers = 32MB
max_wal_senders = 0
wal_level = minimal
autovacuum = off
log_min_messages = warning
"""


def binaries() -> Path:
    """The directory of initdb and postgres: Debian keeps them off the PATH, by version.

    Raises:
        FileNotFoundError: there is no Postgres server.
    """
    found = [Path(name).resolve().parent for name in (shutil.which("initdb"), shutil.which("postgres")) if name]
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    found += sorted(versions, key=lambda each: float(each.parent.name), reverse=True)
    for directory in found:
        if all((directory / name).exists() for name in ("initdb", "postgres", "pg_ctl")):
            return directory
    raise FileNotFoundError("no Postgres server; `make setup` installs it")


def _unprivileged() -> str | None:
    """Who runs the server, which refuses to run as root; None: we do."""
    if os.getuid() != 0:
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def free_port() -> int:
    """A port that nobody has, and that no outgoing connection is given while the server is away."""
    try:
        given_from = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        given_from = 0
    below = range(min(_FIRST_PORT, given_from), given_from)
    # Chance of its own: tests that run side by side begin with one seed.
    for port in (*random.SystemRandom().sample(below, min(len(below), 100)), 0):
        with closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise RuntimeError("no port is free")


@dataclass(frozen=True, slots=True)
class Database:
    """A database of a test server, for its superuser."""

    server: "PostgresServer"
    name: str

    def connect(self, **options: Any) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.server.directory), port=self.server.port, user="postgres", dbname=self.name, **options
        )

    @contextmanager
    def session(self) -> Iterator[psycopg.Connection]:
        """A connection on which every statement is a transaction of its own."""
        with closing(self.connect(autocommit=True)) as connection:
            yield connection

    def execute(self, statement: str | sql.Composed | sql.SQL, values: Sequence[Any] | None = None) -> list[Any]:
        """The rows that a statement gives; none where it gives none."""
        with self.session() as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Adds rows in one transaction."""
        statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(*table.split(".")))
        with closing(self.connect()) as connection, connection, connection.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def drop(self) -> None:
        administer(self.server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name)))


def administer(server: "PostgresServer", statement: sql.Composed) -> None:
    Database(server, "postgres").execute(statement)


class PostgresServer:
    """A server with a superuser `postgres` (socket, no password) and a user `watcher` (loopback, password)."""

    host, user, password = "127.0.0.1", USER, PASSWORD

    def __init__(self, settings: str = "", access: str = "", files: Mapping[str, bytes] | None = None) -> None:
        """Makes and starts it.

        Args:
            settings: more lines of postgresql.conf; paths in it start at `data`.
            access: lines of pg_hba.conf that go first.
            files: files to put into `data`.
        """
        self.bin = binaries()
        self.runs_as = _unprivileged()
        self.directory = Path(tempfile.mkdtemp(prefix="pg-"))
        self.data = self.directory / "data"
        self.port = free_port()
        self.databases = 0
        self.own(self.directory)
        self._run(
            "initdb", "--pgdata", str(self.data), "--username", "postgres", "--no-sync", "--encoding", "UTF8",
            "--locale", "C", "--auth-local", "trust", "--auth-host", "scram-sha-256", "--no-instructions",
        )  # fmt: skip
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"{_SETTINGS}unix_socket_directories = '{self.directory}'\n{settings}\n")
        rules = self.data / "pg_hba.conf"
        rules.write_text(f"{access}\n{rules.read_text()}")
        for name, content in (files or {}).items():
            (self.data / name).write_bytes(content)
            self.own(self.data / name)
        self.start()
        create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE pg_read_all_data")
        administer(self, create.format(sql.Identifier(USER), sql.Literal(PASSWORD)))

    def own(self, path: Path) -> None:
        """Gives a file to whom the server runs as; nobody else may read it."""
        if self.runs_as is not None:
            shutil.chown(path, self.runs_as, pwd.getpwnam(self.runs_as).pw_gid)
        path.chmod(0o700 if path.is_dir() else 0o600)

    def start(self) -> None:
        """Answers, on the same port as before."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "-D", str(self.data), "-w", "-s", "-l", str(self.directory / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Answers no more; `immediate` as a crash: nothing is written, connections are cut, start recovers."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-s", "-m", mode, "stop")

    def crash(self) -> None:
        self.stop("immediate")

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.start()

    def database(self) -> Database:
        """A new, empty database."""
        self.databases += 1
        database = Database(self, f"test_{self.databases}")
        administer(self, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database.name)))
        return database

    def remove(self) -> None:
        """Ends it and takes its directory away."""
        if (self.data / "postmaster.pid").exists():
            self.crash()
        shutil.rmtree(self.directory)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            user=self.runs_as,
            group=None if self.runs_as is None else pwd.getpwnam(self.runs_as).pw_gid,
            extra_groups=None if self.runs_as is None else [],
            cwd=self.directory,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            log = self.directory / "log"
            told = log.read_text()[-2000:] if log.exists() else ""
            raise RuntimeError(f"{program} failed: {done.stdout}{told}")


@functools.cache
def running() -> PostgresServer:
    """The server of this process; whoever stops it starts it again."""
    server = PostgresServer()
    atexit.register(server.remove)
    return server
