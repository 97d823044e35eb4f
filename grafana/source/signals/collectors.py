"""Whether the parts of ml-exporter that read the machine answer, and how long they take."""

from grafana.source.knobs import State
from grafana.source.signal import Query, Signal, lines
from grafana.source.signals.machine import chosen

OF = "by (instance, collector)"


ANSWERED = Signal(
    title="Collectors that answered",
    unit="none",
    description="Whether each part that reads the machine (processors, disks, processes, GPUs, …) answered in time."
    " Orange: its numbers are missing above; the exporter's log says why.",
    queries=(
        Query(
            f"{int(State.WARNING)} * (1 - min by (instance, collector) ({chosen('ml_exporter_collector_success')}))",
            "{{collector}} {{instance}}",
        ),
    ),
    unknown="No collector of ml-exporter's is on: switch on `host:` in ml-exporter.yml.",
)

TOOK = Signal(
    title="How long collectors took",
    unit="s",
    description="Time of the last reading of each part; of one that hangs, so far. A scrape never waits longer than"
    " its limit.",
    queries=lines(
        ("{{collector}} {{instance}}", f"max {OF} ({chosen('ml_exporter_collector_duration_seconds')})"),
    ),
    unknown="No collector of ml-exporter's is on: switch on `host:` in ml-exporter.yml.",
)
