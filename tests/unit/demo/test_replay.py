import threading
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from demo import data
from demo.incidents import Occurrence, find, parse_schedule
from demo.model import Model, ModelName, fit_encoder
from demo.replay import Paths, Replay, midnight
from demo.rollout import CANARY_FROM, ROLLED_OUT_FROM, version_of
from demo.stream import Stream
from exporter.clock import ManualClock

START = midnight("2013-01-01")
DAY = 86400


class LinearEstimator:
    """Late if it left late; no departure delay counts as one of -5 minutes."""

    def predict(self, matrix: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.nan_to_num(matrix[:, 0], nan=-5.0)

    def predict_proba(self, matrix: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        late = 1 / (1 + np.exp(-(self.predict(matrix) - 15) / 10))
        return np.column_stack([1 - late, late])


def make_stream(name: ModelName, flights: pa.Table, folder: Path) -> Stream:
    encoder = fit_encoder(flights.select(data.FEATURES))
    return Stream(name, {"v1": Model(name, "v1", encoder, LinearEstimator())}, flights, folder)


def replay(flights: pa.Table, folder: Path, *schedule: str) -> Paths:
    paths = Paths(folder)
    streams = [make_stream(name, flights, paths.logs) for name in ("flight_delay", "arrival_delay")]
    replayed = Replay(streams, paths, start=START, speed=8640, schedule=parse_schedule(schedule))
    replayed.run(ManualClock(), threading.Event())
    return paths


def read_lines(folder: Path, stem: str) -> list[dict[str, Any]]:
    files = sorted(folder.glob(f"{stem}-*.jsonl"))
    return [orjson.loads(line) for file in files for line in file.read_bytes().splitlines()]


def without_latency(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in ("latency_ms", "seconds")} for row in rows]


def test_every_flight_is_logged_once_and_every_landing_too(january: pa.Table, tmp_path: Path) -> None:
    logs = replay(january, tmp_path).logs
    ids = january["request_id"].to_pylist()
    landed = sorted(january.filter(january["landed"].is_valid())["request_id"].to_pylist())
    assert [row["request_id"] for row in read_lines(logs / "flight_delay", "predictions")] == ids
    assert sorted(row["request_id"] for row in read_lines(logs / "flight_delay", "labels")) == landed
    files = sorted((logs / "arrival_delay").glob("*.parquet"))
    assert [row for file in files for row in pq.read_table(file)["flight"].to_pylist()] == ids
    labels = [pacsv.read_csv(file) for file in sorted((logs / "arrival_delay").glob("*.csv"))]
    assert sorted(pa.concat_tables(labels)["flight"].to_pylist()) == landed


def test_a_row_says_what_the_configuration_reads(january: pa.Table, tmp_path: Path) -> None:
    first = read_lines(replay(january, tmp_path).logs / "flight_delay", "predictions")[0]
    assert first.pop("latency_ms") >= 0
    assert {name: first[name] for name in ("ts", "request_id", "model_version", "late", "error")} == {
        "ts": "2013-01-01T05:17:00",
        "request_id": "20130101-EWR-UA1545",
        "model_version": "v1",
        "late": 0,
        "error": None,
    }
    assert first["probability"] == pytest.approx(1 / (1 + np.exp(1.3)), abs=1e-5)
    assert set(data.FEATURES) <= first.keys()


def test_labels_say_when_the_flight_landed(january: pa.Table, tmp_path: Path) -> None:
    labels = {row["request_id"]: row for row in read_lines(replay(january, tmp_path).logs / "flight_delay", "labels")}
    assert labels["20130101-EWR-UA1545"] == {
        "request_id": "20130101-EWR-UA1545",
        "late": 0,
        "landed_at": "2013-01-01T09:30:00-0500",
    }


def test_two_replays_differ_in_nothing_but_latency(january: pa.Table, tmp_path: Path) -> None:
    rows = []
    for name in ("one", "two"):
        logs = replay(january, tmp_path / name, "errors@5s+5s", "missing_feature@12s+3s").logs
        rows.append(without_latency(read_lines(logs / "flight_delay", "predictions")))
    assert rows[0] == rows[1]


def test_the_model_is_asked_with_the_corrupted_feature(january: pa.Table, tmp_path: Path) -> None:
    """From the tenth second on, which is the second day, every answer is the one without a departure delay."""
    logs = replay(january, tmp_path, "missing_feature@10s+10s").logs
    for row in read_lines(logs / "flight_delay", "predictions"):
        if row["ts"] < "2013-01-02":
            assert row["dep_delay"] is not None or row["probability"] == 0.1192
        else:
            assert (row["dep_delay"], row["probability"]) == (None, 0.1192)


def test_held_predictions_come_all_at_once_and_nothing_is_lost(january: pa.Table, tmp_path: Path) -> None:
    stream = make_stream("flight_delay", january, tmp_path)
    held = [Occurrence(find("stale_source"), START + DAY / 2, START + DAY)]
    stream.advance(START + DAY / 2 - 1, held)
    before, labels = stream.predictions, stream.labels
    stream.advance(START + DAY - 1, held)
    assert stream.predictions == before
    assert stream.labels > labels
    stream.advance(START + DAY, held)
    assert [row["request_id"] for row in read_lines(tmp_path / "flight_delay", "predictions")] == january[
        "request_id"
    ].to_pylist()[: stream.predictions]
    assert stream.predictions > before


def test_held_labels_come_all_at_once(january: pa.Table, tmp_path: Path) -> None:
    stream = make_stream("arrival_delay", january, tmp_path)
    held = [Occurrence(find("labels_stop"), START + DAY / 2, START + DAY)]
    stream.advance(START + DAY / 2 - 1, held)
    before, predictions = stream.labels, stream.predictions
    stream.advance(START + DAY - 1, held)
    assert (stream.labels, stream.predictions > predictions) == (before, True)
    stream.advance(START + DAY, held)
    assert stream.labels > before


def test_an_incident_of_another_model_changes_nothing(january: pa.Table, tmp_path: Path) -> None:
    stream = make_stream("arrival_delay", january, tmp_path)
    stream.advance(START + DAY, [Occurrence(find("stale_source"), START, START + 2 * DAY)])
    assert stream.predictions > 0


def test_incidents_are_told_when_they_start_and_end(january: pa.Table, tmp_path: Path) -> None:
    paths = replay(january, tmp_path, "errors@5s+5s")
    notes = [orjson.loads(line) for line in paths.incidents.read_bytes().splitlines()]
    assert [(note["incident"], note["phase"], note["event_time"] - START) for note in notes] == [
        ("errors", "start", DAY / 2),
        ("errors", "end", DAY),
    ]


def test_history_is_in_the_logs_when_the_clock_starts(january: pa.Table, tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    replayed = Replay([make_stream("flight_delay", january, paths.logs)], paths, start=START + DAY)
    replayed.write_history(START, ManualClock())
    days = {row["ts"][:10] for row in read_lines(paths.logs / "flight_delay", "predictions")}
    assert days == {"2013-01-01"}
    assert orjson.loads(paths.status.read_bytes())["event_time"] == START + DAY


def test_a_running_replay_obeys_its_control_file(january: pa.Table, tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    replayed = Replay([], paths, start=START)
    paths.control.write_text('{"do":"start","incident":"errors","seconds":null}\n{"do":"st')
    replayed.steer(START + 100)
    assert replayed.occurrences == [Occurrence(find("errors"), START + 100, float("inf"))]
    with paths.control.open("a") as file:
        file.write('op","incident":"errors"}\n')
    replayed.steer(START + 200)
    assert replayed.occurrences == [Occurrence(find("errors"), START + 100, START + 200)]


def test_an_unusable_command_is_passed_over(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    replayed = Replay([], paths, start=START)
    paths.control.write_text('nonsense\n{"do":"start","incident":"none"}\n{"do":"start","incident":"errors"}\n')
    replayed.steer(START)
    assert [each.incident.name for each in replayed.occurrences] == ["errors"]


def test_the_status_says_how_far_it_is(january: pa.Table, tmp_path: Path) -> None:
    status = orjson.loads(replay(january, tmp_path).status.read_bytes())
    assert (status["predictions"], status["finished"], status["incidents"]) == (len(january), True, [])


@pytest.mark.parametrize(
    ("time", "host", "version"),
    [
        (CANARY_FROM - 1, "host-b", "v1"),
        (CANARY_FROM, "host-b", "v2"),
        (CANARY_FROM, "host-a", "v1"),
        (ROLLED_OUT_FROM, "host-a", "v2"),
    ],
)
def test_a_version_is_tried_on_one_host_before_all(time: float, host: str, version: str) -> None:
    assert version_of("flight_delay", time, host) == version
    assert version_of("arrival_delay", time, host) == "v1"


def test_who_asks_again_gets_an_answer_and_a_truth_each_time(january: pa.Table, tmp_path: Path) -> None:
    """From the second day on flights from LGA are asked for four times; ids stay unique, labels fit."""
    logs = replay(january, tmp_path, "traffic_burst@10s+10s").logs / "flight_delay"
    predictions, labels = read_lines(logs, "predictions"), read_lines(logs, "labels")
    ids = [row["request_id"] for row in predictions]
    assert len(set(ids)) == len(ids)
    asked = {row["request_id"]: row["origin"] == "LGA" and row["ts"] >= "2013-01-02" for row in predictions}
    plain = set(january["request_id"].to_pylist())
    assert {one for one in ids if one.split("+")[0] not in plain} == set()
    again = [one for one in ids if "+" in one]
    assert len(again) == 3 * sum(asked[one] for one in plain) > 0
    assert all(asked[one] for one in again)
    known = [row["request_id"] for row in labels]
    assert len(set(known)) == len(known)
    for row in labels:
        first = row["request_id"].split("+")[0]
        assert sum(one.split("+")[0] == first for one in known) == (4 if asked[first] else 1)


def test_runs_that_fail_publish_nothing_and_the_next_good_one_all(january: pa.Table, tmp_path: Path) -> None:
    """A run each three hours tells of itself; what it read is what it published."""
    logs = replay(january, tmp_path, "failed_batch@5s+5s").logs / "arrival_delay"
    runs = read_lines(logs, "runs")
    starts = [row["started"] for row in runs]
    assert starts == sorted(starts)
    failed = [row for row in runs if row["status"] == "failed"]
    assert [row["started"] for row in failed] == [f"2013-01-01T{hour}:05:00Z" for hour in (18, 21)] + [
        f"2013-01-02T0{hour}:05:00Z" for hour in (0, 3)
    ]
    assert {row["rows_out"] for row in failed} == {0}
    good = [row for row in runs if row["status"] == "success"]
    assert all(row["rows_in"] == row["rows_out"] for row in good)
    published = sum(len(pq.read_table(file)) for file in logs.glob("*.parquet"))
    assert sum(row["rows_out"] for row in good) == published == len(january)
    assert good[-1]["ended"] > good[-1]["started"]
