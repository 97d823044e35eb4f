"""Memory that is free goes back to the machine: after a backlog the allocators keep several times what is in use."""

import ctypes
import ctypes.util
from functools import cache

import pyarrow as pa

_M_ARENA_MAX = -8
_ARENAS = 2


@cache
def _glibc() -> ctypes.CDLL | None:
    name = ctypes.util.find_library("c")
    library = ctypes.CDLL(name) if name else None
    return library if library is not None and hasattr(library, "malloc_trim") else None


def few_arenas() -> None:
    """Threads share two heaps: each one of their own would keep what a batch once needed. Nothing where not glibc."""
    library = _glibc()
    if library is not None:
        library.mallopt(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Unused memory of Arrow and of the C library is the machine's again."""
    pa.default_memory_pool().release_unused()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)
