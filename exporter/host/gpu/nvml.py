"""Questions to NVML: what it does not know is None, and what is broken is told apart from what is not supported."""

from typing import Any

Nvml = Any
"""The module `pynvml`, or what stands in for it in tests."""
Handle = Any

_LOST = ("GPU_IS_LOST", "RESET_REQUIRED", "GPU_NOT_FOUND")
_GONE = ("UNINITIALIZED", "DRIVER_NOT_LOADED", "LIBRARY_NOT_FOUND", "LIB_RM_VERSION_MISMATCH")
_FIELDS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
"""Where a field's value stands, by its `valueType`."""


class GpuLost(Exception):  # noqa: N818 - says what it is
    """The GPU does not answer any more: it fell off the bus or must be reset."""


class DriverGone(Exception):  # noqa: N818 - says what it is
    """There is no driver, no library, or not the one that was there before."""


def load() -> Nvml:
    """The module `pynvml`.

    Raises:
        DriverGone: it is not installed.
    """
    try:
        import pynvml  # noqa: PLC0415 - an extra: only machines with GPUs need it
    except ImportError as error:
        raise DriverGone("the package nvidia-ml-py is not installed (pip install 'ml-exporter[gpu]')") from error
    return pynvml


def ask(nvml: Nvml, function: str, *arguments: object) -> Any:
    """What `function` answers; None where this GPU, this driver or this user's rights have no answer.

    Raises:
        GpuLost: the GPU is lost.
        DriverGone: the driver is.
    """
    try:
        return getattr(nvml, function)(*arguments)
    except nvml.NVMLError as error:
        if error.value in codes(nvml, _LOST):
            raise GpuLost(str(error)) from error
        if error.value in codes(nvml, _GONE):
            raise DriverGone(str(error)) from error
        return None
    except AttributeError:
        # A package older than the function.
        return None


def ask_first(nvml: Nvml, functions: tuple[str, ...], *arguments: object) -> Any:
    """The answer of the first of `functions` that has one: newer drivers have new names for the same thing."""
    for function in functions:
        answer = ask(nvml, function, *arguments)
        if answer is not None:
            return answer
    return None


def codes(nvml: Nvml, names: tuple[str, ...]) -> set[int]:
    """The numbers of these errors."""
    return {getattr(nvml, f"NVML_ERROR_{name}") for name in names if hasattr(nvml, f"NVML_ERROR_{name}")}


def field_values(nvml: Nvml, handle: Handle, fields: tuple[tuple[int, int], ...]) -> dict[int, float]:
    """(field, scope) → value, by field, of those that this GPU has."""
    answers = ask(nvml, "nvmlDeviceGetFieldValues", handle, list(fields))
    found: dict[int, float] = {}
    for answer in answers or ():
        if answer.nvmlReturn == nvml.NVML_SUCCESS and answer.valueType < len(_FIELDS):
            found[answer.fieldId] = float(getattr(answer.value, _FIELDS[answer.valueType]))
    return found
