"""Machines, whichever exporter tells of them: processors, memory, disks, network, limits of containers."""

from grafana.source.knobs import HOST, HOST_MODEL, RATE, State
from grafana.source.signal import Signal, columns, lines, otherwise, values
from grafana.source.signals.machine import chosen

NONE = "Nobody tells: switch on `host:` in ml-exporter.yml, or scrape node_exporter or cAdvisor."
WARNING, UNKNOWN = int(State.WARNING), int(State.UNKNOWN)


def most(name: str, by: str = "host") -> str:
    """The recorded number of the chosen machines, the most of each."""
    return f"max by ({by}) (ml:{name}{{{HOST}}})"


ANY = (
    f"group by (host) (ml:host_info{{{HOST}}} or ml:host_cpu_utilization:ratio{{{HOST}}}"
    f" or ml:gpu_utilization:ratio{{{HOST}}} or ml:process_memory:bytes{{{HOST}}} or ml:model_host{{{HOST}}})"
)
"""1 for each machine of which anything is known."""

MACHINES = Signal(
    title="Machines",
    unit="none",
    description="Machines that somebody tells of, or on which replicas run; those chosen above.",
    queries=values(("machines", f"count({ANY})")),
    decimals=0,
    unknown="none",
)

IN_TROUBLE = Signal(
    title="In trouble",
    unit="none",
    description="Machines of these with at least one trouble now; the table says which and what to do.",
    queries=values(
        (
            "in trouble",
            f"count(max by (host) (ml:trouble{{{HOST_MODEL}}})) or 0 * count(ml:host_cpu_utilization:ratio{{{HOST}}})",
        )
    ),
    decimals=0,
    unknown="unknown",
)

MODELS_HIT = Signal(
    title="Models hit",
    unit="none",
    description="Models that run on a machine or in a process that is in trouble now. Whether their predictions"
    " suffer is on Why.",
    queries=values(
        (
            "models",
            (
                f'count(max by (model) (ml:trouble{{{HOST_MODEL},model!=""}}))'
                f" or 0 * count(ml:host_cpu_utilization:ratio{{{HOST}}})"
            ),
        )
    ),
    decimals=0,
    unknown="unknown",
)


def worst(title: str, name: str, text: str, unknown: str = "not told") -> Signal:
    """The worst machine's number."""
    return Signal(
        title=title,
        unit="percentunit",
        description=text,
        queries=values((title, f"max(ml:{name}{{{HOST}}})")),
        decimals=0,
        unknown=unknown,
    )


CPU_MOST = worst(
    "CPU", "host_cpu_utilization:ratio", "Share of its processors' time in which the busiest machine worked."
)
WAITS_MOST = worst(
    "Waits",
    "host_cpu_waiting:ratio",
    "Share of the time in which some task had to wait for a processor, on the machine where it is worst. A busy machine"
    " is fine; one where tasks wait is not.",
)
MEMORY_MOST = worst(
    "Memory", "host_memory_utilization:ratio", "Memory that programs can get no more, on the fullest machine."
)
DISK_MOST = worst("Disk", "host_filesystem_utilization:ratio", "The fullest file system of all machines, in bytes.")
GPU_MOST = worst(
    "GPU",
    "gpu_utilization:ratio",
    "Share of the last moment in which the busiest GPU computed.",
    unknown="no GPU",
)

STATE = (
    f"{WARNING} * max by (host) (ml:trouble{{{HOST}}}) or 0 * {most('host_cpu_utilization:ratio')}"
    f" or 0 * {most('gpu_utilization:ratio')} or {UNKNOWN} * {ANY}"
)

TABLE = Signal(
    title="Machines, one line each",
    unit="none",
    description="Processors, what waits for them, memory, the fullest file system, the busiest disk and GPU, and what"
    " the machine costs. Unknown: nobody watches it; it is known by its replicas alone. Click a machine to see it"
    " alone.",
    queries=columns(
        ("State", otherwise(STATE, "host", NONE)),
        ("Models", f"count by (host) (group by (host, model) (ml:model_host{{{HOST}}}))"),
        ("Cores", most("host_cpus")),
        ("CPU", most("host_cpu_utilization:ratio")),
        ("Waits", most("host_cpu_waiting:ratio")),
        ("Memory", most("host_memory_utilization:ratio")),
        ("Swap", most("host_swap_utilization:ratio")),
        ("Disk full", most("host_filesystem_utilization:ratio")),
        ("Disk busy", most("host_disk_busy:ratio")),
        ("GPU", most("gpu_utilization:ratio")),
        ("Up for", f"time() - {most('host_boot_time_seconds')}"),
    ),
    unknown=NONE,
)

CPU = Signal(
    title="Processors",
    unit="percentunit",
    description="Share of the processors' time in which they worked. Full is fine while nothing waits (see pressure);"
    " full and waiting: fewer workers, or more cores.",
    queries=lines(("{{host}}", most("host_cpu_utilization:ratio"))),
    decimals=0,
    unknown=NONE,
)

CPU_LOST = Signal(
    title="Processors: lost time",
    unit="percentunit",
    description="Share of time in which processors waited for disks, or a hypervisor gave them to others (steal)."
    " Steal: the machine is shared with somebody greedy; move, or pay for cores of your own.",
    queries=lines(
        ("{{host}} waits for disks", most("host_cpu_iowait:ratio")), ("{{host}} stolen", most("host_cpu_steal:ratio"))
    ),
    decimals=1,
    unknown=NONE,
)

LOAD = Signal(
    title="Load per processor",
    unit="none",
    description="Tasks that run, wait for a processor or for a disk (mean of 5 min), divided by the processors. Above"
    " 1 for long: tasks queue; pressure says for what.",
    queries=lines(("{{host}}", f"{most('host_load5')} / on (host) {most('host_cpus')}")),
    decimals=2,
    unknown=NONE,
)

PRESSURE = Signal(
    title="Pressure: what tasks wait for",
    unit="percentunit",
    description="Share of time in which some task had to wait for a processor, for memory, or for a disk. The"
    " kernel's own measure of want: latency grows with it. Memory: find the leak below; disk: see which one is busy.",
    queries=lines(
        ("{{host}} processor", most("host_cpu_waiting:ratio")),
        ("{{host}} memory", most("host_memory_waiting:ratio")),
        ("{{host}} disk", most("host_io_waiting:ratio")),
    ),
    decimals=1,
    unknown="The kernel does not tell pressure (it wants Linux 4.20 or newer), or nobody watches these machines.",
)

MEMORY = Signal(
    title="Memory and swap in use",
    unit="percentunit",
    description="Share of memory that programs cannot get any more, and of swap in use. Memory near 1: the kernel"
    " will end a process. A steady slope: look at the processes' growth below.",
    queries=lines(
        ("{{host}}", most("host_memory_utilization:ratio")), ("{{host}} swap", most("host_swap_utilization:ratio"))
    ),
    decimals=0,
    unknown=NONE,
)

PAGING = Signal(
    title="Paging",
    unit="none",
    description="Pages from and to swap a second, and reads of programs' own pages that a disk had to give. In for"
    " long: memory is short, and every answer waits for a disk.",
    queries=lines(
        ("{{host}} in", most("host_swap_in:pages_rate5m")),
        ("{{host}} out", most("host_swap_out:pages_rate5m")),
        ("{{host}} faults", most("host_page_faults_major:rate5m")),
    ),
    decimals=1,
    unknown=NONE,
)

KILLS = Signal(
    title="Ended for want of memory",
    unit="none",
    description="Processes that the kernel ended because memory was out: of the machine, of the exporter's own"
    " container, of other containers. Whose: `dmesg`, and restarts below.",
    queries=lines(
        ("{{host}}", most("host_oom_kills:increase5m")),
        ("{{host}} container", most("host_cgroup_oom_kills:increase5m")),
        (
            "{{host}} {{process}}",
            f"max by (host, process) (ml:process_oom_kills:increase5m{{{HOST_MODEL}}})",
        ),
    ),
    decimals=0,
    unknown=NONE,
)

FILES = Signal(
    title="File systems: how full",
    unit="percentunit",
    description="Share of bytes, and of files (dashed), that programs cannot use any more. Full: logs are no longer"
    " written, and predictions are lost silently. Rotate logs, or give it room.",
    queries=lines(
        ("{{host}} {{mountpoint}}", most("host_filesystem_utilization:ratio", "host, mountpoint")),
        ("{{host}} {{mountpoint}} files", most("host_filesystem_files_utilization:ratio", "host, mountpoint")),
    ),
    decimals=0,
    unknown=NONE,
)

DISKS_BUSY = Signal(
    title="Disks: how busy",
    unit="percentunit",
    description="Share of the time in which the disk had something to do. 1 alone is no harm for a disk that does"
    " many things at once; 1 with pressure and slow reads is.",
    queries=lines(("{{host}} {{device}}", most("host_disk_busy:ratio", "host, device"))),
    decimals=0,
    unknown=NONE,
)

DISKS_TIME = Signal(
    title="Disks: time of a read, of a write",
    unit="s",
    description="Mean time of a request. A few ms are usual for a spinning disk, well under one for a solid one; far"
    " above its own past: it is overloaded, throttled by the cloud, or failing.",
    queries=lines(
        ("{{host}} {{device}} read", most("host_disk_read_seconds:mean_rate5m", "host, device")),
        ("{{host}} {{device}} write", most("host_disk_write_seconds:mean_rate5m", "host, device")),
    ),
    unknown=NONE,
)

DISKS_BYTES = Signal(
    title="Disks: bytes",
    unit="Bps",
    description="Bytes read and written a second. Reads where the model should be in memory: it is paged out, or"
    " loaded again and again.",
    queries=lines(
        ("{{host}} {{device}} read", most("host_disk_read:bytes_rate5m", "host, device")),
        ("{{host}} {{device}} written", most("host_disk_written:bytes_rate5m", "host, device")),
    ),
    unknown=NONE,
)

NETWORK = Signal(
    title="Network: bytes",
    unit="Bps",
    description="Bytes received and sent a second by interface. Flat at the top: the link, or the cloud's limit, is"
    " reached.",
    queries=lines(
        ("{{host}} {{device}} received", most("host_network_receive:bytes_rate5m", "host, device")),
        ("{{host}} {{device}} sent", most("host_network_transmit:bytes_rate5m", "host, device")),
    ),
    unknown=NONE,
)

ERRORS = Signal(
    title="Errors of disks and networks",
    unit="none",
    description="Requests that disks failed (in 5 min, where the driver counts them), packets that were broken or"
    " dropped a second. Disks: save what is on it; network: cables, drivers, or too little buffer under load.",
    queries=lines(
        ("{{host}} {{device}} disk", most("host_disk_errors:increase5m", "host, device")),
        *(
            (f"{{{{host}}}} {{{{device}}}} {way} {what}", most(f"host_network_{way}_{what}:rate5m", "host, device"))
            for way in ("receive", "transmit")
            for what in ("errors", "drops")
        ),
        ("{{host}} {{mountpoint}} read-only", most("host_filesystem_readonly", "host, mountpoint") + " > 0"),
        (
            "{{host}} {{mountpoint}} does not answer",
            f"max by (host, mountpoint) ({chosen('ml_host_filesystem_device_error')}) > 0",
        ),
    ),
    decimals=1,
    unknown=NONE,
)

WARMTH = Signal(
    title="Temperature",
    unit="celsius",
    description="Degrees at each sensor, where there are sensors; virtual machines have none. Near the limit clocks"
    " fall, and latency grows.",
    queries=lines(("{{host}} {{chip}} {{sensor}}", most("host_temperature:celsius", "host, chip, sensor"))),
    decimals=0,
    unknown="No sensor: usual for virtual machines.",
)

DESCRIPTORS = Signal(
    title="Open files",
    unit="percentunit",
    description="Share of the files that may be open at once on the machine. Near 1: connections are refused; find"
    " who leaks descriptors in the table of processes.",
    queries=lines(("{{host}}", most("host_file_descriptors:ratio"))),
    decimals=1,
    unknown=NONE,
)

PACKETS = Signal(
    title="Network: packets",
    unit="pps",
    description="Packets received and sent a second by interface. Many packets for few bytes: tiny requests; batch"
    " them, or keep connections open.",
    queries=lines(
        *(
            (
                f"{{{{host}}}} {{{{device}}}} {word}",
                (
                    "max by (host, device) ("
                    + chosen(f'rate(ml_host_network_{way}_packets_total{{device!~"lo|veth.+"}}[{RATE}])')
                    + ")"
                ),
            )
            for way, word in (("receive", "received"), ("transmit", "sent"))
        )
    ),
    unknown="ml-exporter does not watch these machines: switch on `host:`.",
)

CLOCK = Signal(
    title="Clock: off by",
    unit="s",
    description="How far each machine's clock is from Prometheus' own. More than a second: times of predictions and"
    " labels are wrong, and so are delays and windows; look at its time synchronisation.",
    queries=lines(
        ("{{host}}", f"max by (host) ({chosen('ml_host_time_seconds - timestamp(ml_host_time_seconds)')})"),
    ),
    unknown="ml-exporter does not watch these machines: switch on `host:`.",
)
