"""Fleet: which model needs somebody, and whether the exporter can be believed."""

from grafana_foundation_sdk.models import dashboard

from grafana.source import knobs, navigation
from grafana.source.knobs import State
from grafana.source.layout import Place, Row, Timing, board
from grafana.source.panels import alert_list, by_name, light, tile, timeline, trend
from grafana.source.signals import fleet, state
from grafana.source.tables import Column, grid

ZERO_IS_GOOD = [(None, knobs.OK), (1, knobs.WARNING)]


def _models() -> list[Column]:
    why = navigation.drill(navigation.MODEL, version_field="Version")
    features = navigation.drill(navigation.DRIFT, version_field="Version")
    links = {"Drift": features, "Data quality": features}
    return [
        Column("State", kind="state", width=110),
        Column("Model", label="model", link=why, link_title="Why: open the model"),
        Column("Version", label="version"),
        *(
            Column(aspect, kind="state", link=links.get(aspect, why), link_title=f"{aspect}: look closer")
            for aspect in state.ASPECTS
        ),
        Column("Tier", label="tier"),
        Column("Owner", label="owner"),
        Column("Task", label="task"),
    ]


def _numbers() -> list[Column]:
    return [
        Column("Model", label="model", link=navigation.drill(navigation.MODEL, version_field="Version"), link_title="Why"),
        Column("Version", label="version"),
        Column("Metric", label="metric"),
        Column("Performance", decimals=3),
        Column("Threshold", decimals=3),
        Column("Drifted", unit="percentunit", decimals=0, thresholds=[(None, "text"), (1e-9, knobs.WARNING)], kind="text"),
        Column("Quality", decimals=0, thresholds=[(None, "text"), (1, knobs.WARNING)], kind="text"),
        Column("Labels", unit="percentunit", decimals=0),
        Column("Expected", unit="percentunit", decimals=0),
        Column("Behind", unit="s", decimals=0),
        Column("Traffic", unit="reqps", decimals=1),
        Column("Errors", unit="percentunit", decimals=2),
        Column("Latency p99", unit="s", decimals=0),
    ]


def _sources() -> list[Column]:
    return [
        Column("State", kind="state", width=110),
        Column("Model", label="model"),
        Column("Source", label="source"),
        Column("Behind", unit="s", decimals=0),
        Column("Last read", unit="s", decimals=0),
        Column("Backlog", unit="bytes", decimals=0),
        Column("Rows", unit="cps", decimals=1),
        Column("Rejected", unit="percentunit", decimals=2),
    ]


def build(timing: Timing) -> dashboard.Dashboard:
    """The dashboard `ml-fleet`."""
    worst = [("State", True), ("Model", False)]
    rows = [
        Row(
            1,
            "",
            [
                Place(2, tile(state.models_in(State.BAD), [(None, knobs.UNKNOWN), (1, knobs.BAD)]), 4, 3),
                Place(3, tile(state.models_in(State.WARNING), [(None, knobs.UNKNOWN), (1, knobs.WARNING)]), 4, 3),
                Place(4, tile(state.models_in(State.UNKNOWN), [(None, knobs.UNKNOWN), (1, "text")]), 4, 3),
                Place(5, tile(state.models_in(State.OK), [(None, knobs.UNKNOWN), (1, knobs.OK)]), 4, 3),
                Place(6, tile(fleet.MODELS, [(None, "text")]), 4, 3),
                Place(7, tile(fleet.PREDICTIONS, [(None, "text")]), 4, 3),
                Place(8, grid(state.FLEET, _models(), sort=worst), 24, 7),
                Place(9, grid(fleet.NUMBERS, _numbers(), sort=[("Model", False)]), 24, 6),
            ],
        ),
        Row(
            10,
            "What happened, and since when",
            [
                Place(11, timeline(state.SINCE), 12, 8),
                Place(
                    12,
                    alert_list(
                        "Firing alerts",
                        "Alerts that fire now in the chosen data source, longest first. Critical ones page: performance or service"
                        " suffers. Warnings are tickets. Each names its runbook.",
                    ),
                    12,
                    8,
                ),
                Place(13, timeline(fleet.ALERTS_OVER_TIME), 24, 7),
            ],
        ),
        Row(
            20,
            "Can the exporter be believed?",
            [
                Place(21, tile(fleet.UP, [(None, "text")], names=False), 4, 3),
                Place(22, tile(fleet.CYCLE_AGE, [(None, knobs.OK), (60, knobs.WARNING), (300, knobs.BAD)]), 4, 3),
                Place(23, light(fleet.CONFIG), 4, 3),
                Place(24, tile(fleet.FAILURES, ZERO_IS_GOOD), 4, 3),
                Place(25, tile(fleet.DROPPED, ZERO_IS_GOOD), 4, 3),
                Place(26, tile(fleet.SERIES, [(None, "text")]), 4, 3),
                Place(27, grid(fleet.SOURCES, _sources(), sort=worst), 24, 6),
                Place(28, trend(fleet.CYCLE, minimum=0), 6, 7),
                Place(29, trend(fleet.WAITING, color=by_name(), minimum=0), 6, 7),
                Place(30, trend(fleet.STATE_SIZE, color=by_name(), minimum=0), 6, 7),
                Place(31, trend(fleet.REJECTED, color=by_name(), minimum=0, stacked=True), 6, 7),
            ],
        ),
    ]
    return board(
        navigation.FLEET,
        "ML fleet",
        "All models: which one needs somebody, since when, and whether the exporter can be believed.",
        rows,
        [navigation.owner(), navigation.model(many=True), navigation.window(timing)],
        [navigation.to_model(), navigation.to_drift()],
        timing,
        knobs.MODEL,
    )


