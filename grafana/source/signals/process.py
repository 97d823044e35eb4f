"""Processes and containers that serve models."""

from grafana.source.knobs import HOST_MODEL, MODEL
from grafana.source.signal import Signal, columns, lines, otherwise
from grafana.source.signals.machine import named

NONE = "No process is told: name some under `host: processes:`, or scrape process-exporter or cAdvisor."
BY = "by (host, process, model)"
LEGEND = "{{process}} {{host}}"


def of(name: str) -> str:
    return f"sum {BY} (ml:{name}{{{HOST_MODEL}}})"


def with_host(expr: str) -> str:
    """What only ml-exporter tells, with its machine's name, of the chosen machines."""
    return f"({named(expr)} and on (host, process, model) ml:process_memory:bytes{{{HOST_MODEL}}})"


def own(name: str, more: str = "") -> str:
    return f"max {BY} {with_host(f'{name}{{{MODEL}{more}}}')}"


TABLE = Signal(
    title="Processes",
    unit="none",
    description="One line a group of processes, or a container. Grows: bytes an hour (Theil and Sen's slope of the"
    " lowest values) with its 99 % interval; leak: it grows steadily to where it never was, and by much, which a"
    " warm-up or a daily cycle does not. Limit in: time until its memory's limit at this slope. Leaking: restart it"
    " in good time, then find what is kept; the newest version that leaks is a good suspect.",
    queries=columns(
        ("Runs", of("processes:count")),
        ("CPU", of("process_cpu:cores")),
        ("Memory", otherwise(of("process_memory:bytes"), "process", NONE)),
        ("Of limit", f"max {BY} (ml:process_memory_utilization:ratio{{{HOST_MODEL}}})"),
        ("Leak", own("ml_process_memory_leak")),
        ("Grows", own("3600 * ml_process_memory_growth_bytes_per_second")),
        ("From", own("3600 * ml_process_memory_growth_bound_bytes_per_second", ',bound="lower"')),
        ("To", own("3600 * ml_process_memory_growth_bound_bytes_per_second", ',bound="upper"')),
        ("Limit in", own("ml_process_memory_exhausted_seconds")),
        ("Swap", of("process_swap:bytes")),
        ("Threads", of("process_threads:count")),
        ("Files", f"max {BY} (ml:process_file_descriptors:ratio{{{HOST_MODEL}}})"),
        ("Restarts", own("ml_process_restarts_total")),
        ("Up for", f"time() - min {BY} (ml:process_start_time_seconds{{{HOST_MODEL}}})"),
    ),
    unknown=NONE,
)

CPU = Signal(
    title="CPU of processes",
    unit="none",
    description="Cores in use. A worker that is always at 1.0 has one thread too few; one that fell to 0 hangs or has"
    " no traffic.",
    queries=lines((LEGEND, of("process_cpu:cores"))),
    decimals=2,
    unknown=NONE,
)

MEMORY = Signal(
    title="Memory of processes",
    unit="bytes",
    description="Memory that is in RAM (of containers: the working set, which the kernel's killer looks at). A"
    " saw-tooth: restarts or ends for want of memory; a slope: see the growth beside.",
    queries=lines((LEGEND, of("process_memory:bytes"))),
    unknown=NONE,
)

GROWTH = Signal(
    title="Growth of memory",
    unit="Bps",
    description="Slope of each process's memory with its 99 % interval (dashed), over the leak window. An interval"
    " above 0 that stays so after the warm-up is a leak; one that holds 0 is none that could be seen.",
    queries=lines(
        (LEGEND, own("ml_process_memory_growth_bytes_per_second")),
        *(
            (f"{LEGEND} {bound}", own("ml_process_memory_growth_bound_bytes_per_second", f',bound="{bound}"'))
            for bound in ("lower", "upper")
        ),
    ),
    unknown="Unknown: no process of ml-exporter's is watched, or not for long enough to tell a slope.",
)

STORAGE = Signal(
    title="Bytes from and to storage",
    unit="Bps",
    description="What processes read from and wrote to disks. A model server reads when it loads a model and writes"
    " its log, and little else.",
    queries=lines(
        ("{{process}} {{host}} read", of("process_read:bytes_rate5m")),
        ("{{process}} {{host}} written", of("process_written:bytes_rate5m")),
    ),
    unknown=NONE,
)
