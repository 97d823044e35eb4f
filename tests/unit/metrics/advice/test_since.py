"""Since when, from when on to train, and what passes by itself."""

from dataclasses import replace

import pytest

from exporter.metrics.advice import ADVICE
from exporter.metrics.advice.evidence import Evidence, gather
from exporter.metrics.advice.rules import Advice
from exporter.metrics.advice.since import since, training_start
from exporter.metrics.evaluation import HostFacts, HostTrouble
from exporter.metrics.onset.results import onsets
from tests.oracle.references import samples
from tests.unit.metrics.advice.hours import DAYS, HOUR, at, hours, last_day, reference

END = DAYS * 24
SINCE, START = "ml_recommended_action_since_timestamp_seconds", "ml_recommended_training_start_timestamp_seconds"


@pytest.fixture(scope="module")
def calm():
    return reference()


def told(calm, when, **how):
    """What is recommended for the last day, and the other gauges."""
    found = samples(ADVICE, last_day(calm, hours(when, **how)))
    (action,) = found["ml_recommended_action"]
    return action, {name: found[name][()] for name in (SINCE, START) if name in found}


def test_bad_data_are_to_be_mended_and_since_when(calm) -> None:
    action, when = told(calm, lambda number: number >= END - 40, missing=0.3)
    assert action == ("fix_data_pipeline", "missing", "x")
    assert when == {SINCE: pytest.approx(at(END - 40), abs=HOUR)}


def test_bad_data_that_are_over_need_no_mending(calm) -> None:
    action, when = told(calm, lambda number: END - 20 <= number < END - 10, missing=0.3)
    assert (action, when) == (("none", "over", "x"), {})


def test_bad_data_that_have_become_fewer_are_still_bad(calm) -> None:
    """Though much less is left than there was, and the onset calls it temporary."""
    past = hours(lambda number: number >= END - 20, missing=0.1)
    past[END - 20 : END - 12] = hours(lambda _: True, missing=0.5)[END - 20 : END - 12]
    evaluation = last_day(calm, past)
    assert onsets(evaluation).onsets["quality", ("x", "missing")].shape == "temporary"
    assert list(samples(ADVICE, evaluation)["ml_recommended_action"]) == [("fix_data_pipeline", "missing", "x")]


def test_what_ended_a_moment_ago_is_not_known_to_be_over(calm) -> None:
    action, _ = told(calm, lambda number: END - 20 <= number < END - 1, missing=0.3)
    assert action == ("fix_data_pipeline", "missing", "x")


def test_bad_data_that_come_back_every_night_are_a_fault(calm) -> None:
    action, _ = told(calm, lambda number: number % 24 < 6, missing=0.3)
    assert action == ("fix_data_pipeline", "missing", "x")


def test_a_changed_concept_is_learned_from_rows_that_surely_show_it(calm) -> None:
    """From the upper end of the onset's interval on."""
    action, when = told(calm, lambda number: number >= END - 40, wrong=0.3)
    assert action == ("rebuild", "unexplained", "")
    assert when[SINCE] == pytest.approx(at(END - 40), abs=2 * HOUR)
    assert when[SINCE] < when[START] <= at(END - 40) + 4 * HOUR


def test_inputs_that_moved_are_learned_from_their_onset_on(calm) -> None:
    """Though performance began to fall only later."""
    past = hours(lambda number: number >= END - 60, moved=0.6)
    past[END - 30 :] = hours(lambda number: number >= END - 60, moved=0.6, wrong=0.25)[END - 30 :]
    evaluation = last_day(calm, past)
    found = samples(ADVICE, evaluation)
    assert list(found["ml_recommended_action"]) == [("retrain", "drift", "x")]
    assert found[SINCE][()] == found[START][()] == pytest.approx(at(END - 60), abs=2 * HOUR)


def test_a_fall_that_is_over_asks_for_nothing(calm) -> None:
    action, when = told(calm, lambda number: END - 20 <= number < END - 10, wrong=0.4)
    assert (action, when) == (("none", "over", ""), {})


def test_a_fall_that_comes_back_at_the_same_hours_is_no_news(calm) -> None:
    action, when = told(calm, lambda number: number % 24 >= 18, wrong=0.4)
    assert (action, when) == (("none", "recurring", ""), {})


def test_what_was_there_before_the_history_has_no_beginning(calm) -> None:
    """But all that is kept shows what is to be learned."""
    action, when = told(calm, lambda _: True, wrong=0.3)
    assert action == ("rebuild", "unexplained", "")
    assert when == {START: at(0)}


def test_trouble_of_a_machine_says_itself_since_when(calm) -> None:
    evaluation = last_day(calm, hours(lambda _: False))
    evaluation.host = HostFacts((HostTrouble("disk_full", "/data", 99.0), HostTrouble("gpu_errors", "GPU 2", 1234.0)))
    found = samples(ADVICE, evaluation)
    assert list(found["ml_recommended_action"]) == [("fix_infrastructure", "gpu_errors", "GPU 2")]
    assert found[SINCE] == {(): 1234.0}


def test_trouble_of_which_nobody_knows_since_when(calm) -> None:
    evaluation = last_day(calm, hours(lambda _: False))
    evaluation.host = HostFacts((HostTrouble("out_of_memory"),))
    assert SINCE not in samples(ADVICE, evaluation)


def test_without_a_past_nothing_is_said_of_time(calm) -> None:
    evaluation = replace(last_day(calm, hours(lambda _: True, wrong=0.3)), history=None)
    assert list(samples(ADVICE, evaluation)) == ["ml_recommended_action"]


def test_nothing_to_do_has_no_beginning(calm) -> None:
    evaluation = last_day(calm, hours(lambda _: True, wrong=0.3))
    for action in ("none", "wait_for_labels"):
        advice = Advice(action, "well", "")
        assert since(evaluation, advice) != since(evaluation, advice)
        assert training_start(evaluation, advice) != training_start(evaluation, advice)
    assert gather(evaluation) != Evidence()
