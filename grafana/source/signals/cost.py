"""Money: what models and machines cost, and what of it is for nothing."""

from grafana.source.knobs import HOST, MODEL
from grafana.source.signal import Signal, columns, lines, otherwise, values

NONE = "No price list: name prices under `cost:` in ml-exporter.yml."
BY = "by (model, currency)"


def of(name: str) -> str:
    return f"max {BY} (ml:cost_{name}{{{MODEL}}})"


NOW = Signal(
    title="Models cost",
    unit="none",
    description="What the chosen models use for an hour: processors, memory, their share of GPUs, energy.",
    queries=values(("{{currency}} an hour", f"sum by (currency) (ml:cost_per_hour{{{MODEL}}})")),
    decimals=2,
    unknown="no prices",
)

WASTED = Signal(
    title="Wasted",
    unit="percentunit",
    description="Share of that money spent for nothing: GPUs that are held and do not compute, predictions that"
    " failed or were wrong.",
    queries=values(
        (
            "wasted",
            f"sum(ml:cost_wasted_per_hour{{{MODEL}}}) / (sum(ml:cost_per_hour{{{MODEL}}}) > 0)",
        )
    ),
    decimals=0,
    unknown="no prices",
)

TABLE = Signal(
    title="What models cost",
    unit="none",
    description="By the price list and what is used now. Per correct prediction: failed and wrong ones are paid for,"
    " too (classifiers, as far as labels tell). Wasted: idle GPUs, failed and wrong predictions, each part once."
    " Idle: the part of GPUs alone. See docs/cost.md for the sums.",
    queries=columns(
        ("An hour", otherwise(of("per_hour"), "model", NONE)),
        ("1,000 predictions", of("per_thousand_predictions")),
        ("A correct one", of("per_correct_prediction")),
        ("Wasted", of("wasted:ratio")),
        ("Idle", of("idle:ratio")),
    ),
    unknown=NONE,
)

BY_RESOURCE = Signal(
    title="Cost per hour, by resource",
    unit="none",
    description="What the models use for an hour: processor time, memory, GPUs (by memory held, whether they compute"
    " or not) and energy.",
    queries=lines(("{{model}} {{resource}}", f"sum by (model, resource) (ml:resource_cost_per_hour{{{MODEL}}})")),
    decimals=2,
    unknown=NONE,
)

WASTE = Signal(
    title="Wasted per hour, by cause",
    unit="none",
    description="Money for nothing: idle (GPUs held that do not compute), failed, and wrong predictions. Idle: scale"
    " in, or put models together; failed: see Serving; wrong: see Why.",
    queries=lines(("{{model}} {{cause}}", f"sum by (model, cause) (ml:cost_wasted_per_hour{{{MODEL}}})")),
    decimals=3,
    unknown=NONE,
)

PER_THOUSAND = Signal(
    title="Cost of 1,000 predictions",
    unit="none",
    description="Falls with traffic while machines stay: full machines are cheap ones. Rises without a change of"
    " traffic: a bigger model, or more replicas than are needed.",
    queries=lines(("{{model}}", f"max by (model) (ml:cost_per_thousand_predictions{{{MODEL}}})")),
    decimals=4,
    unknown=NONE,
)

MACHINES = Signal(
    title="Machines: idle share of their price",
    unit="percentunit",
    description="Share of each machine's price (cores, memory, GPUs) that nobody uses. High for days: a smaller"
    " machine does.",
    queries=lines(("{{host}}", f"max by (host) (ml:host_cost_idle:ratio{{{HOST}}})")),
    decimals=0,
    unknown=NONE,
)

MACHINE_PRICE = Signal(
    title="Machines: cost per hour",
    unit="none",
    description="What each machine costs for an hour by the price list, whoever uses it.",
    queries=lines(("{{host}} {{resource}}", f"sum by (host, resource) (ml:host_cost_per_hour{{{HOST}}})")),
    decimals=2,
    unknown=NONE,
)
