"""What depends on a reference alone, computed once and kept as long as the reference lives."""

import weakref
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from exporter.profile.reference import Reference

T = TypeVar("T")

# By identity, not by bins id: two references may share their bins and still have different counts.
_kept: dict[int, dict[Hashable, Any]] = {}


def remember(reference: Reference, key: Hashable, compute: Callable[[], T]) -> T:
    """`compute()`, called the first time only for this reference and key."""
    known = _kept.get(id(reference))
    if known is None:
        known = _kept[id(reference)] = {}
        # Not at exit: then there is nothing left to save memory for.
        weakref.finalize(reference, _kept.pop, id(reference), None).atexit = False
    if key not in known:
        known[key] = compute()
    result: T = known[key]
    return result
