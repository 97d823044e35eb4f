"""A metric family with its samples, as the renderer takes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from numpy.typing import ArrayLike

Kind = Literal["gauge", "counter", "histogram"]
LabelValues = tuple[str, ...]


class Histogram(Protocol):
    """Counts by bucket, not cumulative, the last one for +Inf; one bound less than counts, rising."""

    @property
    def bounds(self) -> tuple[float, ...]: ...

    @property
    def counts(self) -> ArrayLike: ...

    @property
    def sum(self) -> float: ...


Value = float | Histogram


@dataclass(frozen=True, slots=True)
class Family:
    """One name on /metrics with some of its samples; several of the same name are shown as one.

    Attributes:
        name: as on /metrics; ends in `_total` where it is a counter.
        labels: names, in the order of the values of every sample.
        samples: label values → number, or histogram where the kind is one. NaN is left out.
        rank: what goes first when a model's series budget is exceeded: higher goes sooner.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    samples: Sequence[tuple[LabelValues, Value]]
    rank: int = 0

    def series(self) -> int:
        """How many lines the samples make."""
        if self.kind != "histogram":
            return len(self.samples)
        return sum(series_of(value) for _, value in self.samples)


def series_of(value: Value) -> int:
    """Lines of one sample: 1, or buckets with +Inf and, where they may be shown, sum and count."""
    if isinstance(value, int | float):
        return 1
    return len(value.bounds) + 1 + 2 * has_sum(value.bounds)


def has_sum(bounds: tuple[float, ...]) -> bool:
    """Whether a histogram shows sum and count.

    Not with negative bounds: its sum may fall and is no counter. OpenMetrics 1.0 forbids it then, and the count with
    it; the bucket +Inf says the same.
    """
    return not bounds or bounds[0] >= 0
