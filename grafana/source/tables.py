"""Signals as tables: queries merged into one row a thing, columns named, ordered, coloured and linked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.models import common, dashboard, table

from grafana.source import knobs
from grafana.source.panels import Properties, Steps, override, panel, ref_id, state_mapping
from grafana.source.signal import Signal


@dataclass(frozen=True, slots=True)
class Column:
    """How a column of a table looks.

    Attributes:
        name: as shown; the legend of its query, or what `label` is renamed to.
        label: the Prometheus label it shows; empty for a query's value.
        kind: `plain`, `state` (a verdict), `shade` (coloured by `thresholds`) or `gauge`.
        link: address opened by a click.
    """

    name: str
    label: str = ""
    unit: str = ""
    decimals: int | None = None
    width: int | None = None
    kind: str = "plain"
    thresholds: Steps | None = None
    mappings: Any = None
    link: str = ""
    link_title: str = ""
    least: float | None = None
    most: float | None = None


def transform(kind: str, **options: Any) -> dashboard.DataTransformerConfig:
    return dashboard.DataTransformerConfig(id_val=kind, options=options)


def properties(column: Column) -> Properties:
    """The column's looks as properties of an override."""
    found: dict[str, Any] = {}
    if column.unit:
        found["unit"] = column.unit
    if column.decimals is not None:
        found["decimals"] = column.decimals
    if column.width:
        found["custom.width"] = column.width
    if column.least is not None:
        found["min"] = column.least
    if column.most is not None:
        found["max"] = column.most
    if column.kind == "state":
        found["mappings"] = state_mapping()
        found["custom.align"] = "center"
    if column.kind in {"state", "shade"}:
        found["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
    if column.kind == "gauge":
        found["custom.cellOptions"] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    if column.mappings is not None:
        found["mappings"] = column.mappings
    if column.thresholds is not None:
        found["thresholds"] = {
            "mode": "absolute",
            "steps": [{"value": value, "color": colour} for value, colour in column.thresholds],
        }
        found["color"] = {"mode": "thresholds"}
    if column.link:
        found["links"] = [{"title": column.link_title, "url": column.link}]
    return found


def grid(
    signal: Signal,
    shown: Sequence[Column],
    *,
    sort: Sequence[tuple[str, bool]] = (),
    hidden: Sequence[str] = (),
    extra: Sequence[dashboard.DataTransformerConfig] = (),
) -> dashboard.Panel:
    """A table with the columns `shown`, in this order; `sort` by (column, descending)."""
    names = {f"Value #{ref_id(index)}": query.legend for index, query in enumerate(signal.queries)}
    if len(signal.queries) == 1:
        names["Value"] = signal.queries[0].legend
    labels = {column.label: column.name for column in shown if column.label}
    order = {column.label or _source(column.name, names): index for index, column in enumerate(shown)}
    if len(signal.queries) == 1 and "Value #A" in order:
        order["Value"] = order["Value #A"]
    return panel(
        "table",
        signal,
        options=table.Options(
            cell_height=common.TableCellHeight.SM,
            show_header=True,
            sort_by=[common.TableSortByFieldState(display_name=name, desc=desc) for name, desc in sort],
        ),
        custom={"align": "auto", "filterable": False, "inspect": False, "minWidth": 60},
        thresholds=[(None, "text")],
        overrides=[override("byName", column.name, found) for column in shown if (found := properties(column))],
        transformations=[
            transform("merge"),
            *extra,
            transform(
                "organize",
                excludeByName=dict.fromkeys(("Time", *hidden), True),
                indexByName=order,
                renameByName=labels | names,
            ),
        ],
    )


def _source(name: str, names: Mapping[str, str]) -> str:
    return next((field for field, column in names.items() if column == name and field != "Value"), name)


VERDICT = [
    dashboard.ValueMap(
        options={
            "0": dashboard.ValueMappingResult(text=knobs.STATE_TEXTS[knobs.State.OK], color=knobs.OK, index=0),
            "1": dashboard.ValueMappingResult(text="! detected", color=knobs.WARNING, index=1),
        }
    ),
    state_mapping()[1],
]
"""A test's 0, 1 or silence in words."""
