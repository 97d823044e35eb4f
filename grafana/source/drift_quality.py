"""Drift & quality: which feature changed, since when, how sure is that, and how does it look."""

from grafana_foundation_sdk.models import dashboard

from grafana.source import knobs, navigation
from grafana.source.distributions import distribution
from grafana.source.layout import Place, Row, Timing, board
from grafana.source.panels import dashed, light, override, tile, timeline, trend
from grafana.source.signals import drift, outputs, quality, state
from grafana.source.tables import TINY, VERDICT, Column, grid, numbered

HIDDEN = ("model", "window", "instance", "job", "__name__")
PLAIN = [(None, "text")]
COMPARED = [
    override("byName", "threshold", dashed(knobs.THRESHOLD, width=2)),
    override("byName", "noise floor", {**dashed(knobs.NOISE), "custom.lineStyle": {"fill": "dot", "dash": [2, 6]}}),
    override("byName", "smallest effect seen", dashed(knobs.BLIND)),
    override("byFrameRefID", "C", {"custom.lineWidth": 1, "color": {"mode": "fixed", "fixedColor": knobs.SERIES[2]}}),
]


def _features() -> list[Column]:
    kept = "&".join(f"${{{name}:queryparam}}" for name in ("datasource", "model", "version", "window", "feature"))
    closer = f"/d/{navigation.DRIFT}?{kept}&var-focus=${{__data.fields.Feature}}&${{__url_time_range}}"
    return [
        Column("Drift", kind="state", mappings=VERDICT, width=92),
        Column("Feature", label="feature", width=136, link=closer, link_title="Look closer"),
        Column("Version", label="version", width=72),
        Column("× limit", decimals=2, width=86),
        Column("Effect", decimals=3),
        Column("Limit", decimals=3),
        Column("Plain", decimals=3),
        Column("Noise", decimals=3),
        Column("Since", unit="dateTimeAsIso", width=150),
        Column("Shape", mappings=numbered(drift.SHAPES), width=84),
        Column("p", decimals=3, mappings=TINY),
        Column("Quality", kind="state", mappings=VERDICT, width=92),
        *(
            Column(name, unit="percentunit", decimals=1, width=width)
            for name, width in (("Missing", 75), ("Range", None), ("Unseen", 75))
        ),
        Column("Unit", decimals=3),
    ]


def _checks() -> list[Column]:
    return [
        Column("Verdict", kind="state", mappings=VERDICT, width=105),
        Column("Feature", label="feature"),
        Column("Check", label="check"),
        Column("Version", label="version"),
        Column("Now", unit="percentunit", decimals=2),
        Column("Reference", unit="percentunit", decimals=2),
        Column("p-value", decimals=3, mappings=TINY),
    ]


def _drift() -> Row:
    return Row(
        1,
        "",
        [
            Place(2, light(state.worst_light("Drift")), 3, 4),
            Place(3, tile(drift.DRIFTED, PLAIN, names=True), 3, 4),
            Place(7, tile(drift.SINCE, PLAIN, names=True, small=True), 5, 4),
            Place(4, tile(drift.OUTPUTS, [(None, "text")], names=True), 4, 4),
            Place(5, light(state.worst_light("Quality")), 3, 4),
            Place(6, tile(quality.UNITS, [(None, "text"), (1, knobs.WARNING)], names=True), 3, 4),
            Place(8, tile(drift.ROWS, PLAIN, names=True), 3, 4),
            Place(9, timeline(drift.HEAT, knobs.DRIFT_LEVELS), 24, 13),
            Place(
                10,
                grid(drift.RANKED, _features(), sort=[("Drift", True), ("× limit", True)], hidden=HIDDEN),
                24,
                11,
            ),
        ],
    )


def _closer() -> Row:
    return Row(
        20,
        "Look closer: $focus",
        [
            Place(21, distribution(drift.DISTRIBUTION), 10, 9),
            Place(22, trend(drift.DISTANCE, minimum=0, overrides=COMPARED), 7, 9),
            Place(23, trend(quality.FOCUS_QUALITY, colours=knobs.SERIES[:4], minimum=0, soft_most=0.01), 7, 9),
        ],
        repeat="focus",
    )


def _quality() -> Row:
    return Row(
        30,
        "Data quality by feature",
        [
            Place(31, timeline(quality.TIMELINE), 24, 10),
            Place(32, grid(quality.CHECKS, _checks(), sort=[("Verdict", True), ("Now", True)], hidden=HIDDEN), 24, 9),
            *(
                Place(33 + index, trend(signal, minimum=0, soft_most=0.01, calcs=("max", "last"), right=True), 12, 8)
                for index, signal in enumerate((quality.MISSING, quality.INVALID, quality.RANGE, quality.UNSEEN))
            ),
        ],
    )


def _outputs() -> Row:
    return Row(
        40,
        "Predictions and labels",
        [
            Place(41, distribution(outputs.SCORES), 12, 8),
            Place(
                42,
                trend(outputs.OUTPUT_DRIFT, colours=(knobs.NOW, knobs.SERIES[1]), minimum=0, overrides=COMPARED[:1]),
                12,
                8,
            ),
        ],
    )


def build(timing: Timing) -> dashboard.Dashboard:
    """The dashboard `ml-drift-quality`."""
    return board(
        uid=navigation.DRIFT,
        title="ML drift & quality",
        description="One model's features beside the reference: what changed, since when, how surely, how it looks.",
        rows=[_drift(), _closer(), _quality(), _outputs()],
        variables=[
            navigation.model(many=False),
            navigation.version(),
            navigation.window(timing),
            navigation.feature(),
            navigation.focus(),
        ],
        links=[navigation.to_fleet(), navigation.to_model(), navigation.to_why()],
        timing=timing,
        since=True,
    )
