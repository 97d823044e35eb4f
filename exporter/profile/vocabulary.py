"""Names that counts use by number: slice values and error classes, in the order they were first seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

OTHER = "other"
"""The last slot of every vocabulary: all that had no place any more."""


@dataclass(slots=True)
class Vocabulary:
    """Growing lists of names with a fixed number of slots; the last slot is OTHER. A name keeps its slot for ever.

    Attributes:
        capacity: name of the list (a slice dimension, `error`) → slots, OTHER included.
        names: the same → names in slot order, without OTHER.
    """

    capacity: Mapping[str, int]
    names: dict[str, list[str]] = field(default_factory=dict)

    def slots(self, kind: str, values: Sequence[str]) -> list[int]:
        """Slot of each of `values`; new ones get the next free slot, and OTHER once there is none."""
        known = self.names.setdefault(kind, [])
        index = {name: slot for slot, name in enumerate(known)}
        last = self.capacity[kind] - 1
        slots = []
        for value in values:
            slot = index.get(value)
            if slot is None and len(known) < last and value != OTHER:
                slot = index[value] = len(known)
                known.append(value)
            # A list may be longer than it has slots, where the configuration allowed more before.
            slots.append(last if slot is None else min(slot, last))
        return slots

    def knows(self, kind: str, values: Sequence[str]) -> bool:
        """True if all of `values` have been seen before, so that `slots` changes nothing."""
        return set(values) <= set(self.names.get(kind, ()))

    def labels(self, kind: str) -> list[str]:
        """Names by slot for all slots in use, and OTHER at the last slot: (slots,) with "" where none is in use."""
        last = self.capacity[kind] - 1
        known = self.names.get(kind, [])[:last]
        return [*known, *[""] * (last - len(known)), OTHER]
