"""What the collector says of a GPU beside what nvidia-smi says of it."""

from collections.abc import Iterable, Mapping

Readings = Mapping[str, Mapping[tuple[str, ...], float]]

COLUMNS: Mapping[str, tuple[str, tuple[str, ...], float, float]] = {
    # column: (family, labels behind those of the GPU, factor to our unit, tolerance as a share)
    "uuid": ("", (), 1, 0),
    "name": ("", (), 1, 0),
    "driver_version": ("", (), 1, 0),
    "utilization.gpu": ("ml_gpu_utilization_ratio", (), 0.01, 0.25),
    "utilization.memory": ("ml_gpu_memory_utilization_ratio", (), 0.01, 0.25),
    "memory.total": ("ml_gpu_memory_total_bytes", (), 2**20, 0.001),
    "memory.used": ("ml_gpu_memory_used_bytes", (), 2**20, 0.02),
    "power.draw": ("ml_gpu_power_watts", (), 1, 0.2),
    "enforced.power.limit": ("ml_gpu_power_limit_watts", (), 1, 0.001),
    "temperature.gpu": ("ml_gpu_temperature_celsius", ("gpu",), 1, 0.1),
    "temperature.memory": ("ml_gpu_temperature_celsius", ("memory",), 1, 0.1),
    "clocks.sm": ("ml_gpu_clock_hertz", ("sm",), 1e6, 0.1),
    "clocks.mem": ("ml_gpu_clock_hertz", ("memory",), 1e6, 0.1),
    "clocks.max.sm": ("ml_gpu_clock_max_hertz", ("sm",), 1e6, 0),
    "clocks.max.mem": ("ml_gpu_clock_max_hertz", ("memory",), 1e6, 0),
    "ecc.errors.corrected.aggregate.total": ("ml_gpu_ecc_errors_total", ("corrected",), 1, 0),
    "ecc.errors.uncorrected.aggregate.total": ("ml_gpu_ecc_errors_total", ("uncorrected",), 1, 0),
}


def differences(smi: Iterable[Mapping[str, str]], readings: Readings) -> list[str]:
    """One line for each value that one has and the other lacks, or that differs by more than its tolerance."""
    found = []
    for row in smi:
        for column, (family, labels, factor, tolerance) in COLUMNS.items():
            if not family or (column.startswith("memory.") and is_split(readings, row["uuid"])):
                continue
            ours = [
                value
                for key, value in readings.get(family, {}).items()
                if key[1] == row["uuid"] and key[2] == "" and key[4:] == labels
            ]
            theirs = number(row[column])
            if (theirs is None) != (not ours):
                found.append(f"{row['uuid']} {column}: nvidia-smi says {row[column]}, {family} {ours or 'is absent'}")
            elif theirs is not None and abs(ours[0] - theirs * factor) > max(tolerance * theirs, 1e-9) * factor:
                found.append(f"{row['uuid']} {column}: nvidia-smi says {theirs * factor:g}, {family} {ours[0]:g}")
    return found


def is_split(readings: Readings, uuid: str) -> bool:
    """Whether MIG instances tell of the GPU's memory, and not the GPU."""
    return any(key[1] == uuid and key[2] for key in readings.get("ml_gpu_memory_total_bytes", {}))


def number(text: str) -> float | None:
    """`[N/A]`, `[Not Supported]` and the like are None."""
    try:
        return float(text)
    except ValueError:
        return None
