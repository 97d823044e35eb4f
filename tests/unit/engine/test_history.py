"""The past of a version is what its panes hold, whatever was read before and has changed since."""

from pathlib import Path

import numpy as np
import pytest

from exporter.engine.history import LENGTH, Histories
from exporter.engine.panes import DAY, HOUR, Panes
from exporter.engine.plan import Retention
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.scattered import Addition, Scattered
from exporter.state.store import Store
from tests.exporters import NOW, Exporter, reference_rows, row

LAYOUT = Layout(task="regression")
PANE = 600
ROWS, LABELS = (LAYOUT.spans[part].start for part in ("rows", "labels"))


def counts(rows: float, labels: float = 0.0) -> Counts:
    made = Counts.zero(LAYOUT)
    made["rows"][0], made["labels"][0] = rows, labels
    return made


@pytest.fixture
def panes() -> Panes:
    made = Panes(PANE, Retention(fine=2 * DAY, hourly=4 * DAY, daily=60 * DAY))
    made.add({("v", start): counts(1.0 + start // PANE % 7) for start in range(0, 3 * DAY, PANE)})
    made.add({("w", start): counts(100.0) for start in range(0, DAY, PANE)})
    return made


def read(histories: Histories, places: list[int], end: int = 3 * DAY) -> np.ndarray:
    return histories.read("v", LAYOUT, end, np.array(places)).counts


def test_it_is_what_the_panes_hold(panes: Panes) -> None:
    """Columns by pane, in the order asked for, of one version, from the oldest pane on."""
    past = Histories(panes).read("v", LAYOUT, 3 * DAY, np.array([LABELS, ROWS]))
    assert past.starts.tolist() == list(range(0, 3 * DAY, PANE))
    assert set(past.widths.tolist()) == {PANE}
    assert past.counts[:, 1].tolist() == [1.0 + start // PANE % 7 for start in range(0, 3 * DAY, PANE)]
    assert not past.counts[:, 0].any()


def test_nothing_of_the_future_and_nothing_too_old(panes: Panes) -> None:
    """Panes that start in the LENGTH before the end."""
    panes.add({("v", LENGTH): counts(1.0)})
    assert len(read(Histories(panes), [ROWS], DAY)) == DAY // PANE
    assert len(read(Histories(panes), [ROWS], LENGTH + PANE)) == 3 * DAY // PANE


def test_late_rows_and_new_panes_are_seen(panes: Panes) -> None:
    """What is counted between two looks is there at the second, in old panes and in new ones."""
    histories = Histories(panes)
    before = read(histories, [ROWS])
    panes.add({("v", 5 * PANE): counts(10.0), ("v", 3 * DAY): counts(3.0), ("w", 0): counts(1.0)})
    after = read(histories, [ROWS], 4 * DAY)
    assert len(after) == len(before) + 1
    assert (after[: len(before)] - before)[:, 0].nonzero()[0].tolist() == [5]
    assert after[-1, 0] == 3.0


def test_late_labels_are_seen(panes: Panes, tmp_path: Path) -> None:
    """Also those that are kept beside panes that were written before."""
    store = Store(tmp_path / "state.sqlite")
    with store.transaction():
        panes.flush(store)
    store.close()
    histories = Histories(panes)
    read(histories, [LABELS])
    added = Addition(np.array([LABELS, LABELS]), np.ones(2), np.empty((0, 0), dtype=np.uint8), np.empty((0, 0)))
    panes.scatter([("v", 0), ("v", 10 * PANE)], Scattered(LAYOUT, np.arange(3), np.zeros(3, dtype=np.int64), added))
    assert read(histories, [LABELS])[:, 0].nonzero()[0].tolist() == [0, 10]


def test_other_columns_may_be_asked_later(panes: Panes) -> None:
    """What was read before stays, what is new is read."""
    histories = Histories(panes)
    rows = read(histories, [ROWS])
    both = read(histories, [LABELS, ROWS])
    assert (both[:, 1] == rows[:, 0]).all()


def test_slices_stand_behind_all_rows() -> None:
    """Value by value, each in its own columns; late rows of them are seen."""
    layout = Layout(task="regression", slices={"site": 3})
    made, start = Counts.zero(layout), 5 * PANE
    made["rows"][0], made.sliced("site", "rows")[:, 0] = 7.0, (1.0, 2.0, 4.0)
    panes = Panes(PANE, Retention())
    panes.add({("v", start): made})
    rows = layout.spans["rows"].start
    places = layout.width + np.arange(3) * layout.slice_width + layout.slice_spans["rows"].start
    histories = Histories(panes)
    for times in (1, 2):
        found = histories.read("v", layout, DAY, np.array([rows, *places])).counts
        assert found.tolist() == [[7.0 * times, 1.0 * times, 2.0 * times, 4.0 * times]]
        panes.add({("v", start): made})


def test_rolled_up_panes_are_wider(panes: Panes) -> None:
    """Old panes come as they are kept; nothing is lost and nothing twice."""
    histories = Histories(panes)
    before = read(histories, [ROWS]).sum()
    panes.roll(7 * DAY)
    past = histories.read("v", LAYOUT, 7 * DAY, np.array([ROWS]))
    assert past.counts.sum() == before
    assert set(past.widths.tolist()) <= {PANE, HOUR, DAY}
    assert (np.diff(past.starts) == past.widths[:-1]).all()


def test_only_what_changed_is_read_again(panes: Panes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look opens one pane where one pane changed."""
    histories = Histories(panes)
    read(histories, [ROWS])
    opened = []
    peek = panes.peek
    monkeypatch.setattr(panes, "peek", lambda key: opened.append(key.start) or peek(key))
    panes.add({("v", 7 * PANE): counts(1.0)})
    read(histories, [ROWS])
    assert opened == [7 * PANE]


def test_a_forgotten_version_is_read_anew(panes: Panes) -> None:
    """What is not shown any more takes no room, and can come back."""
    histories = Histories(panes)
    before = read(histories, [ROWS])
    histories.forget("v")
    assert (read(histories, [ROWS]) == before).all()


def test_onset_of_a_drift_in_a_log(tmp_path: Path) -> None:
    """From the lines of a log to *since when*; the same after a restart, and nothing of what is calm."""
    exporter = Exporter(tmp_path)
    exporter.fit([{name: value for name, value in each.items() if name != "ts"} for each in reference_rows()])
    rng, began = np.random.default_rng(8), 6 * HOUR
    agos = np.arange(3 * DAY, 0, -60)
    values = rng.normal(10, 3, len(agos)) + 4 * (agos <= began)
    carriers = rng.choice([each["carrier"] for each in reference_rows()], len(agos))
    exporter.predict(
        *(
            row(number, ago=int(ago), x=float(value), carrier=str(carrier))
            for number, (ago, value, carrier) in enumerate(zip(agos, values, carriers, strict=True))
        )
    )
    exporter.read()
    found = exporter.samples()
    onset = found["ml_feature_drift_onset_timestamp_seconds"]
    assert {feature for _, _, feature in onset} == {"x"}
    assert abs(onset["unversioned", "1d", "x"] - (NOW - began)) <= 2 * 300
    assert found["ml_feature_drift_shape"]["unversioned", "1d", "x", "sudden"] == 1.0
    exporter.restart()
    exporter.read()
    assert exporter.samples()["ml_feature_drift_onset_timestamp_seconds"] == onset
    exporter.close()


def test_an_origin_that_sends_too_much_in_a_log(tmp_path: Path) -> None:
    """From the lines of a log to who sends too much; the same after a restart."""
    exporter = Exporter(tmp_path, retention={"fine": "2d", "hourly": "16d", "daily": "30d"})
    exporter.fit()
    rng, lines = np.random.default_rng(4), []
    for hour in range(13 * 24):
        for carrier, usual in (("AA", 10), ("UA", 6), ("DL", 3)):
            surge = 4 if carrier == "UA" and hour < 24 else 1
            lines += [{"ago": hour * HOUR + 1800.0, "carrier": carrier}] * int(rng.poisson(usual * surge))
    exporter.predict(*(row(number, **line) for number, line in enumerate(lines)))
    exporter.read()
    for _ in range(2):
        found = exporter.samples()
        detected = found["ml_slice_traffic_detected"]
        assert {key[3]: value for key, value in detected.items() if key[1] == "1d"} == {"AA": 0.0, "UA": 1.0, "DL": 0.0}
        week_ago = sum(each["carrier"] == "UA" and 7 * DAY <= each["ago"] < 8 * DAY for each in lines)
        assert found["ml_slice_predictions_expected"]["unversioned", "1d", "carrier", "UA"] == week_ago
        exporter.restart()
        exporter.read()
    exporter.close()
