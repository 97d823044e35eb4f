"""What can estimate performance without labels, and what a reference taught it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from exporter.profile.counts import Counts
from exporter.profile.reference import Reference


class Expectation(NamedTuple):
    """What a metric is expected to be.

    Attributes:
        value: NaN where nothing can be said.
        chance: variance of a measured value about it that stems from the window's own outcomes.
        noise: variance of it that stems from what the reference knows too little of.
    """

    value: float
    chance: float
    noise: float


@dataclass(frozen=True, slots=True)
class Estimator:
    """A way to estimate some metrics of one task.

    Attributes:
        learn: reference → what it teaches, None where it does not teach enough.
        estimate: what was learned, a window's counts → performance metrics by name that it can say something of.
        rows: a window's counts → how many rows the estimate speaks of.
    """

    learn: Callable[[Reference], Any]
    estimate: Callable[[Any, Counts], Mapping[str, Expectation]]
    rows: Callable[[Counts], float]


@dataclass(frozen=True, slots=True)
class Learned:
    """What a reference taught an estimator.

    Attributes:
        model: as `Estimator.learn` gave it.
        offsets: metric → measured less estimated value on the reference itself.
    """

    model: Any
    offsets: Mapping[str, float]
