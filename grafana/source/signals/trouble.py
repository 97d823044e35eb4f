"""What harms machines, beside what harms predictions."""

from grafana.source import knobs
from grafana.source.knobs import HOST, HOST_MODEL, MODEL, WINDOW_OF, State
from grafana.source.signal import Query, Signal, columns, lines, otherwise, values

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


MACHINE = (
    of_host(f"{WARNING} * max by (host) ({OF}{{{MODEL}}}) or 0 * max by (host) (ml:host_cpu_utilization:ratio)")
    + f" or {REPLICAS} * {UNKNOWN}"
)
"""Whether each replica's machine is in trouble; *unknown* where nobody watches it."""


def of_replica(by: str, expr: str) -> str:
    """`expr` by replica, with the machine where the configuration tells it."""
    named = f"{by} by (replica) ({expr})"
    return f"{named} * on (replica) group_left (host) {REPLICAS} or on (replica) {named}"


def of_slice(by: str, name: str, more: str = "") -> str:
    """The slices of `name` by replica."""
    slices = f'{name}{{{WINDOW_OF},dimension="replica"{more}}}'
    return of_replica(by, f'label_replace({slices}, "replica", "$1", "value", "(.+)")')


HARMS = {"errors": "Errors", "unusable": "Scores", "slowness": "Slow", "predictions": "Answers"}
"""In what a replica can be worse than the others → the column that says so."""


def beside(metric: str) -> Signal:
    """Harm of machines and of predictions by replica; `metric` is the variable that names the slices' measure."""
    return Signal(
        title="By replica: machine beside predictions",
        unit="none",
        description="One line a replica: whether its machine is in trouble and how busy it is, beside how its own"
        " predictions do in the window: the measure chosen above, the share that failed, and of scores that are no"
        " numbers; and whether it is worse than the other replicas beyond chance, in errors, scores, slowness, or by"
        " answering otherwise. Worse on a machine in trouble: mend the machine, not the model. Needs the log's"
        " replica role; machines are named under `replicas:`.",
        queries=columns(
            ("Machine", otherwise(MACHINE, "replica", "none: give the log's column the role replica")),
            ("CPU", of_host("max by (host) (ml:host_cpu_utilization:ratio)")),
            ("Waits", of_host("max by (host) (ml:host_cpu_waiting:ratio)")),
            ("Memory", of_host("max by (host) (ml:host_memory_utilization:ratio)")),
            ("GPU", of_host("max by (host) (ml:gpu_utilization:ratio)")),
            ("Rows", of_slice("sum", "ml_window_slice_predictions")),
            ("Value", of_slice("avg", "ml_slice_performance", f',metric="${metric}"')),
            ("Failed", of_replica("max", f"ml_replica_error_ratio{{{WINDOW_OF}}}")),
            ("NaN", of_replica("max", f"ml_replica_unusable_score_ratio{{{WINDOW_OF}}}")),
            *(
                (column, of_replica("max", f'ml_replica_skew_detected{{{WINDOW_OF},harm="{harm}"}}'))
                for harm, column in HARMS.items()
            ),
        ),
        unknown="No replicas: give the log's column the role `replica`, and name their machines under `replicas:`.",
    )


SKEW = Signal(
    title="How much worse than other replicas",
    unit="none",
    description="By replica and harm: difference of shares of errors or of scores that are no numbers; probability"
    " less a half that its answer is the slower one; distance of its predictions from theirs. All near 0: they are"
    " alike.",
    queries=lines(("{{replica}} {{harm}}", f"max by (replica, harm) (ml_replica_skew{{{WINDOW_OF}}})")),
    decimals=2,
    unknown="Unknown: one replica only, or too few rows in this window.",
)

SUSPECT = "max by (reason, subject, host, replica)"

SUSPECTS = Signal(
    title="Machines suspected of it",
    unit="none",
    description="Trouble of a machine that was there when harm began on the replicas that it serves: mend it before the"
    " model is touched. Since: when that trouble began, in the time of the log.",
    queries=columns(
        ("Value", otherwise(f"{SUSPECT} (ml_infrastructure_suspect{{{WINDOW_OF}}})", "reason", "none")),
        ("Since", f"{SUSPECT} (ml_infrastructure_suspect_since_timestamp_seconds{{{WINDOW_OF}}}) * 1000"),
    ),
    unknown="No machine is suspected: none was in trouble when harm began, or there is no harm.",
)
