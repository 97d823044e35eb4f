"""Runs of batch jobs: whether they come, how long they take, and whether they give what they should."""

from grafana.source import knobs
from grafana.source.knobs import MODEL, RATE, State
from grafana.source.signal import Signal, lines, values

NONE = "No batch runs: name a run column or a run log under `batch:`."


def newest(name: str, more: str = "") -> str:
    """Of several replicas of the exporter, the one that knows most."""
    return f"max(ml_batch_{name}{{{MODEL}{more}}})"


WRONG = (
    (State.BAD, "failed", newest("last_run_failed")),
    (State.BAD, "missed", f"({newest('missed_runs')} >= bool 2)"),
    (State.WARNING, "late", f"({newest('missed_runs')} >= bool 1)"),
    (State.WARNING, "overlapping", f"({newest('overlapping_runs')} >= bool 1)"),
    (State.WARNING, "partial", newest("partial_output")),
)
"""What can be wrong: how bad it is, its name, and 0 or 1."""

VERDICT = Signal(
    title="Newest run",
    unit="none",
    description="Bad: the newest run that is over failed, or two or more are missing. Warning: one is missing, runs"
    " overlap, or the output is partial. Look at the job's own log; the run is named there.",
    queries=values(
        (
            "Runs",
            "max("
            + " or ".join(f'label_replace({int(bad)} * {expr}, "why", "{why}", "", "")' for bad, why, expr in WRONG)
            + ")",
        )
    ),
    unknown=knobs.STATE_TEXTS[State.UNKNOWN],
)

WHEN = Signal(
    title="When",
    unit="dateTimeAsIsoNoDateIfToday",
    description="When the newest good run was over, when the newest run of any kind ended, and when the next one is"
    " due, as the run log tells.",
    queries=values(
        ("last success", f"1000 * {newest('last_success_timestamp_seconds')}"),
        ("last run", f"1000 * {newest('last_run_timestamp_seconds')}"),
        ("next is due", f"1000 * {newest('next_run_timestamp_seconds')}"),
    ),
    unknown="–",
)

TROUBLES = Signal(
    title="What is wrong",
    unit="none",
    description="Runs in a row that were due and did not come; runs that ran at the same time as the newest (they write"
    " the same output: which one counts?); whether the newest good run gave far fewer rows than usual (1 = partial).",
    queries=values(
        ("missed", newest("missed_runs")),
        ("overlapping", newest("overlapping_runs")),
        ("partial", newest("partial_output")),
    ),
    decimals=0,
    unknown="–",
)

DURATION = Signal(
    title="Duration, and what is usual",
    unit="s",
    description="How long the newest run took, beside runs like it and how long such a run may take; and how long one"
    " has been running now. Longer and longer: data grow, or a machine is in trouble; far shorter: it did nothing.",
    queries=lines(
        ("newest run", newest("last_duration_seconds")),
        ("usual", newest("duration_expected_seconds")),
        ("at most", newest("duration_bound_seconds", ',bound="upper"')),
        ("at least", newest("duration_bound_seconds", ',bound="lower"')),
        ("running now", newest("running_seconds")),
    ),
    unknown=NONE,
)

ROWS = Signal(
    title="Rows, and what is usual",
    unit="short",
    description="Rows that the newest run read, gave and failed on, beside the median of runs like it (dashed). Fewer"
    " read: what comes before is late or broken; fewer given than read: rows were lost here.",
    queries=lines(
        ("read", newest("last_rows", ',direction="in"')),
        ("given", newest("last_rows", ',direction="out"')),
        ("failed", newest("last_rows", ',direction="failed"')),
        ("read, usually", newest("rows_expected", ',direction="in"')),
        ("given, usually", newest("rows_expected", ',direction="out"')),
    ),
    decimals=0,
    unknown=NONE,
)

ENDINGS = Signal(
    title="How runs ended",
    unit="none",
    description="Runs that ended, by how. Lost: began and never told how it ended, such as one whose machine went"
    " down.",
    queries=lines(("{{status}}", f"sum by (status) (increase(ml_batch_runs_total{{{MODEL}}}[{RATE}]))")),
    decimals=1,
    unknown=NONE,
)
