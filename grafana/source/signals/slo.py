"""Error budgets: objectives of availability and latency."""

from grafana.source import knobs
from grafana.source.signal import Signal, lines
from grafana.source.signals.state import pace

PACE = Signal(
    title="Pace of the error budget",
    unit="none",
    description="How many times faster than sustainable the error budget is spent, by objective: 1 spends it in"
    f" just its period; {knobs.BURN_WARNING:g} spends 5 % of a month's budget in six hours, {knobs.BURN_BAD:g} 2 %"
    f" in one. Look at errors and latency beside.",
    queries=lines(
        ("{{slo}}", f"max by (slo) {pace(knobs.VERSION)}"),
        ("fast", f"vector({knobs.BURN_WARNING:g})"),
        ("too fast", f"vector({knobs.BURN_BAD:g})"),
    ),
    decimals=1,
    unknown="Unknown: no objective, or no traffic.",
)
