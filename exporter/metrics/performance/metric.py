"""What a performance metric is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from exporter.metrics.performance.estimate import Estimate
from exporter.metrics.performance.parts import Parts
from exporter.profile.layout import Task

Better = Literal["higher", "lower", "zero"]


@dataclass(frozen=True, slots=True)
class PerformanceMetric:
    """One way to say how well a model does.

    Attributes:
        name: value of the label `metric`: scikit-learn's name where it has one.
        tasks: what it is defined for.
        better: which way is good; `zero`: neither side is.
        title: for people.
        formula: in words and signs, for docs/performance.md.
        source: where the formula or its interval comes from.
        compute: stacked counts → values with their sampling error; NaN where undefined; may raise NoData.
        low, high: range of the value, to which thresholds are clipped.
        sliced: shown for slices, too.
    """

    name: str
    tasks: tuple[Task, ...]
    better: Better
    title: str
    formula: str
    source: str
    compute: Callable[[Parts], Estimate]
    low: float | None = 0.0
    high: float | None = 1.0
    sliced: bool = False
