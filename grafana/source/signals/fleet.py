"""All models at once, in numbers, and the exporter that measures them."""

from grafana.source import knobs
from grafana.source.knobs import FLEET_VERSION, FLEET_WINDOW, MODEL, RATE
from grafana.source.signal import Query, Signal, columns, lines, values
from grafana.source.signals.state import BY, every, of_traffic

MODELS = Signal(
    title="Models",
    unit="none",
    description="Models configured in the exporter, whether they have traffic or not.",
    queries=values(("models", f"count(count by (model) (ml_model_info{{{MODEL}}}))")),
    decimals=0,
    unknown="none scraped",
)

PREDICTIONS = Signal(
    title="Traffic",
    unit="reqps",
    description="Predictions a second, all models together, as read by the exporter.",
    queries=values(("predictions", f"sum(rate(ml_predictions_total{{{FLEET_VERSION}}}[{RATE}]))")),
    unknown="unknown",
)


def headline(name: str) -> str:
    return f'sum by (model, version, metric) ({name}{{{FLEET_WINDOW},metric=~"{knobs.HEADLINE}"}})'


NUMBERS = Signal(
    title="The numbers behind",
    unit="none",
    description="What the verdicts rest on, in the chosen window; traffic, errors and latency now. Empty = unknown."
    " Value and limit are those of the task's headline metric; faults are quality checks that found something;"
    " *due* is the share of labels expected by now; *behind* is how old the newest row is; p99 is the latency that"
    " 99 of 100 predictions keep. Click a model to see why.",
    queries=columns(
        *(
            (column, of_traffic(expr, FLEET_WINDOW))
            for column, expr in (
                (
                    "Traffic",
                    (
                        f"sum {BY} (rate(ml_predictions_total{{{FLEET_VERSION}}}[{RATE}])) or on (model, version)"
                        f" {every(FLEET_WINDOW)} * NaN"
                    ),
                ),
                ("Value", headline("ml_performance")),
                ("Limit", headline("ml_performance_threshold")),
                ("Drifted", f"max {BY} (ml_drifted_features_ratio{{{FLEET_WINDOW}}})"),
                ("Faults", f"sum {BY} (ml_feature_quality_detected{{{FLEET_WINDOW}}})"),
                ("Labels", f"max {BY} (ml_label_coverage_ratio{{{FLEET_WINDOW}}})"),
                ("Due", f"max {BY} (ml_label_coverage_expected_ratio{{{FLEET_WINDOW}}})"),
                (
                    "Behind",
                    (
                        f"{every(FLEET_WINDOW)} * 0 + on (model) group_left ()"
                        f' max by (model) (ml_exporter_source_lag_seconds{{{MODEL},source="predictions"}})'
                    ),
                ),
                (
                    "Errors",
                    (
                        f"(sum {BY} (rate(ml_prediction_errors_total{{{FLEET_VERSION}}}[{RATE}]))"
                        f" or 0 * sum {BY} (rate(ml_predictions_total{{{FLEET_VERSION}}}[{RATE}])))"
                        f" / (sum {BY} (rate(ml_predictions_total{{{FLEET_VERSION}}}[{RATE}])) > 0)"
                    ),
                ),
                (
                    "p99",
                    (
                        "histogram_quantile(0.99, sum by (model, version, le)"
                        f" (rate(ml_prediction_latency_seconds_bucket{{{FLEET_VERSION}}}[{RATE}])))"
                    ),
                ),
            )
        )
    ),
    unknown="No model: is the exporter scraped, and does a model match the variables?",
)

ALERTS_OVER_TIME = Signal(
    title="Alerts over time",
    unit="none",
    description="What fired when: red pages, orange opens a ticket. Where the last line has a gap, rules were not"
    " evaluated, and silence means nothing.",
    queries=(
        Query(
            f'max by (alertname, model) (3 * ALERTS{{{MODEL},alertstate="firing",severity="critical"}}'
            f' or 2 * ALERTS{{{MODEL},alertstate="firing",severity="warning"}})',
            "{{alertname}} · {{model}}",
        ),
        Query('0 * max(ALERTS{alertstate="firing",severity="none"})', "rules are evaluated"),
    ),
)

FIRING = 'alertstate="firing",severity!="none"'

FIRING_NOW = Signal(
    title="Firing alerts",
    unit="none",
    description="What fires now for these models and for the exporter, longest first. Critical pages: performance"
    " or service suffers; warning opens a ticket. What to do is in the runbook named after the alert.",
    queries=columns(
        (
            "For",
            (
                'max by (severity, alertname, model, window) ((time() - ALERTS_FOR_STATE{severity!="none"})'
                f' and ignoring (alertstate) ALERTS{{{FIRING},model=~"$model|"}})'
                ' or label_replace(0 * (vector(1) and on () ALERTS{alertstate="firing",severity="none"}'
                f' unless on () ALERTS{{{FIRING},model=~"$model|"}}),'
                ' "alertname", "none fires; rules are evaluated", "", "")'
            ),
        )
    ),
    unknown="Unknown: no alerting rules are evaluated by this Prometheus.",
)

UP = Signal(
    title="Exporter",
    unit="none",
    description="Version of the exporter that is scraped. Nothing: it is down or not scraped, and every verdict"
    " above is old.",
    queries=values(("{{version}}", "max by (version) (ml_exporter_build_info)")),
    unknown="down or not scraped",
)

CYCLE_AGE = Signal(
    title="Last cycle",
    unit="s",
    description="Time since the exporter last measured. Growing: it is stuck or overloaded; see its log.",
    queries=values(("age", "time() - max(ml_exporter_last_cycle_timestamp_seconds)")),
    decimals=0,
    unknown="unknown",
)

CONFIG = Signal(
    title="Last reload",
    unit="none",
    description="Whether the last reload of the configuration was good. Bad: the old one stays in force;"
    " `ml-exporter check` says what is wrong.",
    queries=values(("reload", "3 * (1 - min(ml_exporter_config_last_reload_successful))")),
    unknown=knobs.STATE_TEXTS[knobs.State.UNKNOWN],
)

FAILURES = Signal(
    title="Failures",
    unit="none",
    description="Metrics that could not be computed in the time shown, by an error in the exporter. Report it with"
    " the log.",
    queries=values(
        ("failures", "sum(increase(ml_exporter_metric_failures_total[$__range])) or 0 * max(ml_exporter_build_info)")
    ),
    decimals=0,
    unknown="unknown",
)

DROPPED = Signal(
    title="Series lost",
    unit="none",
    description="Series left out of each snapshot now because a model's budget is used up: raise `series_budget` or"
    " name fewer features and slices.",
    queries=values(
        (
            "series",
            (
                f"sum(rate(ml_exporter_series_dropped_total{{{MODEL}}}[{RATE}]))"
                f" / scalar(sum(rate(ml_exporter_cycle_seconds_count[{RATE}])))"
                " or 0 * max(ml_exporter_build_info)"
            ),
        )
    ),
    decimals=0,
    unknown="unknown",
)

SERIES = Signal(
    title="Series",
    unit="short",
    description="Series that the exporter shows to Prometheus for these models.",
    queries=values(("series", f"sum(ml_exporter_series{{{MODEL}}})")),
    unknown="unknown",
)

SOURCES = Signal(
    title="Sources",
    unit="none",
    description="Where predictions and labels come from. Bad: it cannot be read, retried with growing pauses."
    " Behind: how old the newest row is. Backlog: bytes yet to be read. Rejected: rows that could not be"
    " understood.",
    queries=columns(
        ("State", f"3 * (1 - max by (model, source) (ml_exporter_source_up{{{MODEL}}}))"),
        ("Behind", f"max by (model, source) (ml_exporter_source_lag_seconds{{{MODEL}}})"),
        (
            "Last read",
            f"time() - max by (model, source) (ml_exporter_source_last_success_timestamp_seconds{{{MODEL}}})",
        ),
        ("Backlog", f"max by (model, source) (ml_exporter_source_backlog_bytes{{{MODEL}}})"),
        ("Rows", f"sum by (model, source) (rate(ml_exporter_rows_total{{{MODEL}}}[{RATE}]))"),
        (
            "Rejected",
            (
                f"sum by (model, source) (rate(ml_exporter_rows_rejected_total{{{MODEL}}}[{RATE}]))"
                f" / (sum by (model, source) (rate(ml_exporter_rows_total{{{MODEL}}}[{RATE}])) > 0)"
            ),
        ),
    ),
    unknown="No source: is the exporter scraped?",
)

CYCLE = Signal(
    title="Length of a cycle",
    unit="s",
    description="Time to read, count, measure and render. Near the configured cycle: fewer features or slices, or"
    " another machine.",
    queries=lines(
        ("p50", f"histogram_quantile(0.5, sum by (le) (rate(ml_exporter_cycle_seconds_bucket[{RATE}])))"),
        ("p99", f"histogram_quantile(0.99, sum by (le) (rate(ml_exporter_cycle_seconds_bucket[{RATE}])))"),
    ),
    unknown="Unknown: the exporter says nothing of these models.",
)

WAITING = Signal(
    title="Waiting to be joined",
    unit="short",
    description="Predictions that wait for their label, and labels that wait for their prediction. Labels growing:"
    " the ids do not match, or predictions are lost.",
    queries=lines(
        ("predictions of {{model}}", f"ml_exporter_predictions_waiting{{{MODEL}}}"),
        ("labels of {{model}}", f"ml_exporter_labels_unmatched{{{MODEL}}}"),
    ),
    unknown="Unknown: the exporter says nothing of these models.",
)

STATE_SIZE = Signal(
    title="State on disk",
    unit="bytes",
    description="What the exporter keeps for these models. Bounded by retention; growing for ever: see `retention`.",
    queries=lines(("{{model}}", f"ml_exporter_state_bytes{{{MODEL}}}")),
    unknown="Unknown: the exporter says nothing of these models.",
)

REJECTED = Signal(
    title="Rejected rows by reason",
    unit="cps",
    description="Rows a second that could not be understood, by reason. Each is noted with its place in the"
    " exporter's log.",
    queries=lines(
        (
            "{{model}} {{source}}: {{reason}}",
            (
                f"sum by (model, source, reason) (rate(ml_exporter_rows_rejected_total{{{MODEL}}}[{RATE}]))"
                " or on (model, source) label_replace(0 * sum by (model, source)"
                f' (rate(ml_exporter_rows_total{{{MODEL}}}[{RATE}])), "reason", "none so far", "", "")'
            ),
        )
    ),
    unknown="No row was ever rejected.",
)
