"""Which version of a model answers a request: v2 of flight_delay is tried on one host and then rolled out."""

from datetime import datetime
from zoneinfo import ZoneInfo

from demo.data import NEW_YORK
from demo.logs import REPLICAS
from demo.model import ModelName

CANARY_FROM = datetime(2013, 9, 19, tzinfo=ZoneInfo(NEW_YORK)).timestamp()
"""From then on one host answers with v2 …"""
ROLLED_OUT_FROM = datetime(2013, 9, 21, tzinfo=ZoneInfo(NEW_YORK)).timestamp()
"""… and from then on all do."""


def version_of(model: ModelName, time: float, host: str) -> str:
    """The version that `host` answers with at this event time (Unix seconds)."""
    if model != "flight_delay" or time < CANARY_FROM:
        return "v1"
    return "v2" if time >= ROLLED_OUT_FROM or host == REPLICAS[-1] else "v1"


def versions_of(model: ModelName) -> tuple[str, ...]:
    """All versions that the replay will use."""
    return ("v1", "v2") if model == "flight_delay" else ("v1",)
