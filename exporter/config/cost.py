"""`cost:`: the price list."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from exporter.config.section import Section
from exporter.config.values import Text
from exporter.host.plan import Prices

_CURRENCY = re.compile(r"[A-Z]{3}")
_DEFAULT = "default"


def _currency(value: str) -> str:
    if not _CURRENCY.fullmatch(value):
        raise ValueError("is not the code of a currency; use three capital letters, such as EUR")
    return value


def _by_kind(value: Any) -> Any:
    return value if isinstance(value, dict) else {_DEFAULT: value}


Price = Annotated[float, Field(ge=0)]


class CostSection(Section):
    """What resources cost."""

    currency: Annotated[Text, AfterValidator(_currency)] = Field(
        description="Currency of all prices: the label `currency`.", examples=["EUR"]
    )
    cpu_core_hour: Price | None = Field(
        default=None, description="Price of one processor core for an hour.", examples=[0.031]
    )
    memory_gb_hour: Price | None = Field(
        default=None, description="Price of 1 GB (2³⁰ bytes) of memory for an hour.", examples=[0.0042]
    )
    gpu_hour: Annotated[dict[Text, Price], BeforeValidator(_by_kind)] = Field(
        default_factory=dict,
        description="Price of one GPU for an hour: one number for all, or a mapping from a part of the GPU's name to "
        "its price, the longest that fits holds; `default` for all others.",
        examples=[{"NVIDIA A100": 2.5, "default": 1.2}],
        json_schema_extra={"kind": "number or mapping to number"},
    )
    energy_kwh: Price | None = Field(
        default=None,
        description="Price of 1 kWh that GPUs take; leave it out where the GPU's price holds it.",
        examples=[0.3],
    )


def prices(cost: CostSection | None) -> Prices | None:
    """The price list; None where there is none."""
    if cost is None:
        return None
    return Prices(
        cost.currency,
        cost.cpu_core_hour,
        cost.memory_gb_hour,
        tuple((name, price) for name, price in cost.gpu_hour.items() if name != _DEFAULT),
        cost.gpu_hour.get(_DEFAULT),
        cost.energy_kwh,
    )
