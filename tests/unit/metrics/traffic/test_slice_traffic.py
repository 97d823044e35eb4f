"""A slice is told of when it leaves its own week and the others behind, and for nothing else."""

from collections.abc import Callable

import numpy as np
import pytest

from exporter.metrics.evaluation import Evaluation, Window
from exporter.metrics.history import Past
from exporter.metrics.traffic.slice_traffic import SLICE_TRAFFIC
from exporter.profile.bins import CategoryBins, Floats
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.vocabulary import Vocabulary
from tests.oracle.references import evaluation_of, reference_of, samples

HOUR, DAY, WEEK = 3600, 86400, 7 * 86400
VALUES = 12
LAYOUT = Layout(task="regression", slices={"origin": VALUES + 1})
VOCABULARY = Vocabulary({"origin": VALUES + 1}, {"origin": [f"o{i}" for i in range(VALUES)]})
SHARES = np.append(np.geomspace(1, 0.02, VALUES), 0.05)
SHARES /= SHARES.sum()
HOURS = 28 * 24


def weekly(rng: np.random.Generator, rows: float, *, dispersion: float = 0.0, days: float = 0.0) -> Floats:
    """(HOURS, S) rows by hour: a daily and a weekly cycle, values that wake at different times, and noise.

    Args:
        rng: of all that is drawn.
        rows: an hour on average.
        dispersion: standard deviation of log shares from hour to hour.
        days: the same of a value's share, and of all traffic, from day to day.
    """
    hour = np.arange(HOURS)
    cycle = (1 + 0.6 * np.sin(2 * np.pi * hour / 24)) * np.where(hour // 24 % 7 >= 5, 0.6, 1.0)
    wakes = 1 + 0.5 * np.sin(2 * np.pi * (hour[:, None] / 24 + np.arange(VALUES + 1) / 5))
    shares = SHARES * wakes * np.exp(dispersion * rng.normal(size=(HOURS, VALUES + 1)))
    shares = shares * np.exp(days * rng.normal(size=(28, VALUES + 1)).repeat(24, axis=0))
    level = cycle * np.exp(2 * days * rng.normal(size=28)).repeat(24)
    return rng.poisson(rows * level[:, None] * shares / shares.sum(axis=1, keepdims=True)).astype(float)


def evaluation(hourly: Floats, seconds: int = DAY, fine_hours: int = 14 * 24, **options: object) -> Evaluation:
    """The last window of `hourly`, panes of an hour for `fine_hours`, and of a day before."""
    now = Counts.zero(LAYOUT)
    now.sliced("origin", "rows")[:, 0] = hourly[-seconds // HOUR :].sum(axis=0)
    now["rows"][0] = now.sliced("origin", "rows").sum()
    wide = (len(hourly) - fine_hours) // 24 if len(hourly) > fine_hours else 0
    days = hourly[: wide * 24].reshape(wide, 24, hourly.shape[1]).sum(axis=1)
    counts = np.concatenate([days, hourly[wide * 24 :]])
    widths = np.repeat([DAY, HOUR], [wide, len(hourly) - wide * 24])
    starts = np.cumsum(widths) - widths
    end = int(widths.sum())
    made = evaluation_of(now, vocabulary=VOCABULARY, seconds=seconds, end=end, **options)  # type: ignore[arg-type]
    made.window = Window("w", seconds, end - seconds, end)
    made.history = lambda places: Past(starts, widths, counts[:, (places - LAYOUT.width) // LAYOUT.slice_width])
    return made


def told(of: Evaluation) -> dict[str, float]:
    found = samples(SLICE_TRAFFIC, of).get("ml_slice_traffic_detected", {})
    return {value: each for (_, value), each in found.items()}


def names(of: Evaluation) -> list[str]:
    return [value for value, each in told(of).items() if each]


def changed(hourly: Floats, value: int | slice, factor: float, seconds: int = DAY, until: int = 0) -> Floats:
    """`hourly` with a value `factor` times as much for so long, up to so many hours before the end."""
    after = hourly.copy()
    stop = len(after) - until
    after[stop - seconds // HOUR : stop, value] = np.round(after[stop - seconds // HOUR : stop, value] * factor)
    return after


@pytest.mark.parametrize("seconds", [HOUR, DAY, WEEK])
@pytest.mark.parametrize(("dispersion", "days"), [(0.0, 0.0), (0.3, 0.0), (0.2, 0.15)])
def test_calm_weeks_are_seldom_told_of(seconds: int, dispersion: float, days: float) -> None:
    """Windows with a false alarm: at most 1 in 100, whether rows are Poisson or shares and totals vary beyond that."""
    rng = np.random.default_rng(5)
    false = [names(evaluation(weekly(rng, 2000.0, dispersion=dispersion, days=days), seconds)) for _ in range(100)]
    assert sum(bool(each) for each in false) <= 1


@pytest.mark.parametrize(("seconds", "least"), [(HOUR, 12), (DAY, 19)])
@pytest.mark.parametrize("value", [0, 3, 6])
def test_three_times_as_much_from_one_origin_is_found(seconds: int, least: int, value: int) -> None:
    """And that origin alone is named: the greatest, one with a tenth, one with a thirtieth of all.

    Shares vary by 15 % from one week's hour to the next's: an hour, of which one before is known, is not always enough.
    """
    rng = np.random.default_rng(6)
    found = [
        names(evaluation(changed(weekly(rng, 5000.0, dispersion=0.1, days=0.05), value, 3.0, seconds), seconds))
        for _ in range(20)
    ]
    assert sum(each == [f"o{value}"] for each in found) >= least


def test_what_is_expected_came_at_the_same_time_a_week_before() -> None:
    hourly = weekly(np.random.default_rng(1), 5000.0)
    found = samples(SLICE_TRAFFIC, evaluation(hourly))["ml_slice_predictions_expected"]
    assert found == {("origin", f"o{i}"): hourly[-8 * 24 : -7 * 24, i].sum() for i in range(VALUES)}


def test_a_value_that_falls_silent_is_found() -> None:
    rng = np.random.default_rng(2)
    assert names(evaluation(changed(weekly(rng, 5000.0, days=0.05), 2, 0.0))) == ["o2"]


def test_a_new_value_is_found() -> None:
    hourly = weekly(np.random.default_rng(3), 5000.0)
    hourly[:-24, 4] = 0.0
    assert names(evaluation(hourly)) == ["o4"]


@pytest.mark.parametrize("factor", [0.2, 3.0])
def test_more_or_less_of_everything_is_no_slice(factor: float) -> None:
    hourly = weekly(np.random.default_rng(4), 5000.0, days=0.05)
    found = told(evaluation(changed(hourly, slice(None), factor)))
    assert len(found) == VALUES
    assert not any(found.values())


def test_others_are_not_named_for_one_that_grows() -> None:
    """Ten times the greatest: the share of every other value falls to a fraction, its volume does not."""
    hourly = weekly(np.random.default_rng(7), 5000.0, days=0.05)
    assert names(evaluation(changed(hourly, 0, 10.0))) == ["o0"]


def test_the_week_after_a_burst_is_no_collapse() -> None:
    rng = np.random.default_rng(8)
    hourly = changed(weekly(rng, 5000.0, days=0.05), 3, 4.0, DAY, until=WEEK // HOUR)
    assert names(evaluation(hourly)) == []


def test_the_rest_is_never_named_and_few_rows_are_not_shown() -> None:
    hourly = weekly(np.random.default_rng(9), 5000.0)
    hourly[:, 1:3] = 0.0
    hourly[-3:, 1] = 7.0  # 21 rows: fewer than are shown
    of = evaluation(changed(hourly, VALUES, 20.0))
    assert {"o1", "o2", "other"}.isdisjoint(told(of))
    assert {"o1", "o2", "other"}.isdisjoint(
        value for _, value in samples(SLICE_TRAFFIC, of)["ml_slice_predictions_expected"]
    )


@pytest.mark.parametrize(
    "past",
    [
        lambda hourly: hourly[-7 * 24 :].copy(),  # younger than a week
        lambda hourly: np.vstack([hourly[: -8 * 24], np.zeros((24, VALUES + 1)), hourly[-7 * 24 :]]),  # a gap then
    ],
)
def test_without_the_week_before_nothing_is_said(past: Callable[[Floats], Floats]) -> None:
    assert samples(SLICE_TRAFFIC, evaluation(past(weekly(np.random.default_rng(1), 5000.0)))) == {}


def test_panes_of_a_day_have_no_time_of_day() -> None:
    assert samples(SLICE_TRAFFIC, evaluation(weekly(np.random.default_rng(1), 5000.0), fine_hours=48)) == {}


def test_a_rollout_moves_rows_between_versions_and_is_no_slice() -> None:
    """The newest version speaks for all; those before it say nothing."""
    hourly = weekly(np.random.default_rng(2), 5000.0, days=0.05)
    before, after = hourly.copy(), np.zeros_like(hourly)
    before[-30:, 2], after[-30:, 2] = 0.0, hourly[-30:, 2]
    old, new = evaluation(before), evaluation(after)
    assert names(old) == ["o2"]
    old.newest, new.older = False, (old,)
    old.memo.clear()
    assert samples(SLICE_TRAFFIC, old) == {}
    assert len(told(new)) == VALUES
    assert names(new) == []


def test_the_reference_stands_in_where_the_dimension_is_a_feature() -> None:
    """Whole weeks before: the same weekday at the same hour; values that it does not tell apart are not judged."""
    rng = np.random.default_rng(3)
    layout = Layout(
        task="regression",
        features={"origin": CategoryBins(tuple(f"o{i}" for i in range(VALUES - 1)))},
        slices=LAYOUT.slices,
    )
    hourly = weekly(rng, 5000.0, days=0.05)
    blocks = []
    for rows in hourly[: 27 * 24].reshape(-1, 6, VALUES + 1).sum(axis=1):
        block = Counts.zero(layout)
        block["rows"][0] = rows.sum()
        block.feature("origin")[2 : 2 + VALUES - 1] = rows[: VALUES - 1]
        block.feature("origin")[-1] = rows[VALUES - 1 :].sum()
        blocks.append(block)
    reference = reference_of(blocks, 6 * HOUR)
    for factor, expected in ((1.0, []), (3.0, ["o3"])):
        of = evaluation(changed(hourly, 3, factor), reference=reference)
        of.history = None
        assert names(of) == expected
        assert f"o{VALUES - 1}" not in told(of)
