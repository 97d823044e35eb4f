"""What harms machines, as panels that several dashboards show."""

from grafana_foundation_sdk.models import dashboard

from grafana.source import knobs, navigation
from grafana.source.panels import Steps, several, timeline, trend
from grafana.source.signals import trouble
from grafana.source.tables import NOTHING, VERDICT, Column, grid, texts

FULL: Steps = [(None, "text"), (knobs.FULL_WARNING, knobs.WARNING), (knobs.FULL_BAD, knobs.BAD)]
WAITING: Steps = [(None, "text"), (knobs.WAITING_WARNING, knobs.WARNING), (knobs.WAITING_BAD, knobs.BAD)]

REASONS = {
    "cpu_starved": ("processors are starved", "Fewer workers or threads, or more cores; see who uses them below."),
    "cpu_throttled": ("held back by its CPU limit", "Raise the container's limit, or start fewer threads."),
    "memory_short": ("memory is short", "See who grew below; give it more memory, or move something."),
    "swapping": ("it swaps", "Memory is short: every answer may wait for a disk. See who grew below."),
    "out_of_memory": (
        "a process was ended for want of memory",
        "See whose restarts grew below; raise limits or mend the leak.",
    ),
    "disk_full": (
        "a file system is full, or soon will be",
        "Rotate logs, remove old models; predictions are lost when logs stop.",
    ),
    "disk_slow": ("a disk is overloaded", "See who reads or writes below; move logs or data to another disk."),
    "disk_errors": ("a disk fails requests", "Save what is on it and replace it."),
    "gpu_errors": ("a GPU has errors", "Take it out of service and reset it; answers may be wrong."),
    "gpu_throttled": ("a GPU is slowed by heat or power", "Look at cooling, power supply and neighbours in the rack."),
    "process_down": ("a process does not run", "Start it; look at its log and at what ended it."),
    "process_restarting": (
        "a process restarts again and again",
        "Look at its log; memory and limits below say whether it was ended.",
    ),
    "memory_leak": ("memory leaks", "Restart it in good time; look at what its newest version keeps."),
    "none": ("✓ none", "–"),
}
"""Reason of a trouble → what it is, and what to do first; the runbooks say more."""


def now(*, width_of_model: int = 125) -> dashboard.Panel:
    """Troubles of the chosen machines, with what to do."""
    what = {reason: (words, "text") for reason, (words, _) in REASONS.items()}
    do = {reason: (words, "text") for reason, (_, words) in REASONS.items()}
    why = navigation.to_model_named(navigation.WHY)
    return grid(
        trouble.NOW,
        [
            Column("Trouble", label="reason", mappings=texts(what), width=235),
            Column("Of", label="subject", width=100),
            Column("Machine", label="host", width=120, link=navigation.to_machine(), link_title="This machine alone"),
            Column(
                "Hits",
                label="model",
                width=width_of_model,
                link=why.replace("[Model]", "[Hits]"),
                link_title="Why: is it harmed?",
            ),
            Column("Lasted", unit="dtdurations", decimals=0, width=110, mappings=NOTHING),
            Column("What to do first", label="what", mappings=texts(do)),
        ],
        sort=[("Lasted", True)],
    )


def over_time() -> dashboard.Panel:
    return timeline(trouble.OVER_TIME, silence=False)


def of_model() -> dashboard.Panel:
    return timeline(trouble.OF_MODEL, silence=False)


def suspects() -> dashboard.Panel:
    """Machines that were in trouble when harm began."""
    what = {reason: (words, "text") for reason, (words, _) in REASONS.items()}
    return grid(
        trouble.SUSPECTS,
        [
            Column("Trouble", label="reason", mappings=texts(what)),
            Column("Of", label="subject", width=90),
            Column("On", label="host", width=110, link=navigation.to_machine("On"), link_title="This machine alone"),
            Column("Replica", label="replica", width=90),
            Column("Since", unit="dateTimeAsIso", width=160),
        ],
        hidden=("Value", "Value #A"),
    )


def skew() -> dashboard.Panel:
    return trend(trouble.SKEW, color=several())


def _share(name: str, steps: Steps = ((None, "text"),)) -> Column:
    width = 80 if name == "Memory" else 64
    return Column(name, unit="percentunit", decimals=0, kind="text", thresholds=steps, width=width)


def beside(metric: str) -> dashboard.Panel:
    """Machine beside predictions by replica."""
    link = navigation.to_machine("On")
    return grid(
        trouble.beside(metric),
        [
            Column("Machine", kind="state", width=100, link=link, link_title="Infrastructure: this machine"),
            Column("Replica", label="replica"),
            Column("On", label="host", link=link, link_title="Infrastructure: this machine"),
            _share("CPU"),
            _share("Waits", WAITING),
            _share("Memory", FULL),
            _share("GPU"),
            Column("Rows", unit="short", width=66),
            Column("Value", decimals=3, width=70),
            *(Column(name, unit="percentunit", decimals=1, width=68) for name in ("Failed", "NaN")),
            *(Column(name, kind="state", mappings=[VERDICT[0], *NOTHING], width=78) for name in trouble.HARMS.values()),
        ],
        sort=[("Machine", True), ("Replica", False)],
    )
