"""Error budgets by the clock and by labels: what is spent is exact, is never given back, and outlives a restart."""

from pathlib import Path

from exporter.engine.freshness import OBSERVED, STALE
from exporter.metrics.evaluation import Objective
from tests.exporters import DAY, HOUR, REGRESSION, Exporter, reference_rows, row, truth

FRESH = [{"name": "fresh", "objective": 0.99, "freshness": "1h"}]


def seconds(exporter: Exporter) -> tuple[float | None, float | None]:
    return tuple(exporter.health.value(name, ("m", "fresh")) for name in (OBSERVED, STALE))  # type: ignore[return-value]


def spent(exporter: Exporter) -> dict[tuple[str, str], float]:
    """(name of the counter, objective) → value, of all versions."""
    return {
        (each.metric.name, labels[-1]): value
        for each in exporter.worker.evaluate()
        if each.metric.name in {"ml_slo_events_total", "ml_slo_bad_events_total"}
        for labels, value in each.samples
    }


def test_time_is_stale_from_the_moment_the_promise_is_broken(tmp_path: Path) -> None:
    """Not before a first prediction, to the second, and on when no version has any traffic left."""
    exporter = Exporter(tmp_path, slo=FRESH)
    exporter.fit()
    exporter.read()
    exporter.clock.advance(HOUR)
    exporter.read()
    assert seconds(exporter) == (0.0, 0.0)
    exporter.predict(row(1, ts=exporter.clock.now()))
    exporter.read()
    exporter.clock.advance(HOUR - 10)
    exporter.read()
    assert seconds(exporter) == (HOUR - 10, 0.0)
    exporter.clock.advance(25)
    exporter.read()
    assert seconds(exporter) == (HOUR + 15, 15.0)
    exporter.clock.advance(10 * DAY)
    exporter.read()
    assert exporter.worker.evaluate() == []
    assert seconds(exporter) == (HOUR + 15 + 10 * DAY, 15.0 + 10 * DAY)
    exporter.close()


def test_budget_of_freshness_outlives_a_restart_and_the_time_between_is_not_judged(tmp_path: Path) -> None:
    exporter = Exporter(tmp_path, slo=FRESH)
    exporter.fit()
    exporter.predict(row(1, ts=exporter.clock.now()))
    exporter.read()
    exporter.clock.advance(2 * HOUR)
    exporter.read()
    assert seconds(exporter) == (2 * HOUR, HOUR)
    exporter.restart()
    exporter.clock.advance(DAY)
    exporter.read()
    assert seconds(exporter) == (2 * HOUR, HOUR)
    exporter.clock.advance(60)
    exporter.read()
    assert seconds(exporter) == (2 * HOUR + 60, HOUR + 60)
    exporter.close()


def test_what_cannot_be_read_is_not_stale(tmp_path: Path) -> None:
    """While the log is away nobody knows what stands in it."""
    exporter = Exporter(tmp_path, slo=FRESH)
    exporter.fit()
    exporter.predict(row(1, ts=exporter.clock.now()))
    exporter.read()
    (tmp_path / "logs").rename(tmp_path / "away")
    exporter.clock.advance(DAY)
    exporter.read()
    assert exporter.health.value("ml_exporter_source_up", ("m", "predictions")) == 0.0
    assert seconds(exporter) == (0.0, 0.0)
    exporter.close()


def test_labels_spend_the_budget_of_quality_and_corrections_give_nothing_back(tmp_path: Path) -> None:
    exporter = Exporter(tmp_path, slo=[{"name": "right", "objective": 0.8, "quality": True}])
    exporter.fit()
    exporter.predict(row(1, late=1), row(2, late=1), row(3, late=0), row(4, late=0))
    exporter.label(truth(1, 1), truth(2, 0), truth(3, 0))
    exporter.read()
    expected = {("ml_slo_events_total", "right"): 3.0, ("ml_slo_bad_events_total", "right"): 1.0}
    assert spent(exporter) == expected
    exporter.label(truth(2, 1))
    exporter.read()
    assert spent(exporter) == expected
    exporter.restart()
    exporter.read()
    assert spent(exporter) == expected
    exporter.close()


def test_late_labels_of_numbers_are_judged_by_the_tolerance_exactly(tmp_path: Path) -> None:
    """In the label log, after a restart; another tolerance begins at 0, and the windows keep what they had."""
    slo = [{"name": "close", "objective": 0.8, "quality": True, "tolerance": 1.5}]
    exporter = Exporter(tmp_path, REGRESSION, slo=slo)
    exporter.fit([{**each, "value": each["x"], "y": each["x"] + 1.0} for each in reference_rows()])
    exporter.predict(*[row(i, value=10.0) for i in range(4)])
    exporter.read()
    exporter.restart()
    exporter.label(*[{"id": f"i{i}", "y": 10.0 + off} for i, off in enumerate((1.5, -1.5, 1.5000001, -40.0))])
    exporter.read()
    assert spent(exporter) == {("ml_slo_events_total", "close"): 4.0, ("ml_slo_bad_events_total", "close"): 2.0}
    exporter.restart(slo=[{**slo[0], "tolerance": 2}])
    exporter.read()
    assert exporter.model_plan.objectives == (Objective("close", 0.8, quality=True, tolerance=2.0),)
    assert spent(exporter) == {("ml_slo_events_total", "close"): 0.0, ("ml_slo_bad_events_total", "close"): 0.0}
    assert exporter.window().labels == 4.0
    exporter.close()
