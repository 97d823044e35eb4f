"""GPUs, whichever exporter tells of them."""

from grafana.source.knobs import HOST, HOST_MODEL, OK_QUIET, RATE, SWINGS, WARNING
from grafana.source.signal import Query, Signal, columns, lines, otherwise
from grafana.source.signals.machine import chosen

NONE = "No GPU is told: switch on `host: gpu`, or scrape dcgm-exporter, nvidia_gpu_exporter or Triton."
BY = "by (host, gpu, UUID, GPU_I_ID)"
LEGEND = "{{host}} GPU {{gpu}} {{GPU_I_ID}}"
ONE = "{{host}} {{gpu}}"


def of(name: str, more: str = "") -> str:
    return f"max {BY} (ml:gpu_{name}{{{HOST}{more}}})"


def own(expr: str, by: str = "") -> str:
    """What only ml-exporter tells."""
    return f"max by (host, gpu, GPU_I_ID{by}) ({chosen(expr)})"


TABLE = Signal(
    title="GPUs",
    unit="none",
    description="One line a GPU, or an instance of MIG. Computes: share of time; full: share of memory. Slowed:"
    " clocks are held down by heat or power (at its power limit alone a GPU simply works). XID and ECC: errors of the"
    " last minutes: uncorrected ones and XID 48, 63, 64, 74, 79, 94, 95 want the GPU out of service.",
    queries=columns(
        (
            "Info",
            otherwise(f"max by (host, gpu, UUID, GPU_I_ID, modelName) (ml:gpu_info{{{HOST}}})", "modelName", NONE),
        ),
        ("Answers", f"max {BY} ({chosen('ml_gpu_up')})"),
        ("Computes", of("utilization:ratio")),
        ("Full", of("memory_used:ratio")),
        ("Memory", of("memory_total:bytes")),
        ("Power", of("power:watts")),
        ("Limit", of("power_limit:watts")),
        ("Warm", of("temperature:celsius", ',sensor="gpu"')),
        (
            "Slowed",
            f'sum {BY} (ml:gpu_throttled{{{HOST},reason!="sw_power_cap"}})',
        ),
        ("XID", f"sum by (host, gpu, UUID) (ml:gpu_xid_errors:increase5m{{{HOST}}})"),
        ("ECC", of("ecc_errors:increase5m", ',type="uncorrected"')),
    ),
    unknown=NONE,
)

COMPUTES = Signal(
    title="GPU: how busy",
    unit="percentunit",
    description="Share of time in which each GPU computed. High says that something runs, not that it runs well; low"
    " with long queues: the GPU waits for data, see CPU and PCIe. Low for days: money is idle.",
    queries=lines((LEGEND, of("utilization:ratio"))),
    decimals=0,
    unknown=NONE,
)

FULL = Signal(
    title="GPU: how full, and by whom",
    unit="percentunit",
    description="Share of memory in use, and (dashed) by process, of what all hold there. Full: loading another model"
    " or a larger batch fails.",
    queries=lines(
        (LEGEND, of("memory_used:ratio")),
        (
            "{{process}} on {{host}} {{gpu}}",
            (
                f"sum by (host, gpu, UUID, process) (ml:gpu_process_memory:bytes{{{HOST_MODEL}}})"
                f" / on (host, UUID) group_left () sum by (host, UUID) (ml:gpu_memory_total:bytes{{{HOST}}})"
            ),
        ),
    ),
    decimals=0,
    unknown=NONE,
)

POWER = Signal(
    title="GPU: power, and its limit",
    unit="watt",
    description="Watts drawn, and allowed (dashed). At the limit clocks fall by design; far under it while busy: the"
    " work is bound by memory.",
    queries=lines((LEGEND, of("power:watts")), ("limit {{host}} {{gpu}}", of("power_limit:watts"))),
    decimals=0,
    unknown=NONE,
)

WARMTH = Signal(
    title="GPU: temperature",
    unit="celsius",
    description="Degrees of the chip, and of its memory. Above about 85 (chip) or 95 (memory) clocks are held down:"
    " look at fans and at the neighbours in the rack.",
    queries=lines(
        (
            "{{host}} {{gpu}} {{sensor}}",
            f"max by (host, gpu, sensor) (ml:gpu_temperature:celsius{{{HOST}}})",
        )
    ),
    decimals=0,
    unknown=NONE,
)

CLOCKS = Signal(
    title="GPU: clocks",
    unit="hertz",
    description="Clock of the chip and of its memory. Falls under load: slowed, see below for why; falls when idle:"
    " saves power.",
    queries=lines(
        ("{{host}} {{gpu}} {{clock}}", f"max by (host, gpu, clock) (ml:gpu_clock:hertz{{{HOST}}})"),
        ("{{host}} {{gpu}} {{clock}} at most", own("ml_gpu_clock_max_hertz", ", clock")),
    ),
    unknown=NONE,
)

SLOWED_LEVELS = (("✓ not slowed", OK_QUIET), ("at its power limit, as GPUs work", SWINGS), ("! slowed", WARNING))

SLOWED = Signal(
    title="GPU: why it is slowed",
    unit="none",
    description="When clocks were held down, and by what. Heat (thermal): cooling; power brake: the machine's supply;"
    " the power cap alone is how GPUs work under load.",
    queries=(
        Query(
            f'2 * max by (host, gpu, reason) (ml:gpu_throttled{{{HOST},reason!="sw_power_cap"}})'
            f' or max by (host, gpu, reason) (ml:gpu_throttled{{{HOST},reason="sw_power_cap"}})',
            f"{ONE} {{{{reason}}}}",
        ),
    ),
    unknown=NONE,
)

ERRORS = Signal(
    title="GPU: errors",
    unit="none",
    description="Errors of the driver by code (XID) and of memory (ECC) in the last minutes. Uncorrected: answers may"
    " be wrong or fail; take the GPU out of service, reset it, and have it tested.",
    queries=lines(
        ("{{host}} {{gpu}} XID {{xid}}", f"max by (host, gpu, xid) (ml:gpu_xid_errors:increase5m{{{HOST}}}) > 0"),
        ("{{host}} {{gpu}} ECC {{type}}", f"max by (host, gpu, type) (ml:gpu_ecc_errors:increase5m{{{HOST}}})"),
    ),
    decimals=0,
    unknown=NONE,
)

PCIE = Signal(
    title="GPU: bytes over PCIe and NVLink",
    unit="Bps",
    description="What went to and from each GPU. High while it computes little: data are copied too often; keep them"
    " there, or pin memory.",
    queries=lines(
        ("{{host}} {{gpu}} in", of("pcie_receive:bytes_per_second")),
        ("{{host}} {{gpu}} out", of("pcie_transmit:bytes_per_second")),
        ("{{host}} {{gpu}} NVLink in", own(f"rate(ml_gpu_nvlink_receive_bytes_total[{RATE}])")),
        ("{{host}} {{gpu}} NVLink out", own(f"rate(ml_gpu_nvlink_transmit_bytes_total[{RATE}])")),
    ),
    unknown=NONE,
)

WEAR = Signal(
    title="GPU: repairs and links",
    unit="none",
    description="Pages of memory that are no longer used, rows replaced by spare ones, repairs that wait for a reset"
    " (1) or failed (1), and errors of links since the driver was loaded. Failed repairs: have it changed. Links that"
    " grow: reseat it, or look at the riser.",
    queries=lines(
        (f"{ONE} retired pages, {{{{cause}}}}", own("ml_gpu_retired_pages", ", cause")),
        (f"{ONE} replaced rows, {{{{cause}}}}", own("ml_gpu_remapped_rows", ", cause")),
        (f"{ONE} waits for a reset", own("ml_gpu_row_remap_pending") + " > 0"),
        (f"{ONE} repair failed", own("ml_gpu_row_remap_failed") + " > 0"),
        (f"{ONE} PCIe sent again", own(f"increase(ml_gpu_pcie_replays_total[{RATE}])")),
        (f"{ONE} NVLink {{{{type}}}}", own(f"increase(ml_gpu_nvlink_errors_total[{RATE}])", ", type")),
    ),
    decimals=0,
    unknown="Only ml-exporter tells this: switch on `host: gpu`. Nothing here: nothing was ever repaired.",
)
