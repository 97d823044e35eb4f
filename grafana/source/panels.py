"""Signals as panels: one function a kind of picture, each with this project's habits."""

from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.models import (
    barchart,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)

from grafana.source import knobs
from grafana.source.signal import Query, Signal

SOURCE = common.DataSourceRef(type_val="prometheus", uid=knobs.DATASOURCE)
Properties = Mapping[str, Any]
Steps = Sequence[tuple[float | None, str]]


def targets(queries: Sequence[Query]) -> list[Any]:
    """The queries as targets for Prometheus, named A, B, C and so on."""
    return [
        prometheus.Dataquery(
            datasource=SOURCE,
            editor_mode=prometheus.QueryEditorMode.CODE,
            expr=query.expr,
            format_val=prometheus.PromQueryFormat(query.format),
            instant=query.instant,
            range_val=not query.instant,
            legend_format=query.legend or "__auto",
            ref_id=ref_id(index),
        )
        for index, query in enumerate(queries)
    ]


def ref_id(index: int) -> str:
    """The name of a query: A, B, … Z, AA."""
    return chr(ord("A") + index) if index < 26 else "A" + chr(ord("A") + index - 26)  # noqa: PLR2004 - letters


def steps(of: Steps) -> dashboard.ThresholdsConfig:
    """Absolute thresholds: (from this value on, colour); the first one from None."""
    return dashboard.ThresholdsConfig(
        mode=dashboard.ThresholdsMode.ABSOLUTE,
        steps=[dashboard.Threshold(value=value, color=colour) for value, colour in of],
    )


def state_mapping(*, quiet: bool = False, silence: bool = True) -> list[Any]:
    """Numbers of verdicts as words and colours; no number at all is *unknown*, unless `silence` says nothing."""
    colours = knobs.QUIET_COLOURS if quiet else knobs.STATE_COLOURS
    words = {
        str(int(state)): dashboard.ValueMappingResult(
            text=knobs.STATE_TEXTS[state], color=colours[state], index=int(state)
        )
        for state in knobs.State
    }
    nothing = dashboard.ValueMappingResult(
        text=knobs.STATE_TEXTS[knobs.State.UNKNOWN], color=colours[knobs.State.UNKNOWN], index=9
    )
    if not silence:
        nothing = dashboard.ValueMappingResult(text="none", color="rgba(138, 143, 152, 0.08)", index=9)
    return [
        dashboard.ValueMap(options=words),
        dashboard.SpecialValueMap(
            options=dashboard.DashboardSpecialValueMapOptions(
                match=dashboard.SpecialValueMatch.NULL_AND_NAN, result=nothing
            )
        ),
    ]


def level_mapping(levels: Sequence[tuple[str, str]], *, silence: bool = True) -> list[Any]:
    """0, 1, 2 … as (words, colour); no number at all is *unknown*, unless `silence` says nothing."""
    words = {
        str(index): dashboard.ValueMappingResult(text=text, color=colour, index=index)
        for index, (text, colour) in enumerate(levels)
    }
    return [dashboard.ValueMap(options=words), state_mapping(quiet=True, silence=silence)[1]]


def fixed(colour: str) -> dashboard.FieldColor:
    return dashboard.FieldColor(mode=dashboard.FieldColorModeId.FIXED, fixed_color=colour)


def shades(colour: str) -> dashboard.FieldColor:
    """Series of one meaning, such as versions: told apart by lightness."""
    return dashboard.FieldColor(mode=dashboard.FieldColorModeId.SHADES, fixed_color=colour)


def several() -> dashboard.FieldColor:
    """Things of one kind that must be told apart, such as machines: Grafana's own colours, in the order of names."""
    return dashboard.FieldColor(mode=dashboard.FieldColorModeId.PALETTE_CLASSIC)


def by_thresholds() -> dashboard.FieldColor:
    return dashboard.FieldColor(mode=dashboard.FieldColorModeId.THRESHOLDS)


def override(matcher: str, of: str, properties: Properties) -> dashboard.DashboardFieldConfigSourceOverrides:
    """Properties of the fields that match: `byName`, `byRegexp` or `byFrameRefID`."""
    return dashboard.DashboardFieldConfigSourceOverrides(
        matcher=dashboard.MatcherConfig(id_val=matcher, options=of),
        properties=[dashboard.DynamicConfigValue(id_val=key, value=value) for key, value in properties.items()],
    )


def panel(
    kind: str,
    signal: Signal,
    *,
    options: object,
    custom: object = None,
    color: dashboard.FieldColor | None = None,
    thresholds: Steps | None = None,
    mappings: list[Any] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    overrides: Sequence[Any] = (),
    transformations: Sequence[dashboard.DataTransformerConfig] = (),
    points: int | None = None,
) -> dashboard.Panel:
    """A panel of any kind, without id and place."""
    return dashboard.Panel(
        type_val=kind,
        title=signal.title,
        description=signal.description,
        datasource=SOURCE,
        targets=targets(signal.queries),
        max_data_points=points,
        transformations=list(transformations) or None,
        options=options,
        field_config=dashboard.FieldConfigSource(
            defaults=dashboard.FieldConfig(
                unit=signal.unit,
                decimals=signal.decimals,
                no_value=signal.unknown,
                color=color or by_thresholds(),
                thresholds=steps(thresholds or [(None, knobs.NOW)]),
                mappings=mappings,
                min_val=minimum,
                max_val=maximum,
                custom=custom,
            ),
            overrides=list(overrides),
        ),
    )


def legend(*, calcs: Sequence[str] = (), right: bool = False) -> common.VizLegendOptions:
    """A legend below or right of the picture; a table where it also calculates."""
    return common.VizLegendOptions(
        display_mode=common.LegendDisplayMode.TABLE if calcs else common.LegendDisplayMode.LIST,
        placement=common.LegendPlacement.RIGHT if right else common.LegendPlacement.BOTTOM,
        show_legend=True,
        calcs=list(calcs),
        sort_by=calcs[0].title() if calcs else None,
        sort_desc=True if calcs else None,
    )


def tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions(mode=common.TooltipDisplayMode.MULTI, sort=common.SortOrder.DESCENDING)


def tile(
    signal: Signal,
    thresholds: Steps | None = None,
    *,
    background: bool = False,
    names: bool = False,
    small: bool = False,
    name_only: bool = False,
    overrides: Sequence[Any] = (),
) -> dashboard.Panel:
    """A number to be read across the room; a verdict where `background`."""
    return panel(
        "stat",
        signal,
        options=stat.Options(
            graph_mode=common.BigValueGraphMode.NONE,
            color_mode=common.BigValueColorMode.BACKGROUND_SOLID if background else common.BigValueColorMode.VALUE,
            justify_mode=common.BigValueJustifyMode.CENTER if background else common.BigValueJustifyMode.AUTO,
            text_mode=common.BigValueTextMode.VALUE_AND_NAME
            if names
            else common.BigValueTextMode.NAME
            if name_only
            else common.BigValueTextMode.VALUE,
            orientation=common.VizOrientation.HORIZONTAL if names else common.VizOrientation.AUTO,
            wide_layout=True,
            reduce_options=common.ReduceDataOptions(calcs=["last"], fields="", values=False),
            text=common.VizTextDisplayOptions(
                title_size=13 if names else 16 if small else 24,
                value_size=14 if small else 20 if names else 24 if background else 30,
            ),
        ),
        thresholds=thresholds,
        mappings=state_mapping() if background else None,
        overrides=overrides,
    )


def light(signal: Signal, link: str = "") -> dashboard.Panel:
    """A verdict: ok, unknown, warning, bad; a click opens `link`."""
    found = [{"title": "Look closer", "url": link}] if link else []
    return tile(
        signal,
        [(None, knobs.UNKNOWN)],
        background=True,
        overrides=[override("byType", "number", {"links": found})] if link else (),
    )


def trend(
    signal: Signal,
    *,
    color: dashboard.FieldColor | None = None,
    colours: Sequence[str] = (),
    stacked: bool = False,
    fill: int = 0,
    minimum: float | None = None,
    maximum: float | None = None,
    overrides: Sequence[Any] = (),
    calcs: Sequence[str] = (),
    right: bool = False,
    soft_most: float | None = None,
) -> dashboard.Panel:
    """Values over time.

    Args:
        signal: what is drawn.
        color: of all series, where no query has its own.
        colours: by query, where each query is one thing.
        stacked: whether series add up to something.
        fill: opacity under the lines, per cent.
        minimum: where the axis starts.
        maximum: where the axis ends.
        overrides: looks of single series.
        calcs: what the legend tells of each series, the first one sorts.
        right: whether the legend stands right of the picture.
        soft_most: least end of the axis, so that zeros do not blow it up.
    """
    return panel(
        "timeseries",
        signal,
        options=timeseries.Options(legend=legend(calcs=calcs, right=right), tooltip=tooltip()),
        custom=common.GraphFieldConfig(
            draw_style=common.GraphDrawStyle.LINE,
            line_interpolation=common.LineInterpolation.LINEAR,
            line_width=2,
            fill_opacity=fill or (40 if stacked else 0),
            show_points=common.VisibilityMode.NEVER,
            span_nulls=False,
            axis_soft_max=soft_most,
            stacking=common.StackingConfig(mode=common.StackingMode.NORMAL, group="A") if stacked else None,
        ),
        color=color or shades(knobs.NOW),
        minimum=minimum,
        maximum=maximum,
        overrides=[
            *(
                override("byFrameRefID", ref_id(index), {"color": {"mode": "shades", "fixedColor": colour}})
                for index, colour in enumerate(colours)
            ),
            *overrides,
        ],
    )


def dashed(colour: str, *, width: int = 1) -> dict[str, Any]:
    """A line to compare with, not a measurement."""
    return {
        "color": {"mode": "fixed", "fixedColor": colour},
        "custom.lineWidth": width,
        "custom.lineStyle": {"fill": "dash", "dash": [8, 6]},
        "custom.fillOpacity": 0,
    }


def timeline(signal: Signal, levels: Sequence[tuple[str, str]] = (), *, silence: bool = True) -> dashboard.Panel:
    """Rows over time, one colour a stretch; verdicts unless `levels` name other steps.

    Args:
        signal: gives whole numbers: States, or places in `levels`.
        levels: (words, colour) of 0, 1, 2 …
        silence: whether a row without a value is *unknown*; else it is as if it were not there.
    """
    return panel(
        "state-timeline",
        signal,
        options=statetimeline.Options(
            show_value=common.VisibilityMode.NEVER,
            row_height=0.85,
            merge_values=True,
            align_value=common.TimelineValueAlignment.CENTER,
            legend=legend(),
            tooltip=common.VizTooltipOptions(mode=common.TooltipDisplayMode.SINGLE, sort=common.SortOrder.NONE),
            per_page=0,
        ),
        custom=statetimeline.FieldConfig(line_width=0, fill_opacity=100, span_nulls=False),
        # Colours of mappings show in this panel only where the mode is not *thresholds*.
        color=fixed(knobs.UNKNOWN),
        mappings=level_mapping(levels, silence=silence) if levels else state_mapping(quiet=True, silence=silence),
        points=240,
    )


def heat(signal: Signal, *, centred: bool = False) -> dashboard.Panel:
    """A histogram over time; `centred`: edges below 0 are possible, which Grafana mislabels otherwise."""
    return panel(
        "heatmap",
        signal,
        options=heatmap.Options(
            calculate=False,
            color=heatmap.HeatmapColorOptions(
                mode=heatmap.HeatmapColorMode.SCHEME,
                scheme=knobs.HEAT,
                fill=knobs.NOW,
                scale=heatmap.HeatmapColorScale.EXPONENTIAL,
                exponent=0.5,
                steps=64,
                reverse=False,
            ),
            filter_values=heatmap.FilterValueRange(le=1e-9),
            rows_frame=heatmap.RowsHeatmapOptions(
                layout=common.HeatmapCellLayout.UNKNOWN if centred else common.HeatmapCellLayout.AUTO
            ),
            cell_gap=0,
            cell_values=heatmap.CellValues(unit="short", decimals=0),
            y_axis=heatmap.YAxisConfig(
                unit=signal.unit, decimals=signal.decimals, axis_placement=common.AxisPlacement.LEFT
            ),
            legend=heatmap.HeatmapLegend(show=True),
            tooltip=heatmap.HeatmapTooltip(mode=common.TooltipDisplayMode.SINGLE, y_histogram=True),
        ),
        points=120,
    )


def bars(signal: Signal, x: str, colours: Mapping[str, str], transformations: Sequence[Any]) -> dashboard.Panel:
    """Distributions side by side: bins of `x` in order, one colour a series name."""
    return panel(
        "barchart",
        signal,
        options=barchart.Options(
            x_field=x,
            orientation=common.VizOrientation.VERTICAL,
            x_tick_label_rotation=-45,
            x_tick_label_max_length=8,
            x_tick_label_spacing=0,
            show_value=common.VisibilityMode.NEVER,
            bar_width=0.95,
            group_width=0.8,
            stacking=common.StackingMode.NONE,
            legend=legend(),
            tooltip=tooltip(),
        ),
        custom=barchart.FieldConfig(line_width=0, fill_opacity=85),
        color=fixed(knobs.NOW),
        minimum=0,
        overrides=[
            # Edges are names here, not numbers to be formatted.
            override("byName", x, {"unit": "string"}),
            *(
                override("byName", name, {"color": {"mode": "fixed", "fixedColor": colour}})
                for name, colour in colours.items()
            ),
        ],
        transformations=transformations,
    )
