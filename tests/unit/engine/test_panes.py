"""Windows are sums of panes, whatever was rolled up, reopened or came late."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from exporter.engine import additions
from exporter.engine.panes import DAY, HOUR, Panes
from exporter.engine.plan import Retention
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.scattered import Addition, Scattered
from exporter.state.store import PaneKey, Store

LAYOUT = Layout(task="regression", slices={"origin": 3})
RETENTION = Retention(fine=2 * DAY, hourly=4 * DAY, daily=30 * DAY)


def one(rows: float) -> Counts:
    counts = Counts.zero(LAYOUT)
    counts["rows"][0] = rows
    counts.by_slice[0, 0] = rows
    return counts


def filled(pane: int = 600, days: int = 8) -> Panes:
    panes = Panes(pane, RETENTION)
    for start in range(0, days * DAY, pane):
        panes.add({("v", start): one(1.0)})
    return panes


def rows(panes: Panes, seconds: int, end: int) -> float:
    return panes.window("v", LAYOUT, seconds, end).rows


def test_window_slides_by_the_pane() -> None:
    """A running window equals a fresh sum at every step."""
    running = filled()
    for end in range(DAY, DAY + 3 * HOUR, 600):
        assert rows(running, HOUR, end) == 6.0
    running.add({("v", DAY + 600): one(4.0), ("v", 0): one(9.0)})
    assert rows(running, HOUR, DAY + HOUR) == rows(filled(), HOUR, DAY + HOUR) + 4.0


def test_late_rows_enter_running_windows() -> None:
    panes = filled()
    assert rows(panes, DAY, 2 * DAY) == 144.0
    panes.add({("v", DAY): one(5.0)})
    assert rows(panes, DAY, 2 * DAY) == 149.0


def test_rolling_up_keeps_every_count() -> None:
    """After panes became hours and days, whole days sum to what they did; nothing is kept longer than told."""
    panes = filled()
    before = rows(panes, 7 * DAY, 8 * DAY)
    panes.roll(8 * DAY)
    assert rows(panes, 7 * DAY, 8 * DAY) == before
    widths = {width for _, width in panes._index["v", LAYOUT.id]}
    assert widths == {600, HOUR, DAY}
    panes.add({("v", 2 * DAY + 700): one(1.0)})
    assert rows(panes, 7 * DAY, 8 * DAY) == before + 1.0
    panes.roll(60 * DAY)
    assert panes._index == {}


def test_state_gives_back_what_was_written(tmp_path: Path) -> None:
    """Panes read from the state equal those written, also after a roll-up removed some."""
    store = Store(tmp_path / "m.sqlite")
    panes = filled(pane=3600, days=5)
    for step in (lambda: None, lambda: panes.roll(5 * DAY)):
        step()
        with store.transaction():
            panes.flush(store)
        again = Panes(3600, RETENTION)
        again.load(store, {"": LAYOUT})
        assert again._index == panes._index
        expected = panes.window("v", LAYOUT, 5 * DAY, 5 * DAY)
        actual = again.window("v", LAYOUT, 5 * DAY, 5 * DAY)
        assert np.array_equal(expected.all, actual.all)
        assert np.array_equal(expected.by_slice, actual.by_slice)


def test_panes_of_the_same_bins_are_adapted(tmp_path: Path) -> None:
    """A new latency objective changes the layout, not the bins: rows counted before stay in the windows."""
    store = Store(tmp_path / "m.sqlite")
    panes = filled(pane=3600, days=2)
    with store.transaction():
        panes.flush(store)
    wider = Layout(task="regression", slices={"origin": 3, "carrier": 4}, latency_bounds=(0.1, 0.2))
    again = Panes(3600, RETENTION)
    again.load(store, {"": wider})
    counts = again.window("v", wider, DAY, 2 * DAY)
    assert counts.rows == 24.0
    assert counts.sliced("origin", "rows")[:, 0].tolist() == [24.0, 0.0, 0.0]
    with store.transaction():
        again.flush(store)
    assert {key.layout for key, _ in store.panes()} == {wider.id}


def few(starts: range) -> tuple[list[tuple[str, int]], Scattered]:
    """One label in each of some panes, and one of the first slice value."""
    spans, count = LAYOUT.spans["labels"].start, len(starts)
    of_slice = LAYOUT.width + LAYOUT.slice_spans["labels"].start
    places = np.tile([spans, of_slice], count)
    return [("v", start) for start in starts], Scattered(
        LAYOUT, np.arange(count + 1) * 2, np.zeros(count + 1, dtype=np.int64), addition(places)
    )


def addition(places: np.ndarray) -> Addition:
    return Addition(places, np.ones(len(places)), np.empty((0, 0), dtype=np.uint8), np.empty((0, 0)))


def labels(panes: Panes, end: int = 5 * DAY) -> tuple[float, float]:
    counts = panes.window("v", LAYOUT, 5 * DAY, end)
    return counts.labels, float(counts.sliced("origin", "labels")[0, 0])


def written(panes: Panes, store: Store) -> tuple[dict[PaneKey, bytes], int]:
    """Panes as they lie in the state after a flush, and how many additions lie beside them."""
    with store.transaction():
        panes.flush(store)
    return dict(store.panes()), len(store.additions())


def read_again(store: Store) -> Panes:
    panes = Panes(600, RETENTION)
    panes.load(store, {"": LAYOUT})
    return panes


def test_few_labels_in_many_panes_leave_the_panes_as_they_lie(tmp_path: Path) -> None:
    """They count at once, in running windows too, and are there after a restart."""
    store, panes = Store(tmp_path / "m.sqlite"), filled(days=5)
    before, _ = written(panes, store)
    assert labels(panes) == (0.0, 0.0)
    for times in range(1, 4):
        panes.scatter(*few(range(0, DAY, 600)))
        assert labels(panes) == (144.0 * times, 144.0 * times)
        assert written(panes, store) == (before, 144 * times)
        panes = read_again(store)
        assert labels(panes) == (144.0 * times, 144.0 * times)


def test_pane_that_is_written_anew_has_its_additions(tmp_path: Path) -> None:
    """A row that comes for a pane later, a pane that had none yet, and additions that were never written."""
    store, panes = Store(tmp_path / "m.sqlite"), filled(days=1)
    written(panes, store)
    panes.scatter(*few(range(0, DAY + 1200, 600)))
    panes.add({("v", 600): one(1.0)})
    assert written(panes, store)[1] == 143
    panes.add({("v", 1200): one(1.0)})
    assert written(panes, store)[1] == 142
    for each in (panes, read_again(store)):
        assert labels(each) == (146.0, 146.0)
        assert rows(each, 5 * DAY, 5 * DAY) == 146.0


@pytest.mark.parametrize("most", [0, 1000, 3600])
def test_additions_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Beyond the bound the panes with most of them are written anew, no more of them than it takes."""
    monkeypatch.setattr(additions, "MOST_BYTES", most)
    store, panes = Store(tmp_path / "m.sqlite"), filled(days=1)
    before, _ = written(panes, store)
    panes.scatter(*few(range(0, 6000, 600)))
    panes.scatter(*few(range(0, DAY, 600)))
    size = len(addition(np.zeros(2, dtype=np.int64)).pack())
    after, left = written(panes, store)
    changed = sorted(key.start for key in before if after[key] != before[key])
    assert left * size <= most
    assert changed == list(range(0, 600 * len(changed), 600))
    assert left == (0 if most == 0 else most // size)
    assert labels(panes) == labels(read_again(store)) == (154.0, 154.0)


def test_additions_go_with_their_panes(tmp_path: Path) -> None:
    """Into the wider pane when panes are rolled up, and away when those are dropped."""
    store, panes = Store(tmp_path / "m.sqlite"), filled(days=5)
    written(panes, store)
    panes.scatter(*few(range(0, DAY, 600)))
    written(panes, store)
    panes.roll(8 * DAY)
    assert labels(panes) == (144.0, 144.0)
    assert written(panes, store)[1] == 0
    panes.scatter(*few(range(0, DAY, 600)))
    assert labels(read_again(store)) == (144.0, 144.0)
    assert written(panes, store)[1] == 144
    assert labels(read_again(store)) == (288.0, 288.0)
    panes.roll(60 * DAY)
    assert written(panes, store) == ({}, 0)


def test_additions_are_adapted_with_their_panes(tmp_path: Path) -> None:
    store, panes = Store(tmp_path / "m.sqlite"), filled(days=1)
    written(panes, store)
    panes.scatter(*few(range(0, DAY, 600)))
    written(panes, store)
    wider = Layout(task="regression", slices={"origin": 3, "carrier": 4}, latency_bounds=(0.1, 0.2))
    again = Panes(600, RETENTION)
    again.load(store, {"": wider})
    assert again.window("v", wider, DAY, DAY).labels == 144.0
    assert written(again, store)[1] == 0


@pytest.mark.parametrize("pane", [300, 3600, 86400])
def test_width_follows_age(pane: int) -> None:
    panes = Panes(pane, RETENTION)
    panes.roll(100 * DAY)
    assert panes.width_at(99 * DAY) == pane
    assert panes.width_at(97 * DAY) == max(pane, HOUR)
    assert panes.width_at(90 * DAY) == DAY


@pytest.mark.parametrize("order", list(permutations((HOUR, 6 * HOUR, DAY))))
def test_a_window_is_the_same_whichever_was_asked_before(order: tuple[int, ...]) -> None:
    """A longer one begins with the sum of a shorter one, which goes on for itself."""
    panes, end = filled(), 5 * DAY
    first = {seconds: rows(panes, seconds, end) for seconds in order}
    assert first == {seconds: rows(filled(), seconds, end) for seconds in order}
    panes.add({("v", end - 600): one(100.0)})
    later = {seconds: rows(panes, seconds, end) for seconds in order}
    assert later == {seconds: count + 100.0 for seconds, count in first.items()}


def test_the_tally_is_that_of_the_panes_however_they_changed(tmp_path: Path) -> None:
    """Asked again after rows, late labels beside the panes, and a roll-up."""
    panes = filled(days=4)
    written(panes, Store(tmp_path / "m.sqlite"))

    def told() -> tuple[list[int], float, float]:
        tally = panes.tally("v", LAYOUT, 3 * DAY, 4 * DAY)
        return tally.widths.tolist(), float(tally.answered.sum()), float(tally.labels.sum())

    assert told() == ([600] * 432, 432.0, 0.0)
    late = one(2.0)
    late["errors"][0], late["labels"][0] = 1.0, 1.0
    panes.add({("v", 2 * DAY): late})
    assert told() == ([600] * 432, 433.0, 1.0)
    panes.scatter(*few(range(3 * DAY, 3 * DAY + 600, 600)))
    assert told()[2] == 2.0
    panes.roll(6 * DAY)
    widths, answered, labels = told()
    assert (set(widths), answered, labels) == ({HOUR, DAY}, 433.0, 2.0)
    assert panes.tally("v", LAYOUT, DAY, 0).starts.tolist() == []
