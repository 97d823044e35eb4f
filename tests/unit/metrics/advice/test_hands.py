"""Where hours differ the interval of a gain says so: rows are dealt out by the window's time."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.advice.gains import gains
from exporter.metrics.advice.hands import FOLDS, by_chance, by_time
from exporter.metrics.advice.remedies import of_bias
from exporter.metrics.advice.score_table import score_table
from exporter.metrics.history import Past
from exporter.profile.layout import Layout
from tests.oracle.counting import count, numeric
from tests.oracle.references import DAY, evaluation_of
from tests.unit.metrics.advice.worlds import CALM, counted, reference, window

HOURS, ROWS = 24, 60


def with_past(panes, found):
    """The evaluation, whose panes are known, and one of another day before."""
    width = DAY // len(panes)
    starts = np.concatenate(([-DAY], np.arange(len(panes)) * width))
    matrix = np.array([each.all for each in (panes[0], *panes)])
    return replace(found, history=lambda places: Past(starts, np.full(len(starts), width), matrix[:, places]))


def hours(seed, spread, n=ROWS):
    """In each the truth is turned for a share of the rows that differs from hour to hour."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(HOURS):
        rows = CALM.draw(rng, n)
        logit = np.log(rows["score"] / (1 - rows["score"])) + 0.7 + spread * rng.normal()
        found.append({**rows, "actual": (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)})
    return found


def day(parts, known=None):
    rows = {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}
    return with_past([counted(each) for each in parts], window(rows, known))


def test_hands_by_time_are_stretches_that_add_up() -> None:
    found = day(hours(1, 0.5))
    hands = by_time(found, "score_actual")
    assert hands.timed
    assert hands.counts.shape == (FOLDS, *found.counts["score_actual"].shape)
    assert np.allclose(hands.counts.sum(axis=0), found.counts["score_actual"])
    table = score_table(found)
    assert np.allclose(table.hands.sum(axis=0), table.rows)
    # The first hand is the first hours alone.
    first = sum(counted(each)["score_actual"] for each in hours(1, 0.5)[:2])
    assert np.array_equal(hands.counts[0], first) or np.array_equal(
        hands.counts[0], first + counted(hours(1, 0.5)[2])["score_actual"]
    )


def test_without_panes_or_with_few_rows_are_dealt_out_one_by_one() -> None:
    parts = hours(2, 0.5)
    found = day(parts)
    assert by_time(replace(found, history=None), "score_actual") is None
    assert not score_table(replace(found, history=None, memo={})).dealt.timed
    halves = [
        {name: np.concatenate([each[name] for each in some]) for name in parts[0]} for some in (parts[:9], parts[9:])
    ]
    assert by_time(day(halves), "score_actual") is None
    # Counts that came since are not in the panes that are known.
    assert by_time(replace(found, counts=counted(CALM.draw(np.random.default_rng(3), 500))), "score_actual") is None


@pytest.mark.parametrize(("spread", "wider"), [(0.0, False), (1.2, True)])
def test_intervals_are_wider_where_hours_differ(spread, wider) -> None:
    """Of the prior's correction, which the hours move most."""
    known, found = reference(), []
    for seed in range(6):
        one = day(hours((4, seed), spread), known)
        strict = replace(one.thresholds, performance={"log_loss": (None, 0.01)})
        one = replace(one, thresholds=strict)
        both = [
            next(each.gain for each in gains(asked) if (each.action, each.metric) == ("correct_prior", "log_loss"))
            for asked in (one, replace(one, history=None, memo={}, memory={}))
        ]
        found.append((both[0].upper - both[0].lower) / (both[1].upper - both[1].lower))
    assert (np.median(found) > 1.5) == wider


def test_a_bias_that_differs_from_hour_to_hour_has_a_wide_interval() -> None:
    """It holds what comes true on other days nearly as often as it says; taken row by row it does not."""
    rng, timed, drawn = np.random.default_rng(5), [], []
    layout = Layout(
        task="regression",
        prediction_bins=numeric(rng.normal(size=5000)),
        error_bins=numeric(rng.normal(size=5000)),
        actual_bins=numeric(rng.normal(size=5000)),
    )
    for _ in range(60):
        shift = rng.normal(0.5, 0.4, HOURS)
        errors = shift[:, None] + rng.normal(size=(HOURS, ROWS))
        panes = [count(layout, actual=np.zeros(ROWS), prediction=each) for each in errors]
        found = with_past(panes, evaluation_of(count(layout, actual=np.zeros(errors.size), prediction=errors.ravel())))
        hands = by_time(found, "error_terms", lambda counts: counts[:, 0])
        terms = found.counts["error_terms"][[0, 3, 2]]
        spread = 1 + 0.4**2
        came = np.sqrt(spread + 0.25) - np.sqrt(spread + (0.5 - errors.mean()) ** 2)
        for kept, each in ((timed, replace(hands, counts=hands.counts[:, [0, 3, 2]])), (drawn, None)):
            gain = of_bias(terms, each)
            kept.append(gain.lower <= came <= gain.upper)
    assert np.mean(timed) >= 0.9
    assert np.mean(drawn) <= 0.75


def test_rows_dealt_by_chance_are_whole() -> None:
    rows = np.array([[3.4, 8.0], [0.0, 20.6]])
    assert np.array_equal(by_chance(rows).counts.sum(axis=0), np.rint(rows))
    assert by_chance(rows).learned == pytest.approx(1 + FOLDS / (FOLDS - 1))
