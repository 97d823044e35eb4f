import io
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from demo.incidents import find
from demo.receiver import Told
from demo.replay import midnight
from demo.story import Happened, Sample, describe_progress, incident_table, other_pages, parse_metrics, read_incidents

METRICS = """\
# HELP ml_performance How good.
# TYPE ml_performance gauge
ml_performance{model="flight_delay",version="v1",window="1d",metric="accuracy"} 0.91
ml_performance{model="flight_delay",version="v2",window="1d",metric="accuracy"} 0.8912
ml_performance{model="flight_delay",version="v2",window="7d",metric="accuracy"} 0.5
ml_performance_reference{model="flight_delay",version="v2",window="1d",metric="accuracy"} 0.9
ml_performance{model="arrival_delay",version="v1",window="1d",metric="mean_absolute_error"} 12.34
ml_feature_drift_detected{model="flight_delay",version="v2",window="1d",feature="temp"} 1
ml_feature_drift_detected{model="flight_delay",version="v2",window="1d",feature="a \\"b\\""} 0
ml_up 1
"""
STATUS = {"event_time": midnight("2013-04-12") + 3600, "predictions": 10480, "labels": 9900, "incidents": ["errors"]}


def page(at: float, alert: str = "MLAvailabilitySLOBurn", model: str = "flight_delay", kind: str = "page") -> Told:
    return Told(kind, alert, model, at, "summary", None)


def test_only_the_asked_samples_are_read() -> None:
    samples = parse_metrics(METRICS, ["ml_up", "ml_performance_reference"])
    assert [(sample.name, sample.value) for sample in samples] == [("ml_performance_reference", 0.9), ("ml_up", 1.0)]
    assert samples[0] == Sample(
        "ml_performance_reference",
        {"model": "flight_delay", "version": "v2", "window": "1d", "metric": "accuracy"},
        0.9,
    )


def test_a_line_says_where_the_replay_is_and_how_the_models_are() -> None:
    told = [page(5.0), page(6.0, kind="ticket")]
    assert describe_progress(125.0, STATUS, METRICS, told) == (
        "[02:05] Fri 12 Apr 2013 01:00 · 10,480 flights · 9,900 landed · incident: errors · "
        "flight_delay: 1 of 2 features drifted (temp), accuracy 0.891, reference accuracy 0.900 · "
        "arrival_delay: MAE 12.3 min · pages 1, tickets 1"
    )


def test_a_silent_exporter_is_told() -> None:
    assert "the exporter does not answer" in describe_progress(1.0, STATUS, None, [])


def write_notes(path: Path, *phases: tuple[str, float]) -> None:
    lines = [
        orjson.dumps({"incident": "errors", "number": 0, "phase": phase, "wall": at, "event_time": 0})
        for phase, at in phases
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")


def test_incidents_are_read_with_their_end_if_they_had_one(tmp_path: Path) -> None:
    path = tmp_path / "incidents.jsonl"
    assert read_incidents(path) == []
    write_notes(path, ("start", 100.0))
    assert read_incidents(path) == [Happened(find("errors"), 100.0, None)]
    write_notes(path, ("start", 100.0), ("end", 160.0))
    assert read_incidents(path) == [Happened(find("errors"), 100.0, 160.0)]


def shown(*incidents: Happened, told: list[Told]) -> str:
    screen = io.StringIO()
    Console(file=screen, width=200, color_system=None).print(incident_table(incidents, told, begun=40.0))
    return screen.getvalue()


def test_the_table_says_after_how_long_an_incident_was_told() -> None:
    table = shown(Happened(find("errors"), 100.0, 160.0), told=[page(121.0)])
    row = next(line for line in table.splitlines() if "errors" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "errors", "60–120 s", "MLAvailabilitySLOBurn", "page", "flight_delay", "21 s", "not told",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "other", [page(99.0), page(300.0), page(121.0, model="arrival_delay"), page(121.0, alert="MLLabelsMissing")]
)
def test_alerts_before_long_after_and_of_others_do_not_tell_it(other: Told) -> None:
    assert "nothing" in shown(Happened(find("errors"), 100.0, 160.0), told=[other])


def test_pages_that_no_incident_explains_are_kept_apart() -> None:
    happened = [Happened(find("errors"), 100.0, 160.0)]
    before, within, ticket = page(99.0), page(101.0), page(99.0, kind="ticket")
    assert other_pages(happened, [before, within, ticket]) == [before]
