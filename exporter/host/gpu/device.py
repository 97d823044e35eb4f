"""What one GPU, or one MIG instance, tells of itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.host.collector import HostMetric
from exporter.host.gpu import families
from exporter.host.gpu.nvml import Handle, Nvml, ask, ask_first, field_values

Told = tuple[HostMetric, tuple[str, ...], float]
"""A family, the labels behind those of the GPU, and the value."""

_ALL_LINKS = 0xFFFFFFFF
_MILLI = 1e-3
_MEGA = 1e6
_KIBI = 1024.0
_PERCENT = 1e-2
_CLOCKS = (("graphics", "GRAPHICS"), ("sm", "SM"), ("memory", "MEM"), ("video", "VIDEO"))
_REASONS = (
    (0x001, "gpu_idle"),
    (0x002, "applications_clocks_setting"),
    (0x004, "sw_power_cap"),
    (0x008, "hw_slowdown"),
    (0x010, "sync_boost"),
    (0x020, "sw_thermal_slowdown"),
    (0x040, "hw_thermal_slowdown"),
    (0x080, "hw_power_brake_slowdown"),
    (0x100, "display_clock_setting"),
)
_FIELDS = (
    ("NVML_FI_DEV_MEMORY_TEMP", 0, families.TEMPERATURE, ("memory",), 1.0),
    ("NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX", _ALL_LINKS, families.NVLINK_RECEIVE, (), _KIBI),
    ("NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX", _ALL_LINKS, families.NVLINK_TRANSMIT, (), _KIBI),
    ("NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", 0, families.NVLINK_ERRORS, ("crc_flit",), 1.0),
    ("NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", 0, families.NVLINK_ERRORS, ("replay",), 1.0),
    ("NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL", 0, families.NVLINK_ERRORS, ("recovery",), 1.0),
)
"""What is asked by number, all at once: the constant's name, scope, family, labels, and the unit's factor."""


@dataclass(frozen=True, slots=True)
class MigInstance:
    """A part of a split GPU: its id, its kind (`1g.10gb`) and its handle."""

    id: str
    profile: str
    handle: Handle


def name_of(nvml: Nvml, handle: Handle) -> str:
    """What the GPU is called, such as `NVIDIA A100-SXM4-80GB`."""
    return str(ask(nvml, "nvmlDeviceGetName", handle) or "")


def read_device(nvml: Nvml, handle: Handle, *, split: bool) -> Iterator[Told]:
    """All that the GPU as a whole tells; without its memory where MIG instances tell of that (`split`).

    Raises:
        GpuLost, DriverGone: nothing can be read any more.
    """
    yield from _load(nvml, handle)
    if not split:
        yield from read_memory(nvml, handle)
    yield from _electric(nvml, handle)
    yield from _clocks(nvml, handle)
    yield from _memory_errors(nvml, handle)
    yield from _numbered(nvml, handle)


def read_memory(nvml: Nvml, handle: Handle) -> Iterator[Told]:
    """Memory used and there, of a GPU or an instance."""
    memory = None
    if hasattr(nvml, "nvmlMemory_v2"):
        # The second version leaves what the driver keeps for itself out of `used`, as nvidia-smi does.
        memory = ask(nvml, "nvmlDeviceGetMemoryInfo", handle, nvml.nvmlMemory_v2)
    memory = memory or ask(nvml, "nvmlDeviceGetMemoryInfo", handle)
    if memory is not None:
        yield families.MEMORY_USED, (), float(memory.used)
        yield families.MEMORY_TOTAL, (), float(memory.total)


def mig_instances(nvml: Nvml, handle: Handle) -> list[MigInstance] | None:
    """The GPU's instances; None where it is not split."""
    mode = ask(nvml, "nvmlDeviceGetMigMode", handle)
    if not mode or not mode[0]:
        return None
    instances: dict[str, MigInstance] = {}
    for index in range(ask(nvml, "nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
        part = ask(nvml, "nvmlDeviceGetMigDeviceHandleByIndex", handle, index)
        number = ask(nvml, "nvmlDeviceGetGpuInstanceId", part) if part is not None else None
        if number is not None:
            # Compute instances of one GPU instance share its memory: `1c.3g.40gb` is a part of a `3g.40gb`.
            profile = name_of(nvml, part).rpartition("MIG ")[2]
            first, _, rest = profile.partition(".")
            profile = rest if first.endswith("c") and rest else profile
            instances.setdefault(str(number), MigInstance(str(number), profile, part))
    return list(instances.values())


def _load(nvml: Nvml, handle: Handle) -> Iterator[Told]:
    rates = ask(nvml, "nvmlDeviceGetUtilizationRates", handle)
    if rates is not None:
        yield families.UTILIZATION, (), rates.gpu * _PERCENT
        yield families.MEMORY_UTILIZATION, (), rates.memory * _PERCENT


def _electric(nvml: Nvml, handle: Handle) -> Iterator[Told]:
    for metric, function, factor in (
        (families.POWER, "nvmlDeviceGetPowerUsage", _MILLI),
        (families.POWER_LIMIT, "nvmlDeviceGetEnforcedPowerLimit", _MILLI),
        (families.ENERGY, "nvmlDeviceGetTotalEnergyConsumption", _MILLI),
        (families.PCIE_REPLAYS, "nvmlDeviceGetPcieReplayCounter", 1.0),
    ):
        value = ask(nvml, function, handle)
        if value is not None:
            yield metric, (), value * factor
    temperature = ask(nvml, "nvmlDeviceGetTemperature", handle, nvml.NVML_TEMPERATURE_GPU)
    if temperature is not None:
        yield families.TEMPERATURE, ("gpu",), float(temperature)


def _clocks(nvml: Nvml, handle: Handle) -> Iterator[Told]:
    for metric, function in (
        (families.CLOCK, "nvmlDeviceGetClockInfo"),
        (families.CLOCK_MAX, "nvmlDeviceGetMaxClockInfo"),
    ):
        for word, constant in _CLOCKS:
            value = ask(nvml, function, handle, getattr(nvml, f"NVML_CLOCK_{constant}"))
            if value is not None:
                yield metric, (word,), value * _MEGA
    # Newer drivers call throttling an event.
    current, supported = (
        ask_first(nvml, tuple(f"nvmlDeviceGet{when}Clocks{word}Reasons" for word in ("Event", "Throttle")), handle)
        for when in ("Current", "Supported")
    )
    if current is not None:
        for bit, reason in _REASONS:
            if supported is None or supported & bit or current & bit:
                yield families.THROTTLED, (reason,), float(bool(current & bit))


def _memory_errors(nvml: Nvml, handle: Handle) -> Iterator[Told]:
    for word in ("corrected", "uncorrected"):
        kind = getattr(nvml, f"NVML_MEMORY_ERROR_TYPE_{word.upper()}")
        count = ask(nvml, "nvmlDeviceGetTotalEccErrors", handle, kind, nvml.NVML_AGGREGATE_ECC)
        if count is not None:
            yield families.ECC, (word,), float(count)
    for word in ("multiple_single_bit_ecc_errors", "double_bit_ecc_error"):
        cause = getattr(nvml, f"NVML_PAGE_RETIREMENT_CAUSE_{word.upper()}")
        pages = ask(nvml, "nvmlDeviceGetRetiredPages", handle, cause)
        if pages is not None:
            yield families.RETIRED, (word,), float(len(pages))
    rows = ask(nvml, "nvmlDeviceGetRemappedRows", handle)
    if rows is not None:
        yield families.REMAPPED, ("correctable_error",), float(rows[0])
        yield families.REMAPPED, ("uncorrectable_error",), float(rows[1])
        yield families.REMAP_PENDING, (), float(bool(rows[2]))
        yield families.REMAP_FAILED, (), float(bool(rows[3]))


def _numbered(nvml: Nvml, handle: Handle) -> Iterator[Told]:
    asked = [(getattr(nvml, name), scope, *rest) for name, scope, *rest in _FIELDS if hasattr(nvml, name)]
    found = field_values(nvml, handle, tuple((number, scope) for number, scope, *_ in asked))
    for number, _, metric, labels, factor in asked:
        if number in found:
            yield metric, labels, found[number] * factor
