"""What a column of a sample looks like: the evidence that guesses are made from."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from exporter.config.sample import Sample, has_offset, kind_of, numbers_of, times_of, valid_share
from exporter.profile.cells import read_names

Shape = Literal["number", "integer", "bool", "text", "time", "empty", "nested"]

MANY = 50
"""Values beyond which they are not listed any more."""
_NEARLY_ALL = 0.95
_YEAR_2000, _YEAR_2100 = 946_684_800.0, 4_102_444_800.0
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Traits:
    """A column in a few facts.

    Attributes:
        name: as in the log, by dots where it is nested.
        words: its last part in lower-case words: `modelVersion` → (`model`, `version`).
        kind: in words for a person.
        filled: share of rows with a value.
        distinct: different values among `rows`.
        values: all of them, where they are few.
        low, high, median: of numbers.
        whole: numbers without fractions.
        times: (first, last) in Unix seconds, where the values can be times.
        offset: times say their offset, or need none.
    """

    name: str
    words: tuple[str, ...]
    kind: str
    shape: Shape
    rows: int
    filled: float
    distinct: int
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    median: float = 0.0
    whole: bool = False
    times: tuple[float, float] | None = None
    offset: bool = True

    @property
    def joined(self) -> str:
        return "_".join(self.words)

    @property
    def numeric(self) -> bool:
        return self.shape in ("number", "integer")

    @property
    def unique(self) -> bool:
        """Nearly every row has a value of its own."""
        present = self.rows * self.filled
        return present > 0 and self.distinct >= _NEARLY_ALL * present

    @property
    def unit_interval(self) -> bool:
        """Numbers between 0 and 1, more of them than two classes give."""
        return self.numeric and not self.whole and self.low >= 0 and self.high <= 1


def traits_of(sample: Sample) -> dict[str, Traits]:
    """Traits of every plain column of `sample`, in its order."""
    found = {}
    for name in sample.names:
        column = sample.column(name)
        if column is not None:
            found[name] = _traits(name, column)
    return found


def words_of(name: str) -> tuple[str, ...]:
    """The last part of a name in lower-case words."""
    last = name.rsplit(".", 1)[-1]
    return tuple(each for each in _NO_WORD.split(_CAMEL.sub("_", last).lower()) if each)


def _traits(name: str, column: pa.Array) -> Traits:
    filled = valid_share(column)
    known = read_names(column)
    used = np.unique(known.codes[known.codes >= 0])
    values = tuple(known.names[index] for index in used) if len(used) <= MANY else ()
    numbers, bad = numbers_of(column)
    numeric = len(numbers) > 0 and bad <= 1 - _NEARLY_ALL
    whole = numeric and bool((numbers == np.round(numbers)).all())
    times = _times(column)
    return Traits(
        name=name,
        words=words_of(name),
        kind="numbers as text" if numeric and kind_of(column) == "text" else kind_of(column),
        shape=_shape(column, filled, times, numeric=numeric, whole=whole),
        rows=len(column),
        filled=filled,
        distinct=len(used),
        values=values,
        low=float(numbers.min()) if numeric else 0.0,
        high=float(numbers.max()) if numeric else 0.0,
        median=float(np.median(numbers)) if numeric else 0.0,
        whole=whole,
        times=times,
        offset=times is None or has_offset(column),
    )


def _times(column: pa.Array) -> tuple[float, float] | None:
    if pa.types.is_nested(column.type) or pa.types.is_boolean(column.type):
        return None
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        # A date has a dash and a time a colon; digits alone are more likely an id.
        first = next((each for each in column.to_pylist() if each), "")
        if not re.search(r"\d-\d|\d:\d|^\d{10}(\.\d+)?$|^\d{13}$", first):
            return None
    times, bad = times_of(column)
    if not len(times) or bad > 1 - _NEARLY_ALL:
        return None
    low, high = float(times.min()), float(times.max())
    return (low, high) if low >= _YEAR_2000 and high <= _YEAR_2100 else None


def _shape(column: pa.Array, filled: float, times: tuple[float, float] | None, *, numeric: bool, whole: bool) -> Shape:
    if filled == 0:
        return "empty"
    if pa.types.is_nested(column.type):
        return "nested"
    if pa.types.is_boolean(column.type):
        return "bool"
    if times is not None and not numeric:
        return "time"
    if numeric:
        return "integer" if whole else "number"
    return "text"
