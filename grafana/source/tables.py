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
        kind: `plain`, `state` (a verdict), `shade` or `text` (background or text coloured by `thresholds`).
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


def transform(kind: str, **options: Any) -> dashboard.DataTransformerConfig:
    return dashboard.DataTransformerConfig(id_val=kind, options=options)


def properties(column: Column) -> Properties:
    """The column's looks as properties of an override."""
    found: dict[str, Any] = {}
    if column.unit or column.label:
        # A version such as 2013.1 is a name, not a number.
        found["unit"] = column.unit or "string"
    if column.decimals is not None:
        found["decimals"] = column.decimals
    if column.width:
        found["custom.width"] = column.width
    if column.kind == "state":
        found["mappings"] = state_mapping(quiet=True)
        found["custom.align"] = "center"
    if column.kind in {"state", "shade"}:
        found["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
    if column.kind == "text":
        found["custom.cellOptions"] = {"type": "color-text"}
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
        overrides=[
            # The text for an empty panel is too long for an empty cell.
            *(override("byType", kind, {"noValue": "–"}) for kind in ("number", "string")),
            *(override("byName", column.name, found) for column in shown if (found := properties(column))),
        ],
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


def texts(of: Mapping[str, tuple[str, str]]) -> list[Any]:
    """Words of a label's values, in their colours."""
    return [
        dashboard.ValueMap(
            options={
                value: dashboard.ValueMappingResult(text=text, color=colour, index=index)
                for index, (value, (text, colour)) in enumerate(of.items())
            }
        )
    ]


def numbered(words: Sequence[str]) -> list[Any]:
    """Words that stand for 1, 2 and so on."""
    return [
        dashboard.ValueMap(
            options={
                str(number): dashboard.ValueMappingResult(text=word, index=number)
                for number, word in enumerate(words, 1)
            }
        )
    ]


NOTHING = [
    dashboard.SpecialValueMap(
        options=dashboard.DashboardSpecialValueMapOptions(
            match=dashboard.SpecialValueMatch.NULL_AND_NAN, result=dashboard.ValueMappingResult(text="–", index=0)
        )
    )
]
"""Not a number where a line must be there and its value cannot."""

UNTOLD = [state_mapping(quiet=True)[1]]
"""Not a number where that means that nobody knows."""

TINY = [
    dashboard.RangeMap(
        options=dashboard.DashboardRangeMapOptions(
            from_val=0, to=0.0005, result=dashboard.ValueMappingResult(text="< 0.001", index=0)
        )
    )
]
"""Probabilities too small to be told apart."""

VERDICT = [
    dashboard.ValueMap(
        options={
            "0": dashboard.ValueMappingResult(text=knobs.STATE_TEXTS[knobs.State.OK], color=knobs.OK_QUIET, index=0),
            "1": dashboard.ValueMappingResult(text="! detected", color=knobs.WARNING, index=1),
            "-1": dashboard.ValueMappingResult(text="–", color="transparent", index=2),
            str(knobs.VERDICT_BLIND): dashboard.ValueMappingResult(
                text=knobs.STATE_TEXTS[knobs.State.BLIND], color=knobs.BLIND_QUIET, index=3
            ),
        }
    ),
    state_mapping(quiet=True)[1],
]
"""A test's 0, 1 or silence in words."""
