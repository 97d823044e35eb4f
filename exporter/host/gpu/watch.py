"""What must be waited for: the driver's error events, and samples of PCIe, in a thread of their own."""

import ctypes
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.clock import Clock
from exporter.host.gpu.nvml import Handle, Nvml, codes

HARMFUL = (13, 31, 43, 48, 62, 64, 74, 79, 92, 94, 95, 119, 120)
"""XIDs that are shown before they happen, so that their first one is an increase. 13, 31 and 43 are mostly a program's
own fault, the others the GPU's, its memory's, its links' or its firmware's."""
_WAIT_MILLISECONDS = 500
_END_SECONDS = 1.0
_SAMPLE_SECONDS = 10.0
_PAUSE_SECONDS = 5.0
_KILO = 1000.0


@dataclass(slots=True)
class _Watched:
    """One GPU: how often each XID came (None where its driver tells of none), and bytes a second over PCIe."""

    xids: dict[int, int] | None = None
    pcie: tuple[float | None, float | None] = field(default=(None, None))


class Watch:
    """Waits for events of all GPUs until it is stopped. One that hangs in the driver holds up nobody.

    Args:
        handles: its GPUs by UUID.
        counts: UUID → XID → how often it came so far. They outlive the driver: the next watch goes on with them.
    """

    def __init__(
        self, nvml: Nvml, handles: Mapping[str, Handle], clock: Clock, counts: dict[str, dict[int, int]]
    ) -> None:
        self._nvml = nvml
        self._handles = dict(handles)
        self._clock = clock
        self._stop = threading.Event()
        self._closes = False
        self._by_address = {_address(handle): uuid for uuid, handle in handles.items()}
        self._counts = counts
        self._watched = {uuid: _Watched() for uuid in handles}
        self._thread = threading.Thread(target=self._work, name="gpu-watch", daemon=True)

    def start(self) -> None:
        """Its thread runs."""
        self._thread.start()

    def leave(self) -> None:
        """Its thread ends when the driver lets it, and then closes the library: nobody else will."""
        self._closes = True
        self._stop.set()

    def stop(self) -> bool:
        """Its thread ends; false where the driver does not let it."""
        self._stop.set()
        self._thread.join(_END_SECONDS)
        return not self._thread.is_alive()

    def xids(self, uuid: str) -> dict[int, int]:
        """XID → how often it came; empty where the GPU's events cannot be had."""
        return dict(self._watched[uuid].xids or {}) if uuid in self._watched else {}

    def pcie(self, uuid: str) -> tuple[float | None, float | None]:
        """Bytes a second received and transmitted."""
        return self._watched[uuid].pcie if uuid in self._watched else (None, None)

    def _work(self) -> None:
        events = self.register()
        sampled = float("-inf")
        while not self._stop.is_set():
            if self._clock.monotonic() - sampled >= _SAMPLE_SECONDS:
                sampled = self._clock.monotonic()
                self.sample()
            if events is None or not self.wait(events, _WAIT_MILLISECONDS):
                self._stop.wait(_PAUSE_SECONDS)
        if events is not None:
            ask_quietly(self._nvml, "nvmlEventSetFree", events)
        if self._closes:
            ask_quietly(self._nvml, "nvmlShutdown")

    def register(self) -> object | None:
        """A set of events of all GPUs that have such; None where none has."""
        nvml = self._nvml
        events: object | None = ask_quietly(nvml, "nvmlEventSetCreate")
        if events is None:
            return None
        wanted = nvml.nvmlEventTypeXidCriticalError
        for uuid, handle in self._handles.items():
            supported = ask_quietly(nvml, "nvmlDeviceGetSupportedEventTypes", handle)
            if supported and supported & wanted:
                try:
                    nvml.nvmlDeviceRegisterEvents(handle, wanted, events)
                except nvml.NVMLError:
                    # Without the rights, or not on this GPU: no count rather than one that stays 0.
                    continue
                self._watched[uuid].xids = self._counts.setdefault(uuid, dict.fromkeys(HARMFUL, 0))
        return events

    def wait(self, events: object, milliseconds: int) -> bool:
        """One event is counted, or none came in time; false where the driver cannot wait now."""
        nvml = self._nvml
        try:
            event = nvml.nvmlEventSetWait_v2(events, milliseconds)
        except nvml.NVMLError as error:
            return error.value in codes(nvml, ("TIMEOUT",))
        uuid = self._by_address.get(_address(event.device))
        counts = self._watched[uuid].xids if uuid else None
        if event.eventType & nvml.nvmlEventTypeXidCriticalError and counts is not None:
            xid = int(event.eventData)
            counts[xid] = counts.get(xid, 0) + 1
        return True

    def sample(self) -> None:
        """PCIe is sampled, which takes 20 ms a direction and GPU: too long for a scrape."""
        nvml = self._nvml
        for uuid, handle in self._handles.items():
            if self._stop.is_set():
                return
            rates = (
                ask_quietly(nvml, "nvmlDeviceGetPcieThroughput", handle, counter)
                for counter in (nvml.NVML_PCIE_UTIL_RX_BYTES, nvml.NVML_PCIE_UTIL_TX_BYTES)
            )
            received, transmitted = (None if rate is None else rate * _KILO for rate in rates)
            self._watched[uuid].pcie = (received, transmitted)


def ask_quietly(nvml: Nvml, function: str, *arguments: object) -> Any:
    """What `function` answers; None whatever is wrong."""
    try:
        return getattr(nvml, function)(*arguments)
    except (nvml.NVMLError, AttributeError):
        return None


def _address(handle: Handle) -> object:
    """What tells handles apart: an event's handle is another object that points to the same place."""
    try:
        return ctypes.addressof(handle.contents)
    except (AttributeError, ValueError):
        return handle
