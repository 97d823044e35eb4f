"""Servers that the demo starts and stops: a process group each, its output in a file of its own."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from demo.errors import DemoError

STOP_SECONDS = 10.0
LEASH = (
    sys.executable,
    "-ISc",
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execvp(sys.argv[1], sys.argv[1:])",
)
"""Becomes the command after it, which Linux ends (PR_SET_PDEATHSIG: 1, SIGTERM: 15) when the demo dies, even killed."""


class Children:
    """The started processes, in order; they are stopped in the opposite order."""

    def __init__(self, log_folder: Path) -> None:
        log_folder.mkdir(parents=True, exist_ok=True)
        self.log_folder = log_folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """`command` runs in a process group of its own, so that Ctrl-C reaches the demo alone, which then stops it.

        To be called from the main thread: on Linux the command ends with the thread that started it.

        Raises:
            DemoError: it cannot be started.
        """
        with (self.log_folder / f"{name}.log").open("ab") as log:
            try:
                if shutil.which(command[0]) is None:
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                self._running[name] = subprocess.Popen(
                    [*LEASH, *command] if sys.platform == "linux" else command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=os.environ | (environment or {}),
                    process_group=0,
                )
            except OSError as error:
                raise DemoError(f"{name} cannot be started ({command[0]}): {error.strerror}") from error

    def check(self) -> None:
        """All of them still run, or ended well.

        Raises:
            DemoError: one failed; says how and where its output is.
        """
        for name, child in self._running.items():
            if child.poll():
                log = self.log_folder / f"{name}.log"
                words = log.read_text(errors="replace").strip().splitlines()
                last = words[-1] if words else "it said nothing"
                raise DemoError(f"{name} ended with exit code {child.returncode}, see {log}: {last}")

    def stop(self) -> None:
        """None of them runs any more: asked to end, and after 10 s made to."""
        for child in reversed(self._running.values()):
            if child.poll() is None:
                signal_group(child, signal.SIGTERM)
        for child in reversed(self._running.values()):
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                signal_group(child, signal.SIGKILL)
                child.wait()
        self._running.clear()


def signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """The child and what it started have been sent a signal."""
    with suppress(ProcessLookupError):  # it may end by itself meanwhile
        os.killpg(child.pid, number)
