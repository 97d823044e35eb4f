"""How a model is served, by its log or by a serving stack: objectives, latency, errors, load, slices."""

from grafana.source import knobs
from grafana.source.knobs import MODEL, RATE, VERSION, WEEK, State
from grafana.source.signal import Query, Signal, columns, lines, otherwise, values

REQUESTS = "ml:requests:rate5m"
BUCKETS = "ml:request_latency_seconds_bucket:rate5m"
KIND = f"ml:slo_kind{{{MODEL}}}"
QUALITY = f'ml:slo_kind{{{MODEL},kind="quality"}}'


def pace(window: str) -> str:
    """How many times faster than 30 days allow the budget was spent over the window, by model and objective."""
    return f"ml:slo_bad:ratio_rate{window}{{{MODEL}}} / on (model, slo) ml:slo_error_budget:ratio{{{MODEL}}}"


def of_objective(expr: str) -> str:
    """`expr` by objective, with what that is about."""
    return f"max by (slo, kind) (({expr}) * on (model, slo) group_left (kind) {KIND})"


STATE = (
    f"{int(State.BAD)} * (ml:slo_burn:page{{{MODEL}}} > bool 0 unless on (model, slo) {QUALITY})"
    f" or {int(State.WARNING)} * (ml:slo_burn:ticket{{{MODEL}}} > bool 0 unless on (model, slo) {QUALITY})"
    f" or {int(State.WARNING)} * (ml:slo_burn:quality{{{MODEL}}} > bool 0 and on (model, slo) {QUALITY})"
    f" or 0 * (ml:slo_bad:ratio_rate3d{{{MODEL}}} >= 0)"
    f" or max by (model, slo) ({KIND}) * {int(State.UNKNOWN)}"
)
"""As the alerts see it, by model and objective."""

KEPT = Signal(
    title="Objectives kept?",
    unit="none",
    description="The worst objective, as the alerts see it. Bad: a budget burns so fast that somebody is paged."
    " Warning: one burns faster than it may. Unknown: no objective, or nothing came. The table says which.",
    queries=values(("Objectives", f"max({STATE})")),
    unknown=knobs.STATE_TEXTS[State.UNKNOWN],
)

TRAFFIC_NOW = Signal(
    title="Traffic",
    unit="reqps",
    description="Requests a second now, by the log or by the serving stack that stands nearest to the caller.",
    queries=values(("requests", f"sum({REQUESTS}{{{VERSION}}})")),
    unknown="unknown",
)

FAILED_NOW = Signal(
    title="Failed",
    unit="percentunit",
    description="Share of the requests that failed in the last minutes. The caller's mistakes are none.",
    queries=values(("failed", f"max(ml:request_error:ratio_rate5m{{{MODEL}}})")),
    decimals=2,
    unknown="unknown",
)

TOLD_BY = Signal(
    title="Told by",
    unit="none",
    description="Who tells of the model: the exporter, which reads its log, or a serving stack. Where several do, the"
    " one nearest to the caller is believed, so that nothing counts twice.",
    queries=values(("{{stack}}", f"max by (stack) ({REQUESTS}{{{MODEL}}})")),
    unknown="nobody",
)

IN_HAND_NOW = Signal(
    title="In hand",
    unit="none",
    description="Requests that the model works on and that wait for it, now: as the serving stack counts them, or by"
    " Little's law from the log (rate × mean latency).",
    queries=values(
        (
            "working",
            f"sum(ml:requests_running{{{MODEL}}}) or sum(ml:predictions_in_flight{{{VERSION}}})",
        ),
        ("waiting", f"sum(ml:requests_waiting{{{MODEL}}})"),
    ),
    decimals=1,
    unknown="unknown",
)

OBJECTIVES = Signal(
    title="Objectives",
    unit="none",
    description="One line an objective of `slo:`. State: as the alerts see it. Pace: how many times faster than 30 days"
    " allow the budget is spent; 1 uses it up in just 30 days. Left: of the budget of 30 days; below 0 it is overspent:"
    " stop what is risky, mend first. Quality counts labelled predictions, which come late: look at its 3 days.",
    queries=columns(
        ("State", otherwise(of_objective(STATE), "slo", "none: name some under slo:")),
        ("Wants", of_objective(f"max by (model, slo) (ml_slo_objective_ratio{{{MODEL}}})")),
        *((f"Pace {window}", of_objective(pace(window))) for window in ("1h", "3d")),
        ("Left", of_objective(f"ml:slo_error_budget_remaining:ratio{{{MODEL}}}")),
    ),
    unknown="No objective: name some under `slo:` of the model.",
)

PACE = Signal(
    title="Pace of error budgets",
    unit="none",
    description="How many times faster than 30 days allow each budget is spent, over the last hour (quality: over"
    f" three days, as its labels come late). {knobs.BURN_WARNING:g} and {knobs.BURN_BAD:g} are where alerts page. Look"
    " at errors and latency below for what burns.",
    queries=lines(
        ("{{slo}}", f"{pace('1h')} unless on (model, slo) {QUALITY}"),
        ("{{slo}} (3 days)", f"{pace('3d')} and on (model, slo) {QUALITY}"),
        ("fast", f"0 * count({KIND}) + {knobs.BURN_WARNING:g}"),
        ("too fast", f"0 * count({KIND}) + {knobs.BURN_BAD:g}"),
    ),
    decimals=1,
    unknown="No objective, or no traffic.",
)

LEFT = Signal(
    title="Budget left of 30 days",
    unit="percentunit",
    description="What is left of each error budget, as far as Prometheus remembers the last 30 days. Below 0 more went"
    " wrong than was promised. A step: an outage; a slope: something that always fails a little.",
    queries=lines(("{{slo}}", f"ml:slo_error_budget_remaining:ratio{{{MODEL}}}")),
    decimals=0,
    unknown="No objective, or no event yet.",
)


def quantile(of: float, name: str) -> str:
    """Of the chosen versions where there is a histogram; else what the stack tells itself, of the whole model."""
    return (
        f"histogram_quantile({of}, sum by (le) ({BUCKETS}{{{VERSION}}})) >= 0"
        f" or max(ml:request_latency_seconds:{name}_rate5m{{{MODEL}}})"
    )


LATENCY_NOW = Signal(
    title="Latency",
    unit="s",
    description="Half, and 99 of 100, of the requests are answered faster, now.",
    queries=values(("p50", quantile(0.5, "p50")), ("p99", quantile(0.99, "p99"))),
    unknown="unknown",
)

LATENCY = Signal(
    title="Latency",
    unit="s",
    description="Half, 95 and 99 of 100 requests are answered faster, beside what is usual (the median of a day). The"
    " tail alone grows: saturation or garbage collection; all grow: a bigger model, a slower feature store, a machine"
    " in trouble.",
    queries=lines(
        ("p50", quantile(0.5, "p50")),
        ("p95", quantile(0.95, "p95")),
        ("p99", quantile(0.99, "p99")),
        ("usual", f"max(ml:request_latency_seconds:usual{{{MODEL}}})"),
    ),
    unknown="No latency is told: the log has no latency column and no serving stack is scraped.",
)

LATENCY_HEAT = Signal(
    title="Latency, all requests",
    unit="s",
    description="Requests a second by latency. Two bands: two paths (cache, fallback, a slow replica); a band that"
    " moves up: saturation.",
    queries=(Query(f"sum by (le) ({BUCKETS}{{{VERSION}}})", "{{le}}", format="heatmap"),),
    unknown="No histogram of latency is told.",
)

ERRORS = Signal(
    title="Errors by class",
    unit="percentunit",
    description="Share of requests that failed, by class of error as logged, or by status code as the stack counts"
    " it. A new class: look at the last deployment; timeouts: look at machines and at the queue.",
    queries=lines(
        (
            "{{error}}",
            (
                f"sum by (error) (rate(ml_prediction_errors_total{{{VERSION}}}[{RATE}]))"
                f" / scalar(sum(rate(ml_predictions_total{{{VERSION}}}[{RATE}])) > 0)"
            ),
        ),
        (
            "{{stack}} {{code}}",
            (
                f'sum by (stack, code) (ml:stack_responses:rate5m{{{MODEL},code!~"[123]..|OK|0"}})'
                f" / on (stack) group_left () (sum by (stack) (ml:stack_responses:rate5m{{{MODEL}}}) > 0)"
            ),
        ),
        ("all that failed", f"max(ml:request_error:ratio_rate5m{{{MODEL}}})"),
    ),
    unknown="No requests in this time.",
)

TRAFFIC = Signal(
    title="Traffic, and a week before",
    unit="reqps",
    description="Requests a second by version, beside all of them at the same time a week before. A step: a roll-out,"
    " a new client or a lost one. Far from last week: see the slices below for who.",
    queries=lines(
        ("{{version}} {{stack}}", f"sum by (version, stack) ({REQUESTS}{{{VERSION}}})"),
        ("a week before", f"sum({REQUESTS}{{{VERSION}}} offset {WEEK})"),
    ),
    unknown="No requests in this time.",
)

IN_HAND = Signal(
    title="In hand and waiting",
    unit="none",
    description="Requests that the model works on, and those that wait for it, as its stack counts them; by the log:"
    " rate × mean latency (Little's law). Waiting grows while working stays: all places are taken, scale out.",
    queries=lines(
        ("working", f"sum(ml:requests_running{{{MODEL}}})"),
        ("waiting", f"sum(ml:requests_waiting{{{MODEL}}})"),
        ("in hand, by the log", f"sum(ml:predictions_in_flight{{{VERSION}}})"),
    ),
    decimals=1,
    unknown="Neither a log with latency nor a stack tells it.",
)

WAITED = Signal(
    title="Waiting and being served",
    unit="s",
    description="Mean latency, the part of it spent in the stack's queue, and what an answer takes where nobody waits"
    " (the fastest twentieth of a week). The gap between mean and service is waiting: scale out, or batch requests.",
    queries=lines(
        ("mean latency", f"max(ml:request_latency_seconds:mean_rate5m{{{MODEL}}})"),
        ("in the queue", f"max(ml:request_queue_seconds:mean_rate5m{{{MODEL}}})"),
        ("service", f"max(ml:prediction_service_seconds{{{VERSION}}})"),
    ),
    unknown="No latency is told.",
)

BUSY = Signal(
    title="How busy",
    unit="percentunit",
    description="Share of latency that is waiting (1 − service/latency: with one queue, how busy the servers are),"
    " beside processors and GPUs of the model's machines. Queue high, machines idle: too few workers; both high:"
    " scale out; all low: money is wasted.",
    queries=lines(
        ("queue", f"max(ml:prediction_saturation:ratio{{{VERSION}}})"),
        ("CPU {{host}}", f"max by (host) (ml:host_cpu_utilization:ratio and on (host) ml:model_host{{{MODEL}}})"),
        (
            "GPU {{gpu}} {{host}}",
            f"max by (host, gpu) (ml:gpu_utilization:ratio and on (host) ml:model_host{{{MODEL}}})",
        ),
    ),
    unknown="Neither latency nor machines are told.",
)

OF_WINDOW = f'{MODEL},window="$window",dimension=~"$dimension"'
BY = "by (dimension, value)"
SLICE_NOW = f"sum {BY} (ml_window_slice_predictions{{{OF_WINDOW}}})"
SLICE_BEFORE = f"max {BY} (ml_slice_predictions_expected{{{OF_WINDOW}}})"

SLICES = Signal(
    title="Slices against last week",
    unit="none",
    description="Predictions of the window by slice, beside the same time a week before (the median of the weeks that"
    " are known). Detected: it changed by half or more, beyond noise, and the others did not alike: one client,"
    " region or replica sends too much, or was lost.",
    queries=columns(
        ("Verdict", f"max {BY} (ml_slice_traffic_detected{{{OF_WINDOW}}})"),
        ("Now", otherwise(SLICE_NOW, "value", "none: too few rows, or none named under slices:")),
        ("Last week", SLICE_BEFORE),
        ("Times", f"{SLICE_NOW} / {SLICE_BEFORE}"),
    ),
    unknown="No slices: name some under `slices:`. Those with too few rows are not shown.",
)

SLICES_OVER_TIME = Signal(
    title="Times last week, by slice",
    unit="none",
    description="Each slice's predictions in the window as a multiple of the same time a week before; 1 is as usual."
    " One line that leaves the others: that slice alone changed; all leave 1 together: holidays, an outage, a"
    " campaign.",
    queries=lines(
        ("{{value}} ({{dimension}})", f"{SLICE_NOW} / {SLICE_BEFORE}"),
        ("as last week", f"0 * count({SLICE_BEFORE}) + 1"),
    ),
    decimals=2,
    unknown="Unknown: no slices, or no week before is known yet.",
)
