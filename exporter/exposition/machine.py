"""The host's collectors as parts of the page."""

from collections.abc import Mapping, Sequence

from exporter.clock import Clock
from exporter.exposition.family import Family
from exporter.exposition.fresh import Part
from exporter.host.collector import Collector
from exporter.host.plan import HostPlan
from exporter.host.registry import COLLECTORS, Entry


def machine_parts(plan: HostPlan, clock: Clock) -> Mapping[str, Part]:
    """Collector's name → what reads it, for those that the plan names."""
    return {
        name: Part(_Machine(entry, plan, clock).read, entry.limit_seconds, like=entry.uses(plan))
        for name, entry in COLLECTORS.items()
        if name in plan.collectors
    }


class _Machine:
    """A collector that is made when it is first read: what hangs then (a driver) keeps nothing from starting."""

    def __init__(self, entry: Entry, plan: HostPlan, clock: Clock) -> None:
        self._entry = entry
        self._plan = plan
        self._clock = clock
        self._collector: Collector | None = None

    def read(self) -> Sequence[Family] | None:
        """What is so now; None where there is nothing to read."""
        if self._collector is None:
            self._collector = self._entry.make(self._plan, self._clock)
        if self._collector is None:
            return None
        return [
            Family(metric.name, metric.kind, metric.help, metric.labels, samples)
            for metric, samples in self._collector.read()
        ]
