"""From a line in a log to a count: the rules on time, ids, labels, versions and restarts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporter.errors import StateError
from exporter.profile.counts import Counts
from tests.exporters import BINARY, DAY, HOUR, MULTICLASS, NOW, REGRESSION, Exporter, reference_rows, row, truth


@pytest.fixture
def exporter(tmp_path: Path):
    made = Exporter(tmp_path)
    made.fit()
    yield made
    made.close()


def outcomes(counts: Counts) -> dict[tuple[int, int], float]:
    """(predicted, actual) → rows."""
    table = counts["outcomes"]
    return {(int(p), int(a)): float(table[p, a]) for p, a in zip(*np.nonzero(table), strict=True)}


# Rows


def test_rows_are_counted_where_they_belong(exporter: Exporter) -> None:
    """Window, slice, feature cell, score and latency of each row; a second read of the same log counts nothing."""
    exporter.predict(row(1), row(2, ago=2 * HOUR, carrier="UA", x=None), row(3, seconds=0.2, x="bad"))
    exporter.read()
    exporter.read()
    counts = exporter.window()
    assert (counts.rows, exporter.window(HOUR).rows, exporter.rows_read()) == (3.0, 2.0, 3.0)
    assert counts.sliced("carrier", "rows")[:2, 0].tolist() == [2.0, 1.0]
    assert counts.feature("x")[:2].tolist() == [1.0, 1.0]
    assert counts.feature("carrier")[2:4].tolist() == [2.0, 1.0]
    assert (counts["latency"].sum(), counts["latency_sum"][0]) == (1.0, round(0.2 * 2**20) / 2**20)
    assert counts["score_sum"][0] == 2.25


def test_error_rows(exporter: Exporter) -> None:
    """Failed predictions count as rows and errors, not as latencies, scores or outcomes; success codes are no errors."""
    exporter.predict(
        row(1, error="timeout", late=None, p=None, seconds=9.0),
        row(2, error="", seconds=0.1),
        row(3, error=None),
        row(4, error="timeout"),
    )
    exporter.label(truth(1), truth(2))
    exporter.read()
    counts = exporter.window()
    assert (counts.rows, counts["errors"].tolist()[:2], counts["latency"].sum()) == (4.0, [2.0, 0.0], 1.0)
    assert exporter.book.vocabulary.names["error"] == ["timeout"]
    assert (counts.labels, outcomes(counts)) == (1.0, {(1, 1): 1.0})
    assert exporter.rejected() == {}


@pytest.mark.parametrize(("bad", "good"), [(True, False), (500, 0), (503.0, 0.0)])
def test_flags_and_codes_of_success_are_no_errors(exporter: Exporter, bad: Any, good: Any) -> None:
    exporter.predict(row(1, error=good), row(2, error=bad), row(3, error=good))
    exporter.read()
    assert exporter.window()["errors"].sum() == 1.0


def test_rows_that_cannot_be_counted_are_set_aside(exporter: Exporter) -> None:
    """No time, no prediction: counted by reason and noted by place, and the rows beside them count."""
    exporter.predict(row(1), row(2, ts=None), row(3, ts="soon"), row(4, late=None, p=None))
    exporter.read()
    assert exporter.window().rows == 1.0
    assert exporter.rejected() == {"bad_time": 2.0, "bad_prediction": 1.0}
    assert sorted((reject.row, reject.reason) for reject in exporter.rejects()) == [
        (2, "bad_time"),
        (3, "bad_time"),
        (4, "bad_prediction"),
    ]


def test_weights_multiply_counts(tmp_path: Path) -> None:
    columns = {**BINARY["predictions"]["columns"], "weight": "w"}
    exporter = Exporter(tmp_path, predictions={**BINARY["predictions"], "columns": columns})
    exporter.fit([{**each, "w": 1} for each in reference_rows()])
    exporter.predict(row(1, w=2.5), row(2, w=None), row(3, w=-1), row(4, w=0.1, carrier="UA"))
    exporter.label(truth(1), truth(4, 0))
    exporter.read()
    tenth = round(0.1 * 2**20) / 2**20
    counts = exporter.window()
    assert (counts.rows, counts.labels) == (4.5 + tenth, 2.5 + tenth)
    assert counts.sliced("carrier", "rows")[:2, 0].tolist() == [4.5, tenth]
    assert outcomes(counts) == {(1, 1): 2.5, (1, 0): tenth}
    assert counts["score_sum"][0] == 0.75 * 4.5 + round(0.75 * tenth * 2**30) / 2**30
    exporter.close()


# Ids


def test_duplicates_are_counted_once(exporter: Exporter) -> None:
    """In one batch, in a later one, after a restart; rows without an id are never duplicates."""
    exporter.predict(row(1), row(1, p=0.1), row(2), row(3, id=None), row(4, id=None), row(5, id=""))
    exporter.read()
    exporter.predict(row(2))
    exporter.read()
    exporter.restart()
    exporter.predict(row(1))
    exporter.read()
    assert exporter.window().rows == 5.0
    assert exporter.rejected() == {"duplicate": 3.0}
    assert exporter.window()["score_sum"][0] == 0.75 * 5


def test_ids_join_whatever_type_they_come_as(exporter: Exporter) -> None:
    """Whole numbers with gaps come as floats, or as text."""
    exporter.predict(row(0, id=7), row(0, id=8), row(0, id=9))
    exporter.write("labels/floats.jsonl", [{"id": 7.0, "late": 1}, {"id": None, "late": 1}, {"id": 7.5, "late": 1}])
    exporter.write("labels/text.jsonl", [{"id": "8", "late": 1}, {"id": "9", "late": 1}])
    exporter.read()
    assert exporter.window().labels == 3.0
    assert exporter.rejected("labels") == {"bad_id": 1.0}


# Labels


def test_late_label_lands_in_the_pane_of_its_prediction(exporter: Exporter) -> None:
    exporter.predict(row(1, ago=300.0))
    exporter.read()
    exporter.clock.advance(2 * DAY)
    exporter.predict(row(2, ago=-2 * DAY + 60))
    exporter.label(truth(1, 0, ago=-2 * DAY + 60))
    exporter.read()
    assert exporter.window().labels == 0.0
    then = exporter.window(HOUR, end=int(NOW))
    assert (then.rows, then.labels, outcomes(then)) == (1.0, 1.0, {(1, 0): 1.0})
    assert then["label_delay_sum"][0] == 2 * DAY + 240.0
    assert exporter.total().labels == 1.0


def test_early_label_waits_for_its_prediction(exporter: Exporter) -> None:
    exporter.label(truth(1, 0))
    exporter.read()
    exporter.samples()
    exporter.clock.advance(2)
    assert exporter.health.value("ml_exporter_labels_unmatched", ("m",)) == 1.0
    exporter.predict(row(1))
    exporter.read()
    exporter.samples()
    assert outcomes(exporter.window()) == {(1, 0): 1.0}
    assert exporter.health.value("ml_exporter_labels_unmatched", ("m",)) == 0.0


def test_orphans_are_told(tmp_path: Path) -> None:
    exporter = Exporter(tmp_path)
    exporter.fit()
    exporter.predict(row(1))
    exporter.label(truth(9))
    exporter.read()
    exporter.clock.advance(20 * DAY)
    exporter.read()
    assert exporter.rejected("labels") == {"orphan": 1.0}
    # The prediction's own wait has ended too, without a label; that is told, and still known after a restart.
    unlabelled = ("ml_exporter_predictions_unlabelled_total", ("m",))
    assert exporter.health.value(*unlabelled) == 1.0
    exporter.restart()
    exporter.read()
    assert exporter.health.value(*unlabelled) == 1.0
    exporter.close()


@pytest.mark.parametrize(("conflict", "held"), [("first", (1, 0)), ("last", (1, 1))])
def test_conflicting_labels(tmp_path: Path, conflict: str, held: tuple[int, int]) -> None:
    """The first or the last one holds in windows; counters are never taken back."""
    exporter = Exporter(tmp_path, labels={**BINARY["labels"], "conflict": conflict})
    exporter.fit()
    exporter.predict(row(1))
    exporter.label(truth(1, 0))
    exporter.read()
    exporter.label(truth(1, 1), truth(1, 1))
    exporter.read()
    assert outcomes(exporter.window()) == {held: 1.0}
    assert (outcomes(exporter.total()), exporter.total().labels) == ({(1, 0): 1.0}, 1.0)
    told = exporter.rejected("labels")
    assert told == ({"conflict": 2.0} if conflict == "first" else {"conflict": 1.0, "duplicate": 1.0})
    exporter.close()


@pytest.mark.parametrize(
    ("positive", "default", "expected"),
    [(None, "0", (1, 0)), (None, "No", (1, 0)), (None, "1", (1, 1)), ("delayed", "early", (1, 0))],
)
def test_default_label_after_the_wait(tmp_path: Path, positive: str | None, default: str, expected: Any) -> None:
    """What never got a label is taken to have the default one."""
    classes = {} if positive is None else {"positive_class": positive, "classes": ["early", positive]}
    exporter = Exporter(tmp_path, labels={**BINARY["labels"], "default": default}, **classes)
    name = positive or 1
    exporter.fit([{**each, "late": name if each["late"] else "no", "y": name if each["y"] else "no"}
                  for each in reference_rows()])  # fmt: skip
    exporter.predict(row(1, late=name), row(2, late=name), row(3, late=None, p=None, error="down"))
    exporter.label(truth(2, name))
    exporter.read()
    assert exporter.window().labels == 1.0
    exporter.clock.advance(6 * DAY)
    exporter.read()
    counts = exporter.window(DAY, end=int(NOW))
    assert counts.labels == 2.0
    assert outcomes(counts) == ({(1, 1): 2.0} if expected == (1, 1) else {(1, 1): 1.0, expected: 1.0})
    exporter.close()


def test_labels_in_the_row(tmp_path: Path) -> None:
    columns = {**BINARY["predictions"]["columns"], "label": "y", "label_time": "known"}
    exporter = Exporter(
        tmp_path, labels=None, reference_data={"source": {"type": "files", "path": "reference.jsonl"}},
        predictions={**BINARY["predictions"], "columns": columns},
    )  # fmt: skip
    exporter.fit()
    exporter.predict(row(1, y=0, known=NOW - 30), row(2, y=None), row(3, y=1), row(3, y=0), row(4, y=1, error="down"))
    exporter.read()
    counts = exporter.window()
    assert (counts.rows, counts.labels, outcomes(counts)) == (4.0, 2.0, {(1, 0): 1.0, (1, 1): 1.0})
    assert (counts["label_delay"].sum(), counts["label_delay_sum"][0]) == (1.0, 30.0)
    exporter.close()


def test_labels_that_cannot_be_used(exporter: Exporter) -> None:
    exporter.predict(row(1))
    exporter.label({"id": None, "late": 1}, {"id": "i1", "late": None}, truth(1, 1))
    exporter.read()
    assert exporter.rejected("labels") == {"bad_id": 1.0, "bad_label": 1.0}
    assert exporter.window().labels == 1.0


# Time


def test_rows_of_the_future_and_of_long_ago(exporter: Exporter) -> None:
    """By the wall clock: what is dated ahead, or before what is kept, is set aside; a row of 2038 moves nothing."""
    exporter.predict(row(1), row(2, ts="2038-01-19T03:14:07Z"), row(3, ts=0), row(4, ago=31 * DAY), row(5, ago=-200))
    exporter.read()
    assert exporter.rejected() == {"future": 1.0, "too_old": 2.0}
    assert exporter.total().rows == 2.0
    assert exporter.window().rows == 1.0
    assert [reject.row for reject in exporter.rejects()] != []


def test_wall_clock_windows_empty_when_the_log_stops(exporter: Exporter) -> None:
    exporter.predict(row(1))
    exporter.read()
    assert exporter.window(HOUR).rows == 1.0
    exporter.clock.advance(2 * HOUR)
    exporter.read()
    assert exporter.window(HOUR).rows == 0.0
    assert (
        "ml_exporter_source_lag_seconds" in {family.name for family, _ in exporter.health.read()} or exporter.samples()
    )
    assert exporter.health.value("ml_exporter_source_lag_seconds", ("m", "predictions")) == 2 * HOUR + 60.0


def test_watermark_clock_stands_still_with_the_log(tmp_path: Path) -> None:
    """Windows end at the newest pane with rows, whatever the machine's clock says; a stray row does not move it."""
    exporter = Exporter(tmp_path, clock="watermark", now=NOW + 1000 * DAY)
    exporter.fit()
    exporter.predict(*[row(i, ago=600.0) for i in range(200)], row(900, ts="2038-01-19T03:14:07Z"))
    exporter.read()
    assert exporter.book.timeline.window_end(exporter.clock.now()) == NOW - 300
    assert (exporter.window(HOUR).rows, exporter.rejected()) == (200.0, {"future": 1.0})
    exporter.clock.advance(DAY)
    exporter.read()
    assert exporter.window(HOUR).rows == 200.0
    exporter.close()


def test_backlog_enters_windows_but_not_counters(exporter: Exporter) -> None:
    """No burst at the first start: rows and labels older than `max_counter_age` are no news."""
    exporter.predict(*[row(i, ago=3 * HOUR, error="down" if i == 5 else None) for i in range(10)], row(10))
    exporter.label(truth(1, ago=2 * HOUR), truth(10), truth(2, ago=10))
    exporter.read()
    assert (exporter.window().rows, exporter.window().labels) == (11.0, 3.0)
    assert (exporter.total().rows, exporter.total().labels, exporter.total()["errors"].sum()) == (1.0, 2.0, 0.0)


def test_replay_in_order_is_no_backlog(tmp_path: Path) -> None:
    """By the watermark, rows are late only if they are behind what came before; a batch may span days."""
    exporter = Exporter(tmp_path, clock="watermark")
    exporter.fit()
    exporter.predict(*[row(i, ago=DAY - 60 * i) for i in range(1000)])
    exporter.read()
    assert exporter.total().rows == 1000.0
    exporter.predict(*[row(i, ago=DAY - 60 * i) for i in range(1000, 1400)], row(5000, ago=DAY))
    exporter.read()
    assert exporter.total().rows == 1400.0
    exporter.close()


def test_partition_that_was_idle_before_a_restart_holds_nobody_up_after_it(tmp_path: Path) -> None:
    exporter = Exporter(tmp_path, clock="watermark")
    exporter.fit()
    exporter.predict(row(1))
    exporter.read()
    line = exporter.book.timeline
    line.advance(np.array([int((NOW - DAY) * 1e6)]), "dead", exporter.clock.now())
    exporter.clock.advance(1000)
    exporter.predict(row(2, ago=30))
    exporter.read()
    end = line.watermark(exporter.clock.now())
    exporter.restart()
    exporter.clock.advance(5 * DAY)
    exporter.read()
    assert exporter.book.timeline.watermark(exporter.clock.now()) == end
    exporter.close()


# Versions


def by_version(exporter: Exporter) -> dict[str, float]:
    return {labels[0]: value for labels, value in exporter.samples()["ml_predictions_total"].items()}


def test_versions_with_references_of_their_own_in_one_batch(tmp_path: Path) -> None:
    """A roll-out: each row is counted in the bins of its version, duplicates are told across them in the log's order."""
    exporter = Exporter(tmp_path, reference={"default": "m.mlref", "versions": {"v2": "v2.mlref"}})
    rows = reference_rows(version="v1")
    wider = [{**each, "version": "v2", "x": each["x"] * 100} for each in reference_rows(seed=1)]
    exporter.fit([*rows, *wider])
    old, new = exporter.worker.references.layout("v1"), exporter.worker.references.layout("v2")
    assert old.id != new.id
    log = [row(i, version=("v1", "v2", None)[i % 3], x=1000.0) for i in range(30)]
    exporter.predict(*log, row(1, version="v1"), row(100, ts=None, version="v2"), row(101, version="v1"))
    exporter.label(*[truth(i) for i in range(30)])
    exporter.read()
    assert {v: exporter.window(version=v).rows for v in ("v1", "v2", "unversioned")} == {
        "v1": 11.0, "v2": 10.0, "unversioned": 10.0,
    }  # fmt: skip
    assert exporter.window(version="v1").feature("x")[-1] == 10.0
    assert exporter.window(version="v2").feature("x")[-1] == 0.0
    assert exporter.window(version="v2").labels == 10.0
    assert exporter.rejected() == {"duplicate": 1.0, "bad_time": 1.0}
    assert sorted((r.row, r.reason) for r in exporter.rejects()) == [(31, "duplicate"), (32, "bad_time")]
    exporter.close()


def test_first_of_two_versions_of_an_id_counts(tmp_path: Path) -> None:
    """Whichever version's bins are counted first, the row that stands first in the log is the one that counts."""
    exporter = Exporter(tmp_path, reference={"default": "m.mlref", "versions": {"v2": "v2.mlref"}})
    exporter.fit([*reference_rows(version="v1"), *({**r, "version": "v2", "x": 1.0} for r in reference_rows(seed=1))])
    exporter.predict(row(9, version="v1"), row(1, version="v2"), row(1, version="v1"), row(2, version="v1"))
    exporter.read()
    assert (exporter.window(version="v1").rows, exporter.window(version="v2").rows) == (2.0, 1.0)
    exporter.close()


def test_version_without_traffic_is_retired(exporter: Exporter) -> None:
    """Its series go after the longest window; they are back with its rows."""
    exporter.predict(row(1, version="old"), row(2, version="new"))
    exporter.read()
    assert set(by_version(exporter)) == {"old", "new"}
    exporter.clock.advance(2 * DAY)
    exporter.predict(row(3, ago=-2 * DAY + 60, version="new"))
    exporter.read()
    assert by_version(exporter) == {"new": 2.0}
    exporter.predict(row(4, ago=-2 * DAY + 60, version="old"))
    exporter.read()
    assert by_version(exporter) == {"new": 2.0, "old": 2.0}


def test_version_is_forgotten_with_its_panes(exporter: Exporter) -> None:
    exporter.predict(row(1, version="old"), row(2, version="new"))
    exporter.read()
    exporter.clock.advance(31 * DAY)
    exporter.predict(row(3, ago=-31 * DAY + 60, version="new"))
    exporter.read()
    exporter.restart()
    assert set(exporter.worker._book.totals) == {"new"}
    assert exporter.book.versions.last.keys() == {"new"}


def test_million_versions_become_other(exporter: Exporter) -> None:
    """A version column that is an id by mistake costs no memory."""
    exporter.predict(*[row(i, version=f"run-{i}") for i in range(500)])
    exporter.read()
    exporter.predict(*[row(i, version=f"run-{i}") for i in range(500, 600)], row(700, version="run-3"))
    exporter.read()
    assert len(exporter.book.totals) == 101
    assert exporter.window(version="other").rows == 500.0
    assert exporter.window(version="run-3").rows == 2.0


# References


def test_refit_keeps_old_panes_and_starts_new_windows(exporter: Exporter) -> None:
    exporter.predict(*[row(i) for i in range(100)])
    exporter.label(truth(1))
    exporter.read()
    old = exporter.worker.references.layout("")
    exporter.fit([{**each, "x": each["x"] * 2} for each in reference_rows()])
    exporter.restart()
    exporter.read()
    assert exporter.worker.references.layout("").bins_id != old.bins_id
    assert exporter.window().rows == 0.0
    assert exporter.book.panes.window("unversioned", old, DAY, int(NOW)).rows == 100.0
    assert "ml_feature_drift" not in exporter.samples()
    assert exporter.total().rows == 100.0
    exporter.predict(*[row(i) for i in range(100, 170)])
    exporter.label(truth(2), truth(101))
    exporter.read()
    assert (exporter.window().rows, exporter.window().labels, exporter.total().rows) == (70.0, 2.0, 170.0)


def test_missing_reference_file_costs_drift_not_traffic(tmp_path: Path) -> None:
    exporter = Exporter(tmp_path)
    exporter.predict(*[row(i) for i in range(100)])
    exporter.label(*[truth(i) for i in range(100)])
    exporter.read()
    assert [path.name for path in exporter.worker.references.missing] == ["m.mlref"]
    assert (exporter.window().rows, exporter.window().labels) == (100.0, 100.0)
    samples = exporter.samples()
    assert "ml_feature_drift" not in samples
    assert samples["ml_performance"]["unversioned", "1h", "accuracy"] == 1.0
    exporter.fit()
    exporter.restart()
    exporter.read()
    exporter.predict(*[row(i) for i in range(200, 300)])
    exporter.read()
    assert (exporter.window().rows, exporter.total().rows) == (100.0, 200.0)
    exporter.close()


def test_slices_may_change_while_predictions_wait(exporter: Exporter) -> None:
    """Dimensions come, go, shrink and change places: waiting predictions keep their values where they still mean something."""
    exporter.configure(slices={"carrier": {"column": "carrier", "max_values": 4}, "site": {"column": "site"}})
    exporter.predict(*[row(i, carrier="ABCDE"[i % 5], site="xy"[i % 2]) for i in range(10)])
    exporter.read()
    exporter.restart(
        slices={
            "new": {"column": "late"},
            "site": {"column": "site"},
            "carrier": {"column": "carrier", "max_values": 2},
        }
    )
    exporter.label(*[truth(i) for i in range(10)])
    exporter.read()
    counts = exporter.window()
    assert counts.labels == 10.0
    assert counts.sliced("site", "labels")[:2, 0].tolist() == [5.0, 5.0]
    assert counts.sliced("site", "rows")[:2, 0].tolist() == [5.0, 5.0]
    assert counts.sliced("carrier", "labels")[:, 0].tolist() == [2.0, 2.0, 6.0]
    assert counts.sliced("carrier", "rows")[:, 0].tolist() == [2.0, 2.0, 6.0]
    assert counts.sliced("new", "labels").sum() == 0.0


# Sources


def test_source_that_is_away_and_back(exporter: Exporter) -> None:
    """It is tried again with back-off, the other one goes on, and nothing is lost or counted twice."""
    exporter.predict(row(1))
    exporter.label()
    exporter.read()
    log = exporter.folder / "logs/a.jsonl"
    log.rename(exporter.folder / "away")
    exporter.label(truth(1))
    exporter.read()
    assert exporter.health.value("ml_exporter_source_up", ("m", "predictions")) == 0.0
    assert exporter.worker.stream_trouble("predictions") != ""
    assert exporter.window().labels == 1.0
    (exporter.folder / "away").rename(log)
    exporter.predict(row(2))
    exporter.read()
    assert exporter.window().rows == 1.0
    exporter.clock.advance(2)
    exporter.read()
    assert exporter.health.value("ml_exporter_source_up", ("m", "predictions")) == 1.0
    assert (exporter.window(end=int(NOW)).rows, exporter.worker.stream_trouble("predictions")) == (2.0, "")


def test_mistake_in_a_source_is_a_source_that_is_down(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter.predict(row(1))
    exporter.label(truth(1))
    stream = exporter.worker._streams[0]
    monkeypatch.setattr(stream, "poll", lambda *_: 1 / 0)
    exporter.read()
    assert "ZeroDivisionError" in exporter.worker.stream_trouble("predictions")
    assert exporter.rows_read("labels") == 1.0


def test_half_counted_poll_is_counted_again_from_the_start(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails after rows were counted: what is in memory is thrown away, and the log is read again."""
    exporter.predict(row(1), row(2))
    with monkeypatch.context() as broken:
        exporter.worker.step  # noqa: B018 - opens it
        broken.setattr(exporter.book.ledger, "flush", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            exporter.worker.step()
    exporter.read()
    assert (exporter.window().rows, exporter.rows_read(), exporter.rejected()) == (2.0, 2.0, {})


def test_state_that_cannot_be_written_loses_nothing(exporter: Exporter) -> None:
    exporter.predict(row(1), row(2))
    exporter.worker._store._db.execute("PRAGMA query_only = 1")
    with pytest.raises(StateError, match=r"m\.sqlite"):
        exporter.worker.step()
    exporter.read()
    assert (exporter.window().rows, exporter.rows_read()) == (2.0, 2.0)


# Restarts


def test_restart_gives_identical_samples(exporter: Exporter) -> None:
    """To the last bit, counters of the exporter itself included; nothing new was read."""
    exporter.predict(*[row(i, ago=i * 200, carrier="ABCD"[i % 4], version=f"v{i % 2}") for i in range(500)])
    exporter.label(*[truth(i, i % 2) for i in range(0, 500, 3)], truth(3, 0), truth(99999))
    exporter.read()
    before, rows, rejected = exporter.samples(), exporter.rows_read(), exporter.rejected("labels")
    lag = exporter.health.value("ml_exporter_source_lag_seconds", ("m", "predictions"))
    exporter.restart()
    assert exporter.samples() == before
    assert (exporter.rows_read(), exporter.rejected("labels")) == (rows, rejected)
    assert exporter.health.value("ml_exporter_source_lag_seconds", ("m", "predictions")) == lag
    exporter.read()
    assert exporter.samples() == before


# Other tasks


def test_regression(tmp_path: Path) -> None:
    exporter = Exporter(tmp_path, REGRESSION)
    exporter.fit([{**each, "value": each["x"], "y": each["x"] + 1.0} for each in reference_rows()])
    exporter.predict(row(1, value=10.0), row(2, value=12.5), row(3, value="a lot"), row(4, value=0.0))
    exporter.label({"id": "i1", "y": 11.0}, {"id": "i2", "y": "12"}, {"id": "i4", "y": 0.0}, {"id": "i9", "y": "x"})
    exporter.read()
    counts = exporter.window()
    assert (counts.rows, counts.labels, exporter.rejected()) == (3.0, 3.0, {"bad_prediction": 1.0})
    assert counts["error_terms"][[0, 1, 2, 3, 5]].tolist() == [3.0, 1.5, 1.25, -0.5, 2.0]
    assert exporter.rejected("labels") == {"bad_label": 1.0}
    exporter.close()


def multiclass_rows(classes: str = "ab") -> list[dict[str, Any]]:
    rows = reference_rows()
    return [
        {
            **each,
            "kind": classes[i % len(classes)],
            "y": classes[i % len(classes)],
            "p_a": each["p"],
            "p_b": 1 - each["p"],
        }
        for i, each in enumerate(rows)
    ]


def test_multiclass_with_scores(tmp_path: Path) -> None:
    exporter = Exporter(tmp_path, MULTICLASS)
    exporter.fit(multiclass_rows())
    exporter.predict(
        row(1, kind="a", p_a=0.75, p_b=0.25), row(2, kind="b", p_a=0.25, p_b=0.75), row(3, kind="c", p_a=None, p_b=2)
    )
    exporter.label(*[{"id": f"i{i}", "kind": kind} for i, kind in ((1, "a"), (2, "a"), (3, "b"))])
    exporter.read()
    counts = exporter.window()
    assert outcomes(counts) == {(0, 0): 1.0, (1, 0): 1.0, (2, 1): 1.0}
    assert counts["score_terms"][[0, 2]].tolist() == [2 * 0.25**2 + 2 * 0.75**2, 2.0]
    exporter.close()


def test_new_class_in_a_refit_while_predictions_wait(tmp_path: Path) -> None:
    """Codes of classes move when a reference brings another class; what waits keeps its meaning."""
    exporter = Exporter(tmp_path, MULTICLASS)
    exporter.fit(multiclass_rows("bc"))
    exporter.predict(row(1, kind="b"), row(2, kind="c"), row(3, kind="z"))
    exporter.read()
    exporter.fit(multiclass_rows("abc"))
    exporter.restart()
    exporter.predict(row(4, kind="a"))
    exporter.label(*[{"id": f"i{i}", "kind": kind} for i, kind in ((1, "c"), (2, "c"), (3, "a"), (4, "a"))])
    exporter.read()
    assert outcomes(exporter.window()) == {(1, 2): 1.0, (2, 2): 1.0, (3, 0): 1.0, (0, 0): 1.0}
    exporter.close()


def test_model_without_time_in_its_reference(exporter: Exporter) -> None:
    notes = exporter.fit([{k: v for k, v in each.items() if k != "ts"} for each in reference_rows()])
    assert any("no time column" in note for note in notes)
    exporter.predict(*[row(i) for i in range(100)])
    exporter.read()
    samples = exporter.samples()
    assert "ml_feature_drift" in samples
    assert "ml_window_reference_predictions" not in samples


def test_memory_of_a_poll_over_thousands_of_panes(exporter: Exporter) -> None:
    """A year of rows in one poll: panes are counted and packed some at a time."""
    exporter.predict(*[row(i, ago=i * 300.0) for i in range(8000)])
    exporter.read()
    book = exporter.book
    assert sum(counts.all.nbytes + counts.by_slice.nbytes for counts in book.panes._hot.values()) <= 48 << 20
    assert exporter.window(DAY).rows == 288.0
    assert (
        exporter.book.panes.window("unversioned", exporter.worker.references.layout(""), 20 * DAY, int(NOW)).rows
        == 5760.0
    )
