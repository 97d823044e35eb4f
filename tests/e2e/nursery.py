"""Exporters that start at once: all modules are loaded, and each start is a fork. Killing many of them costs little.

Orders come as JSON, one a line: `{"log": file, "poll_rows": n, "die_at": n or null, "file_bytes": n, "arguments": […]}`.
The answer is the process's id. `arguments` are those of the command line; `["read", folder]` instead reads the logs of
a model of tests/exporters.py to their ends.
"""

import json
import os
import resource
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import exporter.app  # loaded before the fork, as the next ones are
import exporter.cli
import exporter.config
import exporter.engine.worker as work
import exporter.sources.postgres_database
import exporter.state.store
from tests.exporters import NOW, Exporter


class Countdown:
    """Kills the process at the n-th SQL statement, before it is run."""

    def __init__(self, statements: int) -> None:
        self.left = statements

    def connect(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        db = sqlite3.connect(*args, **kwargs)
        db.set_trace_callback(self._count)
        return db

    def _count(self, _statement: str) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class _Sqlite:
    """The module `sqlite3` with connections that count down."""

    def __init__(self, countdown: Countdown) -> None:
        self.connect = countdown.connect

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)


def work_off(order: dict[str, Any]) -> None:
    """Becomes the exporter that was ordered."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)  # the last line says how it ended
    work.POLL_ROWS = work.LABEL_ROWS = order["poll_rows"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_bytes"], resource.RLIM_INFINITY))
    if order["die_at"] is not None:
        exporter.state.store.sqlite3 = _Sqlite(Countdown(order["die_at"]))  # type: ignore[attr-defined]
    if order["arguments"][0] == "read":
        folder = Path(order["arguments"][1])
        one = Exporter(folder, json.loads((folder / "model.json").read_text()), now=NOW)
        one.read()
        one.close()
        (folder / "read").touch()
        return
    sys.argv = ["ml-exporter", *order["arguments"]]
    exporter.cli.main()


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work_off(json.loads(line))
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            finally:
                os.write(2, b"exit code %d\n" % code)
                os._exit(code)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
