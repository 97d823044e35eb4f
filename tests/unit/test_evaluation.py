"""What `ml-exporter evaluate` prints."""

import io

from rich.console import Console

from exporter.engine.evaluate import MetricSamples
from exporter.evaluation import Evaluated, render_json, render_tables
from exporter.metrics.registry import METRICS
from exporter.metrics.silence import Silence

BY_NAME = {metric.name: metric for metric in METRICS}
WINDOW = ("demand", "v1", "24h")


def printed(**samples: dict[tuple[str, ...], float]) -> list[list[str]]:
    """Cells of every printed line."""
    found = [
        MetricSamples(
            metric,
            [
                ((*WINDOW[: 3 if "window" in metric.all_labels else 2], *labels), value)
                for labels, value in values.items()
            ],
        )
        for name, values in samples.items()
        if (metric := BY_NAME[f"ml_{name}"])
    ]
    out = io.StringIO()
    render_tables([Evaluated("demand", None, found)], Console(file=out, width=200))
    return [line.split() for line in out.getvalue().splitlines()]


def test_what_is_all_missing_is_told_though_it_has_no_drift() -> None:
    lines = printed(
        feature_missing_ratio={("temp",): 1.0},
        feature_quality_detected={("temp", "missing"): 1.0, ("temp", "invalid"): 0.0},
        feature_quality_reference_ratio={("temp", "missing"): 0.004},
    )
    assert lines[-1] == ["v1", "24h", "temp", "missing", "100.00%", "0.40%", "-"]


def test_a_change_of_unit_is_told_with_its_factor() -> None:
    lines = printed(
        feature_quality_detected={("amount", "unit_change"): 1.0}, feature_unit_change_factor={("amount",): 100.0}
    )
    assert lines[-1] == ["v1", "24h", "amount", "unit_change", "-", "-", "100"]


def test_where_nothing_is_bad_there_is_no_such_table() -> None:
    assert not [line for line in printed(feature_quality_detected={("temp", "missing"): 0.0}) if "factor" in line]


def test_predictions_and_labels_drift_as_features_do() -> None:
    lines = printed(
        prediction_drift_effect={(): 0.5},
        prediction_drift_detected={(): 1.0},
        prediction_drift_threshold={(): 0.04},
        label_drift_effect={(): 0.01},
        feature_drift_effect={("price",): 0.02},
        feature_drift_detected={("price",): 0.0},
        feature_missing_ratio={("price",): 0.0},
    )
    assert lines[-3:] == [
        ["v1", "24h", "(predictions)", "0.5", "0.04", "-", "-", "drifted"],
        ["v1", "24h", "(labels)", "0.01", "-", "-", "-", "unknown"],
        ["v1", "24h", "price", "0.02", "-", "-", "0.00%", "ok"],
    ]


def test_it_says_since_when_and_in_what_shape() -> None:
    lines = printed(
        feature_drift_effect={("price",): 0.2},
        feature_drift_detected={("price",): 1.0},
        feature_drift_onset_timestamp_seconds={("price",): 1_700_006_400.0},
        feature_drift_shape={("price", "gradual"): 1.0, ("cost", "sudden"): 1.0},
    )
    assert lines[-1] == ["v1", "24h", "price", "0.2", "-", "-", "-", "drifted", "2023-11-15", "00:00", "gradual"]


def test_it_says_why_a_verdict_is_unknown() -> None:
    silence = Silence("v1", "24h", "drift of features: price", "5 of 20 reference windows of this length")
    out = io.StringIO()
    found = Evaluated("demand", None, [], [silence])
    render_tables([found], Console(file=out, width=200))
    assert "drift of features: price" in out.getvalue()
    assert "5 of 20 reference windows of this length" in out.getvalue()
    assert render_json([found])[0]["no_verdict"] == [
        {"version": "v1", "window": "24h", "about": silence.about, "why": silence.why}
    ]


def test_a_name_is_text_and_no_markup() -> None:
    lines = printed(feature_drift_effect={("[red]x[/y]\x1b[2J",): 0.02})
    assert lines[-1][2] == "[red]x[/y]<U+001B>[2J"
