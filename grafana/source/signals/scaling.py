"""More replicas or fewer: what is used, what would do, and what that saves."""

from grafana.source.knobs import MODEL
from grafana.source.signal import Signal, columns, lines, otherwise

NONE = "Unknown: nobody tells what its machines, pods or GPUs do."
ADVISED = f"ml:scaling_recommended{{{MODEL}}}"


def one(name: str) -> str:
    return f"max by (model) (ml:{name}{{{MODEL}}})"


def _advised(action: str) -> str:
    return f'max by (model) (ml:scaling_recommended{{{MODEL},action="{action}"}} == 1)'


ADVICE = Signal(
    title="More replicas, or fewer?",
    unit="none",
    description="Out: latency suffers while what grows with requests is nearly used up. In: for a day, at its peak"
    " too, little was used, nothing suffered, and fewer cost less. Stay: neither. Suggested: so many would be well"
    " used at the day's peak. Saves: money an hour, where there is a price list. Rules: docs/scaling.md.",
    queries=columns(
        (
            "Do",
            otherwise(
                f"2 * {_advised('scale_out')} or {_advised('scale_in')} or 0 * max by (model) ({ADVISED})",
                "model",
                "unknown: nobody tells of its machines",
            ),
        ),
        ("Replicas", one("model_replicas:count")),
        ("Suggested", one("scaling_replicas_suggested")),
        ("Used now", one("scaling_utilization:ratio")),
        ("Day's mean", one("scaling_utilization:mean1d")),
        ("Day's peak", one("scaling_utilization:max1d")),
        ("Latency used", one("scaling_latency_used:ratio")),
        ("Saves", f"max by (model, currency) (ml:scaling_savings_per_hour{{{MODEL}}})"),
    ),
    unknown=NONE,
)

USED = Signal(
    title="What replicas use",
    unit="percentunit",
    description="Mean over replicas of each resource, of its limit where there is one, else of the machine. The"
    " scarcest one says how far traffic can grow; memory says how small a machine can be.",
    queries=lines(("{{resource}}", f"max by (resource) (ml:scaling_resource_utilization:ratio{{{MODEL}}})")),
    decimals=0,
    unknown=NONE,
)

REPLICAS = Signal(
    title="Replicas: there, wanted",
    unit="none",
    description="Replicas that there are, so many as would be well used at the day's peak, and what there was to do, in"
    " replicas that are busy all the time.",
    queries=lines(
        ("there are", one("model_replicas:count")),
        ("suggested", one("scaling_replicas_suggested")),
        ("to do", one("scaling_demand:replicas")),
    ),
    decimals=1,
    unknown=NONE,
)
