"""Why a verdict is unknown, in words and figures."""

from pathlib import Path
from typing import Any

from tests.exporters import BINARY, Exporter, reference_rows, row, truth

HOUR = 3600


def told(folder: Path, rows: int, labels: int, fit: list[dict[str, Any]] | None, **model: Any) -> dict[str, str]:
    """About what → why, of a window of a day with so many rows and labels."""
    exporter = Exporter(folder, **{"windows": ["1d"], **model})
    try:
        if fit is not None:
            exporter.fit(fit)
        exporter.predict(*(row(i, ago=2 * HOUR, x=10.0 + i % 7) for i in range(rows)))
        exporter.label(*(truth(i, late=i % 2, ago=HOUR) for i in range(labels)))
        exporter.read()
        exporter.samples()
        return {silence.about: silence.why for silence in exporter.worker.silences}
    finally:
        exporter.close()


def test_too_few_rows_and_no_labels(tmp_path: Path) -> None:
    found = told(tmp_path, 12, 0, reference_rows(2000))
    assert found["drift of features"] == found["drift of predictions"] == "12 of 50 rows"
    assert found["performance"] == found["drift of labels"] == "0 of 50 labels"
    assert found["estimated performance"] == "12 of 50 predictions"


def test_too_few_labels(tmp_path: Path) -> None:
    found = told(tmp_path, 60, 12, reference_rows(2000))
    assert found["performance"] == "12 of 50 labels"
    assert "estimated performance" not in found


def test_a_short_reference(tmp_path: Path) -> None:
    found = told(tmp_path, 200, 0, reference_rows(2000, days=5))
    assert found["drift of features: x, carrier"] == "5 of 20 reference windows of this length"


def test_no_reference(tmp_path: Path) -> None:
    found = told(tmp_path, 200, 100, None)
    assert found["drift"] == (
        "there is no reference; name `reference` and `reference_data`, then `ml-exporter reference fit`"
    )
    assert found["performance: accuracy, precision, recall and 7 more"] == (
        "no threshold: there is no reference to learn it from, and none in thresholds.performance"
    )
    assert found["performance: matthews_corrcoef"] == "undefined on the window's labels"


def test_a_cycle_longer_than_the_window(tmp_path: Path) -> None:
    """x goes with the hour of the day: an hour of it is not compared with all days."""
    fit = reference_rows(20_000)
    for each in fit:
        each["x"] = each["ts"] % 86400 / 3600
    found = told(tmp_path, 200, 0, fit, windows=["3h"], pane="1h")
    assert (
        found["drift of features: x"] == "goes with the hour or the day of the week, in a cycle longer than the window"
    )


def test_what_a_model_does_not_have_is_not_missed(tmp_path: Path) -> None:
    """No labels configured: nothing is said of performance or of the labels' drift."""
    assert "labels" in BINARY
    model = {key: value for key, value in BINARY.items() if key != "labels"}
    exporter = Exporter(tmp_path, model, windows=["1d"])
    exporter.predict(*(row(i, ago=2 * HOUR) for i in range(12)))
    exporter.read()
    exporter.samples()
    assert {silence.about for silence in exporter.worker.silences} == {"drift"}
    exporter.close()


def test_where_all_is_judged_nothing_is_said(tmp_path: Path) -> None:
    assert set(told(tmp_path, 500, 0, reference_rows(20_000))) == {"drift of labels", "performance"}


def test_before_any_row_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert told(tmp_path, 0, 0, None) == {}
