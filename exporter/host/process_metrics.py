"""The families of processes, each with the labels `process` (the group's name in the configuration) and `model`."""

from exporter.host.collector import HostMetric

_OF = ("process", "model")

PROCESSES = HostMetric("ml_processes", "gauge", "How many processes of the group run.", _OF)
CPU = HostMetric(
    "ml_process_cpu_seconds_total",
    "counter",
    "CPU time that the group's processes used since the exporter watches them, those that ended included.",
    (*_OF, "mode"),
)
RESIDENT = HostMetric(
    "ml_process_resident_memory_bytes",
    "gauge",
    "Memory of the group's processes that is in RAM; what they share is counted for each.",
    _OF,
)
SWAP = HostMetric("ml_process_swap_bytes", "gauge", "Memory of the group's processes that is swapped out.", _OF)
MEMORY_LIMIT = HostMetric(
    "ml_process_memory_limit_bytes",
    "gauge",
    "Memory that the group's oldest process may take: its control group's limit, or else the machine's memory.",
    _OF,
)
THREADS = HostMetric("ml_process_threads", "gauge", "Threads of the group's processes.", _OF)
DESCRIPTORS = HostMetric(
    "ml_process_open_file_descriptors",
    "gauge",
    "Open file descriptors of the process of the group that is nearest to its limit. Absent where the kernel does not "
    "show them to the exporter's user.",
    _OF,
)
MAX_DESCRIPTORS = HostMetric(
    "ml_process_max_file_descriptors",
    "gauge",
    "How many file descriptors the process of the group that is nearest to its limit may have open.",
    _OF,
)
READ = HostMetric(
    "ml_process_read_bytes_total",
    "counter",
    "Bytes that the group's processes read from storage since the exporter watches them. Absent where the kernel does "
    "not show it to the exporter's user.",
    _OF,
)
WRITTEN = HostMetric(
    "ml_process_written_bytes_total",
    "counter",
    "Bytes that the group's processes wrote to storage since the exporter watches them. Absent where the kernel does "
    "not show it to the exporter's user.",
    _OF,
)
START = HostMetric(
    "ml_process_start_time_seconds", "gauge", "When the group's oldest process was started, in Unix time.", _OF
)
RESTARTS = HostMetric(
    "ml_process_restarts_total",
    "counter",
    "Processes of the group that took the place of one that had ended, since the exporter watches them.",
    _OF,
)
GROWTH = HostMetric(
    "ml_process_memory_growth_bytes_per_second",
    "gauge",
    "Slope of the group's resident and swapped memory over the leak window: Theil and Sen's, of the lowest values.",
    _OF,
)
GROWTH_BOUND = HostMetric(
    "ml_process_memory_growth_bound_bytes_per_second",
    "gauge",
    "Ends of the slope's 99 % interval.",
    (*_OF, "bound"),
)
LEAK = HostMetric(
    "ml_process_memory_leak",
    "gauge",
    "1 where the group's memory grows steadily to where it never was, and by much; 0 where not; absent while it cannot "
    "be told from a warm-up or a daily cycle.",
    _OF,
)
EXHAUSTED = HostMetric(
    "ml_process_memory_exhausted_seconds",
    "gauge",
    "Where the memory leaks: time until the limit at this slope.",
    _OF,
)

METRICS = (
    PROCESSES,
    CPU,
    RESIDENT,
    SWAP,
    MEMORY_LIMIT,
    THREADS,
    DESCRIPTORS,
    MAX_DESCRIPTORS,
    READ,
    WRITTEN,
    START,
    RESTARTS,
    GROWTH,
    GROWTH_BOUND,
    LEAK,
    EXHAUSTED,
)
"""All of them, in the order of the documentation."""
