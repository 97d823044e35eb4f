"""Verdicts: ok, unknown, blind, warning, bad, for each question and for a model as a whole."""

from grafana.source import knobs
from grafana.source.knobs import State
from grafana.source.signal import Query, Signal, columns, values
from grafana.source.signals.trouble import machines

ASPECTS = ("Performance", "Drift", "Quality", "Labels", "Freshness", "Service")

BY = "by (model, version)"


def every(selector: str) -> str:
    """1, *unknown*, for each version with predictions in the window, and each model without any (version `none`)."""
    model = selector.split(",", maxsplit=1)[0]
    nothing = f'label_replace(max by (model) (ml_model_info{{{model}}}), "version", "none", "", "")'
    return f"(max {BY} (ml_window_predictions{{{selector}}} > bool 0) == 1 or on (model) {nothing})"


def verdict(aspect: str, selector: str) -> str:
    """The aspect's state where something is known, by model and version.

    Args:
        aspect: one of ASPECTS.
        selector: labels of a windowed metric; the model's matcher comes first.
    """
    model, facts = selector.split(",", maxsplit=1)[0], selector.removesuffix(',window="$window"')
    bad, warning, blind = int(State.BAD), int(State.WARNING), int(State.BLIND)
    return {
        "Performance": f'{bad} * (max {BY} (ml_performance_degraded{{{selector},metric=~"{knobs.PAGE_METRICS}"}}) > 0)'
        f" or {warning} * (max {BY} (ml_performance_degraded{{{selector}}}) > 0)"
        f" or {warning} * ({estimated(selector)} > 0)"
        f" or 0 * {estimated(selector)}"
        f' or {blind} * (min {BY} (ml_performance_blind{{{selector},metric=~"{knobs.PAGE_METRICS}"}}) > 0)'
        f" or 0 * max {BY} (ml_performance_degraded{{{selector}}})",
        "Drift": f"{warning} * max {BY} ({drifted(selector)})",
        "Quality": f"{warning} * max {BY} (ml_feature_quality_detected{{{selector}}})",
        "Labels": f"{warning} * max {BY} (ml_label_coverage_ratio{{{selector}}}"
        f" < bool {knobs.COVERAGE_LEAST} * ml_label_coverage_expected_ratio{{{selector}}})",
        "Freshness": f"{every(selector)} * 0 + on (model) group_left () ({stale(model)})",
        "Service": f"max {BY} ({warning} * ({pace(facts)} > bool {knobs.BURN_WARNING})"
        f" + ({pace(facts)} > bool {knobs.BURN_BAD}))",
    }[aspect]


def estimated(selector: str) -> str:
    """0 or 1: performance as expected from scores, where labels do not (nearly all) say it themselves."""
    return (
        f'(max {BY} (ml_performance_estimated_degraded{{{selector},metric=~"{knobs.PAGE_METRICS}"}})'
        f" unless on (model, version) (max {BY} (ml_label_coverage_ratio{{{selector}}}) >= {knobs.ESTIMATE_LABELS}"
        f" and on (model, version) max {BY} (ml_performance_degraded{{{selector}}})))"
    )


def stale(model: str) -> str:
    """By model: bad where predictions cannot be read, warning where they are old or none came for long."""
    labels = f'{{{model},source="predictions"}}'
    rows = f"ml_exporter_rows_total{labels}"
    reasons = {
        "down": f"{int(State.BAD)} * (1 - max by (model) (ml_exporter_source_up{labels}))",
        "old": f"{int(State.WARNING)} * (min by (model) (ml_exporter_source_lag_seconds{labels})"
        f" > bool {knobs.LAG_MOST_SECONDS})",
        "silent": f"{int(State.WARNING)} * (sum by (model) (increase({rows}[{knobs.SILENCE}])) == bool 0"
        f" and sum by (model) ({rows}) > 0)",
    }
    parts = " or ".join(f'label_replace({expr}, "why", "{why}", "", "")' for why, expr in reasons.items())
    return f"max by (model) ({parts})"


def drifted(selector: str) -> str:
    """0 or 1 for each feature, and for predictions and labels as if they were features."""
    outputs = " or ".join(
        f'label_replace(ml_{name}_drift_detected{{{selector}}}, "feature", "({name}s)", "", "")'
        for name in ("prediction", "label")
    )
    return f"ml_feature_drift_detected{{{selector}}} or {outputs}"


def pace(facts: str) -> str:
    """How many times faster than allowed the error budget is spent, by model, version and objective."""
    bad, all_of = (
        f"sum by (model, version, slo) (rate({name}{{{facts}}}[{knobs.BURN}]))"
        for name in ("ml_slo_bad_events_total", "ml_slo_events_total")
    )
    return (
        f"({bad} / ({all_of} > 0) / on (model, slo) group_left () (1 - max by (model, slo) (ml_slo_objective_ratio)))"
    )


def of_traffic(expr: str, selector: str) -> str:
    """`expr`, by model and version, without versions that nobody asks any more."""
    return f"(({expr}) and on (model, version) {every(selector)})"


def known(aspect: str, selector: str) -> str:
    """The aspect's state of every model and version; *unknown* where the exporter says nothing."""
    return f"({of_traffic(verdict(aspect, selector), selector)} or on (model, version) {every(selector)})"


def overall(selector: str) -> str:
    """The worst state over all aspects, by model and version."""
    parts = " or ".join(f'label_replace({known(aspect, selector)}, "aspect", "{aspect}", "", "")' for aspect in ASPECTS)
    return f"max {BY} ({parts})"


MEANING = {
    "Performance": "Bad: a metric that pages (knobs: PAGE_METRICS) lies beyond its threshold, by more than chance;"
    " warning: another metric does, or, where labels are late, one that pages is expected to, going by inputs and"
    " scores. Blind: too few labels to show a fall that matters, and no estimate: choose a longer window, or wait."
    " Unknown: no reference, or nobody sends labels. Look at the interval and at the slices, then at"
    " drift and quality for the cause.",
    "Drift": "Warning: at least one feature, the predictions or the labels are distributed otherwise than in the"
    " reference, by more than the threshold and not by chance. Unknown: too few rows, or too short a reference for"
    " this window. Drift alone is no harm: look whether performance follows.",
    "Quality": "Warning: missing, invalid, out-of-range or unseen values, a constant feature or a changed unit,"
    " beyond what the reference shows. Mostly a broken pipeline: repair it before retraining.",
    "Labels": f"Warning: less than {knobs.COVERAGE_LEAST:.0%} of the labels expected at this age have come."
    " Performance then speaks for a part only. Unknown: no label has ever been expected. Look at the labels' source.",
    "Freshness": "Bad: the exporter cannot read the predictions. Warning: what it reads is old, or nothing comes."
    " All other verdicts then speak of the past.",
    "Service": "Pace at which the error budget of availability and latency is spent: warning above"
    f" {knobs.BURN_WARNING:g}×, bad above {knobs.BURN_BAD:g}× the sustainable pace. Unknown: no objective, or no"
    f" traffic.",
}

QUESTION = {
    "Performance": "Is it right?",
    "Drift": "Same world?",
    "Quality": "Data sound?",
    "Labels": "Labels there?",
    "Freshness": "Up to date?",
    "Service": "Served well?",
}


def worst(aspect: str) -> str:
    """The worst that is known of the chosen versions; *unknown* where nothing is."""
    some = of_traffic(verdict(aspect, knobs.WINDOW_OF), knobs.WINDOW_OF)
    return f"max({some}) or max({every(knobs.WINDOW_OF)})"


def worst_light(aspect: str) -> Signal:
    """The aspect's verdict over the chosen versions."""
    return Signal(
        title=QUESTION[aspect],
        unit="none",
        description=f"{aspect}, the worst of the chosen versions. {MEANING[aspect]}",
        queries=values((aspect, worst(aspect))),
        unknown=knobs.STATE_TEXTS[State.UNKNOWN],
    )


def models_in(state: State) -> Signal:
    """How many models and versions are in a state."""
    words = {
        State.BAD: ("Bad", "are wrong too often, unreachable, or spend their error budget too fast: look at them now"),
        State.WARNING: ("Warning", "have drift, bad data, missing labels or old data: look at them today"),
        State.UNKNOWN: ("Unknown", "cannot be judged: no data, too few rows or labels. Unknown is not ok"),
        State.BLIND: ("Blind", "have too few labels to show a fall of performance that matters, and no estimate of it"),
        State.OK: ("Ok", "are fine in every respect that is measured"),
    }[state]
    return Signal(
        title=words[0],
        unit="none",
        description=f"Versions of models that {words[1]}. Each counts once, by its worst verdict in the chosen window.",
        queries=values((words[0], f"count({overall(knobs.FLEET_WINDOW)} == {int(state)}) or vector(0)")),
        decimals=0,
    )


def paged() -> str:
    """By model, as the alerts see it (0, 1 ticket, 2 page): ok, warning, bad, blind or unknown."""
    status = f"ml:model_status{{{knobs.MODEL}}}"
    return (
        f"({status} + {int(State.WARNING) - 1} * ({status} > bool 0) > 0"
        f" or {int(State.BLIND)} * ml:model_blind{{{knobs.MODEL}}} or {status} or ml:model_unknown{{{knobs.MODEL}}})"
    )


FLEET = Signal(
    title="Models, worst first",
    unit="none",
    description="One line a model and version; State is the worst of its six verdicts. "
    + " ".join(f"{aspect}: {MEANING[aspect]}" for aspect in ASPECTS)
    + " Machines: whether one that serves it is in trouble; it is no part of State, as it may be a cause and no harm.",
    queries=columns(
        (
            "State",
            (
                f"{overall(knobs.FLEET_WINDOW)} * on (model) group_left (owner, tier, task)"
                f" max by (model, owner, tier, task) (ml_model_info{{{knobs.MODEL}}})"
            ),
        ),
        *((aspect, known(aspect, knobs.FLEET_WINDOW)) for aspect in ASPECTS),
        (
            "Machines",
            (
                f"{every(knobs.FLEET_WINDOW)} * 0 + on (model) group_left () {machines(knobs.MODEL)}"
                f" or {every(knobs.FLEET_WINDOW)}"
            ),
        ),
        (
            "Alerts",
            f"{every(knobs.FLEET_WINDOW)} * 0 + on (model) group_left () {paged()}",
        ),
    ),
    unknown="No model: is the exporter scraped, and does a model match the variables?",
)

SINCE = Signal(
    title="Since when",
    unit="none",
    description="The worst verdict of each model and version over time: where a colour begins is when to look for a"
    " cause. Nothing drawn: the exporter was not scraped.",
    queries=(Query(overall(knobs.FLEET_WINDOW), "{{model}} · {{version}}"),),
)

ASPECTS_OVER_TIME = Signal(
    title="What went wrong first",
    unit="none",
    description="Each verdict over time, the worst of the chosen versions. The one that turns first is usually nearer"
    " to the cause: machines first = infrastructure; quality before drift = a pipeline; drift before performance ="
    " the world; performance alone = the concept.",
    queries=(
        Query(f"max({machines(knobs.MODEL)})", "Machines"),
        *(Query(worst(aspect), aspect) for aspect in ASPECTS),
    ),
)
