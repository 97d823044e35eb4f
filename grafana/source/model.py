"""Model: is it right, for whom is it not, what does it say, how does it serve."""

from grafana_foundation_sdk.models import dashboard

from grafana.source import knobs, navigation, troubles
from grafana.source.distributions import distribution
from grafana.source.layout import Place, Row, Timing, board, constants
from grafana.source.panels import dashed, heat, light, override, shades, tile, timeline, trend
from grafana.source.signals import drift, outputs, performance, quality, slo, state
from grafana.source.tables import VERDICT, Column, grid, transform


def _band() -> list[dashboard.DashboardFieldConfigSourceOverrides]:
    """The interval drawn as a band between its bounds; the row is repeated by version, so that each has its own."""
    hidden = {"legend": True, "tooltip": False, "viz": False}
    bound = {"custom.lineWidth": 0, "custom.hideFrom": hidden, "color": {"mode": "fixed", "fixedColor": knobs.NOW}}
    expected = bound | {"color": {"mode": "fixed", "fixedColor": knobs.EXPECTED}}
    return [
        override("byFrameRefID", "A", {"color": {"mode": "fixed", "fixedColor": knobs.NOW}}),
        override("byFrameRefID", "B", bound | {"custom.fillBelowTo": "lower", "custom.fillOpacity": 18}),
        override("byFrameRefID", "C", bound),
        override(
            "byFrameRefID",
            "D",
            {**dashed(knobs.REFERENCE), "custom.lineStyle": {"fill": "dot", "dash": [2, 6]}, "custom.lineWidth": 2},
        ),
        override("byFrameRefID", "E", dashed(knobs.THRESHOLD, width=2)),
        override("byFrameRefID", "F", dashed(knobs.EXPECTED, width=2)),
        override("byFrameRefID", "G", expected | {"custom.fillBelowTo": "estimated, lower", "custom.fillOpacity": 10}),
        override("byFrameRefID", "H", expected),
        override("byFrameRefID", "I", dashed(knobs.EXPECTED) | {"custom.lineStyle": {"fill": "dot", "dash": [2, 6]}}),
    ]


def _metrics() -> list[Column]:
    return [
        Column("Verdict", kind="state", mappings=VERDICT, width=96),
        Column("Metric", label="metric", width=190),
        Column("Version", label="version", width=70),
        Column("Value", decimals=3),
        *(Column(name, decimals=3) for name in ("From", "To", "Ref.", "Least", "Most", "Sees", "Est.")),
        Column("Est. verdict", kind="state", mappings=VERDICT, width=110),
    ]


def _ages() -> list[Column]:
    return [
        Column("Age", label="age"),
        Column("There", unit="percentunit", decimals=0),
        Column("Expected", unit="percentunit", decimals=0),
    ]


def _slices() -> list[Column]:
    harm = [(None, "text"), (knobs.SLICE_WARNING, knobs.WARNING), (knobs.SLICE_BAD, knobs.BAD)]
    return [
        Column("Slice", label="value"),
        Column("By", label="dimension", width=75),
        Column("Version", label="version", width=72),
        Column("Worse", unit="percentunit", decimals=0, thresholds=harm, kind="text"),
        Column("Value", decimals=3),
        Column("Rows", unit="short"),
    ]


def _now() -> Row:
    kept = ("model", "version", "window")
    links = {
        "Performance": navigation.onward(navigation.WHY, *kept),
        "Drift": navigation.onward(navigation.DRIFT, *kept),
        "Quality": navigation.onward(navigation.DRIFT, *kept),
        "Service": navigation.onward(navigation.SERVING, *kept),
    }
    numbers = (performance.HEADLINE, drift.DRIFTED, quality.PROBLEMS, performance.COVERAGE_NOW)
    return Row(
        1,
        "",
        [
            *(
                Place(2 + index, light(state.worst_light(aspect), links.get(aspect, "")), 4, 3)
                for index, aspect in enumerate(state.ASPECTS)
            ),
            *(
                Place(8 + index, tile(signal, [(None, "text")], names=len(signal.queries) > 1), 4, 4)
                for index, signal in enumerate(numbers)
            ),
            Place(12, tile(outputs.NEWEST, [(None, "text")], names=True, small=True), 4, 4),
            Place(
                13,
                tile(
                    outputs.LATENCY_NOW,
                    [(None, "text")],
                    names=True,
                    small=True,
                    overrides=[
                        override("byName", "traffic", {"unit": "reqps"}),
                        override("byName", "errors", {"unit": "percentunit", "decimals": 2}),
                    ],
                ),
                4,
                4,
            ),
            Place(14, timeline(state.ASPECTS_OVER_TIME), 24, 7),
        ],
    )


def _performance() -> Row:
    return Row(
        20,
        "Performance of version $version",
        [Place(21, trend(performance.OVER_TIME, overrides=_band()), 8, 9, repeat="metric")],
        repeat="version",
    )


def _performance_in_full() -> Row:
    return Row(
        22,
        "Performance in full",
        [
            Place(
                23,
                grid(
                    performance.ALL_METRICS,
                    _metrics(),
                    sort=[("Verdict", True), ("Metric", False)],
                    hidden=("model", "window", "instance", "job", "__name__"),
                ),
                17,
                9,
            ),
            Place(24, _outcomes(), 7, 9),
        ],
    )


def _by_slice() -> Row:
    return Row(
        30,
        "Slices: for whom is it wrong?",
        [
            Place(
                31,
                grid(
                    performance.SLICES,
                    _slices(),
                    sort=[("Worse", True)],
                    hidden=("model", "window", "instance", "job", "__name__", "metric"),
                ),
                10,
                11,
            ),
            Place(
                32,
                timeline(performance.SLICES_OVER_TIME),
                14,
                11,
            ),
            Place(33, trend(performance.SLICE_TRAFFIC, minimum=0, calcs=("last",), right=True), 24, 7),
        ],
    )


def _by_label() -> Row:
    return Row(
        40,
        "Labels: can it be judged?",
        [
            Place(
                41,
                trend(
                    performance.COVERAGE,
                    minimum=0,
                    maximum=1,
                    overrides=[override("byName", "expected", dashed(knobs.REFERENCE, width=2))],
                ),
                8,
                8,
            ),
            Place(42, trend(performance.DELAY, colours=knobs.QUANTILES, minimum=0), 8, 8),
            Place(43, heat(performance.DELAY_HEAT), 8, 8),
            Place(47, grid(performance.MATURITY, _ages(), sort=[("There", False)]), 6, 7),
            Place(44, trend(performance.ARRIVING, minimum=0), 6, 7),
            Place(45, trend(performance.ERROR_NOW, colours=(knobs.NOW, knobs.NOW, knobs.SERIES[1])), 6, 7),
            Place(46, trend(performance.OUTSIDE, minimum=0, soft_most=0.1), 6, 7),
        ],
    )


def _said() -> Row:
    return Row(
        50,
        "What it says",
        [
            Place(51, distribution(outputs.SCORES), 12, 8),
            Place(52, heat(outputs.SCORES_HEAT, centred=True), 12, 8),
            Place(54, trend(outputs.MIX), 12, 7),
            Place(
                53,
                trend(
                    outputs.OUTPUT_DRIFT,
                    colours=(knobs.NOW, knobs.SERIES[1]),
                    minimum=0,
                    overrides=[override("byName", "threshold", dashed(knobs.THRESHOLD, width=2))],
                ),
                12,
                7,
            ),
        ],
    )


def _served() -> Row:
    return Row(
        60,
        "How it serves, and on what",
        [
            Place(61, trend(outputs.TRAFFIC, stacked=True, minimum=0), 8, 8),
            Place(
                62,
                trend(
                    outputs.ERRORS,
                    color=shades(knobs.BAD),
                    minimum=0,
                    soft_most=0.01,
                    overrides=[override("byName", "all, in the window", dashed(knobs.REFERENCE, width=2))],
                ),
                8,
                8,
            ),
            Place(
                63,
                trend(
                    slo.PACE,
                    minimum=0,
                    soft_most=1,
                    overrides=[
                        override("byRegexp", "/laten/", {"color": {"mode": "fixed", "fixedColor": knobs.SERIES[1]}}),
                        override("byName", "fast", dashed(knobs.WARNING)),
                        override("byName", "too fast", dashed(knobs.BAD)),
                    ],
                ),
                8,
                8,
            ),
            Place(64, trend(outputs.LATENCY, colours=knobs.QUANTILES, minimum=0), 12, 8),
            Place(65, heat(outputs.LATENCY_HEAT), 12, 8),
            Place(66, troubles.beside("slice_metric"), 24, 6),
        ],
    )


def build(timing: Timing) -> dashboard.Dashboard:
    """The dashboard `ml-model`."""
    return board(
        uid=navigation.MODEL,
        title="ML model",
        description="One model: is it right, for whom is it not, do labels come, what does it say, how does it serve.",
        rows=[_now(), _performance(), _performance_in_full(), _by_slice(), _by_label(), _said(), _served()],
        variables=[
            navigation.model(many=False),
            navigation.version(),
            navigation.window(timing),
            navigation.metric(),
            navigation.dimension(),
            navigation.slice_metric(),
            *constants(timing),
        ],
        links=[
            navigation.to_fleet(),
            navigation.to_why(),
            navigation.to_drift(),
            navigation.to_serving(),
            navigation.to_infrastructure(),
        ],
        timing=timing,
        since=True,
    )


def _outcomes() -> dashboard.Panel:
    """Predicted × actual as a matrix; regression's errors have no such labels and stay a list."""
    matrix = transform(
        "groupingToMatrix", columnField="actual", rowField="predicted", valueField="Value", emptyValue="zero"
    )
    return grid(
        performance.OUTCOMES,
        [
            Column("said ↓ was →", label="predicted\\actual"),
            Column("metric", label="metric"),
            Column("Value", unit="none", decimals=2),
        ],
        extra=[matrix],
    )
