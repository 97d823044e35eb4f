"""The price list: what is configured is shown, and each GPU has the price of its kind."""

import pytest
import structlog

from exporter.clock import ManualClock
from exporter.config.cost import CostSection, prices
from exporter.host.cost import CostCollector
from exporter.host.gpu import GpuCollector
from exporter.host.plan import HostPlan, Prices
from tests.gpu.recording import Replay
from tests.unit.host.test_gpu import A100, BUSY, IDLE


def test_prices_that_are_configured_are_shown_and_no_others() -> None:
    plan = HostPlan(prices=Prices("EUR", cpu_core_hour=0.03, gpu_default=0.0))
    collector = CostCollector.made(plan, ManualClock())
    assert collector is not None
    ((metric, samples),) = collector.read()
    assert metric.name == "ml_cost_price"
    assert dict(samples) == {("cpu_core_hour", "EUR"): 0.03, ("gpu_hour", "EUR"): 0.0}


def test_without_a_price_list_there_is_no_collector() -> None:
    assert CostCollector.made(HostPlan(), ManualClock()) is None


@pytest.mark.parametrize(
    ("name", "price"),
    [
        ("NVIDIA A100-SXM4-80GB", 3.0),  # the longest part that fits
        ("NVIDIA A100-PCIE-40GB", 2.0),
        ("nvidia a100-pcie-40gb", 2.0),
        ("NVIDIA H100 80GB HBM3", 1.0),  # the default
    ],
)
def test_a_gpu_costs_what_its_name_says(name: str, price: float) -> None:
    section = CostSection(currency="EUR", gpu_hour={"A100": 2.0, "A100-SXM4": 3.0, "default": 1.0})
    found = prices(section)
    assert found is not None
    assert found.of_gpu(name) == price


def test_one_number_is_the_price_of_every_gpu() -> None:
    found = prices(CostSection(currency="EUR", gpu_hour=2))
    assert found == Prices("EUR", gpu_default=2.0)
    assert prices(None) is None


def test_every_gpu_has_its_price_and_one_without_has_none() -> None:
    """Names of both are the same; a list that names another kind only says nothing of them."""

    def read(list_of: Prices | None) -> dict[tuple[str, ...], float]:
        nvml = Replay.of(A100)
        collector = GpuCollector(HostPlan(prices=list_of), ManualClock(1.0), structlog.get_logger(), lambda: nvml)
        found = {metric.name: dict(samples) for metric, samples in collector.read()}
        collector._close()
        return found.get("ml_cost_gpu_price", {})

    assert read(Prices("EUR", gpu_hour=(("A100", 2.5),))) == {("0", BUSY, "EUR"): 2.5, ("1", IDLE, "EUR"): 2.5}
    assert read(Prices("EUR", gpu_hour=(("H100", 2.5),))) == {}
    assert read(None) == {}
