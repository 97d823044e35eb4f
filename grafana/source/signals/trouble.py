"""What harms machines, beside what harms predictions."""

from grafana.source import knobs
from grafana.source.knobs import HOST, HOST_MODEL, MODEL, WINDOW_OF, State
from grafana.source.signal import Query, Signal, columns, values

OF = "ml:trouble"
WARNING, UNKNOWN = int(State.WARNING), int(State.UNKNOWN)
SOMETHING = f"(ml:host_cpu_utilization:ratio{{{HOST}}} or ml:gpu_utilization:ratio{{{HOST}}})"
"""There where somebody tells anything of these machines."""

LASTED = "[$__range:15s]"


def machines(selector: str) -> str:
    """By model: warning where a machine that serves it is in trouble, ok where one is watched and none is."""
    return (
        f"({WARNING} * max by (model) ({OF}{{{selector}}})"
        f" or 0 * max by (model) (ml:model_host{{{selector}}} and on (host) ml:host_cpu_utilization:ratio))"
    )


LIGHT = Signal(
    title="Machines sound?",
    unit="none",
    description="Whether a machine, GPU or process that serves the model is in trouble: starved, throttled, short of"
    " memory, slow or full disks, GPU errors, leaks. Unknown: no machine of the model is watched. Click:"
    " Infrastructure.",
    queries=values(("Machines", f"max({machines(MODEL)})")),
    unknown=knobs.STATE_TEXTS[State.UNKNOWN],
)

NOW = Signal(
    title="Troubles now",
    unit="none",
    description="What is wrong with machines, their GPUs and processes now, once for each model that it hits, and"
    " what to do about it. Lasted: how much of the time shown. The alerts MLHost…, MLGPU… and MLProcess… read the"
    " same; their runbooks say more.",
    queries=columns(
        (
            "Lasted",
            (
                "max by (host, reason, what, subject, model) (label_replace(15 * count_over_time("
                f'{OF}{{{HOST_MODEL}}}{LASTED}) and {OF}{{{HOST_MODEL}}}, "what", "$1", "reason", "(.*)"))'
                " or label_replace(NaN * (vector(1) and on ()"
                f' {SOMETHING} unless on () {OF}{{{HOST_MODEL}}}), "reason", "none", "", "")'
            ),
        )
    ),
    unknown="Unknown: no exporter tells of these machines, or the recorded rules are not loaded.",
)

OVER_TIME = Signal(
    title="Troubles over time",
    unit="none",
    description="When which machine was in which trouble. Where a row begins is when to look for what changed: a"
    " deployment, another tenant, a batch job. The last row has gaps where nobody told anything: silence means nothing"
    " there.",
    queries=(
        Query(f"{WARNING} * max by (host, reason, subject) ({OF}{{{HOST_MODEL}}})", "{{host}} {{reason}} {{subject}}"),
        Query(f"0 * max({SOMETHING})", "machines are watched"),
    ),
)

OF_MODEL = Signal(
    title="Troubles of its machines over time",
    unit="none",
    description="When which machine of the model was in which trouble. A row that begins before predictions suffer"
    " (above) is the likelier cause: mend the machine before the model is touched.",
    queries=(
        Query(f"{WARNING} * max by (host, reason, subject) ({OF}{{{MODEL}}})", "{{host}} {{reason}} {{subject}}"),
        Query(
            f"0 * max(ml:model_host{{{MODEL}}} and on (host) ml:host_cpu_utilization:ratio)", "its machines are watched"
        ),
    ),
)

REPLICAS = f"max by (replica, host) (ml_replica_info{{{MODEL}}})"


def of_host(expr: str) -> str:
    """`expr`, by host, of each replica that runs there."""
    return f"{REPLICAS} * on (host) group_left () ({expr})"


def of_replica(by: str, selector: str, name: str) -> str:
    """The slices of `name` by replica, with the machine where the configuration tells it."""
    slices = f'{name}{{{selector},dimension="replica"}}'
    named = f'{by} by (replica) (label_replace({slices}, "replica", "$1", "value", "(.+)"))'
    return f"{named} * on (replica) group_left (host) {REPLICAS} or on (replica) {named}"


def beside(metric: str) -> Signal:
    """Harm of machines and of predictions by replica; `metric` is the variable that names the slices' measure."""
    return Signal(
        title="By replica: machine beside predictions",
        unit="none",
        description="One line a replica: whether its machine is in trouble and how busy it is, beside how its own"
        f" predictions do in the window (${metric}) and whether it gets more or less than last week. A replica that is"
        " worse on a machine in trouble: mend the machine, not the model. Needs the log's replica role; machines are"
        " named under `replicas:` of the model.",
        queries=columns(
            (
                "Machine",
                (
                    of_host(
                        f"{WARNING} * max by (host) ({OF}{{{MODEL}}})"
                        " or 0 * max by (host) (ml:host_cpu_utilization:ratio)"
                    )
                    + f" or {REPLICAS} * {UNKNOWN}"
                ),
            ),
            ("CPU", of_host("max by (host) (ml:host_cpu_utilization:ratio)")),
            ("Waits", of_host("max by (host) (ml:host_cpu_waiting:ratio)")),
            ("Memory", of_host("max by (host) (ml:host_memory_utilization:ratio)")),
            ("GPU", of_host("max by (host) (ml:gpu_utilization:ratio)")),
            ("Rows", of_replica("sum", WINDOW_OF, "ml_window_slice_predictions")),
            ("Value", of_replica("avg", f'{WINDOW_OF},metric="${metric}"', "ml_slice_performance")),
            ("Worse by", of_replica("max", WINDOW_OF, "ml_worst_slice_gap")),
            ("Traffic", of_replica("max", WINDOW_OF, "ml_slice_traffic_detected")),
        ),
        unknown="No replicas: give the log's column the role `replica`, and name their machines under `replicas:`.",
    )
