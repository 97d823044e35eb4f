"""Drift & quality: which feature changed, since when, how sure is that, and how does it look."""

from grafana_foundation_sdk.models import dashboard

from grafana.source import knobs, navigation
from grafana.source.distributions import distribution
from grafana.source.layout import Place, Row, Timing, board
from grafana.source.panels import by_name, dashed, light, override, tile, timeline, trend
from grafana.source.signals import drift, outputs, quality, state
from grafana.source.tables import VERDICT, Column, grid

HIDDEN = ("model", "window", "instance", "job", "__name__")
FROM_NEAR_TO_FAR = [
    (None, knobs.OK),
    (knobs.DRIFT_NEAR, "#99CCBB"),
    (1.0, knobs.WARNING),
    (2.0, knobs.BAD),
]


def _features() -> list[Column]:
    share = {"unit": "percentunit", "decimals": 1, "kind": "text"}
    closer = "/d/ml-drift-quality?${__all_variables}&var-focus=${__data.fields.Feature}&${__url_time_range}"
    return [
        Column("Drift", kind="state", mappings=VERDICT, width=105),
        Column("Feature", label="feature", link=closer, link_title="Look closer"),
        Column("Version", label="version"),
        Column("Over threshold", decimals=2, kind="shade", thresholds=FROM_NEAR_TO_FAR),
        Column("Effect", decimals=3),
        Column("Threshold", decimals=3),
        Column("Noise floor", decimals=3),
        Column("p-value", unit="sci", decimals=0),
        Column("Quality", kind="state", mappings=VERDICT, width=105),
        *(Column(name, **share) for name in ("Missing", "Invalid", "Out of range", "Unseen")),
        Column("Unit factor", decimals=3),
    ]


def _checks() -> list[Column]:
    return [
        Column("Verdict", kind="state", mappings=VERDICT, width=105),
        Column("Feature", label="feature"),
        Column("Check", label="check"),
        Column("Version", label="version"),
        Column("Reference", unit="percentunit", decimals=2),
        Column("p-value", unit="sci", decimals=0),
    ]


def build(timing: Timing) -> dashboard.Dashboard:
    """The dashboard `ml-drift-quality`."""
    plain = [(None, "text")]
    compared = [
        override("byName", "threshold", dashed(knobs.THRESHOLD, width=2)),
        override("byName", "noise floor", {**dashed(knobs.NOISE), "custom.lineStyle": {"fill": "dot", "dash": [2, 6]}}),
        override("byFrameRefID", "C", {"custom.lineWidth": 1, "color": {"mode": "fixed", "fixedColor": knobs.SERIES[2]}}),
    ]
    rows = [
        Row(
            1,
            "",
            [
                Place(2, light(state.worst_light("Drift")), 4, 4),
                Place(3, tile(drift.DRIFTED, plain, names=True), 4, 4),
                Place(4, tile(drift.OUTPUTS, [(None, "text"), (1, knobs.WARNING)], names=True), 4, 4),
                Place(5, light(state.worst_light("Data quality")), 4, 4),
                Place(6, tile(quality.PROBLEMS, [(None, "text"), (1, knobs.WARNING)]), 2, 4),
                Place(7, tile(quality.UNITS, [(None, "text"), (1, knobs.WARNING)]), 2, 4),
                Place(8, tile(drift.ROWS, plain, names=True), 4, 4),
                Place(9, timeline(drift.HEAT, FROM_NEAR_TO_FAR), 24, 13),
                Place(
                    10,
                    grid(drift.RANKED, _features(), sort=[("Over threshold", True)], hidden=HIDDEN),
                    24,
                    11,
                ),
            ],
        ),
        Row(
            20,
            "Look closer: $focus",
            [
                Place(21, distribution(drift.DISTRIBUTION), 10, 9),
                Place(22, trend(drift.DISTANCE, minimum=0, overrides=compared), 7, 9),
                Place(23, trend(quality.FOCUS_QUALITY, color=by_name(), minimum=0), 7, 9),
            ],
            repeat="focus",
        ),
        Row(
            30,
            "Data quality by feature",
            [
                Place(31, timeline(quality.TIMELINE), 14, 11),
                Place(32, grid(quality.CHECKS, _checks(), sort=[("Verdict", True), ("p-value", False)], hidden=HIDDEN), 10, 11),
                *(
                    Place(33 + index, trend(signal, color=by_name(), minimum=0), 12, 8)
                    for index, signal in enumerate((quality.MISSING, quality.INVALID, quality.RANGE, quality.UNSEEN))
                ),
            ],
        ),
        Row(40, "Predictions and labels", [
            Place(41, distribution(outputs.SCORES), 12, 8),
            Place(42, trend(outputs.OUTPUT_DRIFT, colours=(knobs.NOW, knobs.SERIES[1]), minimum=0, overrides=compared[:2]), 12, 8),
        ]),
    ]
    return board(
        navigation.DRIFT,
        "ML drift & quality",
        "Features of one model beside the reference: which changed, since when, how sure that is, how it looks.",
        rows,
        [
            navigation.model(many=False),
            navigation.version(),
            navigation.window(timing),
            navigation.feature(),
            navigation.focus(),
        ],
        [navigation.to_fleet(), navigation.to_model()],
        timing,
        knobs.MODEL,
    )
