"""The price list as metrics, so that recorded rules can make money of what is used."""

from collections.abc import Iterable
from typing import Self

from exporter.clock import Clock
from exporter.host.collector import HostMetric, Reading
from exporter.host.plan import HostPlan, Prices

PRICE = HostMetric(
    "ml_cost_price",
    "gauge",
    "Price of one unit of a resource, as configured.",
    ("resource", "currency"),
)
METRICS = (PRICE,)


class CostCollector:
    """Tells the prices of the configuration; those of single GPUs are told by who knows the GPUs."""

    metrics: tuple[HostMetric, ...] = METRICS

    def __init__(self, prices: Prices) -> None:
        self._samples = [
            ((resource, prices.currency), price)
            for resource, price in (
                ("cpu_core_hour", prices.cpu_core_hour),
                ("memory_gb_hour", prices.memory_gb_hour),
                ("gpu_hour", prices.gpu_default),
                ("energy_kwh", prices.energy_kwh),
            )
            if price is not None
        ]

    @classmethod
    def made(cls, plan: HostPlan, _clock: Clock) -> Self | None:
        """The collector of the plan; None where it has no prices."""
        return cls(plan.prices) if plan.prices else None

    def read(self) -> Iterable[Reading]:
        """All prices."""
        return ((PRICE, self._samples),)
