"""A thread that counts comes after those that answer."""

import os
import sys
import threading

import pytest

from exporter.scheduling import scrapes_first, step_back


def niceness():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_steps_back_with_those_it_starts_and_no_other():
    found = {}

    def counts():
        step_back()
        found["own"] = niceness()
        child = threading.Thread(target=lambda: found.update(child=niceness()))
        child.start()
        child.join()

    before = niceness()
    thread = threading.Thread(target=counts)
    thread.start()
    thread.join()
    most = 19
    assert found == dict.fromkeys(("own", "child"), min(before + 5, most))
    assert niceness() == before


def test_threads_give_way_within_half_a_millisecond():
    before = sys.getswitchinterval()
    try:
        scrapes_first()
        assert sys.getswitchinterval() == pytest.approx(0.0005)
    finally:
        sys.setswitchinterval(before)
