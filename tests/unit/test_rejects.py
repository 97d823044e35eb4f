"""`ml-exporter rejects`: the latest rows set aside, read beside a running exporter."""

from pathlib import Path

import pytest

from exporter.batch import REJECT_REASONS, Reject
from exporter.errors import ExporterError, StateError
from exporter.rejects import SetAside, latest_rejects, render_lines
from tests.exporters import Exporter, row, truth


@pytest.fixture
def exporter(tmp_path: Path):
    made = Exporter(tmp_path)
    yield made
    made.close()


def test_rows_are_listed_newest_first_while_the_exporter_runs(exporter: Exporter) -> None:
    exporter.predict(row(1), row(2, ts="soon"), row(3, late=None, p=None))
    exporter.label()
    exporter.read()
    exporter.label(truth(1), truth(1))
    exporter.read()
    with exporter.worker._store.transaction():
        found = list(latest_rejects(exporter.plan, None, 100))
    log, labels = exporter.folder / "logs/a.jsonl", exporter.folder / "labels/a.jsonl"
    assert [(each.model, each.stream, each.reject.origin, each.reject.row, each.reject.reason) for each in found] == [
        ("m", "labels", str(labels), 2, "duplicate"),
        ("m", "predictions", str(log), 3, "bad_prediction"),
        ("m", "predictions", str(log), 2, "bad_time"),
    ]
    assert [each.reject.content for each in found] == [None, None, None]
    assert list(latest_rejects(exporter.plan, "m", 1)) == found[:1]


def test_rows_are_listed_when_it_has_stopped(exporter: Exporter) -> None:
    exporter.predict(row(1, ts="soon"))
    exporter.read()
    exporter.close()
    (line,) = render_lines(latest_rejects(exporter.plan, None, 100))
    assert line.startswith(f"m predictions  {exporter.folder}/logs/a.jsonl:1  bad_time  ")


def test_no_state_and_no_such_model(exporter: Exporter) -> None:
    with pytest.raises(StateError, match=r"m\.sqlite: there is no state yet; start `ml-exporter run`"):
        list(latest_rejects(exporter.plan, None, 100))
    assert not (exporter.folder / "state").exists()
    with pytest.raises(ExporterError, match="no model 'other' in the configuration; it has m"):
        list(latest_rejects(exporter.plan, "other", 100))


def test_nothing_set_aside(exporter: Exporter) -> None:
    exporter.predict(row(1))
    exporter.read()
    assert render_lines(latest_rejects(exporter.plan, None, 100)) == ["no row was set aside"]


def test_damaged_state_is_told(exporter: Exporter) -> None:
    (exporter.folder / "state").mkdir()
    (exporter.folder / "state/m.sqlite").write_bytes(b"no database at all, but long enough to be read as one" * 20)
    with pytest.raises(StateError, match=r"m\.sqlite: file is not a database"):
        list(latest_rejects(exporter.plan, None, 100))


def test_content_cannot_steer_a_terminal() -> None:
    line = str(SetAside("m", "labels", Reject("a.csv", 7, "bad_label", "00ff", "x\x1b[2J\ny, ü")))
    assert line == "m labels  a.csv:7  bad_label  00ff  x<U+001B>[2J\\ny, ü"


def test_every_reason_has_its_counter_from_the_start(exporter: Exporter) -> None:
    """The first bad row of a log then is a rise that Prometheus sees; a restart counts none again."""

    def counters() -> dict[tuple[str, str], float | None]:
        return {
            (log, reason): exporter.health.value("ml_exporter_rows_rejected_total", ("m", log, reason))
            for reason, meaning in REJECT_REASONS.items()
            for log in meaning.logs
            if log in exporter.worker.stream_names
        }

    assert exporter.worker.stream_names == ("predictions", "labels")
    assert set(counters().values()) == {0.0}
    exporter.predict(row(1, ts="soon"))
    exporter.read()
    exporter.restart()
    exporter.read()
    assert {key: value for key, value in counters().items() if value != 0} == {("predictions", "bad_time"): 1.0}
