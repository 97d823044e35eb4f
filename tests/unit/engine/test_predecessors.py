"""What versions did in the last window that they served, from what the state keeps of them."""

from pathlib import Path

import pytest

from exporter.engine import predecessors
from exporter.metrics.evaluation import Evaluation
from tests.exporters import DAY, HOUR, NOW, Exporter, reference_rows, row

FIRST = NOW - 6 * DAY
LATER = NOW - 30 * 60


@pytest.fixture
def exporter(tmp_path: Path) -> Exporter:
    """v1 served an hour six days ago, v2 a few minutes three days ago, v3 serves now."""
    exporter = Exporter(tmp_path, retention={"fine": "8d", "hourly": "9d", "daily": "30d"})
    exporter.fit(reference_rows())
    for version, start, n in (("v1", FIRST, 60), ("v2", NOW - 3 * DAY, 20), ("v3", LATER, 10)):
        rows = [row(f"{version}-{i}", version=version, ts=start + 60 * i) for i in range(n)]
        exporter.clock.seconds = start + 60 * n
        exporter.predict(*rows)
        exporter.read()
    exporter.clock.seconds = NOW
    exporter.read()
    return exporter


def evaluations(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Evaluation]:
    """(version, window) → what metrics are computed from."""
    found: dict[tuple[str, str], Evaluation] = {}
    evaluator = exporter.worker._evaluator
    plain = evaluator.run

    def run(each, facts):
        found.update({(one.version, one.window.name): one for one in each})
        return plain(each, facts)

    monkeypatch.setattr(evaluator, "run", run)
    exporter.worker.evaluate()
    return found


def test_the_last_windows_of_versions_that_are_gone(exporter, monkeypatch) -> None:
    """As long as the window, up to the end of the pane of their last row; the newest version first."""
    now = evaluations(exporter, monkeypatch)["v3", "1h"]
    v2, v1 = now.predecessors()
    assert [(each.version, each.window.seconds, each.counts.rows) for each in (v2, v1)] == [
        ("v2", HOUR, 20.0), ("v1", HOUR, 60.0),
    ]  # fmt: skip
    assert v1.window.end == FIRST + HOUR
    assert v1.window.start == FIRST
    assert (v1.older, v1.predecessors, v1.history) == ((), None, None)
    assert v1.memory is not now.memory


def test_a_version_with_rows_in_the_window_is_no_predecessor(exporter, monkeypatch) -> None:
    """It is compared as it serves; and none comes after itself."""
    exporter.predict(row("late", version="v2", ts=NOW - 60))
    exporter.read()
    found = evaluations(exporter, monkeypatch)
    assert [each.version for each in found["v3", "1h"].predecessors()] == ["v1"]
    assert [each.version for each in found["v3", "1h"].older] == ["v2"]
    assert [each.version for each in found["v2", "1h"].predecessors()] == ["v1"]


def test_sums_are_kept_for_an_hour(exporter, monkeypatch) -> None:
    found = evaluations(exporter, monkeypatch)["v3", "1h"]
    first = found.predecessors()
    again = found.predecessors()
    assert [one.counts is other.counts for one, other in zip(first, again, strict=True)] == [True, True]
    exporter.clock.seconds = NOW + 2 * HOUR
    later = evaluations(exporter, monkeypatch)["v3", "1d"].predecessors()
    assert later[0].counts is not first[0].counts


def test_a_label_of_a_version_that_is_gone_is_seen_within_the_hour(exporter, monkeypatch) -> None:
    evaluations(exporter, monkeypatch)["v3", "1h"].predecessors()
    exporter.label({"id": "iv2-3", "late": 1, "at": NOW + 60})
    exporter.clock.seconds = NOW + 2 * HOUR
    exporter.read()
    v2, _ = evaluations(exporter, monkeypatch)["v3", "1d"].predecessors()
    assert v2.counts.labels == 1.0


def test_only_the_newest_are_looked_back_at(exporter, monkeypatch) -> None:
    monkeypatch.setattr(predecessors, "MOST", 1)
    assert [each.version for each in evaluations(exporter, monkeypatch)["v3", "1h"].predecessors()] == ["v2"]
