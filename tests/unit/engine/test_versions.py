"""Versions come and go for years: what is kept of them is bounded, in memory and on disk."""

from pathlib import Path

import numpy as np
import pytest

from exporter.engine import ledger
from exporter.engine.versions import MOST_KEPT, MOST_LIVE, OTHER, Versions
from exporter.profile.cells import Names
from tests.exporters import DAY, NOW, Exporter, reference_rows, row, truth


def column(*names: str) -> Names:
    return Names(np.arange(len(names)), names)


def seen(versions: Versions, names: list[str], time: float) -> list[str]:
    """Names that the versions of a batch get; they are noted as seen at `time`."""
    bounded = versions.bounded(column(*names), names, longest=DAY)
    told = [bounded.names[code] for code in bounded.codes]
    for name in told:
        versions.first.setdefault(name, time)
        versions.last[name] = time
    return told


def test_a_release_a_minute_is_bounded_by_what_is_kept() -> None:
    """Each day few are live, but counts of all are kept until their retention is over."""
    versions = Versions()
    daily = MOST_LIVE // 2
    for day in range(100):
        told = seen(versions, [f"{day}-{number}" for number in range(daily)], 3 * day * DAY)
        assert (OTHER in told) == (day >= MOST_KEPT // daily)
    assert len(versions.last) == MOST_KEPT + 1
    versions.forget(3 * DAY)
    assert seen(versions, ["new"], 300 * DAY) == ["new"]


def test_label_of_a_forgotten_version_leaves_nothing() -> None:
    versions = Versions({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 9.0}, {"a": 2.0, "b": 2.0})
    assert versions.forget(5.0) == ["a"]
    versions.last_label["a"] = 7.0
    assert versions.forget(5.0) == []
    assert (versions.first, versions.last, versions.last_label) == ({"b": 1.0}, {"b": 9.0}, {"b": 2.0})


def test_state_does_not_grow_with_versions(tmp_path: Path) -> None:
    """Ten new ones a day, kept for 30 days: after 60 days as much is there as after 40, on disk too."""
    exporter = Exporter(tmp_path)
    exporter.fit()

    def live(day: int) -> tuple[int, ...]:
        now = day * DAY
        exporter.predict(*[row(100 * day + i, ago=60.0 - now, version=f"{day}-{i}") for i in range(10)])
        exporter.label(*[truth(100 * day + i, ago=30.0 - now) for i in range(10)])
        exporter.read()
        exporter.samples()
        exporter.clock.advance(DAY)
        store = exporter.worker._store
        facts = store.facts()
        lists = ("versions", "first_prediction", "last_prediction", "last_label")
        return (len(store.totals()), len(store.panes()), len(store.layouts()), *(len(facts[name]) for name in lists))

    sizes = [live(day) for day in range(60)]
    assert sizes[40] == sizes[59]
    assert max(size[0] for size in sizes) == 300
    exporter.restart()
    assert len(exporter.book.totals) == 300
    exporter.close()


def test_number_of_a_forgotten_version_serves_another(tmp_path: Path) -> None:
    """Late labels still reach the version that made the prediction."""
    exporter = Exporter(tmp_path, dedupe="1d")
    exporter.fit()
    exporter.predict(row(1, version="a"), row(2, version="b"))
    exporter.read()
    exporter.clock.advance(20 * DAY)
    exporter.predict(row(3, ago=-20 * DAY + 60, version="b"))
    exporter.read()
    exporter.clock.advance(11 * DAY)
    exporter.predict(row(4, ago=-31 * DAY + 60, version="c"))
    exporter.read()
    exporter.predict(row(5, ago=-31 * DAY + 60, version="d"), row(6, ago=-31 * DAY + 60, version="b"))
    exporter.read()
    exporter.restart()
    exporter.label(*[truth(number, ago=-31 * DAY + 60) for number in (4, 5, 6)])
    exporter.clock.advance(2)
    exporter.read()
    assert exporter.book.ledger.versions == ["d", "b", "c"]
    assert {version: exporter.window(version=version).labels for version in "bcd"} == {"b": 1.0, "c": 1.0, "d": 1.0}
    exporter.close()


def test_more_versions_than_numbers_are_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where ids are remembered far longer than counts."""
    monkeypatch.setattr(ledger, "_MOST_VERSIONS", 2)
    exporter = Exporter(tmp_path)
    exporter.fit()
    exporter.predict(*[row(number, version=f"v{number}") for number in range(4)])
    exporter.label(*[truth(number) for number in range(4)])
    exporter.read()
    assert exporter.book.ledger.versions == ["v0", "v1", "other"]
    labels = {version: exporter.window(version=version).labels for version in ("v0", "v1", "v2", "v3", "other")}
    assert labels == {"v0": 1.0, "v1": 1.0, "v2": 0.0, "v3": 0.0, "other": 2.0}
    exporter.close()


def test_names_that_became_other_are_not_kept(tmp_path: Path) -> None:
    """A version column that is an id by mistake: the ledger learns none of the names that have no place."""
    exporter = Exporter(tmp_path)
    exporter.fit()
    exporter.predict(*[row(number, version=f"run-{number}") for number in range(500)])
    exporter.read()
    assert len(exporter.book.ledger.versions) == MOST_LIVE + 1
    exporter.close()


def test_layout_of_a_reference_that_was_replaced_goes_with_its_last_pane(tmp_path: Path) -> None:
    exporter = Exporter(tmp_path)
    exporter.fit()
    exporter.predict(row(1))
    exporter.read()
    (before,) = exporter.worker._store.layouts()
    exporter.close()
    exporter.fit([{**each, "x": each["x"] * 100} for each in reference_rows()])
    exporter.restart()
    exporter.predict(row(2))
    exporter.read()
    assert len(exporter.worker._store.layouts()) == 2
    exporter.clock.advance(32 * DAY)
    exporter.predict(row(3, ago=-32 * DAY + 60))
    exporter.read()
    (after,) = exporter.worker._store.layouts()
    assert after != before
    exporter.restart()
    assert exporter.window(end=int(NOW) + 32 * DAY).rows == 1.0
    exporter.close()
