"""Memory that is free goes back to the machine: after a backlog the allocators keep several times what is in use."""

import ctypes
import ctypes.util
from functools import cache

import pyarrow as pa

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ARENAS = 2
_KEPT_BYTES = 64 << 20
_LARGE_BYTES = 32 << 20


@cache
def _glibc() -> ctypes.CDLL | None:
    name = ctypes.util.find_library("c")
    library = ctypes.CDLL(name) if name else None
    return library if library is not None and hasattr(library, "malloc_trim") else None


def shared_heaps() -> None:
    """Threads share two heaps, and what a block or a batch needed is kept there for the next. Nothing where not glibc.

    With a heap for each thread, all of them would keep it. Left to itself the library returns each megabyte at once
    and takes it anew, page by page: a third of the time of reading text.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(_M_ARENA_MAX, _ARENAS)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def give_back() -> None:
    """Unused memory of Arrow and of the C library is the machine's again."""
    pa.default_memory_pool().release_unused()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)
