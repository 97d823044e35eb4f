"""When a share of bad rows rose."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.replicas.beginning import began, change
from exporter.metrics.spec import NoData
from tests.unit.metrics.replicas.traffic import HOUR, PROMISES, evaluation, hours

STARTS = np.arange(10) * 100


def test_the_change_is_where_the_share_rises() -> None:
    bad = np.array([0, 1, 0, 0, 1, 0, 9, 12, 8, 10.0])
    assert change(STARTS, bad, np.full(10, 100.0)) == 600


def test_panes_without_rows_move_nothing() -> None:
    bad, good = np.array([0, 0, 0, 0, 0, 0, 9, 0, 8, 10.0]), np.array([100, 100, 0, 0, 0, 0, 90, 0, 90, 90.0])
    assert change(STARTS, bad, good) in {200, 300, 400, 500, 600}


@pytest.mark.parametrize("bad", [np.full(10, 10.0), np.zeros(10), np.array([10.0] * 5 + [0.0] * 5)])
def test_what_never_rose_was_there_before(bad) -> None:
    assert change(STARTS, bad, np.full(10, 100.0)) == 0


def test_a_single_pane_tells_no_change() -> None:
    assert change(STARTS[:1], np.array([5.0]), np.array([5.0])) == 0


CASES = {"errors": {"errors": 0.2}, "unusable": {"lost": 0.2}, "slowness": {"slow": 0.3}, "predictions": {"shift": 0.5}}


@pytest.mark.parametrize("harm", CASES)
def test_the_beginning_is_found_of_one_replica(harm) -> None:
    made = evaluation(hours(30, ["b"], **CASES[harm]))
    assert began(made, harm, [1]) == 30 * HOUR


@pytest.mark.parametrize("harm", ["errors", "unusable", "slowness"])
def test_the_beginning_is_found_of_all(harm) -> None:
    made = evaluation(hours(30, ["a", "b", "c"], **CASES[harm]), objectives=PROMISES)
    assert began(made, harm) == 30 * HOUR


def test_without_a_past_nobody_knows() -> None:
    with pytest.raises(NoData):
        began(replace(evaluation(hours(30, ["b"], errors=0.2)), history=None), "errors", [1])
