"""Who waits for whom inside the process: a scrape never waits long for a thread that counts."""

import os
import sys
import threading

SWITCH_SECONDS = 0.0005
"""A thread that runs Python gives way after so long."""
_NICER = 5
"""Beside a thread of the usual niceness a counting one gets a quarter of a core, and is interrupted at once."""


def scrapes_first() -> None:
    """Every thread of the process gives way to one that waits after half a millisecond, not Python's own 5 ms."""
    sys.setswitchinterval(SWITCH_SECONDS)


def step_back() -> None:
    """The calling thread, and those it starts from now on, run after others where cores are scarce.

    Linux alone has a niceness for each thread; elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICER)
