"""Memory leaks: told where memory leaks, and not where it warms up, is collected, follows the day or wanders.

`python -m bench.leak_simulation` asks the same of more draws.
"""

import numpy as np
import pytest
from scipy.stats import theilslopes

from exporter.host.process_leak import Growth, MemoryTrend, sen_slope
from tests.unit.host.memories import DAY, HOUR, LEAKING, LIMIT, MB, STEP, WELL, drawn, wandering

WINDOW = 6 * HOUR
DRAWS = 10


def followed(times: np.ndarray, values: np.ndarray, limit: float | None = LIMIT) -> list[Growth | None]:
    trend = MemoryTrend(WINDOW)
    return [
        trend.observe(time, memory, None if limit is None else limit - memory)
        for time, memory in zip(times.tolist(), values.tolist(), strict=True)
    ]


def told(growths: list[Growth | None]) -> list[bool | None]:
    return [None if growth is None else growth.leak for growth in growths]


@pytest.mark.parametrize("name", WELL)
def test_no_leak_is_told_where_there_is_none(name: str) -> None:
    """Over three days each, with a limit and without: at no moment."""
    for seed in range(DRAWS):
        limit = LIMIT if seed % 3 else None
        assert True not in told(followed(*drawn(WELL[name], seed, limit), limit)), seed


@pytest.mark.parametrize("name", LEAKING)
def test_a_leak_is_told_before_the_limit(name: str) -> None:
    """In at least nine draws of ten."""
    found = [True in told(followed(*drawn(LEAKING[name], seed))) for seed in range(DRAWS)]
    assert sum(found) >= 0.9 * DRAWS


def test_the_slope_is_scipys() -> None:
    """Theil and Sen's."""
    random = np.random.default_rng(3)
    for _ in range(20):
        times = np.sort(random.uniform(0, 10, 36))
        values = 2 * times + random.standard_normal(36)
        assert sen_slope(times, values)[0] == pytest.approx(theilslopes(values, times).slope)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_the_interval_holds_the_slope_as_often_as_it_says(correlation: float) -> None:
    """99 % of the time, however much noise hangs together: at least 97 % of 1,000 draws."""
    random = np.random.default_rng(5)
    times = np.arange(36.0)
    held = 0
    for _ in range(1000):
        slope, lower, upper = sen_slope(times, 3 * times + wandering(random, 36, 10.0, correlation))
        assert lower <= slope <= upper
        held += lower <= 3 <= upper
    assert held >= 970


def test_nothing_is_said_before_half_a_window_and_no_verdict_before_a_whole_one() -> None:
    growths = followed(np.arange(0, WINDOW, STEP), np.full(round(WINDOW / STEP), 100 * MB))
    known = [growth is not None for growth in growths]
    assert known.index(True) * STEP == pytest.approx(WINDOW / 2, abs=2 * WINDOW / 36)
    assert set(told(growths)[: round(0.9 * WINDOW / STEP)]) == {None}
    times = np.arange(0, 2 * WINDOW, STEP)
    verdicts = told(followed(times, np.full(len(times), 100 * MB)))
    assert verdicts[-1] is False
    assert verdicts.index(False) * STEP == pytest.approx(WINDOW, abs=3 * WINDOW / 36)


def test_a_young_process_that_grows_is_told_only_where_the_limit_is_near() -> None:
    """It may be the morning: without a day before the window there is no verdict, but within three hours of the end."""
    times = np.arange(0, 12 * HOUR, STEP)
    values = 500 * MB + 50 * MB / HOUR * times
    assert set(told(followed(times, values, None))) == {None}
    assert told(followed(times, values, 1150 * MB))[-1] is True


def test_a_leak_that_is_mended_is_no_leak_a_day_later() -> None:
    """Memory that is not given back stays where it is: without a new high for a day the verdict ends."""
    times = np.arange(0, 4.5 * DAY, STEP)
    values = 1000 * MB + 30 * MB / HOUR * np.minimum(times, 2.5 * DAY)
    verdicts = told(followed(times, values, None))
    at = {day: verdicts[round(day * DAY / STEP)] for day in (2.4, 3.2, 4.4)}
    assert at == {2.4: True, 3.2: True, 4.4: False}


def test_after_a_reset_everything_is_as_new() -> None:
    trend, fresh = MemoryTrend(WINDOW), MemoryTrend(WINDOW)
    for time in np.arange(0, 2 * DAY, STEP).tolist():
        trend.observe(time, 100 * MB + time * MB / 100, None)
    trend.reset()
    later = (np.arange(0, DAY, STEP) + 2 * DAY).tolist()
    assert [trend.observe(time, 100 * MB, None) for time in later] == [
        fresh.observe(time, 100 * MB, None) for time in later
    ]


def test_what_is_kept_is_bounded() -> None:
    trend = MemoryTrend(WINDOW)
    for time in np.arange(0, 9 * DAY, 300.0).tolist():
        trend.observe(time, 100 * MB, None)
    assert len(trend._blocks) == 7 * 24 * 6
