"""The values file: strict, layered, and the same at any speed where event time is meant."""

from pathlib import Path

import pytest

from bundle.duration import Duration
from bundle.render import ROOT
from bundle.values import load
from exporter.errors import ConfigError

VALUES = ROOT / "prometheus" / "values.yml"


def problems(files: list[Path], settings: list[str] | None = None, speed: float = 1.0) -> str:
    with pytest.raises(ConfigError) as error:
        load(files, settings or [], speed=speed)
    return str(error.value)


def test_later_files_and_settings_win(tmp_path: Path) -> None:
    """Single values are overridden, their neighbours stay; a list is replaced whole."""
    over = tmp_path / "over.yml"
    over.write_text("hold: {drift: 2h}\nwindows: {drift: [28d]}\n")
    values = load([VALUES, over], ["hold.drift=3h", "receivers.page.webhook=null"])
    assert (Duration(10_800), Duration(900), ["28d"], None) == (
        values.hold["drift"],
        values.hold["performance"],
        values.windows["drift"],
        values.receivers.page.webhook,
    )


def test_processing_time_shrinks_and_event_time_stays() -> None:
    """Ranges keep four scrapes, `for` two evaluations; reminders are for people."""
    life, replay = load([VALUES]), load([VALUES], speed=8640)
    assert Duration(2) == replay.prometheus.scrape_interval == replay.prometheus.evaluation_interval
    assert {Duration(8)} == {replay.range[name] for name in ("rate", "slo_5m", "slo_6h", "silence")}
    assert (Duration(10), Duration(30)) == (replay.range["slo_1d"], replay.range["slo_3d"])
    assert {Duration(4)} == set(replay.hold.values())
    assert (life.event, life.threshold, life.windows) == (replay.event, replay.threshold, replay.windows)
    assert life.alertmanager.repeat_page == replay.alertmanager.repeat_page
    assert Duration(4) == replay.alertmanager.group_wait


def test_all_problems_at_once(tmp_path: Path) -> None:
    """Unknown keys, wrong durations and missing parts are told together, by key."""
    over = tmp_path / "over.yml"
    over.write_text("hold: {drift: soon}\nwindow: {}\nreceivers: {page: {pager: {}}}\nseverity: {drift: bad}\n")
    told = problems([VALUES, over])
    assert all(key in told for key in ("hold.drift", "window", "receivers.page.pager", "severity.drift"))
    assert "write it like 90s" in told


def test_files_that_are_none(tmp_path: Path) -> None:
    broken, text = tmp_path / "broken.yml", tmp_path / "text.yml"
    broken.write_text("a: [")
    text.write_text("hello")
    assert "cannot be read" in problems([broken])
    assert "cannot be read" in problems([tmp_path / "missing.yml"])
    assert "a mapping is due" in problems([text])


@pytest.mark.parametrize("setting", ["hold.drift", "=5m", "hold.drift=["])
def test_settings_that_are_none(setting: str) -> None:
    assert "--set" in problems([VALUES], [setting])


def test_a_replay_is_never_slower_than_life() -> None:
    assert "--speed" in problems([VALUES], speed=0.5)
