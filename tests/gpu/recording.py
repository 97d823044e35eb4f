"""A recording of NVML: every question that the collector asked, and its answer or its error, as JSON.

`Recorder` stands around the real library and writes what passes; `Replay` stands in for the library and answers from a
recording. Handles are named in the order in which they were given out.
"""

import ctypes
import json
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from types import SimpleNamespace
from typing import Any

import pynvml

_UNION = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
_EVENTS = ("nvmlEventSetCreate", "nvmlEventSetWait_v2", "nvmlEventSetFree", "nvmlDeviceRegisterEvents")


def key(function: str, arguments: list[Any]) -> str:
    return f"{function}({', '.join(json.dumps(each) for each in arguments)})"


class Recorder:
    """The module `pynvml`, whose answers are kept in `calls`: question → answer or error."""

    def __init__(self) -> None:
        self.calls: dict[str, Any] = {}
        self._handles: dict[int, str] = {}

    def __getattr__(self, name: str) -> Any:
        real = getattr(pynvml, name)
        if not (name.startswith("nvml") and callable(real)):
            return real

        def recorded(*arguments: Any) -> Any:
            question = key(name, [self._encoded(each) for each in arguments])
            try:
                answer = real(*arguments)
            except pynvml.NVMLError as error:
                if name not in _EVENTS:
                    self.calls[question] = {"error": error.value}
                raise
            if name not in _EVENTS:
                self.calls[question] = {"answer": self._encoded(answer)}
            return answer

        return recorded

    def _encoded(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, (list, tuple, ctypes.Array)):
            return [self._encoded(each) for each in value]
        if isinstance(value, ctypes._Pointer):
            address = ctypes.cast(value, ctypes.c_void_p).value or 0
            return {"handle": self._handles.setdefault(address, f"handle{len(self._handles)}")}
        if isinstance(value, pynvml.c_nvmlFieldValue_t):
            number = getattr(value.value, _UNION[value.valueType])
            names = ("fieldId", "scopeId", "valueType", "nvmlReturn")
            return {"struct": {name: getattr(value, name) for name in names} | {"value": number}}
        names = [each[0] for each in value._fields_] if isinstance(value, ctypes.Structure) else vars(value)
        return {"struct": {name: self._encoded(getattr(value, name)) for name in names}}


class Replay:
    """What has pynvml's constants, errors and functions, and answers from a recording.

    A test can break it: `errors` (function → code, or (function, handle) → code) goes before what was recorded,
    `hanging` holds every call up until it is set.
    """

    def __init__(self, recording: dict[str, Any]) -> None:
        self.calls: dict[str, Any] = dict(recording["calls"])
        self.errors: dict[str | tuple[str, str], int] = {}
        self.hanging: threading.Event | None = None
        self.events: Queue[SimpleNamespace] = Queue()
        self.asked: list[str] = []
        self.opened = 0

    @classmethod
    def of(cls, path: Path) -> "Replay":
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("missing", ()):
            raise AttributeError(name)
        real = getattr(pynvml, name)
        if not (name.startswith("nvml") and callable(real)):
            return real
        return self._asking(name)

    def nvmlEventSetCreate(self) -> object:
        return self._own("nvmlEventSetCreate", lambda: "events")

    def nvmlEventSetFree(self, _events: object) -> None:
        return None

    def nvmlDeviceRegisterEvents(self, handle: str, _kinds: int, _events: object) -> None:
        return self._own("nvmlDeviceRegisterEvents", lambda: None, handle)

    def nvmlEventSetWait_v2(self, _events: object, milliseconds: int) -> SimpleNamespace:
        def wait() -> SimpleNamespace:
            try:
                # Shorter than asked for: a test that ends does not wait for it.
                return self.events.get(timeout=min(milliseconds, 10) / 1000)
            except Empty:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_TIMEOUT) from None

        return self._own("nvmlEventSetWait_v2", wait)

    def nvmlInit(self) -> None:
        self._own("nvmlInit", lambda: None)
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def happen(self, handle: str, xid: int, kind: int = pynvml.nvmlEventTypeXidCriticalError) -> None:
        """The driver reports an error of a GPU."""
        self.events.put(SimpleNamespace(device=handle, eventType=kind, eventData=xid))

    def _own(self, function: str, answer: Callable[[], Any], *arguments: Any) -> Any:
        self._trouble(function, arguments)
        return answer()

    def _trouble(self, function: str, arguments: tuple[Any, ...]) -> None:
        self.asked.append(function)
        if self.hanging is not None:
            self.hanging.wait()
        code = self.errors.get(function, self.errors.get((function, str(arguments[0])))) if arguments else None
        code = self.errors.get(function, code)
        code = self.errors.get(("", str(arguments[0])), code) if arguments else code
        if code is not None:
            raise pynvml.NVMLError(code)

    def _asking(self, name: str) -> Callable[..., Any]:
        def asked(*arguments: Any) -> Any:
            self._trouble(name, arguments)
            question = key(name, [{"handle": each} if _is_handle(each) else _listed(each) for each in arguments])
            found = self.calls.get(question, {"error": pynvml.NVML_ERROR_NOT_SUPPORTED})
            if "error" in found:
                raise pynvml.NVMLError(found["error"])
            return _decoded(found["answer"])

        return asked


def _is_handle(value: object) -> bool:
    return isinstance(value, str) and value.startswith("handle")


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, (list, tuple)) else value


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if isinstance(value, dict) and "handle" in value:
        return value["handle"]
    if isinstance(value, dict) and "struct" in value:
        found = {name: _decoded(each) for name, each in value["struct"].items()}
        if "fieldId" in found:
            found["value"] = SimpleNamespace(**dict.fromkeys(_UNION, found["value"]))
        return SimpleNamespace(**found)
    return value
