"""The families of GPUs. Labels are those of NVIDIA's own exporter; MIG's are empty for a GPU as a whole."""

from exporter.host.collector import HostMetric, Kind

OF = ("gpu", "UUID", "GPU_I_ID", "GPU_I_PROFILE")


def _family(name: str, kind: Kind, text: str, *labels: str, internal: bool = False) -> HostMetric:
    return HostMetric(name, kind, text, (*OF, *labels), internal=internal)


INFO = _family("ml_gpu_info", "gauge", "Always 1; what the GPU is.", "modelName", "driver_version")
UP = _family("ml_gpu_up", "gauge", "1 where the GPU answers, 0 where one that did does not any more.")
UTILIZATION = _family(
    "ml_gpu_utilization_ratio", "gauge", "Share of the last moment (up to a second) in which the GPU computed."
)
MEMORY_UTILIZATION = _family(
    "ml_gpu_memory_utilization_ratio",
    "gauge",
    "Share of the last moment in which the GPU's memory was read or written: how busy it is, not how full.",
)
MEMORY_USED = _family(
    "ml_gpu_memory_used_bytes",
    "gauge",
    "Memory in use. A GPU that is split by MIG tells of its instances alone, so that sums add up.",
)
MEMORY_TOTAL = _family("ml_gpu_memory_total_bytes", "gauge", "Memory that there is; for MIG by instance.")
POWER = _family("ml_gpu_power_watts", "gauge", "Power that the GPU draws.")
POWER_LIMIT = _family("ml_gpu_power_limit_watts", "gauge", "Power that the GPU may draw.")
ENERGY = _family("ml_gpu_energy_joules_total", "counter", "Energy that the GPU took since its driver was loaded.")
TEMPERATURE = _family("ml_gpu_temperature_celsius", "gauge", "Temperature of the GPU and of its memory.", "sensor")
CLOCK = _family("ml_gpu_clock_hertz", "gauge", "Clock rate at which it runs now.", "clock")
CLOCK_MAX = _family("ml_gpu_clock_max_hertz", "gauge", "Highest clock rate of this GPU.", "clock")
THROTTLED = _family("ml_gpu_clocks_throttled", "gauge", "1 where the reason keeps clocks down now, else 0.", "reason")
ECC = _family("ml_gpu_ecc_errors_total", "counter", "Errors of its memory over the GPU's whole life.", "type")
RETIRED = _family("ml_gpu_retired_pages", "gauge", "Pages of memory that are no longer used.", "cause")
REMAPPED = _family("ml_gpu_remapped_rows", "gauge", "Rows of memory that were replaced by spare ones.", "cause")
REMAP_PENDING = _family("ml_gpu_row_remap_pending", "gauge", "1 where rows will be replaced at the next reset, else 0.")
REMAP_FAILED = _family(
    "ml_gpu_row_remap_failed", "gauge", "1 where a row could not be replaced: the GPU wants to be changed, else 0."
)
XID = _family(
    "ml_gpu_xid_errors_total",
    "counter",
    "Errors that the driver reported by event (XID) since the exporter watches; those that mean harm are shown at 0.",
    "xid",
)
PCIE_RECEIVE = _family(
    "ml_gpu_pcie_receive_bytes_per_second", "gauge", "What came in over PCIe, in a sample of 20 ms every ten seconds."
)
PCIE_TRANSMIT = _family(
    "ml_gpu_pcie_transmit_bytes_per_second", "gauge", "What went out over PCIe, in a sample of 20 ms every ten seconds."
)
PCIE_REPLAYS = _family("ml_gpu_pcie_replays_total", "counter", "Packets that PCIe had to send again.")
NVLINK_RECEIVE = _family(
    "ml_gpu_nvlink_receive_bytes_total", "counter", "Bytes that came in over all NVLinks, without overhead."
)
NVLINK_TRANSMIT = _family(
    "ml_gpu_nvlink_transmit_bytes_total", "counter", "Bytes that went out over all NVLinks, without overhead."
)
NVLINK_ERRORS = _family("ml_gpu_nvlink_errors_total", "counter", "Errors of all NVLinks.", "type")
PROCESS_MEMORY = _family(
    "ml_gpu_process_memory_bytes",
    "gauge",
    'GPU memory by group of processes; process "" holds those of no group.',
    "process",
    "model",
)
PRICE = HostMetric(
    "ml_cost_gpu_price", "gauge", "Price of the GPU for an hour, by its name.", ("gpu", "UUID", "currency")
)

METRICS = (
    INFO,
    UP,
    UTILIZATION,
    MEMORY_UTILIZATION,
    MEMORY_USED,
    MEMORY_TOTAL,
    POWER,
    POWER_LIMIT,
    ENERGY,
    TEMPERATURE,
    CLOCK,
    CLOCK_MAX,
    THROTTLED,
    ECC,
    RETIRED,
    REMAPPED,
    REMAP_PENDING,
    REMAP_FAILED,
    XID,
    PCIE_RECEIVE,
    PCIE_TRANSMIT,
    PCIE_REPLAYS,
    NVLINK_RECEIVE,
    NVLINK_TRANSMIT,
    NVLINK_ERRORS,
    PROCESS_MEMORY,
    PRICE,
)
"""All of them, in the order of the documentation."""
