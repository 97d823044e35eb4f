"""What is counted of a loss model's pairs: tables by two coarse codes, in whole numbers so that sums are exact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Variable = str | None
"""A feature by name, or None: the output."""
LARGEST = 2**15
"""Of a table's values: units are made for it, and 2³⁷ rows add up exactly."""


@dataclass(frozen=True)
class Pairs:
    """The pair terms of a layout.

    Attributes:
        members: two variables a pair.
        values: a pair each, one loss after the other by code of the one · width of the other + code of the other.
        losses: how many losses there are.
    """

    members: tuple[tuple[Variable, Variable], ...]
    values: tuple[tuple[int, ...], ...]
    losses: int

    def __len__(self) -> int:
        return len(self.members)

    @cached_property
    def tables(self) -> tuple[NDArray[np.float64], ...]:
        """(codes, L) whole numbers, a pair each."""
        return tuple(np.array(each, dtype=np.float64).reshape(self.losses, -1).T for each in self.values)

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` builds equal pairs."""
        return {
            "members": [list(pair) for pair in self.members],
            "values": [list(each) for each in self.values],
            "losses": self.losses,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Pairs":
        """The pairs that `to_json` described."""
        return cls(
            members=tuple((one, other) for one, other in data["members"]),
            values=tuple(tuple(int(value) for value in each) for each in data["values"]),
            losses=int(data["losses"]),
        )

    @classmethod
    def of(
        cls, members: Sequence[tuple[Variable, Variable]], tables: Sequence[NDArray[np.int64]], losses: int
    ) -> "Pairs":
        """Pairs of whole-numbered `tables` (codes, L)."""
        values = tuple(tuple(table.T.reshape(-1).tolist()) for table in tables)
        return cls(tuple(members), values, losses)
