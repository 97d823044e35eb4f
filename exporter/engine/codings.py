"""Coarse codes in the ledger's columns: which bins they are of is a number, so that rows of any bins share a run."""

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from exporter.profile.coarse import UNKNOWN, Coded
from exporter.state.runs import Column

_MOST: Final = 255
"""Bins that have a number, in 8 bits; codes of any more are not kept."""
_FREE: Final = ""
"""Stands where the number of bins that no row has is free for the next ones."""


class Codings:
    """The numbers of bins, by `Layout.coarse_id`, from 1 on; 0 is UNKNOWN, which rows of older runs have."""

    def __init__(self, names: list[str], features: int) -> None:
        """`names`: those of before; `features`: the most that a layout has, columns that codes have."""
        self.names = names
        self._features = features

    def columns(self, coded: Coded | None) -> dict[str, Column]:
        """Columns `coding` (n,) and `codes` (n, features) of rows; none without codes."""
        if coded is None or not self._features:
            return {}
        numbers = np.array([self._number(name) for name in coded.names], dtype=np.uint8)
        n = len(coded.coding)
        # What is the same in all rows is kept as one.
        same = n and coded.coding.strides == (0,)
        coding = np.broadcast_to(numbers[coded.coding[0]], (n,)) if same else numbers[coded.coding]
        return {"coding": coding, "codes": self.as_wide(coded.codes)}

    def as_wide(self, codes: Column) -> Column:
        """(n, features): with columns of zeros where bins have less; columns beyond are of no bins of now."""
        missing = max(0, self._features - codes.shape[1])
        return np.pad(codes, ((0, 0), (0, missing))) if missing else codes[:, : self._features]

    def coded(self, columns: Mapping[str, Column]) -> Coded | None:
        """What `columns` made columns of."""
        if "codes" not in columns:
            return None
        codes = self.as_wide(columns["codes"]).astype(np.uint8, copy=False)
        return Coded(("", *self.names), columns["coding"].astype(np.uint8, copy=False), codes)

    def forget(self, held: Collection[int]) -> None:
        """Frees the numbers that no row has."""
        self.names = [name if number in held else _FREE for number, name in enumerate(self.names, start=1)]

    def _number(self, name: str) -> int:
        if not name:
            return UNKNOWN
        if name not in self.names:
            if _FREE in self.names:
                self.names[self.names.index(_FREE)] = name
            elif len(self.names) < _MOST:
                self.names.append(name)
        return self.names.index(name) + 1 if name in self.names else UNKNOWN
