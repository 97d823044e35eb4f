"""Fleet: which model needs somebody, and whether the exporter can be believed."""

from grafana_foundation_sdk.models import dashboard

from grafana.source import knobs, navigation
from grafana.source.knobs import State
from grafana.source.layout import Place, Row, Timing, board, constants
from grafana.source.panels import light, shades, tile, timeline, trend
from grafana.source.signals import fleet, state
from grafana.source.tables import NOTHING, Column, grid, texts

ZERO_IS_GOOD = [(None, knobs.OK), (1, knobs.WARNING)]

WORST = [("State", True), ("Model", False)]


def _models() -> list[Column]:
    why = navigation.drill(navigation.MODEL, version_field="Version")
    features = navigation.drill(navigation.DRIFT, version_field="Version")
    served = navigation.drill(navigation.SERVING, version_field="Version")
    links = {"Drift": features, "Quality": features, "Service": served}
    widths = {"Performance": 105, "Freshness": 92}
    return [
        Column("State", kind="state", width=96),
        Column("Model", label="model", link=why, link_title="Why: open the model"),
        Column("Version", label="version", width=75),
        *(
            Column(
                aspect,
                kind="state",
                width=widths.get(aspect, 84),
                link=links.get(aspect, why),
                link_title=f"{aspect}: look closer",
            )
            for aspect in state.ASPECTS
        ),
        Column(
            "Machines",
            kind="state",
            width=92,
            link=navigation.to_model_named(navigation.INFRASTRUCTURE),
            link_title="Infrastructure: its machines",
        ),
        Column("Alerts", kind="state", width=84),
        Column("Tier", label="tier", width=80),
        Column("Owner", label="owner"),
    ]


def _numbers() -> list[Column]:
    return [
        Column(
            "Model",
            label="model",
            width=130,
            link=navigation.drill(navigation.MODEL, version_field="Version"),
            link_title="Why: open the model",
        ),
        Column("Version", label="version", width=75),
        Column("Metric", label="metric", width=165),
        Column("Value", decimals=3),
        Column("Limit", decimals=3),
        Column(
            "Drifted", unit="percentunit", decimals=0, thresholds=[(None, "text"), (1e-9, knobs.WARNING)], kind="text"
        ),
        Column("Faults", decimals=0, thresholds=[(None, "text"), (1, knobs.WARNING)], kind="text"),
        Column("Labels", unit="percentunit", decimals=0),
        Column("Due", unit="percentunit", decimals=0),
        Column("Behind", unit="s", decimals=0),
        Column("Traffic", unit="reqps", decimals=0, mappings=NOTHING),
        Column("Errors", unit="percentunit", decimals=2, mappings=NOTHING),
        Column("p99", unit="s", decimals=0, mappings=NOTHING),
    ]


def _firing() -> list[Column]:
    severity = texts({"critical": ("✕ page", knobs.BAD), "warning": ("! ticket", knobs.WARNING)})
    return [
        Column("Severity", label="severity", kind="state", mappings=severity, width=90),
        Column("Alert", label="alertname"),
        Column("Model", label="model", link=navigation.drill(navigation.MODEL), link_title="Why: open the model"),
        Column("Window", label="window", width=75),
        Column("For", unit="dtdurations", decimals=0, width=120),
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


def _models_now() -> Row:
    return Row(
        1,
        "",
        [
            Place(2, tile(state.models_in(State.BAD), [(None, knobs.UNKNOWN), (1, knobs.BAD)]), 3, 3),
            Place(3, tile(state.models_in(State.WARNING), [(None, knobs.UNKNOWN), (1, knobs.WARNING)]), 3, 3),
            Place(14, tile(state.models_in(State.BLIND), [(None, knobs.UNKNOWN), (1, knobs.BLIND)]), 3, 3),
            Place(4, tile(state.models_in(State.UNKNOWN), [(None, knobs.UNKNOWN), (1, "text")]), 3, 3),
            Place(5, tile(state.models_in(State.OK), [(None, knobs.UNKNOWN), (1, knobs.OK)]), 3, 3),
            Place(6, tile(fleet.MODELS, [(None, "text")]), 4, 3),
            Place(7, tile(fleet.PREDICTIONS, [(None, "text")]), 5, 3),
            Place(8, grid(state.FLEET, _models(), sort=WORST, hidden=("task",)), 24, 7),
            Place(11, timeline(state.SINCE), 24, 6),
            Place(9, grid(fleet.NUMBERS, _numbers()), 24, 6),
        ],
    )


def _alerts() -> Row:
    return Row(
        10,
        "Alerts",
        [
            Place(
                12,
                grid(fleet.FIRING_NOW, _firing(), sort=[("For", True)]),
                24,
                7,
            ),
            Place(13, timeline(fleet.ALERTS_OVER_TIME, knobs.ALERT_LEVELS, silence=False), 24, 7),
        ],
    )


def _exporter() -> Row:
    return Row(
        20,
        "Can the exporter be believed?",
        [
            Place(21, tile(fleet.UP, [(None, "text")], name_only=True), 4, 3),
            Place(22, tile(fleet.CYCLE_AGE, [(None, knobs.OK), (60, knobs.WARNING), (300, knobs.BAD)]), 4, 3),
            Place(23, light(fleet.CONFIG), 4, 3),
            Place(24, tile(fleet.FAILURES, ZERO_IS_GOOD), 4, 3),
            Place(25, tile(fleet.DROPPED, ZERO_IS_GOOD), 4, 3),
            Place(26, tile(fleet.SERIES, [(None, "text")]), 4, 3),
            Place(27, grid(fleet.SOURCES, _sources(), sort=WORST), 24, 6),
            Place(28, trend(fleet.CYCLE, colours=(knobs.QUANTILES[0], knobs.QUANTILES[2]), minimum=0), 6, 7),
            Place(29, trend(fleet.WAITING, colours=(knobs.NOW, knobs.SERIES[1]), minimum=0), 6, 7),
            Place(30, trend(fleet.STATE_SIZE, minimum=0), 6, 7),
            Place(31, trend(fleet.REJECTED, color=shades(knobs.WARNING), minimum=0, soft_most=1), 6, 7),
        ],
    )


def build(timing: Timing) -> dashboard.Dashboard:
    """The dashboard `ml-fleet`."""
    return board(
        uid=navigation.FLEET,
        title="ML fleet",
        description="All models: which one needs somebody, since when, and whether the exporter can be believed.",
        rows=[_models_now(), _alerts(), _exporter()],
        variables=[navigation.owner(), navigation.model(many=True), navigation.window(timing), *constants(timing)],
        links=[
            navigation.to_model(),
            navigation.to_drift(),
            navigation.to_serving(),
            navigation.to_infrastructure(),
        ],
        timing=timing,
    )
