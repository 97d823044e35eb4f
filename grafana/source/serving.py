"""Serving: are objectives kept, how fast, what fails, how busy, who sends, do batch runs come."""

from grafana_foundation_sdk.models import dashboard

from grafana.source import knobs, navigation, troubles
from grafana.source.layout import Place, Row, Timing, board, week
from grafana.source.panels import dashed, heat, light, override, several, shades, tile, trend
from grafana.source.signals import batch, language, scaling, serving, trouble
from grafana.source.tables import NOTHING, UNTOLD, VERDICT, Column, grid, texts

PLAIN = [(None, "text")]
LATE = [(None, "text"), (1, knobs.WARNING), (2, knobs.BAD)]
BURNS = [(None, "text"), (1, knobs.WARNING), (knobs.BURN_WARNING, knobs.BAD)]
LEFT = [(None, knobs.BAD), (0, knobs.WARNING), (knobs.BUDGET_LOW, "text")]
UNSTACKED = {"custom.stacking": {"mode": "none", "group": "A"}}
PAGING = [override("byName", "fast", dashed(knobs.WARNING)), override("byName", "too fast", dashed(knobs.BAD))]

KINDS = [
    override("byRegexp", f"/{word}/", {"color": {"mode": "fixed", "fixedColor": colour}})
    for word, colour in (
        ("avail", knobs.SERIES[0]),
        ("laten", knobs.SERIES[1]),
        ("fresh", knobs.SERIES[2]),
        ("quali|accura", knobs.SERIES[5]),
    )
]
"""What an objective is about is mostly in its name; others stay blue."""


def _colour(name: str, colour: str) -> dashboard.DashboardFieldConfigSourceOverrides:
    return override("byName", name, {"color": {"mode": "fixed", "fixedColor": colour}})


def _objectives() -> list[Column]:
    return [
        Column("State", kind="state", width=96),
        Column("Objective", label="slo"),
        Column("About", label="kind", width=98),
        Column("Wants", unit="percentunit", width=70),
        *(Column(f"Pace {window}", decimals=1, kind="text", thresholds=BURNS, width=76) for window in ("1h", "3d")),
        Column("Left", unit="percentunit", decimals=0, kind="text", thresholds=LEFT, width=75),
    ]


def _slices() -> list[Column]:
    return [
        Column("Verdict", kind="state", mappings=VERDICT, width=105),
        Column("Slice", label="value"),
        Column("By", label="dimension", width=95),
        Column("Now", unit="short", width=75, mappings=NOTHING),
        Column("Last week", unit="short", width=90),
        Column("Times", decimals=2, width=75),
    ]


def _now() -> Row:
    machines = navigation.onward(navigation.INFRASTRUCTURE, "model")
    return Row(
        1,
        "",
        [
            Place(2, light(serving.KEPT), 4, 3),
            Place(3, light(trouble.LIGHT, machines), 4, 3),
            Place(4, tile(serving.TRAFFIC_NOW, PLAIN), 3, 3),
            Place(5, tile(serving.FAILED_NOW, PLAIN), 3, 3),
            Place(6, tile(serving.LATENCY_NOW, PLAIN, names=True, small=True), 4, 3),
            Place(7, tile(serving.IN_HAND_NOW, PLAIN, names=True, small=True), 3, 3),
            Place(8, tile(serving.TOLD_BY, PLAIN, name_only=True, small=True), 3, 3),
            Place(9, grid(serving.OBJECTIVES, _objectives(), sort=[("State", True), ("Objective", False)]), 13, 8),
            Place(11, trend(serving.PACE, minimum=0, soft_most=1, overrides=[*KINDS, *PAGING]), 6, 8),
            Place(12, trend(serving.LEFT, soft_most=1, overrides=KINDS), 5, 8),
        ],
    )


def _answers() -> Row:
    return Row(
        20,
        "How fast, and what fails",
        [
            Place(
                21,
                trend(
                    serving.LATENCY,
                    colours=knobs.QUANTILES,
                    minimum=0,
                    overrides=[override("byName", "usual", dashed(knobs.REFERENCE, width=2))],
                ),
                8,
                8,
            ),
            Place(22, heat(serving.LATENCY_HEAT), 8, 8),
            Place(
                23,
                trend(
                    serving.ERRORS,
                    colours=(knobs.BAD, knobs.SERIES[1]),
                    minimum=0,
                    soft_most=0.01,
                    overrides=[override("byName", "all that failed", dashed(knobs.REFERENCE, width=2))],
                ),
                8,
                8,
            ),
        ],
    )


def _load() -> Row:
    return Row(
        30,
        "How busy",
        [
            Place(
                31,
                trend(
                    serving.TRAFFIC,
                    stacked=True,
                    minimum=0,
                    overrides=[override("byName", "a week before", dashed(knobs.REFERENCE, width=2) | UNSTACKED)],
                ),
                6,
                8,
            ),
            Place(32, trend(serving.IN_HAND, colours=(knobs.NOW, knobs.WARNING, knobs.SERIES[2]), minimum=0), 6, 8),
            Place(33, trend(serving.WAITED, colours=(knobs.NOW, knobs.WARNING, knobs.REFERENCE), minimum=0), 6, 8),
            Place(
                34,
                trend(serving.BUSY, colours=(knobs.WARNING, knobs.NOW, knobs.SERIES[5]), minimum=0, maximum=1),
                6,
                8,
            ),
            Place(35, troubles.beside("slice_metric"), 24, 6),
            Place(36, troubles.of_model(), 14, 7),
            Place(37, troubles.skew(), 10, 7),
        ],
    )


def _scale() -> list[Column]:
    words = {"2": ("↑ scale out", knobs.WARNING), "1": ("↓ scale in", knobs.UNKNOWN), "0": ("✓ stay", knobs.OK_QUIET)}
    return [
        Column("Do", kind="state", mappings=[*texts(words), *UNTOLD], width=110),
        Column("Model", label="model"),
        *(Column(name, decimals=0, mappings=NOTHING, width=95) for name in ("Replicas", "Suggested")),
        *(
            Column(name, unit="percentunit", decimals=0, mappings=NOTHING, width=100)
            for name in ("Used now", "Day's mean", "Day's peak")
        ),
        Column("Latency used", unit="percentunit", decimals=0, width=115),
        Column("Saves", decimals=2, width=80),
        Column("Currency", label="currency", width=85),
    ]


def _scaling() -> Row:
    return Row(
        70,
        "More replicas, or fewer?",
        [
            Place(71, grid(scaling.ADVICE, _scale()), 24, 4),
            Place(72, trend(scaling.USED, color=several(), minimum=0, maximum=1), 12, 7),
            Place(73, trend(scaling.REPLICAS, colours=(knobs.NOW, knobs.WARNING, knobs.REFERENCE), minimum=0), 12, 7),
        ],
        collapsed=True,
    )


def _senders() -> Row:
    return Row(
        40,
        "Who sends: slices against the same time last week",
        [
            Place(41, grid(serving.SLICES, _slices(), sort=[("Verdict", True), ("Times", True)]), 10, 10),
            Place(
                42,
                trend(
                    serving.SLICES_OVER_TIME,
                    color=several(),
                    minimum=0,
                    soft_most=2,
                    calcs=("last",),
                    right=True,
                    overrides=[override("byName", "as last week", dashed(knobs.REFERENCE, width=2))],
                ),
                14,
                10,
            ),
        ],
    )


def _batch() -> Row:
    bound = {"custom.lineWidth": 0, "color": {"mode": "fixed", "fixedColor": knobs.REFERENCE}}
    return Row(
        50,
        "Batch runs",
        [
            Place(51, light(batch.VERDICT), 4, 4),
            Place(52, tile(batch.TROUBLES, LATE, names=True), 4, 4),
            Place(53, tile(batch.WHEN, PLAIN, names=True, small=True), 8, 4),
            Place(54, trend(batch.ENDINGS, stacked=True, minimum=0, overrides=_endings()), 8, 4),
            Place(
                55,
                trend(
                    batch.DURATION,
                    colours=(knobs.NOW,),
                    minimum=0,
                    overrides=[
                        override("byName", "usual", dashed(knobs.REFERENCE, width=2)),
                        override(
                            "byName", "at most", bound | {"custom.fillBelowTo": "at least", "custom.fillOpacity": 14}
                        ),
                        override("byName", "at least", bound),
                        _colour("running now", knobs.SERIES[2]),
                    ],
                ),
                12,
                8,
            ),
            Place(
                56,
                trend(
                    batch.ROWS,
                    minimum=0,
                    overrides=[
                        _colour("read", knobs.NOW),
                        _colour("given", knobs.SERIES[2]),
                        _colour("failed", knobs.BAD),
                        override("byName", "read, usually", dashed(knobs.NOW, width=2)),
                        override("byName", "given, usually", dashed(knobs.SERIES[2], width=2)),
                    ],
                ),
                12,
                8,
            ),
        ],
        collapsed=True,
    )


def _endings() -> list[dashboard.DashboardFieldConfigSourceOverrides]:
    colours = {"succeeded": knobs.OK, "failed": knobs.BAD, "cancelled": knobs.UNKNOWN, "lost": knobs.WARNING}
    return [_colour(name, colour) for name, colour in colours.items()]


def _language() -> Row:
    return Row(
        60,
        "Language models (vLLM)",
        [
            Place(61, trend(language.FIRST_TOKEN, colours=knobs.QUANTILES, minimum=0), 8, 8),
            Place(62, trend(language.NEXT_TOKEN, colours=knobs.QUANTILES, minimum=0), 8, 8),
            Place(63, trend(language.TOKENS, colours=(knobs.NOW, knobs.SERIES[1]), minimum=0), 8, 8),
            Place(64, trend(language.CACHE, colours=(knobs.WARNING, knobs.NOW), minimum=0, maximum=1), 12, 7),
            Place(65, trend(language.PREEMPTIONS, color=shades(knobs.WARNING), minimum=0, soft_most=0.1), 12, 7),
        ],
        collapsed=True,
    )


def build(timing: Timing) -> dashboard.Dashboard:
    """The dashboard `ml-serving`."""
    return board(
        uid=navigation.SERVING,
        title="ML serving",
        description="One model: are its objectives kept, how fast is it, what fails, how busy is it, who sends, do"
        " batch runs come. From its log, or from the serving stack that tells of it.",
        rows=[_now(), _answers(), _load(), _scaling(), _senders(), _batch(), _language()],
        variables=[
            navigation.served_model(),
            navigation.version(),
            navigation.window(timing),
            navigation.dimension(),
            navigation.slice_metric(),
            week(timing),
        ],
        links=[
            navigation.to_fleet(),
            navigation.to_model(),
            navigation.to_why(),
            navigation.to_infrastructure(),
        ],
        timing=timing,
    )
