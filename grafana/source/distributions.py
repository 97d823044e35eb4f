"""Distributions now beside the reference, with bins in the order of their edges and categories by frequency."""

from grafana_foundation_sdk.models import dashboard

from grafana.source import knobs
from grafana.source.panels import bars
from grafana.source.signal import Signal
from grafana.source.tables import transform


def distribution(signal: Signal) -> dashboard.Panel:
    """Bars of *now* and *reference* by `bin`; the queries give tables with `bin` and `order`."""
    return bars(
        signal,
        "bin",
        {"now": knobs.NOW, "reference": knobs.REFERENCE},
        [
            transform("merge"),
            transform(
                "convertFieldType", fields={}, conversions=[{"targetField": "order", "destinationType": "number"}]
            ),
            transform("sortBy", fields={}, sort=[{"field": "Value #B", "desc": True}]),
            transform("sortBy", fields={}, sort=[{"field": "order"}]),
            transform(
                "organize",
                excludeByName={"Time": True, "order": True},
                indexByName={"bin": 0, "Value #B": 1, "Value #A": 2},
                renameByName={"Value #A": "now", "Value #B": "reference"},
            ),
        ],
    )
