"""A small picture of a large set of hashes: what it lacks is not in the set; of what is not, it shows up to 4 %.

A register-blocked Bloom filter (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007): the
highest bits of a hash choose a word of 64 bits, its lowest choose three bits of it. The hashes are even already.
"""

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_PER_WORD: Final = 8
"""Hashes that share a word of 64 bits at most, on average."""
_SMALLEST: Final = 10
_SIX_BITS: Final = np.uint64(63)


class Sieve:
    """Hashes that may be in a set; `members` gives all of the set anew, a part at a time, each rising."""

    def __init__(self, members: Callable[[], Iterable[Hashes]]) -> None:
        self._members = members
        self._renew()

    def add(self, hashes: Hashes) -> None:
        """Adds hashes, which rise and are members already."""
        self._count += len(hashes)
        if self._count > self._room:
            self._renew()
        else:
            self._mark(hashes)

    def forget(self, count: int) -> None:
        """Some members are gone: once half of all that was added is, what is left is drawn anew."""
        self._gone += count
        if 2 * self._gone > self._count:
            self._renew()

    def may_hold(self, hashes: Hashes) -> NDArray[np.bool_]:
        """(n,) False where a hash is no member for sure."""
        wanted = _bits(hashes)
        found = self._words.take((hashes >> self._shift).astype(np.intp))
        found &= wanted
        found_all: NDArray[np.bool_] = found == wanted
        return found_all

    def _renew(self) -> None:
        self._count = sum(len(part) for part in self._members())
        self._gone = 0
        size = max(_SMALLEST, (2 * self._count // _PER_WORD).bit_length())
        self._room = _PER_WORD << size
        self._shift = np.uint64(64 - size)
        self._words = np.zeros(1 << size, dtype=np.uint64)
        for part in self._members():
            self._mark(part)

    def _mark(self, hashes: Hashes) -> None:
        if len(hashes) == 0:
            return
        word = hashes >> self._shift
        begins = np.flatnonzero(np.append(True, word[1:] != word[:-1]))
        self._words[word[begins].astype(np.intp)] |= np.bitwise_or.reduceat(_bits(hashes), begins)


def _bits(hashes: Hashes) -> Hashes:
    one = np.uint64(1)
    bits: Hashes = one << (hashes & _SIX_BITS)
    for shift in (6, 12):
        bits |= one << ((hashes >> np.uint64(shift)) & _SIX_BITS)
    return bits
