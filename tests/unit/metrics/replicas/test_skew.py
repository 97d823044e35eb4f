"""One replica that is worse is told, in what it is worse; replicas that are alike are not."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.replicas import REPLICAS
from exporter.metrics.replicas.skew import skews
from exporter.metrics.spec import NoData
from exporter.profile.layout import Layout
from tests.oracle.counting import count
from tests.oracle.references import evaluation_of, reference_of, samples
from tests.unit.metrics.replicas.traffic import LAYOUT, evaluation, hours

WORSE = {
    "errors": {"errors": 0.05},
    "slowness": {"slow": 0.5},
    "unusable": {"lost": 0.05},
    "predictions": {"shift": 0.2},
}


def detected(made):
    return {(each.replica, each.harm) for each in skews(made) if each.detected}


@pytest.mark.parametrize("harm", WORSE)
def test_the_one_that_is_worse_is_told(harm) -> None:
    assert detected(evaluation(hours(24, ["b"], **WORSE[harm]))) == {("b", harm)}


@pytest.mark.parametrize("harm", WORSE)
def test_what_all_have_is_no_replicas_own(harm) -> None:
    assert detected(evaluation(hours(24, ["a", "b", "c"], **WORSE[harm]))) == set()


def test_replicas_that_are_alike_are_seldom_told_apart() -> None:
    """2,400 comparisons at a false discovery rate of 1 %: each window with any is one too many."""
    told = sum(bool(detected(evaluation(hours(48, [], seed=seed)))) for seed in range(200))
    assert told <= 6


def test_replicas_with_few_failures_are_seldom_told_apart() -> None:
    """Failures are so rare that a normal approximation would tell far too many."""
    certain = 0
    for seed in range(200):
        past = hours(0, ["a", "b", "c"], seed=seed, n=10, errors=0.002)
        certain += any(each.certain and each.harm == "errors" for each in skews(evaluation(past)))
    assert certain <= 6


def test_a_difference_that_is_sure_and_too_small_to_matter_is_not_told() -> None:
    found = [each for each in skews(evaluation(hours(0, ["a"], n=4000, errors=0.004))) if each.harm == "errors"]
    assert [each.certain for each in found] == [True, False, False]
    assert not any(each.detected for each in found)


def test_effects_are_what_they_are_called() -> None:
    found = {(each.replica, each.harm): each.effect for each in skews(evaluation(hours(24, ["b"], errors=0.1, n=2000)))}
    assert found["b", "errors"] == pytest.approx(0.1, abs=0.005)
    assert found["a", "errors"] == pytest.approx(-0.05, abs=0.005)
    slow = {(each.replica, each.harm): each.effect for each in skews(evaluation(hours(24, ["b"], slow=0.6, n=2000)))}
    assert slow["b", "slowness"] == pytest.approx(0.3, abs=0.01)


def test_of_two_that_differ_the_one_that_left_the_reference_is_told() -> None:
    past = hours(24, ["b"], shift=0.3)
    for each in past:
        gone = each.sliced("replica", "rows")[2].copy()
        each.by_slice[2] = 0.0
        each["rows"][:] -= gone
    made = evaluation(past)
    assert detected(made) == {("a", "predictions"), ("b", "predictions")}
    reference = reference_of(hours(48, [], seed=9))
    assert detected(replace(made, reference=reference, memo={})) == {("b", "predictions")}


def test_few_rows_say_nothing() -> None:
    assert skews(evaluation(hours(24, ["b"], errors=0.5, n=1))) == ()


def test_a_log_without_replicas_tells_none_apart() -> None:
    layout = Layout(task="binary", classes=("0", "1"))
    with pytest.raises(NoData):
        skews(evaluation_of(count(layout, predicted=np.zeros(100, dtype=int))))


def test_shares_of_each_are_shown() -> None:
    found = samples(REPLICAS, evaluation(hours(24, ["b"], errors=0.5, lost=0.2, n=1000)))
    assert found["ml_replica_error_ratio"] == {
        ("a",): 0.0,
        ("b",): pytest.approx(0.5, abs=0.02),
        ("c",): 0.0,
    }
    assert found["ml_replica_unusable_score_ratio"][("b",)] == pytest.approx(0.2, abs=0.02)
    assert set(found["ml_replica_skew_detected"]) == set(found["ml_replica_skew"])
    assert len(found["ml_replica_skew"]) == 4 * 3
    assert LAYOUT.slices == {"replica": 4}
