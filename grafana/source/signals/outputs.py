"""What models say, and how they serve it: scores, predictions, traffic, errors, latency."""

from grafana.source.knobs import RATE, VERSION, WINDOW_OF
from grafana.source.signal import Query, Signal, columns, lines, values

NUMBER = "-?[0-9]+(\\\\.[0-9]+)?(e[-+]?[0-9]+)?"


def in_order(expr: str) -> str:
    """The series of `expr` with a label `order` that sorts bins by their upper edge; categories have none."""
    return (
        f'label_replace(label_replace({expr}, "order", "$1", "bin", "({NUMBER})"), "order", "1e300", "bin", "\\\\+Inf")'
    )


SCORES = Signal(
    title="Outputs: now and reference",
    unit="percentunit",
    description="Share of the window's scores (classifier) or predicted values (regression) in each bin, named by"
    " its upper edge, beside the reference. A shift with sound features: the world changed; a spike: a default"
    " value or a broken feature.",
    queries=columns(
        (
            "now",
            in_order(
                f"sum by (bin) (ml_window_score_observations{{{WINDOW_OF}}})"
                f" / scalar(sum(ml_window_score_observations{{{WINDOW_OF}}}))"
            ),
        ),
        ("reference", in_order(f"avg by (bin) (ml_score_reference_ratio{{{VERSION}}})")),
    ),
    decimals=1,
    unknown="Unknown: no predictions in this window, or no reference.",
)

SCORES_HEAT = Signal(
    title="Outputs over time",
    unit="none",
    description="Predictions by score (classifier) or predicted value (regression) as they were served. A band that"
    " moves or splits is a change of behaviour; compare with annotations of new versions.",
    queries=(
        Query(
            f"sum by (le) (increase(ml_prediction_score_bucket{{{VERSION}}}[{RATE}])"
            f" or increase(ml_prediction_value_bucket{{{VERSION}}}[{RATE}]))",
            "{{le}}",
            format="heatmap",
        ),
    ),
    unknown="No predictions in this time.",
)

MIX = Signal(
    title="Mix of predictions",
    unit="none",
    description="Classifier: share of each predicted class. Regression: median of the predicted values. A step"
    " without a new version: an input broke.",
    queries=lines(
        (
            "{{class}}",
            (
                f"sum by (class) (rate(ml_predicted_class_total{{{VERSION}}}[{RATE}]))"
                f" / scalar(sum(rate(ml_predicted_class_total{{{VERSION}}}[{RATE}])) > 0)"
                # Predicted values may be negative: their histogram has no sum, hence no mean.
                f" or label_replace(histogram_quantile(0.5, sum by (le)"
                f" (rate(ml_prediction_value_bucket{{{VERSION}}}[{RATE}]))),"
                ' "class", "median prediction", "", "")'
            ),
        )
    ),
    unknown="No predictions in this time.",
)

OUTPUT_DRIFT = Signal(
    title="Drift of predictions and labels",
    unit="none",
    description="How far the predictions' and the labels' distributions are from the reference (Jensen-Shannon"
    " distance without what chance adds), beside the threshold. Labels drift, predictions do not: the model misses"
    " a change of base rate.",
    queries=lines(
        ("predictions", f"max by (model) (ml_prediction_drift_effect{{{WINDOW_OF}}})"),
        ("labels", f"max by (model) (ml_label_drift_effect{{{WINDOW_OF}}})"),
        ("threshold", f"min by (model) (ml_prediction_drift_threshold{{{VERSION}}})"),
    ),
    decimals=3,
    unknown="Unknown: too few rows in this window.",
)

NEWEST = Signal(
    title="Newest",
    unit="dateTimeAsIsoNoDateIfToday",
    description="When the newest prediction was made, when the newest label came true, and where the window ends: times"
    " that the rows tell. An old one: its source stopped, or a replay runs.",
    queries=values(
        ("prediction", f"1000 * max(ml_last_prediction_timestamp_seconds{{{VERSION}}})"),
        ("label", f"1000 * max(ml_last_label_timestamp_seconds{{{VERSION}}})"),
        ("window's end", f"1000 * max(ml_window_end_timestamp_seconds{{{WINDOW_OF}}})"),
    ),
    unknown="unknown",
)

TRAFFIC = Signal(
    title="Traffic by version",
    unit="reqps",
    description="Predictions a second. A step: a roll-out, a new client or a lost one. No line: nothing was read.",
    queries=lines(("{{version}}", f"sum by (version) (rate(ml_predictions_total{{{VERSION}}}[{RATE}]))")),
    unknown="No predictions in this time.",
)

ERRORS = Signal(
    title="Errors by class",
    unit="percentunit",
    description="Share of the predictions that failed, by class of error as logged. New class: look at the last"
    " deployment.",
    queries=lines(
        (
            "{{error}}",
            (
                f"(sum by (error) (rate(ml_prediction_errors_total{{{VERSION}}}[{RATE}]))"
                f" or label_replace(0 * sum(rate(ml_predictions_total{{{VERSION}}}[{RATE}])),"
                ' "error", "none so far", "", ""))'
                f" / scalar(sum(rate(ml_predictions_total{{{VERSION}}}[{RATE}])) > 0)"
            ),
        ),
        (
            "all, in the window",
            f"sum(ml_window_errors{{{WINDOW_OF}}}) / sum(ml_window_predictions{{{WINDOW_OF}}})",
        ),
    ),
    unknown="No predictions in this time.",
)


def latency(quantile: float, by: str = "le") -> str:
    return (
        f"histogram_quantile({quantile}, sum by ({by})"
        f" (rate(ml_prediction_latency_seconds_bucket{{{VERSION}}}[{RATE}])))"
    )


LATENCY_NOW = Signal(
    title="Serving",
    unit="s",
    description="Predictions a second, latency that 99 of 100 predictions keep, and the share of failed"
    " predictions, now.",
    queries=values(
        ("traffic", f"sum(rate(ml_predictions_total{{{VERSION}}}[{RATE}]))"),
        ("p99", latency(0.99)),
        (
            "errors",
            (
                f"(sum(rate(ml_prediction_errors_total{{{VERSION}}}[{RATE}])) or vector(0))"
                f" / sum(rate(ml_predictions_total{{{VERSION}}}[{RATE}]))"
            ),
        ),
    ),
    unknown="unknown",
)

LATENCY = Signal(
    title="Latency",
    unit="s",
    description="Time to answer: half, 95 and 99 of 100 predictions are faster. The tail alone grows: saturation or"
    " garbage collection; all grow: a bigger model, a slower feature store.",
    queries=lines(("p50", latency(0.5)), ("p95", latency(0.95)), ("p99", latency(0.99))),
    unknown="No latency is logged.",
)

LATENCY_HEAT = Signal(
    title="Latency, all predictions",
    unit="s",
    description="Predictions by latency. Two bands: two paths (cache, fallback); a band that moves up: saturation.",
    queries=(
        Query(
            f"sum by (le) (increase(ml_prediction_latency_seconds_bucket{{{VERSION}}}[{RATE}]))",
            "{{le}}",
            format="heatmap",
        ),
    ),
    unknown="No latency is logged.",
)
