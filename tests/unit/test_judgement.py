"""What the landing page says of a model: its state in one word, and why."""

from exporter.engine.evaluate import MetricSamples
from exporter.judgement import judge
from exporter.metrics.quality.results import CHECKS
from exporter.metrics.registry import METRICS, WINDOW_METRICS


def test_every_check_of_quality_has_words_of_its_own() -> None:
    """The landing page speaks to people."""
    metric = next(each for each in METRICS if each.name == "ml_feature_quality_detected")
    found = MetricSamples(metric, [(("m", "v1", "1h", "amount", check), 1.0) for check in CHECKS])
    state, reasons = judge([found])
    assert (state, len(set(reasons))) == ("bad", len(CHECKS))
    assert not [each for each in reasons if "_" in each]


def test_a_model_is_blind_where_no_window_would_show_a_fall() -> None:
    """Though drift is well. One measure in one window that sees, an estimate, or something bad is another state."""
    metrics = {metric.name: metric for metric in WINDOW_METRICS}

    def told(name: str, *values: tuple[tuple[str, ...], float]) -> MetricSamples:
        return MetricSamples(metrics[name], [(("m", "v", *labels), value) for labels, value in values])

    calm = told("ml_feature_drift_detected", (("1h", "x"), 0.0))
    blind = told("ml_performance_blind", (("1h", "accuracy"), 1.0), (("7d", "accuracy"), 1.0))
    seeing = told("ml_performance_blind", (("1h", "accuracy"), 1.0), (("7d", "accuracy"), 0.0))
    estimate = told("ml_performance_estimated_degraded", (("1h", "accuracy"), 0.0))
    drifted = told("ml_feature_drift_detected", (("1h", "x"), 1.0))
    assert [judge([calm, blind])[0], judge([calm, seeing])[0]] == ["blind", "ok"]
    assert [judge([calm, blind, estimate])[0], judge([drifted, blind])[0]] == ["ok", "bad"]
