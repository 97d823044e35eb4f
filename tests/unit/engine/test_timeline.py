"""Event time advances with the log, and a stray clock does not move it."""

import numpy as np

from exporter.engine.timeline import Timeline

HOUR = 3600


def timeline(**settings: object) -> Timeline:
    return Timeline(
        **{"clock": "watermark", "pane": HOUR, "settle": 60, "max_jump": 24 * HOUR, "max_future": 300, **settings}
    )  # type: ignore[arg-type]


def at(*hours: float) -> np.ndarray:
    return np.array([int(h * HOUR * 1e6) for h in hours], dtype=np.int64)


def take(line: Timeline, time: np.ndarray, partition: str = "", wall: float = 0.0) -> list[bool]:
    future = line.future(time, partition, wall)
    line.advance(time[~future], partition, wall)
    return future.tolist()


def test_watermark_is_the_end_of_the_newest_pane() -> None:
    line = timeline()
    take(line, at(0.5, 1.5))
    assert line.window_end(0.0) == 2 * HOUR
    take(line, at(0.2))
    assert line.window_end(0.0) == 2 * HOUR


def test_stray_rows_are_future_and_do_not_move_time() -> None:
    """One row dated far ahead among many is set aside, in the first batch and later."""
    line = timeline()
    assert sum(take(line, np.concatenate([at(*[1.0] * 300), at(1e5)]))) == 1
    assert line.watermark(0.0) == 2 * HOUR
    assert take(line, at(2.0, 1e5)) == [False, True]
    assert line.watermark(0.0) == 3 * HOUR


def test_a_lone_row_far_ahead_is_future() -> None:
    line = timeline()
    take(line, at(1.0))
    assert take(line, at(1e5)) == [True]


def test_a_gap_in_the_log_is_followed() -> None:
    """When most rows of a batch lie beyond the jump and agree, the log had a gap."""
    line = timeline()
    take(line, at(1.0))
    assert not any(take(line, at(*[100.5] * 12)))
    assert line.watermark(0.0) == 101 * HOUR


def test_slowest_active_partition_holds_time_back_and_a_silent_one_does_not() -> None:
    line = timeline()
    take(line, at(5.0), "a", wall=0.0)
    take(line, at(2.0), "b", wall=0.0)
    assert line.watermark(10.0) == 3 * HOUR
    take(line, at(6.0), "a", wall=100.0)
    assert line.watermark(100.0) == 7 * HOUR


def test_wall_clock() -> None:
    """Windows end so many seconds ago, on a pane; rows ahead of the clock are future."""
    line = timeline(clock="wall")
    assert line.window_end(10 * HOUR + 59.0) == 9 * HOUR
    assert line.window_end(10 * HOUR + 61.0) == 10 * HOUR
    assert take(line, at(10.0, 10.2), wall=10 * HOUR) == [False, True]
    assert timeline().window_end(0.0) is None


def test_a_thin_log_read_at_once_is_followed_to_its_end() -> None:
    """A long batch of a log with a row a minute ends where the log ends, not 1 % of its rows before."""
    line = timeline()
    take(line, at(*[minute / 60 for minute in range(60 * 24 * 60)]))
    assert line.watermark(0.0) == 60 * 24 * HOUR


def test_a_batch_longer_than_the_jump_is_all_there() -> None:
    """What was logged while the exporter was down comes at once: no row of it is of the future, however far it leads."""
    line = timeline()
    take(line, at(1.0))
    down = at(*[1 + minute / 6 for minute in range(6 * 46)])
    assert not any(take(line, np.concatenate([down, at(1e5)]))[:-1])
    assert line.watermark(0.0) == 47 * HOUR
    # As well behind a gap, and in the first batch of all.
    later = at(*[1000 + hour for hour in range(24 * 9)])
    assert not any(take(line, later))
    year = at(*range(24 * 365))
    assert take(timeline(), np.concatenate([year, at(1e6)])) == [*[False] * len(year), True]
