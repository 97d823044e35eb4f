"""Law: no false alarms, no blindness. A small part of what docs/drift-simulation.md shows, of fixed draws."""

from dataclasses import replace

import pytest

from bench import drift_simulation, quality_simulation
from bench.drift_scenarios import calm, drifting

SEED, WINDOWS = 7, 30
"""Windows of each reference."""


def drawn(name, references, *, among=calm, **known):
    found = [each for each in among() if each.name == name and known.items() <= vars(each).items()]
    assert len(found) == 1
    return drift_simulation.simulate(replace(found[0], references=references, windows=WINDOWS), SEED, peers=False)


@pytest.mark.parametrize(
    ("name", "references", "known"),
    [
        ("independent rows", 60, {"n": 200, "m": 10_000}),
        ("independent rows", 15, {"n": 10_000, "m": 50_000}),
        ("days alike", 10, {"blocks": 20}),
        ("days moved 0.3 σ", 20, {"blocks": 30}),
        ("days AR(1) 0.7, 0.3 σ", 20, {"blocks": 90}),
        ("storms of 0.3 σ on 3 days of 10", 20, {"blocks": 20}),
        ("daily cycle, windows of 24 h", 2, {}),
    ],
)
def test_at_most_one_calm_window_in_a_hundred_is_called_drifted(name, references, known):
    found = drawn(name, references, **known)
    assert found["judged"] >= 0.9 * found["windows"]
    assert found["detected"] <= 0.01 * found["windows"]


def test_days_that_hide_how_alike_they_are_call_nothing_drifted():
    """Twenty days of spells: of most features no verdict, of the others no false one."""
    found = drawn("days AR(1) 0.7, 0.1 σ", 20, blocks=20)
    assert found["detected"] <= 0.01 * found["windows"]


@pytest.mark.parametrize("name", ["12 days of reference, moved 0.3 σ", "weekly cycle, windows of 24 h"])
def test_where_the_reference_is_too_short_or_the_window_there_is_no_verdict(name):
    assert drawn(name, 2)["judged"] == 0


@pytest.mark.parametrize("case", ["0.2 σ shift", "share 3 % → 6 %"])
@pytest.mark.parametrize(("when", "known"), [("", {"m": 5000}), (", days alike", {"blocks": 20})])
def test_drift_that_matters_is_found_in_99_of_100_windows(case, when, known):
    found = drawn(case + when, 8, among=drifting, **known)
    assert found["first"] >= 0.99 * found["windows"]


def test_a_trifle_is_no_drift_at_a_million_rows():
    assert drawn("0.02 σ shift (a trifle)", 4, among=drifting)["first"] == 0


def quality(name, *, days, broken):
    found = [
        each
        for each in quality_simulation.scenarios()
        if (each.name, each.days, each.broken, each.n) == (name, days, broken, 5000)
    ]
    return quality_simulation.simulate(replace(found[0], references=10), SEED)


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("the same rate always", None),
        ("rates swing by 60% from day to day", 30),
        ("log-normal rates, one day like the next", 20),
        ("dark for a part of one day in ten", 20),
    ],
)
def test_at_most_one_window_in_a_hundred_has_a_false_alarm_of_bad_values(name, days):
    found = quality(name, days=days, broken=False)
    assert found["detected"] <= 0.01 * found["windows"]


@pytest.mark.parametrize(("name", "days"), [("the same rate always", None), ("the same rate every day", 20)])
def test_missing_values_up_from_one_to_three_per_cent_are_found_in_99_of_100_windows(name, days):
    found = quality(name, days=days, broken=True)
    assert found["first"] >= 0.99 * found["windows"]
