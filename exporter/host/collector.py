"""What a collector is: a few metrics, and what reads them now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["counter", "gauge"]
Sample = tuple[tuple[str, ...], float]
"""Values of the metric's labels, in order, and the value. What cannot be read has no sample: never 0."""


@dataclass(frozen=True, slots=True)
class HostMetric:
    """One family: what it is called, what it means, and its labels in order.

    Attributes:
        internal: used by no dashboard and no rule of the bundle, on purpose.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    internal: bool = False


Reading = tuple[HostMetric, Sequence[Sample]]


class Collector(Protocol):
    """Reads one part of the machine.

    It keeps what it needs from one reading to the next (open files, last values), is read by one thread at a time, and
    knows no clock but the one it is given. What is not there on this machine (no swap, no GPU, no such file) has no
    samples; only what should be there and cannot be read is an error.
    """

    @property
    def metrics(self) -> tuple[HostMetric, ...]:
        """All families that it can give."""
        ...

    def read(self) -> Iterable[Reading]:
        """What is so now.

        Raises:
            OSError: what should be there cannot be read; the scrape goes on without this collector.
        """
        ...
