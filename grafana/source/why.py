"""Why: what to do, since when, which cause, which feature, which slice."""

from grafana_foundation_sdk.models import dashboard

from grafana.source import knobs, navigation, troubles
from grafana.source.layout import Place, Row, Timing, board, constants
from grafana.source.panels import light, override, tile, timeline, trend
from grafana.source.signals import state, why
from grafana.source.tables import NOTHING, TINY, VERDICT, Column, grid, texts

HIDDEN = ("model", "window", "instance", "job", "__name__", "Value")
PLAIN = [(None, "text")]
ACTIONS = {
    "fix_data_pipeline": ("fix the data pipeline", knobs.BAD),
    "fix_infrastructure": ("fix the machine", knobs.BAD),
    "fix_serving": ("fix serving", knobs.BAD),
    "scale_out": ("scale out", knobs.WARNING),
    "scale_in": ("scale in", knobs.UNKNOWN),
    "roll_back_version": ("roll back the version", knobs.BAD),
    "adjust_threshold": ("adjust the threshold", knobs.WARNING),
    "recalibrate": ("recalibrate", knobs.WARNING),
    "review_slice": ("review the slice", knobs.WARNING),
    "rebuild": ("rebuild", knobs.BAD),
    "retrain": ("retrain", knobs.WARNING),
    "wait_for_labels": ("wait for labels", knobs.UNKNOWN),
    "none": ("nothing", knobs.OK_QUIET),
}
"""Action → its words and colour."""
POSSIBLE = {
    "recalibrate": ("recalibrate", knobs.UNKNOWN),
    "correct_prior": ("correct the prior", knobs.UNKNOWN),
    "adjust_threshold": ("adjust the threshold", knobs.UNKNOWN),
    "roll_back_version": ("roll back the version", knobs.UNKNOWN),
}
"""What could be done, in words."""


def _advice() -> list[Column]:
    return [
        Column("Do", label="action", kind="shade", mappings=texts(ACTIONS), width=190),
        Column("Because of", label="reason", width=150),
        Column("About", label="subject"),
        Column("Version", label="version", width=80),
        Column("Since", unit="dateTimeAsIso", width=160),
        Column("Train from", unit="dateTimeAsIso", width=160),
    ]


def _gains() -> list[Column]:
    return [
        Column("Do", label="action", mappings=texts(POSSIBLE), width=200),
        Column("About", label="subject", width=120),
        Column("Version", label="version", width=80),
        Column("Metric", label="metric"),
        Column("Gain", decimals=4, mappings=NOTHING),
        *(Column(name, decimals=4) for name in ("From", "To")),
        Column("Threshold", decimals=3),
    ]


def _causes() -> list[Column]:
    return [Column("Cause", label="cause", width=120), *(Column(name, decimals=4) for name in ("Change", "From", "To"))]


def _features() -> list[Column]:
    kept = "&".join(f"${{{name}:queryparam}}" for name in ("datasource", "model", "version", "window"))
    closer = f"/d/{navigation.DRIFT}?{kept}&var-focus=${{__data.fields.Feature}}&${{__url_time_range}}"
    return [
        Column("Feature", label="feature", link=closer, link_title="Look closer"),
        Column("Version", label="version", width=80),
        *(Column(name, decimals=4) for name in ("Impact", "Bad values", "Moved")),
        Column("Concept", kind="state", mappings=VERDICT, width=105),
        Column("Effect", decimals=3),
        Column("p", decimals=3, mappings=TINY),
        *(Column(name, kind="state", mappings=VERDICT, width=105) for name in ("Drift", "Quality")),
        Column("Since", unit="dateTimeAsIso", width=165),
    ]


def _slices() -> list[Column]:
    return [
        Column("By", label="dimension", width=145),
        Column("Slice", label="value"),
        Column("Version", label="version", width=80),
        *(Column(name, decimals=3) for name in ("Costs", "Gap", "From", "To", "Reference")),
        Column("Share", unit="percentunit", decimals=0, width=70),
        Column("Since", unit="dateTimeAsIso", width=165),
    ]


def build(timing: Timing) -> dashboard.Dashboard:
    """The dashboard `ml-why`."""
    causes = [
        override("byName", cause, {"color": {"mode": "fixed", "fixedColor": colour}})
        for cause, colour in why.CAUSE_COLOURS.items()
    ]
    return board(
        uid=navigation.WHY,
        title="ML why",
        description="One model: what to do, why it is not what it was, since when, which feature, which slice.",
        rows=[
            Row(
                1,
                "",
                [
                    Place(2, grid(why.ADVICE, _advice(), hidden=(*HIDDEN, "Value #A")), 13, 6),
                    Place(3, tile(why.SINCE, PLAIN, names=True, small=True), 5, 6),
                    Place(4, tile(why.HEADLINE, PLAIN, names=True), 3, 6),
                    Place(5, light(state.worst_light("Performance")), 3, 6),
                ],
            ),
            Row(
                10,
                "Which cause?",
                [
                    Place(11, trend(why.LEDGER, stacked=True, overrides=causes), 15, 10),
                    Place(12, grid(why.CAUSES_NOW, _causes(), hidden=HIDDEN), 9, 10),
                ],
            ),
            Row(
                20,
                "Which feature?",
                [
                    Place(
                        21,
                        grid(why.FEATURES, _features(), sort=[("Concept", True), ("Impact", True)], hidden=HIDDEN),
                        24,
                        10,
                    )
                ],
            ),
            Row(
                30,
                "Which slice?",
                [
                    Place(31, grid(why.SLICES, _slices(), sort=[("Costs", True)], hidden=HIDDEN), 16, 9),
                    Place(32, trend(why.SLICES_OVER_TIME, colours=knobs.SERIES[:1]), 8, 9),
                ],
            ),
            Row(
                50,
                "What would it gain?",
                [
                    Place(
                        51,
                        grid(why.GAINS, _gains(), sort=[("Do", False), ("Metric", False)], hidden=HIDDEN),
                        24,
                        8,
                    )
                ],
            ),
            Row(
                60,
                "Which machine?",
                [
                    Place(61, troubles.beside("change_metric"), 24, 6),
                    Place(63, troubles.suspects(), 9, 7),
                    Place(62, troubles.of_model(), 8, 7),
                    Place(64, troubles.skew(), 7, 7),
                ],
            ),
            Row(40, "Since when?", [Place(41, timeline(state.ASPECTS_OVER_TIME), 24, 8)]),
        ],
        variables=[
            navigation.model(many=False),
            navigation.version(),
            navigation.window(timing),
            navigation.change_metric(),
            *constants(timing),
        ],
        links=[
            navigation.to_fleet(),
            navigation.to_model(),
            navigation.to_drift(),
            navigation.to_serving(),
            navigation.to_infrastructure(),
        ],
        timing=timing,
        since=True,
    )
