"""Temperatures that sensors of the machine tell, from /sys/class/hwmon and /sys/class/thermal."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from exporter.clock import Clock
from exporter.host.collector import HostMetric, Reading, Sample
from exporter.host.files import number, read_if_there
from exporter.host.plan import HostPlan

_MILLI = 1e-3
_SENSOR = re.compile(r"(temp\d+)_input")

TEMPERATURE = HostMetric("ml_host_temperature_celsius", "gauge", "Temperature at a sensor.", ("chip", "sensor"))
METRICS = (TEMPERATURE,)


class TemperatureCollector:
    """Knows its sensors from when it was made: they are looked for once, and read by their files."""

    metrics = METRICS

    def __init__(self, sensors: dict[tuple[str, str], Path]) -> None:
        self._sensors = sensors

    @classmethod
    def made(cls, plan: HostPlan, _clock: Clock) -> "TemperatureCollector | None":
        """The collector; None where the machine has no sensor."""
        classes = plan.roots.sys / "class"
        sensors = {**_monitors(classes / "hwmon"), **_zones(classes / "thermal")}
        return cls(sensors) if sensors else None

    def read(self) -> Iterable[Reading]:
        """Degrees by chip and sensor; one that does not answer is absent."""
        return ((TEMPERATURE, list(self._samples())),)

    def _samples(self) -> Iterator[Sample]:
        for labels, file in self._sensors.items():
            value = number(file)
            if value is not None:
                yield labels, value * _MILLI


def _monitors(folder: Path) -> dict[tuple[str, str], Path]:
    found: dict[tuple[str, str], Path] = {}
    for monitor in sorted(folder.glob("hwmon*")):
        # Older drivers keep their files one folder below.
        for file in (*monitor.glob("temp*_input"), *monitor.glob("device/temp*_input")):
            sensor = _SENSOR.fullmatch(file.name)
            if sensor:
                found.setdefault((_chip(monitor), sensor[1]), file)
    return found


def _chip(monitor: Path) -> str:
    """Where the chip sits and what it is, as node_exporter calls it, such as `platform_coretemp_0`."""
    device = monitor / "device"
    if device.exists():
        real = device.resolve()
        return "_".join(word for word in (_clean(real.parent.name), _clean(real.name)) if word)
    return _clean(read_if_there(monitor / "name") or "") or monitor.name


def _clean(text: str) -> str:
    return re.sub(r"[^a-z0-9:_]", "_", text.strip().lower()).strip("_")


def _zones(folder: Path) -> dict[tuple[str, str], Path]:
    """Zones of the firmware that no monitor shows."""
    return {
        (_clean(read_if_there(zone / "type") or "thermal"), zone.name): zone / "temp"
        for zone in sorted(folder.glob("thermal_zone*"))
        if not any(zone.glob("hwmon*"))
    }
