"""Dashboards from rows of panels: places, ids, variables, annotations, links; all fixed, so that a diff says what changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.models import dashboard, prometheus

from grafana.source import knobs
from grafana.source.panels import SOURCE

GRID = 24


@dataclass(frozen=True, slots=True)
class Place:
    """A panel and where it goes: after the one before, on a new line where the grid's 24 columns are full.

    Attributes:
        id: fixed for good: links and screenshots name it.
    """

    id: int
    panel: dashboard.Panel
    width: int
    height: int
    repeat: str = ""
    per_line: int = 3


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading; no heading where `title` is empty."""

    id: int
    title: str
    places: Sequence[Place]
    repeat: str = ""
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """What is shown at first: a day for people, minutes for the demo."""

    time_from: str = knobs.TIME_FROM
    refresh: str = knobs.REFRESH
    window: str = knobs.WINDOW
    burn: str = "1h"


DEMO = Timing(knobs.DEMO_TIME_FROM, knobs.DEMO_REFRESH, knobs.DEMO_WINDOW, "1m")


def place(rows: Sequence[Row]) -> list[dashboard.Panel | dashboard.RowPanel]:
    """All panels with ids and places, rows before their panels."""
    found: list[dashboard.Panel | dashboard.RowPanel] = []
    top = 0
    for row in rows:
        heading = None
        if row.title:
            heading = dashboard.RowPanel(
                title=row.title,
                id_val=row.id,
                collapsed=row.collapsed,
                repeat=row.repeat or None,
                grid_pos=dashboard.GridPos(x=0, y=top, w=GRID, h=1),
                panels=[],
            )
            found.append(heading)
            top += 1
        left, line = 0, 0
        for spot in row.places:
            if left + spot.width > GRID:
                left, top, line = 0, top + line, 0
            spot.panel.id_val = spot.id
            spot.panel.grid_pos = dashboard.GridPos(x=left, y=top, w=spot.width, h=spot.height)
            if spot.repeat:
                spot.panel.repeat = spot.repeat
                spot.panel.repeat_direction = "h"
                spot.panel.max_per_row = spot.per_line
            left, line = left + spot.width, max(line, spot.height)
            if heading is not None and row.collapsed:
                heading.panels.append(spot.panel)
            else:
                found.append(spot.panel)
        top += line
    return found


def variable(
    name: str,
    label: str,
    query: str,
    description: str,
    *,
    regex: str = "",
    multi: bool = False,
    everything: str | None = None,
    sort: dashboard.VariableSort = dashboard.VariableSort.NATURAL_ASC,
    current: str | Sequence[str] = (),
    hide: bool = False,
) -> dashboard.VariableModel:
    """A choice among label values; with *All* where `everything` (its regular expression, `""` = all that are listed)."""
    chosen = [current] if isinstance(current, str) else list(current)
    if everything is not None and not chosen:
        choice = dashboard.VariableOption(text=["All"], value=["$__all"]) if multi else None
    elif chosen:
        many = chosen if multi else chosen[0]
        choice = dashboard.VariableOption(text=many, value=many)
    else:
        choice = None
    return dashboard.VariableModel(
        type_val=dashboard.VariableType.QUERY,
        name=name,
        label=label,
        description=description,
        datasource=SOURCE,
        definition=query,
        query={"query": query, "refId": f"variable-{name}"},
        regex=regex,
        multi=multi,
        include_all=everything is not None,
        all_value=everything or None,
        sort=sort,
        current=choice,
        refresh=dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED,
        hide=dashboard.VariableHide.HIDE_VARIABLE if hide else dashboard.VariableHide.DONT_HIDE,
    )


def datasource() -> dashboard.VariableModel:
    return dashboard.VariableModel(
        type_val=dashboard.VariableType.DATASOURCE,
        name="datasource",
        label="Data source",
        description="The Prometheus that scrapes ml-exporter.",
        query="prometheus",
        current=dashboard.VariableOption(text="Prometheus", value="prometheus"),
    )


def burn(timing: Timing) -> dashboard.VariableModel:
    """Over how long error budgets' pace is measured: a constant that the demo shortens."""
    option = dashboard.VariableOption(selected=True, text=timing.burn, value=timing.burn)
    return dashboard.VariableModel(
        type_val=dashboard.VariableType.CONSTANT,
        name="burn",
        label="Pace of the error budget measured over",
        query=timing.burn,
        current=option,
        options=[option],
        hide=dashboard.VariableHide.HIDE_VARIABLE,
        skip_url_sync=True,
    )


def annotation(name: str, expr: str, colour: str, title: str, text: str, tags: str) -> dashboard.AnnotationQuery:
    return dashboard.AnnotationQuery(
        name=name,
        datasource=SOURCE,
        enable=True,
        icon_color=colour,
        expr=expr,
        title_format=title,
        text_format=text,
        tag_keys=tags,
        step="10s",
        target=prometheus.Dataquery(expr=expr, ref_id="Anno", interval="10s", datasource=SOURCE),
    )


def annotations(selector: str) -> list[Any]:
    """Alerts while they fire, and versions when they are first seen."""
    return [
        annotation(
            "Alerts: page",
            f'ALERTS{{{selector},alertstate="firing",severity="critical"}}',
            knobs.BAD,
            "{{alertname}}",
            "{{model}} {{version}} {{feature}}",
            "severity,model",
        ),
        annotation(
            "Alerts: ticket",
            f'max by (alertname, model, severity) (ALERTS{{{selector},alertstate="firing",severity="warning"}})',
            knobs.WARNING,
            "{{alertname}}",
            "{{model}}",
            "severity,model",
        ),
        annotation(
            "New version",
            f"ml_version_first_prediction_timestamp_seconds{{{selector}}}"
            f" unless ml_version_first_prediction_timestamp_seconds{{{selector}}} offset $__interval",
            knobs.NOW,
            "{{model}}: first prediction of {{version}}",
            "Compare it with the version before: performance, score distribution, latency.",
            "model,version",
        ),
    ]


def link(title: str, uid: str, tooltip: str) -> dashboard.DashboardLink:
    """A link that keeps the time range and all variables."""
    found = dashboard.DashboardLink(
        title=title,
        type_val=dashboard.DashboardLinkType.LINK,
        icon="dashboard",
        tooltip=tooltip,
        url=f"/d/{uid}",
        include_vars=True,
        keep_time=True,
    )
    # The SDK's default hides links in a menu.
    found.placement = ""
    return found


def board(
    uid: str,
    title: str,
    description: str,
    rows: Sequence[Row],
    variables: Sequence[dashboard.VariableModel],
    links: Sequence[dashboard.DashboardLink],
    timing: Timing,
    alerts_of: str,
) -> dashboard.Dashboard:
    """The dashboard, ready to be written."""
    return dashboard.Dashboard(
        uid=uid,
        title=title,
        description=description,
        tags=[knobs.TAG],
        timezone="browser",
        editable=True,
        graph_tooltip=dashboard.DashboardCursorSync.CROSSHAIR,
        time=dashboard.DashboardDashboardTime(from_val=timing.time_from, to="now"),
        refresh=timing.refresh,
        timepicker=dashboard.TimePickerConfig(
            refresh_intervals=["5s", "10s", "30s", "1m", "5m", "15m", "1h"],
        ),
        panels=list(place(rows)),
        templating=dashboard.DashboardDashboardTemplating(list_val=[datasource(), *variables, burn(timing)]),
        annotations=dashboard.AnnotationContainer(list_val=annotations(alerts_of)),
        links=list(links),
    )


