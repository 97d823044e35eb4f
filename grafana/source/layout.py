"""Dashboards from rows of panels: places, ids, variables, links; all fixed, so that a diff says what changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.models import dashboard

from grafana.source import knobs
from grafana.source.annotations import annotations, onsets
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

    time_from: str = "now-24h"
    refresh: str = "1m"
    window: str = "24h"
    burn: str = "1h"
    silence: str = "6h"
    step: str = "1m"
    week: str = "1w"


DEMO = Timing("now-15m", "5s", "1d", "1m", "30s", "5s", "70s")
"""A day passes in 10 s; rates still want some scrapes, 2 s apart."""


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
    """A choice among label values; with *All* where `everything` is its regular expression (empty: all listed ones)."""
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
        # A link to what is no longer there falls back instead of showing nothing.
        allow_custom_value=False,
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


def constant(name: str, label: str, value: str) -> dashboard.VariableModel:
    """A hidden duration that the demo shortens."""
    option = dashboard.VariableOption(selected=True, text=value, value=value)
    return dashboard.VariableModel(
        type_val=dashboard.VariableType.CONSTANT,
        name=name,
        label=label,
        query=value,
        current=option,
        options=[option],
        hide=dashboard.VariableHide.HIDE_VARIABLE,
        skip_url_sync=True,
    )


def constants(timing: Timing) -> list[dashboard.VariableModel]:
    """What verdicts over processing time need; see knobs.BURN and knobs.SILENCE."""
    return [
        constant("burn", "The error budget's pace is measured over", timing.burn),
        constant("silence", "Predictions are old after", timing.silence),
    ]


def week(timing: Timing) -> dashboard.VariableModel:
    """How long ago the same time of the last week was."""
    return constant("week", "A week", timing.week)


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
    *,
    uid: str,
    title: str,
    description: str,
    rows: Sequence[Row],
    variables: Sequence[dashboard.VariableModel],
    links: Sequence[dashboard.DashboardLink],
    timing: Timing,
    since: bool = False,
) -> dashboard.Dashboard:
    """The dashboard, ready to be written; `since`: with marks where changes of its window began."""
    happened = annotations(knobs.MODEL, timing.step) + ([onsets(timing.step)] if since else [])
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
        templating=dashboard.DashboardDashboardTemplating(list_val=[datasource(), *variables]),
        annotations=dashboard.AnnotationContainer(list_val=happened),
        links=list(links),
    )
