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
            if slot is None:
                slot = len(known) if len(known) < last and value != OTHER else last
                if slot < last:
                    known.append(value)
                    index[value] = slot
            slots.append(slot)
        return slots

    def labels(self, kind: str) -> list[str]:
        """Names by slot for all slots in use, and OTHER at the last slot: (slots,) with "" where none is in use."""
        known = self.names.get(kind, [])
        return [*known, *[""] * (self.capacity[kind] - 1 - len(known)), OTHER]
