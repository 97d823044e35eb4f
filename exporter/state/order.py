"""The order of hashes: their highest bits are drawn evenly, so that two passes by 16 bits sort nearly all of them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_FEW: Final = 4096
"""Hashes below which a plain sort is as fast."""
_UNLUCKY: Final = 1000
"""Neighbours that may be left in the wrong order, before all are sorted the plain way: no keyed hashes are so many."""


def rising(hashes: Hashes) -> NDArray[np.intp]:
    """(n,) rows by rising hash; rows with the same one stay in their order."""
    if len(hashes) < _FEW:
        return np.argsort(hashes, kind="stable")
    # NumPy sorts 16 bits by counting, eight times as fast as 64 bits by comparing.
    order = np.argsort((hashes >> np.uint64(32)).astype(np.uint16), kind="stable")
    order = order.take(np.argsort((hashes >> np.uint64(48)).astype(np.uint16).take(order), kind="stable"))
    ordered = hashes.take(order)
    wrong = np.flatnonzero(ordered[1:] < ordered[:-1])
    if len(wrong) > _UNLUCKY:
        return np.argsort(hashes, kind="stable")
    high = ordered >> np.uint64(32)
    for top in np.unique(high[wrong]):
        alike = slice(np.searchsorted(high, top, "left"), np.searchsorted(high, top, "right"))
        order[alike] = order[alike][np.argsort(hashes[order[alike]], kind="stable")]
    return order
