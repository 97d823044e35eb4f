"""All GPUs of the machine, read at the scrape; without a driver nothing, and with one that was lost an error."""

import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import structlog

from exporter.clock import Clock
from exporter.host.collector import HostMetric, Reading, Sample
from exporter.host.gpu import families
from exporter.host.gpu.device import MigInstance, mig_instances, name_of, read_device, read_memory
from exporter.host.gpu.nvml import DriverGone, GpuLost, Handle, Nvml, ask, load
from exporter.host.gpu.owners import Owners
from exporter.host.gpu.watch import Watch, ask_quietly
from exporter.host.plan import HostPlan
from exporter.log import Logger

_RETRY_SECONDS = 60.0
_LONGEST_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class _Gpu:
    """One GPU as it was found."""

    index: str
    uuid: str
    name: str
    handle: Handle


@dataclass(slots=True)
class _Session:
    """The library while it is open; `whole` where every GPU that was ever found answered at the last reading."""

    nvml: Nvml
    driver: str
    gpus: list[_Gpu]
    watch: Watch
    forgotten: "weakref.finalize[..., Any]"
    whole: bool = True


class GpuCollector:
    """Reads every GPU. The library is opened at the first reading: one that hangs then holds up that reading alone.

    A driver that comes later, goes or is loaded anew is found within a minute; so is a GPU that was lost and reset, by
    opening the library anew (a minute after, then two, four …, at most an hour).
    """

    metrics: tuple[HostMetric, ...] = families.METRICS

    def __init__(self, plan: HostPlan, clock: Clock, log: Logger, loader: Callable[[], Nvml] = load) -> None:
        self._clock = clock
        self._log = log
        self._loader = loader
        self._owners = Owners(plan.processes, plan.roots)
        self._prices = plan.prices
        self._session: _Session | None = None
        self._counts: dict[str, dict[int, int]] = {}
        self._known: dict[str, _Gpu] = {}
        self._retry_at = float("-inf")
        self._patience = _RETRY_SECONDS
        self._trouble = ""

    @classmethod
    def made(cls, plan: HostPlan, clock: Clock) -> Self:
        """The collector of the plan; it waits for a driver where there is none."""
        return cls(plan, clock, structlog.get_logger())

    def read(self) -> Iterable[Reading]:
        """What all GPUs tell now.

        Raises:
            OSError: there were GPUs, and their driver is gone.
        """
        try:
            self._open_or_mend()
            return self._read(self._session) if self._session else ()
        except DriverGone as error:
            if self._session is not None:
                self._retry_at = self._clock.monotonic()
                self._close()
            if self._known:
                raise OSError(f"the GPUs' driver is gone: {error}") from error
            if str(error) != self._trouble:
                self._log.info("no GPU is read", reason=str(error))
            self._trouble = str(error)
            return ()

    def _open_or_mend(self) -> None:
        """The library is open, if there is one; opened anew where GPUs do not answer and it is time to try."""
        now = self._clock.monotonic()
        if self._session is not None and self._session.whole:
            self._patience, self._retry_at = _RETRY_SECONDS, now + _RETRY_SECONDS
        elif now < self._retry_at:
            if self._session is None and self._known:
                raise DriverGone("it is asked again within a minute")
        elif self._session is not None:
            # The library sees a GPU that came back only when it is opened anew.
            self._retry_at = now + self._patience
            self._patience = min(2 * self._patience, _LONGEST_SECONDS)
            if self._close():
                self._session = self._open()
        else:
            self._retry_at = now + _RETRY_SECONDS
            self._session = self._open()

    def _open(self) -> _Session:
        nvml = self._loader()
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            raise DriverGone(str(error)) from error
        driver = str(ask(nvml, "nvmlSystemGetDriverVersion") or "")
        gpus = list(_found(nvml))
        for gpu in gpus:
            self._known[gpu.uuid] = gpu
        watch = Watch(nvml, {gpu.uuid: gpu.handle for gpu in gpus}, self._clock, self._counts)
        watch.start()
        # After a reload another collector is made, and this one is forgotten: its thread must not go on.
        forgotten = weakref.finalize(self, watch.leave)
        forgotten.atexit = False
        return _Session(nvml, driver, gpus, watch, forgotten)

    def _close(self) -> bool:
        """The library is closed; false where the driver does not let go, and all stays as it is."""
        if self._session is not None:
            if not self._session.watch.stop():
                return False
            self._session.forgotten.detach()
            ask_quietly(self._session.nvml, "nvmlShutdown")
            self._session = None
        return True

    def _read(self, session: _Session) -> list[Reading]:
        samples: dict[HostMetric, list[Sample]] = {metric: [] for metric in families.METRICS}
        answering: set[str] = set()
        for gpu in session.gpus:
            # Errors are told of a GPU that is lost, too: they say why.
            for xid, count in session.watch.xids(gpu.uuid).items():
                samples[families.XID].append(((gpu.index, gpu.uuid, "", "", str(xid)), float(count)))
            try:
                told = list(self._told(session, gpu))
            except GpuLost:
                continue
            answering.add(gpu.uuid)
            for metric, labels, value in told:
                samples[metric].append((labels, value))
        session.whole = answering >= self._known.keys() and ask(session.nvml, "nvmlDeviceGetCount") == len(session.gpus)
        for gpu in self._known.values():
            samples[families.UP].append(((gpu.index, gpu.uuid, "", ""), float(gpu.uuid in answering)))
            # One that is lost is paid for.
            price = self._prices.of_gpu(gpu.name) if self._prices else None
            if self._prices and price is not None:
                samples[families.PRICE].append(((gpu.index, gpu.uuid, self._prices.currency), price))
        return [(metric, found) for metric, found in samples.items() if found]

    def _told(self, session: _Session, gpu: _Gpu) -> Iterator[tuple[HostMetric, tuple[str, ...], float]]:
        whole = (gpu.index, gpu.uuid, "", "")
        instances = mig_instances(session.nvml, gpu.handle)
        device = list(read_device(session.nvml, gpu.handle, split=instances is not None))
        if not device:
            raise GpuLost("every question ends in an error")
        for metric, more, value in device:
            yield metric, (*whole, *more), value
        yield families.INFO, (*whole, gpu.name, session.driver), 1.0
        for metric, rate in zip(
            (families.PCIE_RECEIVE, families.PCIE_TRANSMIT), session.watch.pcie(gpu.uuid), strict=True
        ):
            if rate is not None:
                yield metric, whole, rate
        if instances is None:
            yield from self._owned(session.nvml, gpu.handle, whole)
        for instance in instances or ():
            yield from self._told_instance(session, gpu, instance)

    def _told_instance(
        self, session: _Session, gpu: _Gpu, instance: MigInstance
    ) -> Iterator[tuple[HostMetric, tuple[str, ...], float]]:
        labels = (gpu.index, gpu.uuid, instance.id, instance.profile)
        yield families.INFO, (*labels, gpu.name, session.driver), 1.0
        for metric, more, value in read_memory(session.nvml, instance.handle):
            yield metric, (*labels, *more), value
        yield from self._owned(session.nvml, instance.handle, labels)

    def _owned(
        self, nvml: Nvml, handle: Handle, labels: tuple[str, ...]
    ) -> Iterator[tuple[HostMetric, tuple[str, ...], float]]:
        for process, model, used in self._owners.read(nvml, handle):
            yield families.PROCESS_MEMORY, (*labels, process, model), used


def _found(nvml: Nvml) -> Iterator[_Gpu]:
    """All GPUs that answer, in the driver's order."""
    for index in range(ask(nvml, "nvmlDeviceGetCount") or 0):
        try:
            handle = ask(nvml, "nvmlDeviceGetHandleByIndex", index)
            uuid = ask(nvml, "nvmlDeviceGetUUID", handle) if handle is not None else None
            if uuid is not None:
                yield _Gpu(str(index), str(uuid), name_of(nvml, handle), handle)
        except GpuLost:
            continue
