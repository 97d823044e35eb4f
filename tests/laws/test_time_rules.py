"""The rules of time (docs/architecture.md) as windows and counters show them, beside what tests of the worker hold."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from exporter.engine.timeline import Timeline
from exporter.profile.cells import read_times
from exporter.profile.counts import Counts
from tests.exporters import BINARY, DAY, HOUR, NOW, Exporter, reference_rows, row, truth


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    exporter = Exporter(tmp_path_factory.mktemp("fit"))
    exporter.fit(reference_rows(500))
    return (exporter.folder / "m.mlref").read_bytes()


@pytest.fixture
def started(tmp_path: Path, fitted: bytes) -> Iterator[Callable[..., Exporter]]:
    made: list[Exporter] = []

    def start(**changes: Any) -> Exporter:
        made.append(Exporter(tmp_path / str(len(made)), **changes))
        (made[-1].folder / "m.mlref").write_bytes(fitted)
        made[-1].label()
        return made[-1]

    yield start
    for each in made:
        each.close()


def ended(exporter: Exporter, end: float, seconds: int = HOUR) -> Counts:
    return exporter.window(seconds, end=int(end))


# Late rows


def test_late_row_goes_to_its_pane_also_where_panes_were_rolled_up(started: Any) -> None:
    """Three days late: its hour is one pane by then, and holds it; so after a restart."""
    exporter = started()
    exporter.predict(row(1, ago=1800.0), row(2, ago=1500.0))
    exporter.read()
    exporter.clock.advance(3 * DAY)
    exporter.read()
    assert exporter.book.panes.width_at(int(NOW) - 1800) == HOUR
    exporter.predict(row(3, ago=1700.0))
    exporter.label(truth(3, ago=-3 * DAY))
    exporter.read()
    assert (ended(exporter, NOW).rows, ended(exporter, NOW).labels) == (3.0, 1.0)
    exporter.restart()
    exporter.read()
    assert (ended(exporter, NOW).rows, ended(exporter, NOW - HOUR).rows) == (3.0, 0.0)
    # Too late to be news: what Prometheus saw as traffic is not raised by it.
    assert exporter.total().rows == 2.0


def test_settle_leaves_the_newest_panes_out(started: Any) -> None:
    """A window ends so many seconds ago, whole panes; a row in between comes into view with time."""
    exporter = started(settle=600)
    exporter.predict(row(1, ago=1000.0), row(2, ago=100.0))
    exporter.read()
    assert exporter.book.timeline.window_end(NOW) == NOW - 600
    assert exporter.window(HOUR).rows == 1.0
    exporter.clock.advance(600)
    exporter.read()
    assert exporter.window(HOUR).rows == 2.0


# Labels


def test_correction_after_days_changes_the_window_of_its_prediction_alone(started: Any) -> None:
    exporter = started()
    exporter.predict(row(1, ago=1800.0), row(2, ago=1800.0))
    exporter.label(truth(1, 0), truth(2, 1))
    exporter.read()
    exporter.clock.advance(2 * DAY)
    exporter.label(truth(1, 1, ago=-2 * DAY))
    exporter.read()
    # (predicted, actual)
    assert ended(exporter, NOW)["outcomes"][1, :2].tolist() == [0.0, 2.0]
    assert exporter.total()["outcomes"][1, :2].tolist() == [1.0, 1.0]
    assert exporter.window(HOUR).labels == 0.0


def test_label_after_the_default_was_assumed_corrects_the_window(started: Any) -> None:
    exporter = started(labels={**BINARY["labels"], "wait": "4d", "default": "0"})
    exporter.predict(row(1, ago=1800.0))
    exporter.read()
    exporter.clock.advance(4 * DAY + 6 * HOUR)
    exporter.read()
    assert ended(exporter, NOW)["outcomes"][1, :2].tolist() == [1.0, 0.0]
    exporter.label(truth(1, 1, ago=-4 * DAY))
    exporter.read()
    assert ended(exporter, NOW)["outcomes"][1, :2].tolist() == [0.0, 1.0]


def test_unlabelled_prediction_expires_and_is_told(started: Any) -> None:
    """No outcome is made up for it; a label that comes when it is still remembered counts all the same."""
    exporter = started(dedupe="7d")
    exporter.predict(row(1, ago=1800.0))
    exporter.read()
    exporter.clock.advance(5 * DAY)
    exporter.read()
    assert exporter.health.value("ml_exporter_predictions_unlabelled_total", ("m",)) == 1.0
    assert (ended(exporter, NOW).labels, exporter.book.ledger.waiting) == (0.0, 0)


def test_id_is_remembered_for_dedupe_and_not_for_ever(started: Any) -> None:
    exporter = started(dedupe="3d", labels=None)
    exporter.predict(row(1))
    exporter.read()
    exporter.clock.advance(2 * DAY)
    exporter.predict(row(1, ago=-2 * DAY + 60))
    exporter.read()
    assert exporter.rejected() == {"duplicate": 1.0}
    exporter.clock.advance(4 * DAY)
    exporter.read()
    exporter.predict(row(1, ago=-6 * DAY + 60))
    exporter.read()
    assert (exporter.rejected(), exporter.window(HOUR).rows) == ({"duplicate": 1.0}, 1.0)


# Clocks that are wrong


@pytest.mark.parametrize("clock", ["wall", "watermark"])
@pytest.mark.parametrize("first", [True, False])
def test_row_of_2038_costs_itself_alone(started: Any, clock: str, first: bool) -> None:
    """Also where it is the first row of all: the rows behind it are not too old."""
    exporter = started(clock=clock)
    stray = row(0, ts="2038-01-19T03:14:07Z")
    for part in ([[stray]] if first else []) + [[row(i) for i in range(1, 20)]] + ([] if first else [[stray]]):
        exporter.predict(*part)
        exporter.read()
    assert (exporter.rejected(), exporter.total().rows) == ({"future": 1.0}, 19.0)
    assert exporter.book.timeline.window_end(exporter.clock.now()) == NOW


def test_log_that_lives_in_the_future_is_followed() -> None:
    """A simulated year 2050, whatever the wall says: rows enough agree."""
    line = Timeline("watermark", pane=HOUR, settle=0, max_jump=DAY, max_future=300)
    time = np.array([(2_524_608_000 + 60 * i) * 10**6 for i in range(30)])
    assert not line.future(time, "", NOW).any()


def test_skewed_label_clock_gives_no_delay_below_nothing(started: Any) -> None:
    exporter = started()
    exporter.predict(row(1, ago=60.0), row(2, ago=60.0))
    exporter.label(truth(1, ago=90.0), truth(2, ago=30.0))
    exporter.read()
    assert exporter.total()["label_delay_sum"][0] == 30.0
    assert exporter.total()["label_delay"].tolist()[0] == 2.0


def test_jump_and_gap(started: Any) -> None:
    """A few rows beyond `max_jump` are of the future; a batch that is there is what came after a gap."""
    exporter = started(clock="watermark")
    exporter.predict(*[row(i, ago=20 * DAY) for i in range(20)])
    exporter.read()
    exporter.predict(*[row(i, ago=10 * DAY) for i in range(100, 103)])
    exporter.read()
    assert exporter.rejected() == {"future": 3.0}
    exporter.predict(*[row(i, ago=5 * DAY) for i in range(200, 220)])
    exporter.read()
    assert exporter.rejected() == {"future": 3.0}
    assert exporter.book.timeline.window_end(NOW) == NOW - 5 * DAY + 300
    assert exporter.window(HOUR).rows == 20.0


# Texts


def micros(text: str, zone: str = "UTC") -> float:
    return float(read_times(pa.array([text]), zone)[0]) / 1e6


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2023-07-01T12:00:00", "America/New_York", "2023-07-01T16:00:00"),
        ("2023-11-05T01:30:00", "America/New_York", "2023-11-05T05:30:00"),
        ("2023-03-12T02:30:00", "America/New_York", "2023-03-12T07:00:00"),
        ("2023-04-02T01:45:00", "Australia/Lord_Howe", "2023-04-01T14:45:00"),
        ("2023-11-05T01:30:00-05:00", "America/New_York", "2023-11-05T06:30:00"),
        ("2016-12-31T23:59:60Z", "UTC", "2017-01-01T00:00:00"),
        ("2016-12-31T23:59:60.5Z", "UTC", "2017-01-01T00:00:00.5"),
        ("2016-12-31 18:59:60", "America/New_York", "2017-01-01T00:00:00"),
    ],
)
def test_readings_of_a_clock(text: str, zone: str, utc: str) -> None:
    """An hour that comes twice is the earlier one, one that is left out begins where it would have; an offset rules."""
    assert micros(text, zone) == datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()


def test_watermark_over_partitions(started: Any) -> None:
    """Windows end where the slowest one that still speaks is; the others' rows wait in their panes, and none is lost."""
    exporter = started(clock="watermark")
    exporter.predict(*[row(i, ago=2 * HOUR) for i in range(20)])
    exporter.read()
    line = exporter.book.timeline
    line.advance(np.array([int((NOW - 300) * 1e6)]), "fast", exporter.clock.now())
    assert line.window_end(exporter.clock.now()) == NOW - 2 * HOUR + 300
    line.seen[""] -= 2 * line.idle_seconds
    assert line.window_end(exporter.clock.now()) == NOW
    assert exporter.window(DAY).rows == 20.0
