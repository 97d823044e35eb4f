"""Only trouble that was there first, where the harm is, is a suspect."""

from dataclasses import replace

import pytest

from exporter.metrics.advice.evidence import gather
from exporter.metrics.advice.rules import advise
from exporter.metrics.evaluation import HostFacts, HostTrouble
from exporter.metrics.replicas import REPLICAS
from exporter.metrics.replicas.suspects import DAMAGING, Suspect, suspects
from tests.oracle.references import samples
from tests.unit.metrics.replicas.traffic import HOUR, PROMISES, evaluation, hours

ONSET = 30
SLOW = {"slow": 0.3}
STARVED = HostTrouble("cpu_starved", "", ONSET * HOUR - 60.0, None, "10.0.0.5", ("b",))


def told(past, *troubles, objectives=PROMISES):
    return suspects(evaluation(past, HostFacts(troubles), objectives))


def changed(**how):
    return replace(STARVED, **how)


def test_trouble_on_the_machine_of_the_replica_that_suffers_is_a_suspect() -> None:
    found = told(hours(ONSET, ["b"], **SLOW), STARVED)
    assert found == (Suspect("cpu_starved", "", "10.0.0.5", "b", ONSET * HOUR - 60.0),)


@pytest.mark.parametrize(
    "trouble",
    [
        changed(replicas=("a",)),
        changed(replicas=("a", "c")),
        changed(since=(ONSET + 2) * HOUR),
        changed(since=25.0 * HOUR, until=(ONSET - 1) * HOUR),
        changed(since=None),
    ],
    ids=["elsewhere", "on the others", "later", "over before", "nobody knows when"],
)
def test_what_is_elsewhere_or_later_is_no_suspect(trouble) -> None:
    assert told(hours(ONSET, ["b"], **SLOW), trouble) == ()


def test_within_a_pane_nobody_knows_what_came_first() -> None:
    assert told(hours(ONSET, ["b"], **SLOW), changed(since=(ONSET + 0.9) * HOUR))


def test_trouble_without_harm_is_no_suspect() -> None:
    assert told(hours(ONSET, []), STARVED, changed(reason="gpu_errors")) == ()


def test_harm_that_was_there_before_all_that_is_kept_has_no_suspect() -> None:
    assert told(hours(0, ["b"], **SLOW), STARVED) == ()


@pytest.mark.parametrize("harm", [{"errors": 0.2}, {"slow": 0.3}, {"lost": 0.2}, {"shift": 0.5}])
def test_any_harm_of_one_replica_has_a_suspect(harm) -> None:
    assert told(hours(ONSET, ["b"], **harm), STARVED, objectives=()) == (
        Suspect("cpu_starved", "", "10.0.0.5", "b", ONSET * HOUR - 60.0),
    )


def test_harm_on_all_replicas_needs_a_machine_that_serves_all() -> None:
    past = hours(ONSET, ["a", "b", "c"], **SLOW)
    assert told(past, STARVED) == ()
    assert told(past, changed(replicas=("a", "b"))) == ()
    for replicas in [("a", "b", "c"), ()]:
        assert [each.replica for each in told(past, changed(replicas=replicas))] == [""]


def test_harm_that_lasted_an_hour_is_still_told_apart_by_what_is_promised() -> None:
    past = hours(40, ["b"], until=41, slow=0.9)
    found = told(past, changed(since=39.5 * HOUR, until=41.0 * HOUR))
    assert [each.replica for each in found] == ["b"]


def test_the_worst_comes_first() -> None:
    killed = changed(reason="out_of_memory")
    assert [each.reason for each in told(hours(ONSET, ["b"], errors=0.2), killed, STARVED)] == [
        "out_of_memory",
        "cpu_starved",
    ]


def test_most_failures_of_one_replica_that_are_timeouts_are_told_without_a_machine() -> None:
    found = told(hours(ONSET, ["b"], errors=0.2, kind=1))
    assert found == (Suspect("timeouts", replica="b", since=ONSET * HOUR),)
    assert told(hours(ONSET, ["b"], errors=0.2, kind=0)) == ()


def test_timeouts_of_all_replicas() -> None:
    found = told(hours(ONSET, ["a", "b", "c"], errors=0.2, kind=1))
    assert found == (Suspect("timeouts", since=ONSET * HOUR),)


def test_advice_names_the_replica_and_since_when() -> None:
    made = evaluation(hours(ONSET, ["b"], **SLOW), HostFacts((changed(reason="disk_slow", subject="sda"),)), PROMISES)
    advice = advise(gather(made))
    assert advice is not None
    assert (advice.action, advice.reason, advice.subject) == ("fix_infrastructure", "disk_slow", "b sda")


def test_trouble_that_came_later_leaves_the_advice_as_it_was() -> None:
    later = changed(reason="disk_full", since=40.0 * HOUR)
    advice = advise(gather(evaluation(hours(ONSET, ["b"], **SLOW), HostFacts((later,)), PROMISES)))
    assert advice is not None
    assert advice.action == "scale_out"


@pytest.mark.parametrize(("until", "action"), [(None, "fix_infrastructure"), (45, "fix_infrastructure"), (35, None)])
def test_damage_that_no_one_notices_is_to_be_mended_unless_it_is_long_over(until, action) -> None:
    damage = changed(reason="disk_full", subject="/data", since=28.0 * HOUR, until=until and until * HOUR)
    advice = advise(gather(evaluation(hours(ONSET, []), HostFacts((damage,)), PROMISES)))
    assert (None if advice is None else advice.action) == action


def test_gauges_name_suspects_and_since_when() -> None:
    found = samples(REPLICAS, evaluation(hours(ONSET, ["b"], **SLOW), HostFacts((STARVED,)), PROMISES))
    labels = ("cpu_starved", "", "10.0.0.5", "b")
    assert found["ml_infrastructure_suspect"] == {labels: 1.0}
    assert found["ml_infrastructure_suspect_since_timestamp_seconds"] == {labels: ONSET * HOUR - 60.0}


def test_where_nobody_looked_there_is_no_suspect() -> None:
    assert suspects(evaluation(hours(ONSET, ["b"], **SLOW), None, PROMISES)) == ()
    assert "out_of_memory" in DAMAGING
