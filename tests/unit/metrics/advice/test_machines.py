"""What machines speak for; without facts about them, nothing."""

import math
from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.advice.evidence import gather
from exporter.metrics.advice.machines import idle
from exporter.metrics.advice.rules import advise
from exporter.metrics.evaluation import HostFacts, HostTrouble, Objective, Window
from exporter.profile.layout import Layout
from tests.oracle.counting import count
from tests.oracle.references import DAY, evaluation_of

LAYOUT = Layout(task="binary", classes=("0", "1"), latency_bounds=(0.1, 1.0))
KEPT = Objective("latency", 0.99, 0.1)
QUIET = HostFacts(utilisation=0.1, peak=0.3)


def window(slow=0, host=QUIET, objectives=(KEPT,), n=10_000):
    counts = count(LAYOUT, predicted=np.zeros(n, dtype=int))
    counts["latency"][:2] = n - slow, slow
    return replace(evaluation_of(counts), host=host, objectives=objectives)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"host": None}, False),
        ({"host": HostFacts()}, False),
        ({"host": HostFacts(utilisation=0.1)}, False),
        ({"host": HostFacts(utilisation=0.35, peak=0.4)}, False),
        ({"host": HostFacts(utilisation=0.2, peak=0.55)}, False),
        ({"host": replace(QUIET, troubles=(HostTrouble("swapping"),))}, False),
        ({"slow": 15}, True),
        ({"slow": 25}, False),
        ({"objectives": ()}, False),
        ({"objectives": (Objective("availability", 0.9),)}, False),
        ({"objectives": (KEPT, Objective("other", 0.99, 0.3))}, False),
    ],
)
def test_machines_can_be_spared_where_objectives_are_kept_with_ease_and_little_is_used(changes, expected) -> None:
    """Not where either is not known."""
    assert idle(window(**changes)) is expected


def test_a_quiet_hour_spares_no_machine() -> None:
    assert not idle(replace(window(), window=Window("1h", 3600, 0, 3600)))


def test_what_was_idle_stays_so_until_clearly_more_is_used() -> None:
    memory, told = {}, []
    for utilisation in (0.35, 0.25, 0.35, 0.39, 0.41, 0.35, 0.25):
        host = HostFacts(utilisation=utilisation, peak=utilisation + 0.1)
        told.append(idle(replace(window(host=host), memory=memory, memo={})))
    assert told == [False, True, True, True, False, False, True]


def test_where_nobody_looked_nothing_is_said_of_machines() -> None:
    assert advise(gather(window(2000, None))).action == "scale_out"
    assert math.isnan(HostFacts().utilisation)


def test_idle_machines_are_told_when_all_else_is_well() -> None:
    advice = advise(gather(window()))
    assert (advice.action, advice.reason) == ("scale_in", "idle")
    assert window().window.seconds == DAY
