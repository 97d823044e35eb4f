"""Versions that came before: those that serve now, and those that serve no more."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.advice import ADVICE
from exporter.metrics.advice.evidence import gather
from exporter.metrics.advice.gains import gains
from tests.oracle.references import samples
from tests.unit.metrics.advice.hours import DAYS, hours, last_day, reference

END = DAYS * 24


@pytest.fixture(scope="module")
def calm():
    return reference()


def gone(calm, version="v1", **how):
    """The last window of a version that serves no more."""
    return replace(last_day(calm, hours(lambda _: bool(how), seed=3, **how)), version=version, history=None)


def bad(calm, *predecessors, older=(), since=0):
    evaluation = last_day(calm, hours(lambda number: number >= since, wrong=0.3))
    return replace(evaluation, predecessors=lambda: predecessors, older=older)


def action(evaluation):
    (found,) = samples(ADVICE, evaluation)["ml_recommended_action"]
    return found


def test_a_version_that_was_bad_from_the_start_is_rolled_back_to_one_that_was_well(calm) -> None:
    evaluation = bad(calm, gone(calm))
    assert action(evaluation) == ("roll_back_version", "earlier_version", "v1")
    ((labels, gain),) = samples(ADVICE, evaluation)["ml_action_gain"].items()
    assert labels == ("roll_back_version", "v1", "accuracy")
    assert gain == pytest.approx(0.2, abs=0.03)


def test_a_version_that_fell_later_fell_for_another_reason(calm) -> None:
    """The gain is told, but the older one might have fallen as well."""
    evaluation = bad(calm, gone(calm), since=END - 40)
    assert action(evaluation) == ("rebuild", "unexplained", "")
    assert [each.subject for each in gains(evaluation)] == ["v1"]


def test_an_older_version_that_was_bad_itself_is_none_to_go_back_to(calm) -> None:
    assert gather(bad(calm, gone(calm, wrong=0.2))).better_before == ""


def test_the_newest_that_did_better_is_named(calm) -> None:
    evaluation = bad(calm, gone(calm, "v1.2", wrong=0.3), gone(calm, "v1.1"), gone(calm, "v1.0"))
    assert action(evaluation) == ("roll_back_version", "earlier_version", "v1.1")


def test_one_that_serves_now_is_the_better_comparison(calm) -> None:
    """Those that are gone are not asked then."""
    evaluation = bad(calm, gone(calm), older=(gone(calm, "v1.9", wrong=0.3),))
    assert action(evaluation) == ("rebuild", "unexplained", "")
    evaluation = bad(calm, older=(gone(calm, "v1.9"),))
    assert action(evaluation) == ("roll_back_version", "version", "v1.9")


def test_a_predecessor_without_labels_tells_nothing(calm) -> None:
    empty = gone(calm)
    counts = empty.counts.copy()
    counts.all[:] = 0.0
    assert gather(bad(calm, replace(empty, counts=counts, memo={}))).better_before == ""


def test_while_all_is_well_nobody_asks_for_predecessors(calm) -> None:
    asked = []
    evaluation = last_day(calm, hours(lambda _: False))
    evaluation.predecessors = lambda: asked.append(1) or ()
    assert action(evaluation) == ("none", "well", "")
    assert asked == []


@pytest.mark.parametrize("serves", [True, False])
def test_the_gain_s_interval_holds_the_difference(calm, serves) -> None:
    """Of two versions that are right in 90 % and 70 % of the rows."""
    held = []
    for seed in range(20):
        rng_hours = hours(lambda _: True, seed=100 + seed, wrong=0.3)
        other = replace(last_day(calm, hours(lambda _: False, seed=200 + seed)), version="v1", history=None)
        evaluation = last_day(calm, rng_hours)
        evaluation.older, evaluation.predecessors = ((other,), None) if serves else ((), lambda other=other: (other,))
        (found,) = gains(evaluation)
        held.append(found.gain.lower <= 0.2 <= found.gain.upper)
    assert np.mean(held) >= 0.85
